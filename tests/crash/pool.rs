//! Runs many cases at once, and says of each that fails how to run it alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::scenario::World;

/// One test of this binary at a time: each fills the machine by itself.
pub(crate) static ALONE: Mutex<()> = Mutex::new(());

/// The point that is to run alone, where one is.
pub(crate) fn wanted() -> Option<String> {
    std::env::var("EBB_CRASH_POINT").ok()
}

/// How many times as many random points are wanted.
pub(crate) fn factor() -> usize {
    std::env::var("EBB_CRASH_FACTOR").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Runs every case, named by its `Display`, and panics at the end if one has failed. A case that returns false did not
/// come to what it is for, and does not count. Returns how many counted.
pub(crate) fn run_all<T: std::fmt::Display + Sync>(
    what: &str,
    cases: &[T],
    case: impl Fn(&T) -> bool + Sync,
) -> usize {
    let begun = Instant::now();
    let (next, counted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed = Mutex::new(Vec::new());
    let cases: Vec<&T> =
        cases.iter().filter(|c| wanted().is_none_or(|wanted| c.to_string() == wanted)).collect();
    let workers = 4 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(one) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match catch_unwind(AssertUnwindSafe(|| case(one))) {
                        Ok(counts) => drop(counted.fetch_add(usize::from(counts), Ordering::Relaxed)),
                        Err(_) => failed.lock().unwrap().push(one.to_string()),
                    }
                }
            });
        }
    });
    let (counted, failed) = (counted.into_inner(), failed.into_inner().unwrap());
    count(&format!("{counted} {what}, {} violations ({} s)", failed.len(), begun.elapsed().as_secs()));
    let alone: Vec<String> = failed.iter().map(|point| format!("EBB_CRASH_POINT='{point}'")).collect();
    assert!(failed.is_empty(), "the reasons are above; one alone: {}", alone.join(", "));
    counted
}

/// Does something with a world, and where it fails says at which point; all that is known, where it runs alone.
pub(crate) fn explained(world: &mut World, point: &str, act: impl FnOnce(&mut World)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(world))) {
        eprintln!("--- {point}\n--- accepted {:?}, stopped {:?}", world.accepted, world.stopped);
        if wanted().is_some() {
            let records: Vec<String> = world.journal().iter().map(ToString::to_string).collect();
            eprintln!("{}\n--- did {:?}\n{}", records.join("\n"), world.did(), world.ebbd.log());
        }
        std::panic::resume_unwind(panic);
    }
}

/// Says what was counted: on standard error, and in the file that EBB_COUNTS_FILE names, since cargo shows nothing of a test
/// that passes.
pub(crate) fn count(line: &str) {
    use std::io::Write;
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("EBB_COUNTS_FILE") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
