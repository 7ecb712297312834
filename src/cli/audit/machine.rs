//! What `ebb audit --json` prints: the same as people see, in bytes and milliseconds.

use std::path::PathBuf;

use serde::Serialize;

use crate::audit::place::Place;
use crate::audit::{Finding, Imports, Kind};

use super::imports::Weighed;
use super::ranking::Judged;
use super::sentences;
use super::watch::Seen;
use super::write::Written;

/// All of it.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    at: String,
    window_ms: u64,
    is_touched: bool,
    hidden_processes: u64,
    services: Vec<Service<'a>>,
    /// Job files that were written, and those that were there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<&'a [PathBuf]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a [PathBuf]>,
}

#[derive(Serialize)]
struct Service<'a> {
    name: &'a str,
    kind: &'static str,
    /// The engine of a container, the uid of a user's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_name: Option<&'a str>,
    /// The unit that starts a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_by: Option<&'a str>,
    main_pid: i32,
    pids: Vec<i32>,
    pss_bytes: u64,
    uss_bytes: u64,
    swap_bytes: u64,
    anon_bytes: u64,
    peak_rss_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_milli: Option<u64>,
    cpu_ms: u64,
    wakes: u64,
    listens: Vec<&'a str>,
    served: u64,
    connected: Vec<&'a str>,
    age_ms: u64,
    /// What its imports cost, and why that is not known (`--imports`).
    #[serde(skip_serializing_if = "Option::is_none")]
    imports: Option<&'a Imports>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imports_not_weighed: Option<&'a str>,
    findings: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    title: &'static str,
    seen: String,
    advice: String,
}

impl<'a> Told<'a> {
    pub(super) fn of(
        seen: &Seen,
        judged: &'a [Judged<'a>],
        weighed: Option<&'a Weighed>,
        written: Option<&'a Written>,
        now_ms: i64,
    ) -> Self {
        let window_ms = seen.observation.window_ms;
        let at = jiff::Timestamp::from_millisecond(now_ms).map(|at| at.to_string()).unwrap_or_default();
        Self {
            at,
            window_ms,
            is_touched: seen.observation.is_touched,
            hidden_processes: seen.hidden,
            services: judged
                .iter()
                .map(|one| service(one, window_ms, seen.observation.is_touched, weighed))
                .collect(),
            written: written.map(|it| it.files.as_slice()),
            kept: written.map(|it| it.kept.as_slice()),
        }
    }
}

fn service<'a>(
    one: &'a Judged<'a>,
    window_ms: u64,
    is_touched: bool,
    weighed: Option<&'a Weighed>,
) -> Service<'a> {
    let it = &one.service;
    let (kind, of, container_id) = match &it.kind {
        Kind::Placed(Place::Unit { of_user, .. }) => ("unit", of_user.as_deref(), None),
        Kind::Placed(Place::Container { engine, id, .. }) => ("container", Some(*engine), Some(id.as_str())),
        Kind::Placed(Place::Nothing) | Kind::Tree(_) => ("tree", None, None),
    };
    Service {
        name: &it.name,
        kind,
        of,
        container_id,
        container_name: it.container.as_ref().and_then(|container| container.name.as_deref()),
        started_by: it.container.as_ref().and_then(|container| container.unit_name()),
        main_pid: it.main().process.pid,
        pids: it.members.iter().map(|member| member.process.pid).collect(),
        pss_bytes: it.pss(),
        uss_bytes: it.uss(),
        swap_bytes: it.swap(),
        anon_bytes: it.anon(),
        peak_rss_bytes: it.peak_rss(),
        used_milli: is_touched.then(|| it.used_milli()),
        cpu_ms: it.cpu_ms(),
        wakes: it.wakes(),
        listens: it.listens(),
        served: it.served(),
        connected: it.connected(),
        age_ms: it.age_ms(),
        imports: it.imports(),
        imports_not_weighed: weighed
            .and_then(|it_was| it_was.not.get(&it.main().process.pid))
            .map(String::as_str),
        findings: one
            .findings
            .iter()
            .map(|finding| {
                let told = sentences::of(finding, window_ms);
                Found { finding, title: told.title, seen: told.seen, advice: told.advice }
            })
            .collect(),
    }
}
