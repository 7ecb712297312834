//! It rests in memory, does hardly anything, and nobody can reach it: a job.
//! What its children do is its work: `make` sleeps while compilers run.
//! Silent where somebody listens, sits at a terminal, or starts other services: those have to be there.

use crate::audit::finding::{Evidence, Finding, Share};
use crate::audit::{Service, rhythm};
use crate::limits;
use crate::sys::processes::asleep::Asleep;
use crate::words::{AuditRule, Confidence};

use super::Window;

/// Of what is resident, in thousandths, as much may have been used by something that rests.
const USED_MILLI: u64 = 500;

pub(super) fn find(service: &Service<'_>, window: Window) -> Option<Finding> {
    let uss = service.uss() + service.swap();
    let cpu_milli = service.cpu_milli(window.ms);
    let rhythm = rhythm(service);
    let allowed = if rhythm.is_some() { limits::AUDIT_CALM_MILLI } else { limits::AUDIT_IDLE_MILLI };
    let used_milli = window.is_touched.then(|| service.used_milli());
    let is_needed = !service.listens().is_empty()
        || service.starts_others
        || service.is_run()
        || service.serves_containers();
    let is_attended = service.members.iter().any(|one| one.process.has_terminal || one.process.pid == 1);
    let all_milli = cpu_milli + service.children_milli(window.ms);
    let rests = all_milli <= allowed && service.rests(window.ms, allowed);
    if uss < limits::AUDIT_WORTH_MIN || !rests || is_needed || is_attended {
        return None;
    }
    if service.members.iter().any(|one| one.is_stopped) {
        return None;
    }
    if used_milli.is_some_and(|used| used > USED_MILLI) {
        return None;
    }
    let connected: Vec<String> = service.connected().into_iter().map(str::to_owned).collect();
    let watches_files = service.members.iter().any(|one| one.watches_files);
    // Work may come from there at any moment.
    let may_wait = !connected.is_empty() || watches_files || service.age_ms() < limits::AUDIT_YOUNG_MS;
    // A shorter sleep has been seen to end.
    let asleep = service.main().asleep.filter(|it| it.ms() > window.ms);
    let confidence = match (may_wait, asleep) {
        (true, _) => Confidence::Low,
        // It says itself that it will do nothing, for however short a time it was looked at.
        (false, Some(_)) => window.confidence().max(Confidence::Medium),
        (false, None) => window.confidence(),
    };
    let evidence = Evidence::ResidentIdle {
        sleeps_ms: asleep.and_then(|it| matches!(it, Asleep::For(_)).then(|| it.ms())),
        wakes_in_ms: asleep.and_then(|it| matches!(it, Asleep::Until(_)).then(|| it.ms())),
        uss_bytes: service.uss(),
        cpu_milli: Share(cpu_milli),
        wakes: service.wakes(),
        rhythm,
        used_milli: used_milli.map(Share),
        connected,
        watches_files,
        imports_us: service.imports().map(|it| it.bill.imports_us),
    };
    Some(Finding { rule: AuditRule::ResidentIdle, confidence, saves_bytes: Some(uss), evidence })
}

/// The interval at which any of its processes wakes.
fn rhythm(service: &Service<'_>) -> Option<rhythm::Rhythm> {
    let pulses = &service.main().pulses;
    let has_woken = |at: usize| {
        let pulse =
            |of: &crate::audit::Watched, at: usize| of.pulses.get(at).map_or(0, |(_, pulse)| pulse.wakes);
        at > 0 && service.members.iter().any(|one| pulse(one, at) > pulse(one, at - 1))
    };
    let looks: Vec<(u64, bool)> =
        pulses.iter().enumerate().map(|(at, (ms, _))| (*ms, has_woken(at))).collect();
    rhythm::of(&looks)
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{Seen, first};
    use super::*;
    use crate::audit::Watched;

    fn found(shape: impl FnOnce(&mut Watched), window: Window) -> Option<Finding> {
        let mut seen = Seen::over(window.ms);
        shape(seen.add(10, 1, "/usr/bin/python3", "python3 /srv/indexer.py").mib(400));
        let host = seen.host();
        find(&first(&host), window)
    }

    fn confidence(shape: impl FnOnce(&mut Watched)) -> Option<Confidence> {
        found(shape, minute()).map(|finding| finding.confidence)
    }

    #[test]
    fn a_daemon_that_sleeps_is_a_job() {
        let finding = found(|_| {}, minute()).unwrap();
        assert_eq!(finding.saves_bytes, Some(400 << 20));
        assert_eq!(finding.confidence, Confidence::Medium);
        assert_eq!(
            confidence(|one| {
                one.works_ms(500);
            }),
            Some(Confidence::Medium)
        );
    }

    #[test]
    fn what_works_listens_sits_at_a_terminal_or_is_small_is_none() {
        assert_eq!(
            confidence(|one| {
                one.works_ms(3_000);
            }),
            None
        );
        assert_eq!(confidence(|one| one.listens = vec!["tcp *:80".to_owned()]), None);
        assert_eq!(confidence(|one| one.process.has_terminal = true), None);
        assert_eq!(
            confidence(|one| {
                one.mib(7);
            }),
            None
        );
    }

    #[test]
    fn what_would_work_if_there_were_a_cpu_for_it_does_not_rest() {
        let waits = |one: &mut Watched, waited_ms: u64, is_runnable: bool| {
            for (at, pulse) in &mut one.pulses {
                pulse.waited_ms = *at * waited_ms / 60_000;
                pulse.is_runnable = is_runnable;
            }
        };
        assert_eq!(confidence(|one| waits(one, 40_000, false)), None);
        assert_eq!(confidence(|one| waits(one, 0, true)), None);
        assert_eq!(confidence(|one| waits(one, 9_000, false)), Some(Confidence::Medium));
    }

    #[test]
    fn what_waits_for_its_children_or_is_stopped_does_not_rest() {
        assert_eq!(confidence(|one| one.pulses[20].1.children_ms = 30_000), None, "compilers came and went");
        assert_eq!(confidence(|one| one.begun_ms = 30_000), None, "a linker is still there");
        assert!(confidence(|one| one.pulses[20].1.children_ms = 300).is_some(), "a date(1) now and then");
        assert!(confidence(|one| one.pulses.iter_mut().for_each(|it| it.1.children_ms = 9_000)).is_some());
        assert_eq!(confidence(|one| one.is_stopped = true), None);
    }

    #[test]
    fn what_waits_for_others_is_a_hint_alone() {
        assert_eq!(
            confidence(|one| one.connected = vec!["tcp 10.0.0.1:5672".to_owned()]),
            Some(Confidence::Low)
        );
        assert_eq!(confidence(|one| one.watches_files = true), Some(Confidence::Low));
        assert_eq!(confidence(|one| one.age_ms = 5_000), Some(Confidence::Low));
    }

    #[test]
    fn an_interval_explains_some_work() {
        let finding = found(
            |one| {
                one.works_ms(3_000).wakes_each(5);
            },
            minute(),
        )
        .unwrap();
        let Evidence::ResidentIdle { rhythm: Some(rhythm), .. } = finding.evidence else {
            panic!("{finding:?}")
        };
        assert_eq!((rhythm.every_ms, rhythm.wakes), (15_000, 4));
        assert_eq!(
            confidence(|one| {
                one.works_ms(30_000).wakes_each(5);
            }),
            None
        );
    }

    #[test]
    fn a_sleep_that_is_longer_than_the_window_is_told() {
        let told = |asleep| {
            let finding = found(|one| one.asleep = asleep, minute()).unwrap();
            let Evidence::ResidentIdle { sleeps_ms, wakes_in_ms, .. } = finding.evidence else { panic!() };
            (sleeps_ms, wakes_in_ms)
        };
        assert_eq!(told(Some(Asleep::For(14_400_000))), (Some(14_400_000), None));
        assert_eq!(told(Some(Asleep::Until(9_000_000))), (None, Some(9_000_000)));
        assert_eq!(told(Some(Asleep::For(1_000))), (None, None));
        assert_eq!(told(None), (None, None));
        let short = Window { ms: 2_000, ..minute() };
        let confidence = |asleep| found(|one| one.asleep = asleep, short).unwrap().confidence;
        assert_eq!(confidence(Some(Asleep::Until(9_000_000))), Confidence::Medium);
        assert_eq!(confidence(None), Confidence::Low);
    }

    #[test]
    fn with_used_pages_known_what_uses_its_memory_is_none() {
        let window = Window { is_touched: true, ..minute() };
        assert_eq!(
            found(
                |one| {
                    one.used_mib(300);
                },
                window
            ),
            None
        );
        let finding = found(
            |one| {
                one.used_mib(4);
            },
            window,
        )
        .unwrap();
        assert!(matches!(finding.evidence, Evidence::ResidentIdle { used_milli: Some(Share(10)), .. }));
    }

    #[test]
    fn what_is_there_for_containers_is_no_job() {
        for (exe, cgroup) in [
            (
                "/usr/bin/pasta.avx2",
                "/user.slice/user-1000.slice/user@1000.service/user.slice/podman-9.scope",
            ),
            ("/usr/bin/docker", "/system.slice/indexer.service"),
        ] {
            let helper = |one: &mut Watched| {
                one.cgroup(cgroup).process.exe = Some(exe.into());
            };
            assert_eq!(confidence(helper), None, "{exe}");
        }
    }

    #[test]
    fn a_run_of_ebb_is_a_job_already() {
        assert_eq!(
            confidence(|one| {
                one.cgroup("/system.slice/ebb-runs.service/indexer.7");
            }),
            None
        );
    }
}
