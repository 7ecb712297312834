//! The man pages in `man/` say what the code does. People write their prose; the regions between `begin` and `end` are
//! made from the definitions of the command lines, the keys and the exit codes. After a change of those: `make docs`.

#![allow(clippy::unwrap_used, clippy::format_collect, clippy::format_push_string)] // A panic is the verdict here.

mod client;
mod daemon;
mod job;
mod mdoc;

use ebb::exit::{MEANINGS, Meaning};

/// The exit codes of one of the two programs.
fn exit_codes(said: impl Fn(&Meaning) -> &'static str) -> String {
    let used = MEANINGS.iter().filter(|meaning| !said(meaning).is_empty());
    used.map(|meaning| {
        let mut text = said(meaning).to_owned();
        if !text.starts_with("ebbd") {
            text[..1].make_ascii_uppercase();
        }
        format!(".It {}\n{}", meaning.code.0, mdoc::prose(&mdoc::sentence(&text)))
    })
    .collect()
}
