//! `ebb completions`: the script that a shell reads, and the answer to what that script asks ebb at each TAB. What is
//! offered for a value stands in `offers`.

use std::ffi::OsString;

use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::exit::{self, Code};

use super::args::{self, Shell};
use super::failure::Done;
use super::screen::Screen;

/// As a file of zsh's `$fpath` the script is the function `_ebb`, and what is called at the first TAB.
const ZSH_AUTOLOAD: &str = "if [[ $funcstack[1] == _ebb ]]; then _clap_dynamic_completer_ebb \"$@\"; fi\n";

/// The variable by which a script says that it asks, and for which shell.
const ASKED: &str = "EBB_COMPLETE";

pub(super) fn run(args: &args::Completions, screen: &mut Screen) -> Done {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    // By name, not by path: the script that a package installs serves whichever `ebb` the user calls.
    shell.write_registration(ASKED, "ebb", "ebb", "ebb", &mut script)?;
    if matches!(args.shell, Shell::Zsh) {
        script.extend(ZSH_AUTOLOAD.as_bytes());
    }
    screen.out.write_all(&script)?;
    Ok(exit::OK)
}

/// Answers a shell's script; none where it is no script that asks.
pub(super) fn answer(line: &[OsString]) -> Option<Code> {
    std::env::var_os(ASKED)?;
    let (name, here) = (line.first()?, std::env::current_dir().ok());
    let wants_flags = line.last().is_some_and(|word| word.to_string_lossy().starts_with('-'));
    let factory = || if wants_flags { args::command() } else { without_flags(args::command()) };
    let asked = CompleteEnv::with_factory(factory).var(ASKED).completer(name.to_string_lossy());
    match asked.try_complete(line.iter().cloned(), here.as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(exit::OK),
        // A shell shows nothing of it; whoever set the variable by hand sees it.
        Err(error) => {
            let _ = error.print();
            Some(exit::USAGE)
        }
    }
}

/// The same with flags offered only where there is nothing else: whoever has one job gets its name at the first TAB.
fn without_flags(mut command: clap::Command) -> clap::Command {
    command.build();
    let hide = |arg: clap::Arg| if arg.is_positional() { arg } else { arg.hide(true) };
    command.mut_args(hide).mut_subcommands(without_flags)
}
