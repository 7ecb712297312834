//! The job file that a candidate could be run by, as text: from what its process shows to anybody who may look at it. The
//! values of its environment are no part of it.

use crate::job::{Bytes, Millis};
use crate::learn::suggest;
use crate::limits;
use crate::problem::hints::quoted;
use crate::problem::one_line;
use crate::sys::processes::Environment;
use crate::sys::processes::asleep::Asleep;

use super::place::Place;
use super::program;
use super::rhythm::Rhythm;
use super::{Kind, Service};

/// What stands in the file besides what the service shows.
#[derive(Debug, Clone, Copy)]
pub struct Besides<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The user that it is to run as; none for ebbd's own.
    pub user: Option<&'a str>,
    /// The group to go with it; none for that user's own.
    pub group: Option<&'a str>,
    /// The interval that it was seen to wake at.
    pub rhythm: Option<Rhythm>,
    /// The sleep that it was in, where that is longer than what was looked for.
    pub asleep: Option<Asleep>,
    /// How long was looked, in milliseconds.
    pub window_ms: u64,
    /// The day, such as `2026-01-31`.
    pub day: &'a str,
}

/// Names that a session or a service manager sets: ebb sets its own, or they mean nothing to a job.
const USUAL: [&str; 23] = [
    "_",
    "COLORTERM",
    "COLUMNS",
    "HOME",
    "HOSTNAME",
    // What podman and systemd set in a container: the engine's name.
    "container",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LINES",
    "LOGNAME",
    "MAIL",
    "MAINPID",
    "MANAGERPID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "SYSTEMD_EXEC_PID",
    "TERM",
    "USER",
];
const USUAL_BEGINNINGS: [&str; 5] = ["LC_", "LISTEN_", "NOTIFY_", "SSH_", "XDG_"];

/// A name for the job that stands in for a service: `indexer` for `indexer.service`, `indexer.py` and `app.indexer`'s like.
/// `taken` says which are given away.
#[must_use]
pub fn name(service: &Service<'_>, taken: impl Fn(&str) -> bool) -> String {
    let of_container = service.container.as_ref().and_then(|it| it.unit_name().or(it.name.as_deref()));
    let called = of_container.unwrap_or(&service.name);
    let bare = called.strip_suffix(".service").unwrap_or(called);
    let bare =
        [".py", ".rb", ".js", ".pl", ".sh"].iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c.to_ascii_lowercase() } else { '-' }
    };
    let name: String = bare.chars().map(fit).collect();
    let name = name.trim_start_matches(['-', '_', '.']).trim_end_matches(['-', '.']);
    let name: String = name.chars().take(limits::JOB_NAME_MAX - 12).collect();
    let name = if name.is_empty() { "candidate".to_owned() } else { name };
    if !taken(&name) {
        return name;
    }
    format!("{name}-{}", service.main().process.pid)
}

/// The file's text.
#[must_use]
pub fn text(service: &Service<'_>, besides: &Besides<'_>) -> String {
    let Besides { job, day, .. } = besides;
    let called = one_line(&service.name);
    let mut text = format!(
        "# Written by `ebb audit` on {day} from what {called} shows: a candidate, no verdict.\n\
         # The program has to do one piece of work and exit. What else to do: {job}.turn-off.md\n"
    );
    if let Kind::Placed(Place::Container { .. }) = service.kind {
        text += "# It runs in a container: command, directory and user are those within it, so this file belongs there, to an\n\
                 # ebbd that is its first process (docs/containers.md).\n";
        // Its users are its own, and without one the job would be root's there.
        let process = &service.main().process;
        if besides.user.is_none() && process.uid_map.inside(process.caller_uid) != Some(0) && process.uid != 0
        {
            text += &format!(
                "# It acts as uid {} of this host: say here who that is in the container, or the job gets ebbd's own user.\n\
                 # user = \"\"\n",
                service.main().process.uid
            );
        }
    }
    text += &format!("description = {}\n", quoted(&format!("What {called} did")));
    text += &command(service);
    let process = &service.main().process;
    if let Some(cwd) = process.cwd.as_deref().and_then(|cwd| cwd.to_str()).filter(|cwd| cwd.starts_with('/'))
    {
        text += &format!("working-directory = {}\n", quoted(cwd));
    }
    if let Some(user) = besides.user {
        text += &format!("user = {}\n", quoted(user));
    }
    if let Some(group) = besides.group {
        text += &format!("group = {}\n", quoted(group));
    }
    text += &when(besides);
    text += &environment(&process.environment, job);
    let peak = service.peak_rss();
    let max = Bytes(suggest::written_size(suggest::above(peak)).min(limits::SIZE_MAX));
    text += &format!(
        "\n[memory]\n# It never had more than {} resident; from three runs on, `ebb suggest` knows better.\nmax = \"{max}\"\n",
        mib(peak)
    );
    text
}

fn command(service: &Service<'_>) -> String {
    let process = &service.main().process;
    let exe = process.exe.as_deref().and_then(|exe| exe.to_str()).unwrap_or("/bin/false");
    if program::is_title(&process.arguments) || process.arguments.is_empty() {
        return format!(
            "# It has put a title in the place of its arguments: they have to be added.\ncommand = [{}]\n",
            quoted(exe)
        );
    }
    let called = &process.arguments[0];
    let mut text = String::new();
    if process.arguments[1..].iter().any(|word| is_secret(word)) {
        text += "# A word of it looks like a secret. This file is its owner's alone for that: keep it so, or better give the secret\n\
                 # in an environment file or a credential, since everybody can read the words of a program that runs.\n";
    }
    // A virtual environment's python is a link to the one that it was made from: its own name is what finds its packages.
    let program = match (called.starts_with('/'), called.contains('/'), process.cwd.as_deref()) {
        (true, _, _) => called.clone(),
        (false, true, Some(cwd)) => cwd.join(called).to_string_lossy().into_owned(),
        _ => {
            let is_python =
                process.exe.as_deref().and_then(program::interpreter) == Some(program::Interpreter::Python);
            if is_python && process.environment.has("VIRTUAL_ENV") {
                text += &format!(
                    "# It was called as `{}` in a virtual environment: that one's bin/python belongs here.\n",
                    one_line(called)
                );
            }
            exe.to_owned()
        }
    };
    let words: Vec<String> =
        std::iter::once(&program).chain(&process.arguments[1..]).map(|word| quoted(word)).collect();
    text + &format!("command = [{}]\n", words.join(", "))
}

fn when(besides: &Besides<'_>) -> String {
    let (job, looked) = (besides.job, Millis(besides.window_ms / 1_000 * 1_000));
    let none = "# schedule = \"H * * * *\"\n";
    let every = |ms: u64| Millis(even(ms).min(limits::DURATION_MAX_MS));
    match besides.asleep.filter(|asleep| asleep.ms() >= limits::AUDIT_EVERY_MIN_MS) {
        Some(Asleep::For(ms)) => {
            let every = every(ms);
            return format!("# It was in a sleep of {every}; its work comes on top.\nevery = \"{every}\"\n");
        }
        Some(Asleep::Until(ms)) => {
            let every = every(ms);
            return format!(
                "# It was in a sleep with another {every} to go, so it is due as rarely as that, or more rarely:\n\
                 # every = \"{every}\"\n"
            );
        }
        None => {}
    }
    let Some(rhythm) = besides.rhythm else {
        return format!(
            "# It was not seen to wake at an interval within {looked}. Say when it is due, or start it with `ebb run-now {job}`:\n{none}"
        );
    };
    let seconds = (rhythm.every_ms + 500) / 1_000;
    let every = Millis((seconds * 1_000).max(limits::EVERY_MIN_MS));
    if rhythm.every_ms < limits::AUDIT_EVERY_MIN_MS {
        return format!(
            "# It woke about every {}, {} times within {looked}. That may be its look at the clock, and a start costs more than\n\
             # such a wake-up: say when there is work.\n# every = \"{every}\"\n{none}",
            Millis(rhythm.every_ms),
            rhythm.wakes
        );
    }
    format!("# It woke {} times within {looked}, evenly.\nevery = \"{every}\"\n", rhythm.wakes)
}

/// A duration in the coarsest unit that is off by no more than a hundredth.
fn even(ms: u64) -> u64 {
    const UNITS: [u64; 6] = [3_600_000, 1_800_000, 300_000, 60_000, 10_000, 1_000];
    let rounded = |unit: u64| (ms + unit / 2) / unit * unit;
    let fits = UNITS.into_iter().map(rounded).find(|rounded| rounded.abs_diff(ms) <= ms / 100);
    fits.unwrap_or_else(|| rounded(1_000))
}

fn environment(environment: &Environment, job: &str) -> String {
    if environment.is_hidden {
        return "# What was set in its environment is hidden from who wrote this: root can see the names.\n"
            .to_owned();
    }
    let is_usual = |name: &str| {
        USUAL.contains(&name)
            || USUAL_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || name.starts_with("LANG")
    };
    let own: Vec<String> =
        environment.names.iter().filter(|name| !is_usual(name)).map(|name| one_line(name)).collect();
    if own.is_empty() {
        return String::new();
    }
    format!(
        "# These variables were set for it; their values may be secrets and are not written down. Give what it needs:\n\
         {}# environment-file = [\"/etc/{job}.env\"]\n",
        in_comments(&own)
    )
}

/// Names, in lines of comments that fit on a screen.
fn in_comments(names: &[String]) -> String {
    let mut lines = vec![String::from("#")];
    for (at, name) in names.iter().enumerate() {
        let end = if at + 1 < names.len() { "," } else { "" };
        if lines.last().is_some_and(|line| line.len() > 1 && line.len() + name.len() > 110) {
            lines.push(String::from("#"));
        }
        if let Some(line) = lines.last_mut() {
            *line += &format!(" {name}{end}");
        }
    }
    lines.join("\n") + "\n"
}

fn mib(bytes: u64) -> String {
    format!("{}M", bytes.div_ceil(1 << 20))
}

/// Whether a word of a command line looks as if a secret were in it: `--password=x`, `--token`, `https://user:x@host`.
fn is_secret(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_named = ["passw", "secret", "token", "api-key", "apikey", "api_key", "credential"]
        .iter()
        .any(|part| name.contains(part));
    let user = word.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'));
    is_named || user.is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Watched;
    use crate::audit::testing::{Seen, first};
    use crate::job::{TestHost, check_text};
    use crate::sys::processes::IdMap;

    const BESIDES: Besides<'_> = Besides {
        job: "indexer",
        user: Some("www-data"),
        group: None,
        rhythm: None,
        asleep: None,
        window_ms: 60_000,
        day: "2026-01-31",
    };

    fn written(besides: &Besides<'_>, shape: impl FnOnce(&mut Watched)) -> String {
        let mut seen = Seen::over(60_000);
        let one = seen.add(10, 1, "/usr/bin/python3.11", "/srv/venv/bin/python /srv/indexer.py").mib(400);
        one.cgroup("/system.slice/indexer.service");
        one.process.cwd = Some("/srv".into());
        shape(one);
        let host = seen.host();
        let text = text(&first(&host), besides);
        let checked = check_text(std::path::Path::new("indexer.toml"), &text, &TestHost::default());
        let checked = checked.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        assert!(checked.1.is_empty(), "{:?}\n{text}", checked.1);
        text
    }

    #[test]
    fn the_file_says_what_was_seen_and_is_sound() {
        let rhythm = Some(Rhythm { every_ms: 14_600, wakes: 4 });
        let text = written(&Besides { rhythm, ..BESIDES }, |one| {
            one.process.environment.names =
                ["API_TOKEN", "HOME", "LC_ALL", "DSN", "container"].map(str::to_owned).to_vec();
        });
        for line in [
            "command = [\"/srv/venv/bin/python\", \"/srv/indexer.py\"]",
            "working-directory = \"/srv\"",
            "user = \"www-data\"",
            "every = \"15s\"",
            "# API_TOKEN, DSN",
            "max = \"640M\"",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }

    #[test]
    fn without_an_interval_nothing_is_made_up() {
        let none = written(&BESIDES, |_| {});
        assert!(
            !none.lines().any(|line| line.starts_with("every") || line.starts_with("schedule")),
            "{none}"
        );
        let short = Some(Rhythm { every_ms: 500, wakes: 6 });
        let text = written(&Besides { rhythm: short, ..BESIDES }, |_| {});
        assert!(text.contains("\n# every = \"1s\"\n") && text.contains("about every 500ms"), "{text}");
    }

    #[test]
    fn a_long_sleep_is_its_interval() {
        let text = written(&Besides { asleep: Some(Asleep::For(14_400_037)), ..BESIDES }, |_| {});
        assert!(text.contains("\nevery = \"4h\"\n"), "{text}");
        let text = written(&Besides { asleep: Some(Asleep::Until(14_399_000)), ..BESIDES }, |_| {});
        assert!(text.contains("\n# every = \"4h\"\n"), "{text}");
        for (ms, even_ms) in [(61_000, 61_000), (299_900, 300_000), (5_410_000, 5_400_000), (12_345, 12_000)]
        {
            assert_eq!(even(ms), even_ms);
        }
    }

    #[test]
    fn whatever_the_words_are_the_file_is_toml() {
        let text = written(&BESIDES, |one| {
            one.process.arguments = ["python3", "-c", "print(\"\\\\\u{7f}\u{1b}\n'''#\")", "\u{202e}", ""]
                .map(str::to_owned)
                .to_vec();
            one.process.environment.names = vec!["A\nevery = \"1s\"".to_owned()];
            one.process.environment.set = vec!["VIRTUAL_ENV".to_owned()];
        });
        assert!(text.contains("command = [\"/usr/bin/python3.11\", \"-c\", "), "{text}");
        assert!(text.contains("that one's bin/python belongs here"), "{text}");
        let title = written(&BESIDES, |one| one.process.arguments = vec!["indexer: sleeping".to_owned()]);
        assert!(title.contains("command = [\"/usr/bin/python3.11\"]"), "{title}");
    }

    #[test]
    fn in_a_container_somebody_has_to_say_who_it_is() {
        let id = "4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7";
        let text = |uid: u32| {
            written(&Besides { user: None, ..BESIDES }, |one| {
                one.cgroup(&format!("/docker/{id}")).process.uid = uid;
            })
        };
        assert!(text(33).contains("# It acts as uid 33 ") && text(33).contains("\n# user = \"\"\n"));
        assert!(!text(0).contains("# user ="));
        let known = Besides { user: Some("1000"), group: Some("root"), ..BESIDES };
        let text = written(&known, |one| {
            one.cgroup(&format!("/docker/{id}")).process.uid = 101_499;
        });
        assert!(
            text.contains("\nuser = \"1000\"\ngroup = \"root\"\n") && !text.contains("# user ="),
            "{text}"
        );
        // An ordinary user's container has its own numbers: its root is that user.
        let text = written(&Besides { user: None, ..BESIDES }, |one| {
            let process = &mut one.cgroup(&format!("/docker/{id}")).process;
            (process.uid, process.caller_uid, process.uid_map) = (1000, 1000, IdMap::read("0 1000 1"));
        });
        assert!(!text.contains("# user ="), "{text}");
    }

    #[test]
    fn an_environment_that_is_hidden_is_no_empty_one() {
        let text = written(&BESIDES, |one| one.process.environment.is_hidden = true);
        assert!(text.contains("# What was set in its environment is hidden"), "{text}");
    }

    #[test]
    fn a_container_gives_its_job_the_name_that_people_gave_it() {
        let id = "4f1c6a0a8a5d4c6c9b1e2f3a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7";
        let name_of = |conmon: &str| {
            let mut seen = Seen::default();
            seen.add(10, 1, "/usr/bin/conmon", &format!("conmon -c {id} -u {id} -n systemd-x"))
                .cgroup(conmon);
            seen.add(11, 10, "/usr/bin/python3", "python3 x.py")
                .cgroup(&format!("/libpod-{id}.scope"))
                .mib(1);
            name(&first(&seen.host()), |_| false)
        };
        assert_eq!(name_of("/"), "systemd-x");
        assert_eq!(
            name_of("/system.slice/indexer.service"),
            "indexer",
            "the unit's, which is what people start"
        );
    }

    #[test]
    fn a_secret_on_the_command_line_is_told_of() {
        for (word, is_told) in [
            ("--password=hunter2", true),
            ("--api-key", true),
            ("postgres://app:hunter2@db/app", true),
            ("postgres://db/app?x=a:b@c", false),
            ("/srv/indexer.py", false),
            ("--all", false),
        ] {
            let text = written(&BESIDES, |one| one.process.arguments.push(word.to_owned()));
            assert_eq!(text.contains("looks like a secret"), is_told, "{text}");
        }
    }

    #[test]
    fn names_are_those_of_jobs_and_each_its_own() {
        for (called, job) in [
            ("/system.slice/indexer.service", "indexer"),
            ("/system.slice/Mail_Sync@a.service", "mail_sync-a"),
            ("/system.slice/-.service", "candidate"),
        ] {
            let mut seen = Seen::default();
            seen.add(10, 1, "/usr/bin/python3", "python3 x.py").cgroup(called);
            let host = seen.host();
            assert_eq!(name(&first(&host), |_| false), job);
            assert_eq!(name(&first(&host), |name| name == job), format!("{job}-10"));
            assert!(crate::job::check_name(&name(&first(&host), |_| true)).is_ok());
        }
    }
}
