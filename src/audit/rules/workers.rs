//! Several processes of one parent run the same code and have little to do: one could do it, with an event loop or threads.
//! Of interpreters alone: each copy has its own heap of modules and objects, which compiled programs share as pages.

use std::collections::BTreeMap;

use crate::audit::finding::{Evidence, Finding, Share};
use crate::audit::program::{self, Interpreter};
use crate::audit::service::rests;
use crate::audit::{Service, Watched};
use crate::limits;
use crate::words::{AuditRule, Confidence};

use super::Window;

pub(super) fn find(service: &Service<'_>, window: Window) -> Option<Finding> {
    let mut groups: BTreeMap<(i32, Vec<&str>), Vec<&Watched>> = BTreeMap::new();
    for one in service.members.iter().filter(|one| interpreter(one).is_some()) {
        groups.entry((one.process.ppid, code(one))).or_default().push(one);
    }
    let costs = groups.into_values().filter(|workers| workers.len() > 1).map(|workers| {
        let own = workers.iter().map(|one| one.memory.uss + one.memory.swap);
        (own.clone().sum::<u64>() - own.max().unwrap_or(0), workers)
    });
    let (copies_bytes, workers) = costs.max_by_key(|(cost, _)| *cost)?;
    let cpu_milli = workers.iter().map(|one| one.cpu_ms()).sum::<u64>() * 1000 / window.ms.max(1);
    if copies_bytes < limits::AUDIT_WORTH_MIN
        || !rests(&workers, window.ms, limits::AUDIT_CALM_MILLI)
        || service.is_run()
    {
        return None;
    }
    let is_young = workers.iter().any(|one| one.age_ms < limits::AUDIT_YOUNG_MS);
    let evidence = Evidence::SameCodeWorkers {
        workers: workers.len() as u64,
        copies_bytes,
        cpu_milli: Share(cpu_milli),
        is_reachable: !service.listens().is_empty(),
        is_python: workers.iter().all(|one| interpreter(one) == Some(Interpreter::Python)),
    };
    Some(Finding {
        rule: AuditRule::SameCodeWorkers,
        confidence: if is_young { Confidence::Low } else { window.confidence() },
        saves_bytes: Some(copies_bytes),
        evidence,
    })
}

fn interpreter(one: &Watched) -> Option<Interpreter> {
    let known = one.process.exe.as_deref().and_then(program::interpreter);
    known.filter(|interpreter| *interpreter != Interpreter::Shell)
}

/// What tells their code apart: their words, and where they are a title, its beginning without what each has of its own.
fn code(one: &Watched) -> Vec<&str> {
    let words = &one.process.arguments;
    let title = words.first().filter(|_| program::is_title(words));
    match title {
        Some(title) => {
            vec![title.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '#' | '-'))]
        }
        None => words.iter().map(String::as_str).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{MIB, Seen, first};
    use super::*;

    fn found(exe: &str, titles: &[&str], each_mib: u64, cpu_ms: u64) -> Option<Finding> {
        let mut seen = Seen::over(60_000);
        seen.add(10, 1, exe, "master: main").group(10).mib(30);
        for (pid, title) in (11..).zip(titles) {
            seen.add(pid, 10, exe, title).group(10).mib(each_mib).works_ms(cpu_ms);
        }
        let host = seen.host();
        find(&first(&host), minute())
    }

    #[test]
    fn copies_cost_what_all_but_one_hold_of_their_own() {
        let line = "python /venv/bin/gunicorn app";
        let finding = found("/usr/bin/python3", &[line; 4], 50, 100).unwrap();
        assert_eq!(finding.saves_bytes, Some(150 * MIB));
        assert!(matches!(finding.evidence, Evidence::SameCodeWorkers { workers: 4, is_python: true, .. }));
        assert!(found("/usr/bin/python3", &["celery: worker 1", "celery: worker 2"], 50, 100).is_some());
    }

    #[test]
    fn busy_small_single_and_compiled_ones_are_none() {
        let line = "python /venv/bin/gunicorn app";
        assert_eq!(found("/usr/bin/python3", &[line; 4], 50, 9_000), None, "busy");
        assert_eq!(found("/usr/bin/python3", &[line; 4], 2, 100), None, "small");
        assert_eq!(found("/usr/bin/python3", &[line], 50, 100), None, "single");
        assert_eq!(found("/usr/bin/python3", &["python a.py", "python b.py"], 50, 100), None, "different");
        assert_eq!(found("/usr/sbin/nginx", &["nginx: worker process"; 4], 50, 100), None, "compiled");
    }
}
