//! Every key of ebbd.toml: where it stands, how its value is written, and what others call it.

use crate::problem::hints::{nearest, plain};

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Above the first `[table]`.
    Root,
    /// `[budget]`.
    Budget,
    /// `[pools.NAME]`.
    Pool,
}

impl Section {
    /// The table as it is written in the file; empty for the root.
    const fn written(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Budget => "[budget]",
            Self::Pool => "[pools.NAME]",
        }
    }
}

/// A key of the settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) section: Section,
    pub(super) name: &'static str,
    /// How it is written, as the end of "... is".
    pub(super) phrase: &'static str,
    /// A value, as TOML.
    pub(super) sample: &'static str,
    also: &'static [&'static str],
}

const PATH: &str = "a path in quotes";
const COUNT: &str = "a whole number";
const SHARE: &str = "a size or a percentage in quotes";

/// Makes [`KEYS`] out of a list.
macro_rules! keys {
    ($($section:ident $name:literal $phrase:expr, $sample:literal, [$($also:literal),*];)+) => {
        /// Every key, in the order of the man page.
        pub(super) static KEYS: &[Key] = &[$(Key {
            section: Section::$section, name: $name, phrase: $phrase, sample: $sample, also: &[$($also),*]
        }),+];
    };
}

keys! {
    Root "jobs" PATH, "\"/etc/ebb/jobs.d\"", ["jobs-dir", "job-dir", "jobs.d"];
    Root "state" PATH, "\"/var/lib/ebb\"", ["state-dir", "data"];
    Root "socket" PATH, "\"/run/ebb/ebb.sock\"", ["sock", "listen"];
    Root "group" "a name in quotes", "\"ebb\"", ["socket-group"];
    Root "cgroup" "the name or path of a control group in quotes", "\"ebb-runs.service\"", ["control-group"];
    Root "log" "a word in quotes", "\"info\"", ["log-level", "level"];
    Root "strict" "true or false", "true", [];
    Root "stop-within" "a duration in quotes", "\"25s\"", ["timeout-stop-sec", "stop-timeout"];
    Budget "memory" SHARE, "\"6G\"", ["max", "limit", "total"];
    Budget "reserve" SHARE, "\"512M\"", ["reserved", "keep-free", "free"];
    Budget "unknown" "a size in quotes or a number of bytes", "\"256M\"", ["default", "default-claim"];
    Budget "max-parallel" COUNT, "8", ["parallel", "max-runs", "slots"];
    Budget "pressure" "a percentage or `off` in quotes", "\"15%\"", ["psi"];
    Pool "memory" SHARE, "\"2G\"", ["max", "limit"];
    Pool "max-parallel" COUNT, "2", ["parallel", "max-runs", "slots"];
}

/// The key of that section and name.
pub(super) fn find(section: Section, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// What to write in place of `name`, which is no key of `section`.
pub(super) fn meant(section: Section, name: &str) -> String {
    let here = || KEYS.iter().filter(|key| key.section == section);
    let same = |known: &str| plain(known) == plain(name);
    let exactly = here().find(|key| same(key.name));
    if let Some(key) = exactly.or_else(|| here().find(|key| key.also.iter().any(|also| same(also)))) {
        return format!("write `{}`", key.name);
    }
    let elsewhere: Vec<String> =
        KEYS.iter().filter(|key| key.section != section && same(key.name)).map(place).collect();
    if !elsewhere.is_empty() {
        return format!("write {}", elsewhere.join(" or "));
    }
    let tables = ["budget", "pools"].into_iter().filter(|_| section == Section::Root);
    if let Some(near) = nearest(name, here().map(|key| key.name).chain(tables.clone())) {
        return format!("write `{near}`");
    }
    let names: Vec<&str> = here().map(|key| key.name).chain(tables).collect();
    match section {
        Section::Root => format!("the settings are: {}", names.join(", ")),
        Section::Budget | Section::Pool => {
            format!("the keys of `{}` are: {}", section.written(), names.join(", "))
        }
    }
}

/// Where a key stands, for people.
fn place(key: &Key) -> String {
    match key.section {
        Section::Root => format!("`{}` above the first `[table]`", key.name),
        Section::Budget | Section::Pool => format!("`{}` below `{}`", key.name, key.section.written()),
    }
}
