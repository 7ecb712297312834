//! What a shell offers at a TAB: the script that `ebb completions` prints, in the shell itself.

use std::process::Command;

use crate::harness::Ebbd;

/// What bash offers for the last of these words of a line, by the script that the package installs too.
fn offered(ebbd: &Ebbd, words: &[&str]) -> Vec<String> {
    const PROGRAM: &str = "source <(ebb completions bash)\n\
        COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)) COMP_TYPE=9\n\
        _clap_complete_ebb ebb \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_ebb")).parent().unwrap().display();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", PROGRAM, "bash", "ebb"]).args(words);
    let said = bash.env("PATH", path).env("EBB_SOCKET", ebbd.socket()).output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).filter(|l| !l.is_empty()).collect()
}

#[test]
fn bash_completes_verbs_jobs_runs_and_flags() {
    let job = "command = [\"sleep\", \"600\"]\n";
    let ebbd = Ebbd::start(&[("indexer", job), ("invoices", job), ("mailer", job)]);
    assert_eq!(offered(&ebbd, &["re"]), ["report", "resume", "reload"]);
    assert_eq!(offered(&ebbd, &["run-now", ""]), ["indexer", "invoices", "mailer"]);
    assert_eq!(offered(&ebbd, &["status", "in"]), ["indexer", "invoices"]);
    assert_eq!(offered(&ebbd, &["history", "--outcome", "o"]), ["oom-kill"]);
    assert_eq!(offered(&ebbd, &["run-now", "--wa"]), ["--wait"]);
    let run = ebbd.demand("mailer");
    assert_eq!(offered(&ebbd, &["stop", ""]), ["mailer"], "only what runs can be stopped");
    assert_eq!(offered(&ebbd, &["stop", "--run", ""]), [run.to_string()]);
    // The line's own socket counts, and one where nobody answers is no error.
    assert_eq!(offered(&ebbd, &["--socket", "/nonexistent", "pause", "in"]), [""; 0]);
}

#[test]
fn each_shell_gets_a_script_that_asks_ebb() {
    let ebbd = Ebbd::start(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let script = ebbd.ebb(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains("EBB_COMPLETE"), "{script:?}");
    }
    assert_eq!(ebbd.ebb(&["completions", "tcsh"]).code, 2);
}
