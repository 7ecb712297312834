//! `varlinkctl` of systemd is a client of ebbd: the transcript in docs/varlink.md is what it prints, numbers and times aside.

use crate::harness::{Job, artefact, is_guest, sh};

const PAGE: &str = include_str!("../../docs/varlink.md");

/// The text of the first block of that kind.
fn block<'a>(page: &'a str, kind: &str) -> &'a str {
    let begin = page.find(&format!("```{kind}\n")).unwrap() + kind.len() + 4;
    &page[begin..begin + page[begin..].find("```").unwrap()]
}

/// The page with what the commands of its transcript print now.
fn now(page: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if inside && !line.starts_with("$ ") => continue,
            _ => {}
        }
        out += line;
        out.push('\n');
        if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            // varlinkctl ends with 1 where the call was refused; what it prints says so.
            let said = sh(command);
            assert!(!said.out.is_empty(), "{command}: {}", said.err);
            out += said.out.trim_end();
            out.push('\n');
        }
    }
    out
}

/// A run that ends before it has been looked at has no curve; whether it does is chance.
fn without_curves(text: &str) -> String {
    let mut parts = text.split("\"curve\" : {");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "\"curve\" : null";
        out += part.split_once('}').map_or("", |(_, rest)| rest);
    }
    out
}

/// Numbers, and so instants and versions, are not compared, nor whether a figure is known.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for c in without_curves(text).replace("null", "0").chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if !(c == '0' && out.ends_with('0')) {
            out.push(c);
        }
    }
    out
}

#[test]
fn varlinkctl_introspects_and_calls_as_the_docs_show() {
    if !is_guest("trixie") {
        return; // systemd 252 has no varlinkctl.
    }
    let _job = Job::new("hello", block(PAGE, "toml"));
    let now = now(PAGE);
    // Where they differ: .work/vm/out/trixie/varlink.md is the page as it should be.
    std::fs::write(artefact("varlink.md"), &now).unwrap();
    for (line, wanted) in masked(&now).lines().zip(masked(PAGE).lines()) {
        assert_eq!(line, wanted);
    }
    assert_eq!(masked(&now).lines().count(), masked(PAGE).lines().count());
}
