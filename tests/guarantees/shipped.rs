//! Every file that is shipped works as it stands.

use std::path::Path;

use serde_json::json;

use crate::harness::Ebbd;

fn shipped(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_shipped_job_files_have_no_problem_and_the_example_is_off() {
    let example = shipped("config/jobs.d/example.toml");
    // Whom the indexer runs as is the reader's own user, who need not exist here.
    let indexer = shipped("examples/search-indexer/indexer.toml");
    let indexer: String =
        indexer.lines().filter(|line| !line.starts_with("user")).map(|l| format!("{l}\n")).collect();
    let ebbd = Ebbd::prepare(&[("example", &example), ("indexer", &indexer)]).flag("--strict").go();
    assert_eq!(ebbd.status("example")["state"], "off");
    assert!(ebbd.status("indexer")["next"].is_string());
    let line = ebbd.run("example");
    assert_eq!(line["outcome"], "success", "{line}");
    assert_eq!(ebbd.output("example", 1), "hello from a short life\n");
}

#[test]
fn the_shipped_settings_are_all_known() {
    let text = shipped("config/ebbd.toml");
    // A line that is no sentence: `key = value` or `[table]`.
    let is_setting = |line: &&str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let settings: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_setting).collect();
    assert_eq!(settings.len(), 8 + 6 + 3, "{settings:?}");
    let ebbd = Ebbd::prepare(&[]);
    // Flags win, so the places and the group of a real installation are not touched.
    std::fs::write(ebbd.path("ebbd.toml"), settings.join("\n")).unwrap();
    let config = ebbd.path("ebbd.toml").display().to_string();
    let own = nix::unistd::getegid().to_string();
    let ebbd = ebbd.flag("--config").flag(&config).flag("--group").flag(&own).go();
    assert_eq!(ebbd.call("Doctor", json!({})).unwrap()["job_count"], 0);
}

#[test]
fn the_job_file_of_the_readme_has_no_problem() {
    let readme = shipped("README.md");
    let begin = readme.find("```toml\n").unwrap() + 8;
    let text = &readme[begin..begin + readme[begin..].find("```").unwrap()];
    let ours: String =
        text.lines().filter(|line| !line.starts_with("user")).map(|l| format!("{l}\n")).collect();
    let ebbd = Ebbd::prepare(&[("indexer", &ours)]).flag("--strict").go();
    assert_eq!(ebbd.status("indexer")["description"], "Rebuild the search index");
}

#[test]
fn the_five_lines_of_the_readme_start_a_run_and_wait_for_it() {
    let readme = shipped("README.md");
    let begin = readme.find("```python\n").unwrap() + 10;
    let text = &readme[begin..begin + readme[begin..].find("```").unwrap()];
    assert_eq!(text.lines().count(), 5);
    let ebbd = Ebbd::start(&[("indexer", "command = [\"true\"]\n")]);
    let program = text.replace("/run/ebb/ebb.sock", ebbd.socket().to_str().unwrap());
    let said = std::process::Command::new("python3").arg("-c").arg(&program).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "success\n",
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}
