//! Its anonymous memory only grows, over the window or from audit to audit: a cache without bounds, or a leak.

use crate::audit::finding::{Evidence, Finding};
use crate::audit::{Service, Watched};
use crate::limits;
use crate::words::{AuditRule, Confidence};

use super::Window;

/// Growth below this part of what was there is noise.
const NOISE_PART: u64 = 100;
/// The same from one audit to the next.
const NOISE_SINCE_PART: u64 = 20;
/// Of what it has grown, so small a part may have been given back in between.
const GIVEN_BACK_PART: u64 = 20;
/// In each third of the window at least this part of the growth happened: what grew once has stopped.
const THIRD_PART: u64 = 10;

pub(super) fn find(service: &Service<'_>, window: Window) -> Option<Finding> {
    if service.is_run() {
        return None;
    }
    since(service, window).or_else(|| within(service, window))
}

/// Growth within the window, each look at all of its processes that were there all the time. What has just started builds
/// itself up.
fn within(service: &Service<'_>, window: Window) -> Option<Finding> {
    let looks = service.members.iter().map(|one| one.pulses.len()).max().filter(|looks| *looks > 3)?;
    let whole = || {
        let has_begun = |one: &&&Watched| one.pulses.len() == looks && one.age_ms >= 2 * window.ms;
        service.members.iter().filter(has_begun)
    };
    let sums: Vec<u64> = (0..looks).map(|at| whole().map(|one| one.pulses[at].1.anon).sum::<u64>()).collect();
    let (from, to): (u64, u64) =
        (whole().map(|one| one.anon_before).sum(), whole().map(|one| Watched::anon(one)).sum());
    let grown = to.checked_sub(from)?;
    let given_back: u64 = sums.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).sum();
    let third = |part: usize| {
        let at = |part: usize| sums.get(part * (looks - 1) / 3).copied().unwrap_or(0);
        at(part + 1).saturating_sub(at(part))
    };
    let is_steady = (0..3).all(|part| third(part) >= grown / THIRD_PART);
    let is_growing = grown >= limits::AUDIT_GROWTH_MIN.max(from / NOISE_PART);
    if !is_growing || !is_steady || given_back > grown / GIVEN_BACK_PART {
        return None;
    }
    let is_young = service.age_ms() < limits::AUDIT_YOUNG_MS;
    let confidence = if is_young { Confidence::Low } else { window.confidence() };
    Some(finding(confidence, from, to, window.ms, 0))
}

/// Growth since earlier audits that saw the same process, of the one that has grown most.
fn since(service: &Service<'_>, window: Window) -> Option<Finding> {
    const DAY_MS: u64 = 86_400_000;
    let grown = service.members.iter().filter_map(|one| {
        let first = one.earlier.first()?;
        let points: Vec<u64> = one.earlier.iter().map(|point| point.anon_bytes).chain([one.anon()]).collect();
        // Each audit has found more than the one before.
        let is_steady = points.windows(2).all(|pair| pair[1] > pair[0]);
        let grown = one.anon().checked_sub(first.anon_bytes)?;
        let is_more = grown >= limits::AUDIT_GROWTH_SINCE_MIN.max(first.anon_bytes / NOISE_SINCE_PART);
        let over_ms = u64::try_from(window.now_ms - first.at_ms).ok()?;
        let is_trend = one.earlier.len() > 1 || over_ms >= limits::AUDIT_SINCE_MIN_MS;
        (is_steady && is_more && is_trend).then_some((grown, over_ms, *one))
    });
    let (grown, over_ms, one) = grown.max_by_key(|(grown, _, _)| *grown)?;
    let audits = one.earlier.len();
    let confidence = match audits {
        4.. if over_ms >= DAY_MS => Confidence::High,
        2.. if over_ms >= limits::AUDIT_YOUNG_MS => Confidence::Medium,
        _ => Confidence::Low,
    };
    Some(finding(confidence, one.anon() - grown, one.anon(), over_ms, audits))
}

fn finding(confidence: Confidence, from_bytes: u64, to_bytes: u64, over_ms: u64, audits: usize) -> Finding {
    const HOUR_MS: u128 = 3_600_000;
    let hourly = u128::from(to_bytes - from_bytes) * HOUR_MS / u128::from(over_ms.max(1));
    let evidence = Evidence::GrowingMemory {
        from_bytes,
        to_bytes,
        over_ms,
        hourly_bytes: u64::try_from(hourly).unwrap_or(u64::MAX),
        audits,
    };
    Finding { rule: AuditRule::GrowingMemory, confidence, saves_bytes: None, evidence }
}

#[cfg(test)]
mod tests {
    use super::super::minute;
    use super::super::testing::{MIB, Seen, first};
    use super::*;
    use crate::audit::remembered::Point;

    fn found(kib: impl Fn(u64) -> u64) -> Option<Finding> {
        let mut seen = Seen::over(60_000);
        seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100).anon_kib(kib);
        let host = seen.host();
        find(&first(&host), minute())
    }

    #[test]
    fn memory_that_only_grows_is_told_with_its_rate() {
        let finding = found(|look| look * 512).unwrap();
        assert_eq!(finding.confidence, Confidence::Medium);
        let Evidence::GrowingMemory { hourly_bytes, audits, .. } = finding.evidence else { panic!() };
        assert_eq!((hourly_bytes, audits), (600 * MIB, 0));
    }

    #[test]
    fn what_grew_once_comes_back_or_hardly_grows_is_none() {
        assert_eq!(found(|look| if look > 3 { 20_000 } else { 0 }), None, "once");
        assert_eq!(found(|look| if look < 8 { look * 2_000 } else { 16_000 }), None, "it has warmed up");
        assert_eq!(found(|look| look * 512 + if look % 4 == 0 { 4_000 } else { 0 }), None, "to and fro");
        assert_eq!(found(|look| look * 40), None, "less than a hundredth");
        assert_eq!(found(|look| 20_000 - look * 1_000), None, "it shrinks");
        assert_eq!(found(|_| 0), None);
    }

    #[test]
    fn what_has_just_started_builds_itself_up() {
        let mut seen = Seen::over(60_000);
        seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py")
            .mib(100)
            .anon_kib(|look| look * 512)
            .age_ms = 90_000;
        let host = seen.host();
        assert_eq!(find(&first(&host), minute()), None);
    }

    #[test]
    fn audits_that_find_more_each_time_add_up() {
        let found = |earlier_mib: &[u64], apart_ms: i64| {
            let mut seen = Seen::over(60_000);
            let one = seen.add(10, 1, "/usr/bin/python3", "python3 /srv/web.py").mib(100);
            let ago = |audits: usize| minute().now_ms - i64::try_from(audits).unwrap() * apart_ms;
            let point = |(at, mib): (usize, &u64)| Point {
                at_ms: ago(earlier_mib.len() - at),
                anon_bytes: mib * MIB,
            };
            one.earlier = earlier_mib.iter().enumerate().map(point).collect();
            // A younger one beside it, which nobody has seen before.
            seen.add(11, 10, "/usr/bin/python3", "python3 /srv/web.py").group(10).mib(90);
            let host = seen.host();
            find(&first(&host), minute()).map(|finding| finding.confidence)
        };
        assert_eq!(found(&[90], 3_600_000), Some(Confidence::Low), "a difference, not yet a trend");
        assert_eq!(found(&[80, 90], 3_600_000), Some(Confidence::Medium));
        assert_eq!(found(&[60, 70, 80, 90], 86_400_000), Some(Confidence::High));
        assert_eq!(found(&[80, 95, 90], 3_600_000), None, "it came back once");
        assert_eq!(found(&[90], 60_000), None, "a moment ago");
        assert_eq!(found(&[98], 3_600_000), None);
        assert_eq!(found(&[120], 3_600_000), None);
        assert_eq!(found(&[90], -3_600_000), None, "the clock was set back");
    }
}
