//! What a run prints is in its own file, bounded on disk while it prints, and handed over as an open descriptor.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::unistd::{Whence, lseek};
use serde_json::{Value, json};

use crate::harness::{Caller, Ebbd, skips_without_root, wait_until};
use crate::helpers::gate::Gate;
use crate::helpers::stranger::{NOBODY, connect_as};

fn file_of(ebbd: &Ebbd, job: &str, run: u64) -> PathBuf {
    ebbd.path("state/output").join(job).join(format!("{run}.log"))
}

/// Asks for a run's output: the reply and the file that came with it.
fn logs(caller: &mut Caller, parameters: &Value) -> (Value, File) {
    caller.send("Logs", parameters, false);
    let mut bytes = vec![0; 65536];
    let (count, file) = ebb::sys::peer::receive_with_fd(&caller.stream, &mut bytes).unwrap();
    assert_eq!(bytes[count - 1], 0, "a whole frame");
    let reply: Value = serde_json::from_slice(&bytes[..count - 1]).unwrap();
    (reply["parameters"].clone(), file.unwrap_or_else(|| panic!("no file came with {reply}")).into())
}

fn text_of(mut file: &File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn both_streams_go_to_one_file_a_run_in_the_order_of_writing() {
    let job = "command = [\"sh\", \"-c\", \"echo one; echo two >&2; printf three\"]\n";
    let ebbd = Ebbd::start(&[("talk", job)]);
    for run in 1..=2 {
        ebbd.run("talk");
        assert_eq!(ebbd.output("talk", run), "one\ntwo\nthree");
        let facts = std::fs::metadata(file_of(&ebbd, "talk", run)).unwrap();
        assert_eq!(facts.mode() & 0o007, 0, "not for everyone: {:o}", facts.mode());
    }
}

#[test]
fn output_that_goes_nowhere_leaves_no_file_and_inherited_output_is_on_ebbds_own() {
    let say = "command = [\"sh\", \"-c\", \"echo said-by-the-job; echo and-this >&2\"]\n[output]\nto = ";
    let ebbd =
        Ebbd::start(&[("null", &format!("{say}\"null\"\n")), ("inherit", &format!("{say}\"inherit\"\n"))]);
    assert_eq!(ebbd.run("null")["outcome"], "success");
    assert!(!ebbd.log().contains("said-by-the-job"));
    assert_eq!(ebbd.run("inherit")["outcome"], "success");
    assert!(ebbd.log().contains("said-by-the-job\n") && ebbd.log().contains("and-this\n"), "{}", ebbd.log());
    for job in ["null", "inherit"] {
        assert!(!ebbd.path("state/output").join(job).exists());
        let (name, message) = ebbd.refusal("Logs", json!({ "job": job }));
        assert_eq!(name, "InvalidParameter", "{message}");
        assert!(message.contains(job), "{message}");
    }
}

#[test]
fn a_flood_is_bounded_on_disk_while_the_job_goes_on_and_its_newest_part_is_whole() {
    let flood = r#"
command = ["python3", "-uc", """
import sys, time
for number in range(20000):
    sys.stdout.write(f'line {number:08} ' + 'x' * 1000 + '\\n')
    if number % 50 == 0:
        sys.stdout.flush()
        time.sleep(0.005)
print('the end')
"""]
[output]
max = "1M"
"#;
    let max = 1 << 20;
    let ebbd = Ebbd::start(&[("flood", flood)]);
    let run = ebbd.demand("flood");
    let path = file_of(&ebbd, "flood", run);
    let mut highest = 0;
    wait_until("the flood to end", || {
        highest = highest.max(std::fs::metadata(&path).map_or(0, |facts| facts.blocks() * 512));
        ebbd.status("flood")["state"] == "idle"
    });
    assert_eq!(ebbd.history()[0]["outcome"], "success");
    let mut file = File::open(&path).unwrap();
    let facts = file.metadata().unwrap();
    assert!(facts.len() > 20_000_000, "the length goes on: {}", facts.len());
    assert!(facts.blocks() * 512 <= max, "{} bytes on disk", facts.blocks() * 512);
    assert!(highest < 8 * max, "{highest} bytes on disk meanwhile");
    let start = lseek(&file, 0, Whence::SeekData).unwrap();
    let start = u64::try_from(start).unwrap();
    assert!(facts.len() - start >= max / 4, "a quarter of the bound is kept at least");
    file.seek(SeekFrom::Start(start)).unwrap();
    let mut tail = String::new();
    file.read_to_string(&mut tail).unwrap();
    assert!(tail.ends_with("\nthe end\n") && !tail.contains('\0'));
    let numbers: Vec<u32> = tail.lines().skip(1).filter_map(|line| line.get(5..13)?.parse().ok()).collect();
    let expected: Vec<u32> = (numbers[0]..20000).collect();
    assert_eq!(numbers, expected, "no line is missing in the newest part");
}

#[test]
fn the_newest_files_are_kept_and_older_ones_removed() {
    let ebbd = Ebbd::start(&[("kept", "command = [\"echo\", \"x\"]\n[output]\nkeep = 2\n")]);
    for _ in 0..5 {
        ebbd.run("kept");
    }
    let left = || {
        let entries = std::fs::read_dir(ebbd.path("state/output/kept")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(left(), ["4.log", "5.log"]);
    assert_eq!(ebbd.call("Logs", json!({"job": "kept", "run": 1})), Err("NoSuchRun".to_owned()));
}

#[test]
fn logs_hands_over_the_open_file_of_the_run_that_was_asked_for() {
    let ebbd = Ebbd::prepare(&[("talk", "command = [\"sh\", \"-c\", \"echo run $EBB_RUN_ID\"]\n")]);
    let gate = Gate::closed(ebbd.path("gate"));
    ebbd.write_job("slow", &gate.command(&["echo", "let through"]));
    let ebbd = ebbd.go();
    ebbd.run("talk");
    ebbd.run("talk");
    let mut caller = ebbd.connect();
    for (parameters, run) in [(json!({"job": "talk", "run": 1}), 1), (json!({"job": "talk"}), 2)] {
        let (reply, mut file) = logs(&mut caller, &parameters);
        assert_eq!((&reply["run"], &reply["finished"]), (&json!(run), &json!(true)));
        assert_eq!(text_of(&file), format!("run {run}\n"));
        let ours = std::fs::metadata(file_of(&ebbd, "talk", run)).unwrap();
        assert_eq!(
            (file.metadata().unwrap().ino(), file.metadata().unwrap().dev()),
            (ours.ino(), ours.dev())
        );
        assert!(file.write(b"forged").is_err(), "it is for reading alone");
    }
    let run = ebbd.demand("slow");
    ebbd.until("its file to be there", || file_of(&ebbd, "slow", run).exists());
    let (reply, file) = logs(&mut caller, &json!({"job": "slow"}));
    assert_eq!((&reply["run"], &reply["finished"]), (&json!(run), &json!(false)));
    assert_eq!(text_of(&file), "");
    gate.open();
    ebbd.until("what is written later to be seen through it", || text_of(&file) == "let through\n");
    ebbd.until("the run to end", || ebbd.status("slow")["state"] == "idle");
    assert_eq!(logs(&mut caller, &json!({"job": "slow"})).0["finished"], true);
    assert_eq!(ebbd.call("Logs", json!({"job": "talk", "run": run})), Err("NoSuchRun".to_owned()));
}

#[test]
fn who_may_see_a_job_reads_its_output_without_a_right_to_its_path() {
    if skips_without_root("output::who_may_see_a_job_reads_its_output_without_a_right_to_its_path") {
        return;
    }
    let job = format!("command = [\"echo\", \"for you\"]\n[allow]\nview = [\"{NOBODY}\"]\n");
    let ebbd = Ebbd::start(&[("seen", &job), ("hidden", "command = [\"echo\", \"not for you\"]\n")]);
    ebbd.run("seen");
    ebbd.run("hidden");
    let mut nobody = connect_as(&ebbd, NOBODY, &[]).unwrap();
    let (_, file) = logs(&mut nobody, &json!({"job": "seen"}));
    assert_eq!(text_of(&file), "for you\n");
    for parameters in
        [json!({"job": "hidden"}), json!({"job": "hidden", "run": 2}), json!({"job": "seen", "run": 2})]
    {
        assert!(nobody.call("Logs", parameters.clone()).is_err(), "{parameters}");
    }
    let state = std::fs::metadata(ebbd.path("state")).unwrap();
    assert_eq!(state.mode() & 0o007, 0, "the path itself is closed: {:o}", state.mode());
}
