//! The environment of a run: clean, from stated sources, in a stated order. Pure.

use crate::clock::Wall;
use crate::engine::Order;

/// Where programs are looked for when the job does not set PATH.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Names a run among all of all ebbd on a host: by it a process that has left every family is still known.
pub const MARK: &str = "EBB_RUN_KEY";

/// What the host adds to every run's environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Name of the user that the run becomes.
    pub user: String,
    /// Its home.
    pub home: String,
    /// ebbd's own LANG.
    pub lang: Option<String>,
    /// The job's zone, else ebbd's own TZ, else the host's zone.
    pub tz: String,
}

/// Names and values for a run. Later ones win: the host's, the files', the job's `environment`, the demand's, and
/// last the EBB_ names, which nobody can set.
#[must_use]
pub fn of_run(
    host: &Host,
    files: Vec<(String, String)>,
    job: &[(String, String)],
    order: &Order,
) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: String| match out.iter_mut().find(|(n, _)| n == name) {
        Some(known) => known.1 = value,
        None => out.push((name.to_owned(), value)),
    };
    set("PATH", PATH.to_owned());
    set("HOME", host.home.clone());
    set("USER", host.user.clone());
    set("LOGNAME", host.user.clone());
    set("LANG", host.lang.clone().unwrap_or_else(|| "C.UTF-8".to_owned()));
    set("TZ", host.tz.clone());
    for (name, value) in files.into_iter().chain(job.iter().cloned()).chain(order.payload.env.iter().cloned())
    {
        set(&name, value);
    }
    set("EBB_JOB", order.job.clone());
    set("EBB_RUN_ID", order.run.to_string());
    set("EBB_TRIGGER", order.trigger.to_string());
    set("EBB_ATTEMPT", order.attempt.to_string());
    set("EBB_SCHEDULED_FOR", order.slot.as_ref().map(Wall::to_string).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::DefinitionRef;
    use crate::journal::record::Payload;
    use crate::words::Trigger;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn later_sources_win_and_nobody_sets_the_ebb_names() {
        let order = Order {
            run: 42,
            job: "indexer".into(),
            definition: DefinitionRef::default(),
            trigger: Trigger::Schedule,
            attempt: 2,
            slot: Some(Wall(0)),
            payload: Payload {
                env: vec![pair("C", "demand"), pair("EBB_RUN_ID", "1")],
                ..Payload::default()
            },
            raised_max: None,
        };
        let host = Host { user: "web".into(), home: "/srv".into(), lang: None, tz: "Europe/Berlin".into() };
        let files = vec![pair("A", "file"), pair("B", "file"), pair("C", "file")];
        let job = [pair("B", "job"), pair("C", "job"), pair("PATH", "/opt/bin")];
        let environment = of_run(&host, files, &job, &order);
        let get = |name: &str| {
            let mut found = environment.iter().filter(|(n, _)| n == name);
            let value = found.next().map(|(_, v)| v.clone());
            assert!(found.next().is_none(), "{name} is there once");
            value.unwrap_or_default()
        };
        assert_eq!((get("A"), get("B"), get("C")), ("file".into(), "job".into(), "demand".into()));
        assert_eq!(
            (get("PATH"), get("HOME"), get("LOGNAME")),
            ("/opt/bin".into(), "/srv".into(), "web".into())
        );
        assert_eq!((get("LANG"), get("TZ")), ("C.UTF-8".into(), "Europe/Berlin".into()));
        assert_eq!((get("EBB_RUN_ID"), get("EBB_ATTEMPT")), ("42".into(), "2".into()));
        assert_eq!(get("EBB_SCHEDULED_FOR"), "1970-01-01T00:00:00.000Z");
    }
}
