//! What a command line runs: its interpreter, and the script or module that it is about. Touches no file.

use std::path::{Path, PathBuf};

use crate::limits;

/// Programs that run other programs: two processes of the same one need not be the same service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpreter {
    /// CPython and PyPy, of whatever version.
    Python,
    /// Ruby.
    Ruby,
    /// Node.js.
    Node,
    /// PHP, its process manager included.
    Php,
    /// Perl.
    Perl,
    /// A shell, or a program of many names.
    Shell,
}

/// Which interpreter a program is, going by its file's name.
#[must_use]
pub fn interpreter(exe: &Path) -> Option<Interpreter> {
    let name = exe.file_name()?.to_str()?;
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    match stem {
        "python" | "pypy" | "uwsgi" => Some(Interpreter::Python),
        "ruby" => Some(Interpreter::Ruby),
        "node" | "nodejs" => Some(Interpreter::Node),
        "php" | "php-fpm" => Some(Interpreter::Php),
        "perl" => Some(Interpreter::Perl),
        "sh" | "bash" | "dash" | "zsh" | "fish" | "ksh" | "busybox" => Some(Interpreter::Shell),
        _ => None,
    }
}

/// Whether a program is there to run another one: a shell, or what containers have as their first process (`--init`).
#[must_use]
pub fn runs_others(exe: &Path) -> bool {
    const FIRST: [&str; 6] = ["catatonit", "docker-init", "dumb-init", "podman-init", "tini", "tini-static"];
    interpreter(exe) == Some(Interpreter::Shell)
        || exe.file_name().and_then(|name| name.to_str()).is_some_and(|name| FIRST.contains(&name))
}

/// What an interpreter was told to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script<'a> {
    /// A file.
    File(&'a str),
    /// A module by name (`-m`).
    Module(&'a str),
    /// Text on the command line (`-c`), or standard input.
    Text,
}

/// What an interpreter was told to run: the first argument that is no flag, or what `-m` names.
#[must_use]
pub fn script(arguments: &[String]) -> Script<'_> {
    read(arguments).1
}

/// Whether a flag such as `-B` is among those before the script.
#[must_use]
pub fn has_flag(arguments: &[String], letter: char) -> bool {
    read(arguments).0.contains(letter)
}

/// The letters of the flags, and what comes behind them.
fn read(arguments: &[String]) -> (String, Script<'_>) {
    let mut letters = String::new();
    let mut rest = arguments.iter().skip(1).map(String::as_str);
    while let Some(argument) = rest.next() {
        let Some(flags) = argument.strip_prefix('-') else { return (letters, Script::File(argument)) };
        match flags {
            "" | "e" => break,
            "-check-hash-based-pycs" => drop(rest.next()),
            long if long.starts_with('-') => {}
            _ => {
                // What takes a value takes the rest of the word, or the next one.
                let valued = flags.find(['c', 'm', 'W', 'X', 'Q']);
                letters.push_str(&flags[..valued.unwrap_or(flags.len())]);
                let Some(at) = valued else { continue };
                let value = Some(&flags[at + 1..]).filter(|value| !value.is_empty());
                match &flags[at..=at] {
                    "c" => break,
                    "m" => match value.or_else(|| rest.next()) {
                        Some(module) => return (letters, Script::Module(module)),
                        None => break,
                    },
                    _ if value.is_none() => drop(rest.next()),
                    _ => {}
                }
            }
        }
    }
    (letters, Script::Text)
}

/// The name that people know a process by: its script or module, else its program, else what the kernel calls it.
#[must_use]
pub fn name(exe: Option<&Path>, arguments: &[String], kernels: &str) -> String {
    let file_name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    // A program that lies in memory alone has no name of its own (memfd_create(2)).
    let of_exe =
        || exe.and_then(|exe| file_name(&exe.to_string_lossy())).filter(|name| !name.starts_with("memfd:"));
    let told = match exe.and_then(interpreter) {
        Some(_) if is_title(arguments) => title(arguments),
        Some(_) => match script(arguments) {
            Script::File(file) => file_name(file),
            Script::Module(module) => Some(module.to_owned()),
            Script::Text => of_exe(),
        },
        None => of_exe(),
    };
    let told = told.filter(|name| !name.is_empty());
    let told =
        told.unwrap_or_else(|| if kernels.is_empty() { "unknown".to_owned() } else { kernels.to_owned() });
    told.chars().take(limits::AUDIT_NAME_MAX).collect()
}

/// Whether the words are a title that the process gave itself (setproctitle), from which nothing can be started again.
#[must_use]
pub fn is_title(arguments: &[String]) -> bool {
    matches!(arguments, [only] if only.contains(' ') || only.ends_with(':'))
}

/// `gunicorn: worker [app]`, `nginx: master process /usr/sbin/nginx` and `[celeryd: a@b]` begin with the program's name.
fn title(arguments: &[String]) -> Option<String> {
    let words = arguments.first()?.trim_start_matches('[');
    Some(words.split([':', ' ']).next()?.to_owned())
}

/// The directory that a Python looks for its own modules in: the script's, or where it was started.
#[must_use]
pub fn source_dir(arguments: &[String], cwd: Option<&Path>) -> Option<PathBuf> {
    match script(arguments) {
        Script::File(file) => {
            let parent = Path::new(file).parent()?;
            let is_tool = parent.ends_with("bin") || parent.ends_with("sbin");
            // A tool such as gunicorn imports from where it was started.
            if is_tool { cwd.map(Path::to_owned) } else { Some(cwd.unwrap_or(Path::new("/")).join(parent)) }
        }
        Script::Module(_) | Script::Text => cwd.map(Path::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_service_is_called_by_what_it_runs() {
        for (exe, line, told) in [
            ("/usr/bin/python3.11", "python3 /srv/app/indexer.py --all", "indexer.py"),
            ("/usr/bin/python3.11", "/venv/bin/python -u -X dev -m app.indexer", "app.indexer"),
            ("/usr/bin/python3.11", "/venv/bin/python /venv/bin/gunicorn app:app", "gunicorn"),
            ("/usr/bin/python3.11", "python3 -c pass", "python3.11"),
            ("/usr/bin/node", "node server.js", "server.js"),
            ("/usr/bin/bash", "bash", "bash"),
            ("/usr/bin/bash", "-bash", "bash"),
            ("/usr/lib/postgresql/15/bin/postgres", "postgres -D /var", "postgres"),
        ] {
            assert_eq!(name(Some(Path::new(exe)), &words(line), "comm"), told, "{line}");
        }
        let title = [String::from("gunicorn: master [app:app]")];
        assert_eq!(name(Some(Path::new("/usr/bin/python3")), &title, "comm"), "gunicorn");
        let title = [String::from("[celeryd: celery@host:MainProcess] -active- (worker)")];
        assert_eq!(name(Some(Path::new("/usr/bin/python3")), &title, "comm"), "celeryd");
        assert_eq!(name(Some(Path::new("/memfd:sealed-1")), &words("app"), "app"), "app");
        assert_eq!(name(None, &[], "kworker"), "kworker");
        assert_eq!(name(None, &[], ""), "unknown");
        let endless = ["python3".to_owned(), "x".repeat(100_000)];
        assert_eq!(name(Some(Path::new("/usr/bin/python3")), &endless, "").len(), limits::AUDIT_NAME_MAX);
    }

    #[test]
    fn flags_that_take_values_hide_no_script() {
        assert_eq!(script(&words("python -W ignore -B a.py")), Script::File("a.py"));
        assert_eq!(script(&words("python -mpip")), Script::Module("pip"));
        assert_eq!(script(&words("python -um app")), Script::Module("app"));
        assert_eq!(script(&words("python -X dev -Wignore -Ic pass")), Script::Text);
        assert!(
            has_flag(&words("python -X dev -Im app"), 'I') && !has_flag(&words("python -Xdev a.py"), 'e')
        );
        assert_eq!(script(&words("python")), Script::Text);
        assert!(has_flag(&words("python -uB a.py"), 'B') && !has_flag(&words("python a.py -B"), 'B'));
        assert!(!has_flag(&words("python -Wignore:B a.py"), 'B'));
    }

    #[test]
    fn modules_are_looked_for_beside_the_script_or_where_a_tool_was_started() {
        let dir = |line: &str| source_dir(&words(line), Some(Path::new("/srv"))).unwrap();
        assert_eq!(dir("python /opt/app/main.py"), PathBuf::from("/opt/app"));
        assert_eq!(dir("python app/main.py"), PathBuf::from("/srv/app"));
        assert_eq!(dir("python /venv/bin/gunicorn app:app"), PathBuf::from("/srv"));
        assert_eq!(dir("python -m app"), PathBuf::from("/srv"));
    }

    #[test]
    fn interpreters_are_known_with_their_versions() {
        for (exe, is) in [
            ("/usr/bin/python2.7", Some(Interpreter::Python)),
            ("/usr/bin/pypy3", Some(Interpreter::Python)),
            ("/usr/sbin/php-fpm8.2", Some(Interpreter::Php)),
            ("/bin/busybox", Some(Interpreter::Shell)),
            ("/usr/sbin/nginx", None),
        ] {
            assert_eq!(interpreter(Path::new(exe)), is, "{exe}");
        }
    }
}
