//! The reckoning, held against hand-made histories and against a slow and plain one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::*;
use crate::clock::Wall;
use crate::journal::HistoryLine;
use crate::learn::Trace;
use crate::limits;
use crate::words::{BaselineSource, OomCause, Outcome, SkipReason, Trigger};

const MIB: u64 = 1 << 20;
const HOUR: i64 = 3_600_000;
/// A Saturday in 2026.
const NOON: i64 = 1_769_857_200_000;

/// A run that ended well.
fn run(id: u64, job: &str, from: i64, to: i64, peak: Option<u64>) -> HistoryLine {
    let record = serde_json::json!({
        "id": id, "job": job, "trigger": "schedule", "attempt": 1, "outcome": "success", "reason": null,
        "exit_code": 0, "signal": null, "slot": null, "at": Wall(to), "queued_at": Wall(from), "started_at": Wall(from),
        "finished_at": Wall(to), "duration_ms": to - from, "peak_anon_bytes": peak, "peak_total_bytes": null,
        "cpu_ms": 5, "oom_kills": 0, "leftover": 0, "enforcement": "cgroup-v2", "uid": null, "retry_of": null,
        "detail": null,
    });
    serde_json::from_value(record).unwrap()
}

fn against(mib: u64, since: Option<i64>) -> Against {
    Against {
        resident_bytes: mib * MIB,
        peak_bytes: None,
        since: since.map(Wall),
        source: BaselineSource::Given,
        service: None,
    }
}

fn gather(since: Option<i64>, befores: &[(&str, Against)]) -> Gather {
    let against = befores.iter().map(|(job, against)| ((*job).to_owned(), against.clone())).collect();
    Gather::new(Begin { now: Wall(NOON), since: since.map(Wall), against })
}

/// The report of runs, the newest first.
fn told(since: Option<i64>, befores: &[(&str, Against)], lines: &[HistoryLine]) -> Told {
    let mut gather = gather(since, befores);
    for line in lines {
        if gather.add(line).is_break() {
            break;
        }
    }
    gather.finish(&Facts::default())
}

fn job<'a>(told: &'a Told, name: &str) -> &'a JobTold {
    told.jobs.iter().find(|job| job.job == name).unwrap()
}

#[track_caller]
fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
}

#[test]
fn what_a_daemon_would_have_held_is_set_against_what_runs_used() {
    // Three runs of half an hour, every two hours, of 100 MiB at most.
    let lines: Vec<HistoryLine> = (0..3)
        .map(|n| {
            run(
                3 - n,
                "a",
                NOON - (i64::try_from(n).unwrap() + 1) * 2 * HOUR,
                NOON - (i64::try_from(n).unwrap() + 1) * 2 * HOUR + HOUR / 2,
                Some(100 * MIB),
            )
        })
        .collect();
    let told = told(None, &[("a", against(400, None))], &lines);
    let saving = told.saving.unwrap();
    close(saving.before_mb_hours, 400.0 * 6.0);
    close(saving.used_mb_hours, 100.0 * 1.5);
    close(saving.saved_mb_hours, 2_250.0);
    close(saving.saved_percent, 93.75);
    assert_eq!((saving.before_bytes, saving.peak_bytes), (400 * MIB, 100 * MIB));
    assert_eq!((told.from, told.to), (Wall(NOON - 6 * HOUR), Wall(NOON)));
    assert_eq!((told.used.runs, told.used.by_peak, told.used.by_curve), (3, 3, 0));
}

#[test]
fn without_a_baseline_only_use_is_told() {
    let told = told(None, &[], &[run(1, "a", NOON - HOUR, NOON, Some(10 * MIB))]);
    assert_eq!(told.saving, None);
    close(told.used.mb_hours, 10.0);
    assert_eq!(job(&told, "a").saving, None);
}

#[test]
fn a_job_that_costs_more_than_its_daemon_is_told_so() {
    let told = told(None, &[("a", against(10, None))], &[run(1, "a", NOON - HOUR, NOON, Some(30 * MIB))]);
    let saving = told.saving.unwrap();
    close(saving.saved_mb_hours, -20.0);
    close(saving.saved_percent, -200.0);
}

#[test]
fn a_baseline_counts_from_the_first_run_on_and_from_what_it_says_itself() {
    let lines = [
        run(2, "a", NOON - HOUR, NOON, Some(MIB)),
        run(1, "a", NOON - 10 * HOUR, NOON - 9 * HOUR, Some(MIB)),
    ];
    let from = |since, says| {
        let told = told(since, &[("a", against(1, says))], &lines);
        let saving = job(&told, "a").saving.clone().unwrap();
        ((NOON - saving.from.0) / HOUR, (saving.used_mb_hours * 10.0).round() / 10.0)
    };
    assert_eq!(from(None, None), (10, 2.0));
    assert_eq!(from(None, Some(NOON - 100 * HOUR)), (10, 2.0), "that a daemon was measured does not end it");
    assert_eq!(from(None, Some(NOON - 5 * HOUR)), (5, 1.0), "runs from before it are not held against it");
    assert_eq!(from(Some(NOON - 4 * HOUR), Some(NOON - 100 * HOUR)), (4, 1.0), "it has run before that");
    assert_eq!(from(Some(NOON - 4 * HOUR), None), (1, 1.0));
    assert_eq!(
        from(Some(NOON - HOUR / 2), Some(0)),
        (0, 0.5),
        "a run counts for its part in the time that is asked for"
    );
}

#[test]
fn nothing_is_saved_by_a_job_that_has_not_run_nor_by_a_baseline_of_tomorrow() {
    let told = told(
        None,
        &[("a", against(100, Some(NOON - HOUR))), ("b", against(100, Some(NOON + HOUR)))],
        &[run(1, "b", NOON - HOUR, NOON, Some(MIB))],
    );
    assert_eq!((job(&told, "a").baseline_bytes, &job(&told, "a").saving), (Some(100 * MIB), &None));
    close(told.saving.unwrap().before_mb_hours, 0.0);
    close(told.saving.unwrap().used_mb_hours, 0.0);
    close(told.saving.unwrap().saved_percent, 0.0);
}

#[test]
fn an_empty_journal_is_a_report_without_runs() {
    let told = told(None, &[], &[]);
    assert_eq!((told.used.runs, told.from, told.host.peak_at), (0, Wall(NOON), None));
    assert!(told.journal_is_whole && told.jobs.is_empty());
    assert!(serde_json::to_value(&told).is_ok());
}

#[test]
fn a_curve_counts_for_what_it_shows_and_where_nobody_looked_for_the_peak() {
    let mut trace = Trace::default();
    // 63 MiB for the second of four seconds, 21 MiB after; nobody looked in the first.
    [(1_000, 63), (2_000, 21), (3_000, 21)].iter().for_each(|(at, mib)| trace.add(*at, mib * MIB));
    let mut line = run(1, "a", NOON - 4_000, NOON, Some(63 * MIB));
    line.curve = trace.written(63 * MIB).map(Box::new);
    let told = told(None, &[], std::slice::from_ref(&line));
    let wanted = (63.0 + 63.0 + 21.0 + 21.0) / 3_600.0;
    assert!((told.used.mb_hours - wanted).abs() < wanted * 0.02, "{} {wanted}", told.used.mb_hours);
    assert_eq!(told.used.by_curve, 1);
    let kept = job(&told, "a").curves.largest.as_ref().unwrap();
    assert_eq!((kept.points[0], kept.peak), (0, 63 * MIB), "what nobody saw is not drawn");
}

#[test]
fn a_run_that_lives_counts_once_and_one_whose_memory_is_unknown_for_nothing() {
    let mut gather = gather(None, &[("a", against(100, None))]);
    gather.add_alive(&Alive {
        run: 2,
        job: "a".into(),
        started_at: Wall(NOON - HOUR),
        peak_bytes: Some(50 * MIB),
    });
    // It has ended while the history was read.
    assert_eq!(gather.add(&run(2, "a", NOON - HOUR, NOON, Some(60 * MIB))), ControlFlow::Continue(()));
    let _ = gather.add(&run(1, "a", NOON - 2 * HOUR, NOON - HOUR, None));
    let told = gather.finish(&Facts { ebbd_bytes: Some(3 * MIB), ..Facts::default() });
    assert_eq!((told.used.runs, told.used.alive, told.used.unknown), (1, 1, 1));
    close(told.saving.unwrap().before_mb_hours, 200.0);
    close(told.saving.unwrap().used_mb_hours, 50.0 + 6.0);
    assert_eq!(told.host.peak_bytes, 50 * MIB);
}

#[test]
fn runs_that_touch_are_never_beside_each_other_and_those_that_overlap_are() {
    let lines = [
        run(3, "c", NOON - 90, NOON - 10, Some(7 * MIB)),
        run(2, "b", NOON - 200, NOON - 100, Some(20 * MIB)),
        run(1, "a", NOON - 300, NOON - 200, Some(10 * MIB)),
    ];
    assert_eq!(told(None, &[], &lines).host.peak_bytes, 20 * MIB);
    let mut lines = lines;
    lines[0] = run(3, "c", NOON - 150, NOON - 10, Some(7 * MIB));
    let told = told(None, &[("c", against(1, None))], &lines);
    assert_eq!(told.host.peak_bytes, 27 * MIB);
    assert_eq!(told.host.peak_at, Some(Wall(NOON - 150)));
    let names: Vec<&str> = told.host.peak_jobs.iter().map(|guest| guest.job.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
    assert_eq!(told.saving.unwrap().peak_bytes, 7 * MIB, "of those that have a baseline");
}

/// What all runs held at each millisecond, the plain way.
fn plainly(lines: &[HistoryLine], since: i64) -> BTreeMap<i64, u64> {
    let mut levels = BTreeMap::new();
    for line in lines {
        for at in line.started_at.unwrap().0.max(since)..line.finished_at.unwrap().0.min(NOON) {
            *levels.entry(at).or_default() += line.peak_anon_bytes.unwrap();
        }
    }
    levels
}

#[test]
fn the_sweep_finds_what_a_plain_count_finds() {
    let mut rng = fastrand::Rng::with_seed(5);
    for round in 0..60 {
        let mut lines: Vec<HistoryLine> = (0..rng.u64(1..40))
            .map(|id| {
                let (back, length) = (rng.i64(1..2_000), rng.i64(1..400));
                run(
                    id + 1,
                    ["a", "b", "c"][rng.usize(0..3)],
                    NOON - back - length,
                    NOON - back,
                    Some(rng.u64(1..9) * MIB),
                )
            })
            .collect();
        // As they are written down: by their ends, with little disorder.
        lines.sort_by_cached_key(|line| std::cmp::Reverse(line.ended().0 + rng.i64(0..50)));
        let since = (round % 2 == 0).then_some(NOON - 1_500);
        let levels = plainly(&lines, since.unwrap_or(i64::MIN));
        let told = told(since, &[], &lines);
        let highest = levels.values().copied().max().unwrap_or(0);
        assert_eq!(told.host.peak_bytes, highest, "round {round}");
        let Pair(slices, _) = &told.slices;
        for (number, slice) in slices.slices.iter().enumerate() {
            let begins = slices.begins(number);
            let within = levels.range(begins..begins + slices.ms).map(|(_, bytes)| *bytes).max().unwrap_or(0);
            assert_eq!(slice.bytes, within, "round {round}, slice {number}: its highest moment");
            assert_eq!(slice.jobs.iter().map(|(_, bytes)| *bytes).sum::<u64>(), within);
        }
    }
}

#[test]
fn slices_are_bounded_and_keep_the_peak_over_years() {
    let lines: Vec<HistoryLine> = (0..10_000_i64)
        .map(|n| {
            let end = NOON - n * HOUR;
            let peak = if n == 7_777 { 99 } else { 1 };
            run(
                u64::try_from(10_000 - n).unwrap(),
                &format!("job-{}", n % 50),
                end - 60_000,
                end,
                Some(peak * MIB),
            )
        })
        .collect();
    let told = told(None, &[], &lines);
    let Pair(slices, _) = &told.slices;
    assert!(
        slices.slices.len() <= limits::REPORT_SLICES_MAX
            && slices.slices.len() > limits::REPORT_SLICES_MAX / 2
    );
    assert_eq!(slices.slices.iter().map(|slice| slice.bytes).max(), Some(99 * MIB));
    assert_eq!(told.host.peak_bytes, 99 * MIB);
    assert!(
        told.largest.len() == limits::REPORT_RANKED_MAX && told.largest[0].peak_anon_bytes == Some(99 * MIB)
    );
}

#[test]
fn a_clock_that_was_set_makes_no_saving_and_no_storm() {
    // Before the clock was set it showed 1970, and once a year that is yet to come.
    let lines = [
        run(4, "a", NOON - HOUR, NOON - HOUR / 2, Some(10 * MIB)),
        run(3, "a", NOON + 9_000 * HOUR, NOON + 9_001 * HOUR, Some(10 * MIB)),
        run(2, "a", NOON - 2 * HOUR, NOON - 3 * HOUR / 2, Some(10 * MIB)),
        run(1, "a", 5_000, 5_000 + HOUR, Some(10 * MIB)),
    ];
    let report = told(None, &[("a", against(100, None))], &lines);
    let saving = report.saving.unwrap();
    close(saving.before_mb_hours, 200.0);
    close(saving.used_mb_hours, 30.0);
    assert_eq!(report.from, Wall(NOON - 2 * HOUR));
    assert_eq!((report.out_of_order, report.host.peak_bytes), (1, 10 * MIB));
    // Set back during a run: it took so long as the clock says that nobody sets.
    let mut back = run(1, "a", NOON - HOUR, NOON - HOUR / 2, Some(10 * MIB));
    back.started_at = Some(Wall(NOON));
    let report = told(None, &[], &[back]);
    close(report.used.mb_hours, 5.0);
}

#[test]
fn a_journal_that_was_cut_is_told_so() {
    let line = run(17, "a", NOON - HOUR, NOON, Some(MIB));
    let cut = told(None, &[], std::slice::from_ref(&line));
    assert!(!cut.journal_is_whole && cut.journal_from == Some(Wall(NOON - HOUR)));
    let older = run(16, "a", NOON - 9 * HOUR, NOON - 8 * HOUR, Some(MIB));
    let asked = |since: i64| told(Some(NOON - since * HOUR), &[], &[line.clone(), older.clone()]);
    assert!(asked(5).journal_is_whole, "it tells of something before what is asked for");
    assert_eq!(asked(5).used.runs, 1);
    assert_eq!(asked(5).from, Wall(NOON - 5 * HOUR));
    assert!(!asked(99).journal_is_whole);
    assert_eq!(asked(99).from, Wall(NOON - 9 * HOUR), "nothing is said of what nobody knows");
}

#[test]
fn waits_skips_and_kills_are_counted_by_job_and_in_all() {
    let mut waited = run(5, "a", NOON - 9_000, NOON - 8_000, Some(MIB));
    waited.queued_at = Some(Wall(NOON - 12_000));
    let mut retry = run(4, "a", NOON - 19_000, NOON - 18_000, Some(MIB));
    (retry.trigger, retry.queued_at) = (Trigger::Retry, Some(Wall(NOON - 60_000)));
    let mut killed = run(3, "b", NOON - 29_000, NOON - 28_000, Some(5 * MIB));
    (killed.outcome, killed.oom_kills, killed.oom_cause) = (Outcome::OomKill, Some(1), Some(OomCause::Limit));
    killed.detail = Some("killed".into());
    let mut skipped = run(0, "b", 0, NOON - 38_000, None);
    skipped = HistoryLine {
        id: None,
        started_at: None,
        queued_at: None,
        finished_at: None,
        duration_ms: None,
        ..skipped
    };
    (skipped.outcome, skipped.reason) = (Outcome::Skipped, Some(SkipReason::Running));
    let mut failed = run(2, "b", NOON - 49_000, NOON - 48_000, None);
    (failed.outcome, failed.started_at, failed.duration_ms) = (Outcome::StartFailed, None, None);
    let told = told(None, &[], &[waited, retry, killed, skipped, failed]);
    assert_eq!(told.waits, Waits { runs: 1, total_ms: 3_000, longest_ms: 3_000 });
    assert_eq!(told.oom_kills, OomKills { runs: 1, limit: 1, ..OomKills::default() });
    assert_eq!(told.skips, BTreeMap::from([("running", 1)]));
    assert_eq!(told.outcomes, BTreeMap::from([("success", 2), ("oom-kill", 1), ("start-failed", 1)]));
    assert_eq!((job(&told, "a").waits.runs, job(&told, "b").waits.runs), (1, 0));
    assert_eq!(told.used.runs, 4);
    assert_eq!(told.largest[0].detail.as_deref(), Some("killed"));
}

#[test]
fn what_is_kept_does_not_grow_with_the_number_of_runs() {
    let mut gather = gather(None, &[]);
    let curve = |peak: u64| {
        let mut trace = Trace::default();
        (0..250).for_each(|n| trace.add(n * 20, peak * n / 250));
        trace.written(peak).map(Box::new)
    };
    let (small, large) = (curve(10 * MIB), curve(20 * MIB));
    for n in 0..5_000_i64 {
        let end = NOON - n * 7_000;
        let mut line = run(u64::try_from(5_000 - n).unwrap(), "a", end - 5_000, end, Some(10 * MIB));
        line.curve = small.clone();
        if n == 4_000 {
            (line.curve, line.peak_anon_bytes) = (large.clone(), Some(20 * MIB));
        }
        let _ = gather.add(&line);
        assert!(gather.sweep_is_ahead() <= 2 * limits::REPORT_PIECES_MAX * 600, "what an hour has");
    }
    let told = gather.finish(&Facts::default());
    assert_eq!(told.used.runs, 5_000);
    let curves = &job(&told, "a").curves;
    assert_eq!(
        (curves.newest.len(), curves.largest.as_ref().unwrap().run),
        (limits::REPORT_CURVES_MAX, 1_000)
    );
}
