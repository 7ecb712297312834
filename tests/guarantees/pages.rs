//! What the pages of docs/ and the man pages show is true: their job files have no problem, and say what they stand for.

use std::path::Path;
use std::process::Command;

use crate::harness::Ebbd;

fn shipped(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Pieces of a text between two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

/// `ebb check` of a directory with this job file alone. Whom it runs as need not exist here.
fn check(text: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let ours: String =
        text.lines().filter(|line| !line.starts_with("user")).map(|l| format!("{l}\n")).collect();
    std::fs::write(dir.path().join("job.toml"), ours).unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_ebb")).arg("check").arg(dir.path()).output().unwrap();
    (said.status.code(), String::from_utf8(said.stderr).unwrap())
}

#[test]
fn the_job_files_of_all_pages_have_no_problem() {
    for (page, count) in [("docs/coming-from.md", 3), ("docs/varlink.md", 1), ("docs/job-files.md", 1)] {
        let text = shipped(page);
        let jobs = between(&text, "```toml\n", "```");
        assert_eq!(jobs.len(), count, "{page}");
        for job in jobs {
            assert_eq!(check(job), (Some(0), String::new()), "{page}\n{job}");
        }
    }
    assert_eq!(check("command = [\"true\"]\nshedule = \"* * * * *\"\n").0, Some(78), "the check is one");
}

#[test]
fn the_settings_of_the_page_on_memory_and_its_job_have_no_problem_together() {
    let text = shipped("docs/memory.md");
    let blocks = between(&text, "```toml\n", "```");
    let [settings, job, on_oom] = blocks[..] else { panic!("{blocks:#?}") };
    let dir = tempfile::tempdir().unwrap();
    let jobs = dir.path().join("jobs.d");
    std::fs::create_dir(&jobs).unwrap();
    std::fs::write(jobs.join("indexer.toml"), job).unwrap();
    std::fs::write(jobs.join("grows.toml"), format!("command = [\"true\"]\n{on_oom}")).unwrap();
    let config = dir.path().join("ebbd.toml");
    let check = |settings: &str| {
        std::fs::write(&config, settings).unwrap();
        let mut ebb = Command::new(env!("CARGO_BIN_EXE_ebb"));
        let said = ebb.arg("check").arg("--config").arg(&config).arg(&jobs).output().unwrap();
        (said.status.code(), String::from_utf8(said.stderr).unwrap())
    };
    assert_eq!(check(settings), (Some(0), String::new()));
    assert_eq!(check(&settings.replace("heavy", "other")).0, Some(78), "the job names the pool");
}

#[test]
fn the_job_files_of_the_manual_have_no_problem() {
    let text = shipped("man/ebb-job.5");
    let blocks = between(&text, ".Bd -literal -offset indent\n", ".Ed");
    let jobs: Vec<_> = blocks.iter().filter(|block| block.contains("command = ")).collect();
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert_eq!(check(job), (Some(0), String::new()), "{job}");
    }
}

#[test]
fn the_crontab_line_and_its_job_file_say_the_same() {
    let text = shipped("docs/coming-from.md");
    let line = between(&text, "```crontab\n", "```")[0].lines().nth(1).unwrap();
    let fields: Vec<&str> = line.split_whitespace().take(5).collect();
    let job = between(&text, "# /etc/ebb/jobs.d/invoices.toml\n", "```")[0];
    assert!(job.contains(&format!("schedule = \"{}\"\n", fields.join(" "))), "{line}\n{job}");
    assert!(line.contains("  www-data  cd /srv/app && ") && job.contains("user = \"www-data\""));
    assert!(line.contains("timeout 10m python3 invoices.py") && job.contains("timeout = \"10m\""));
}

#[test]
fn the_commands_of_the_pages_are_ones_that_ebb_has() {
    let ebbd = Ebbd::start(&[]);
    let help = ebbd.ebb(&["--help"]).out;
    for page in [
        "docs/coming-from.md",
        "docs/varlink.md",
        "docs/containers.md",
        "docs/measure.md",
        "docs/memory.md",
        "docs/report.md",
        "man/ebb.1",
        "man/ebb-job.5",
        "man/ebbd.8",
    ] {
        let text = shipped(page).replace("\\-", "-");
        for piece in between(&text, "`ebb ", "`").into_iter().chain(between(&text, ".Ql ebb ", "\n")) {
            let verb = piece.split_whitespace().next().unwrap();
            assert!(help.contains(&format!("\n  {verb} ")), "{page}: ebb {piece}");
        }
    }
}

#[test]
fn the_debian_changelog_names_this_version() {
    let first = format!("ebb ({}) ", env!("CARGO_PKG_VERSION"));
    assert!(shipped("debian/changelog").starts_with(&first), "debian/changelog does not begin with {first}");
}
