//! How much processes stand still for want of memory, as the kernel measures it (Documentation/accounting/psi.rst).
//! Knows nothing of who is to blame.

use std::path::Path;

/// The share of the last ten seconds in which some process stood still for memory, in hundredths of a percent. `None`: the
/// kernel does not measure it (CONFIG_PSI, `psi=1`).
#[must_use]
pub fn stalled() -> Option<u32> {
    stalled_below(Path::new("/"))
}

/// The same with another root directory, for tests.
fn stalled_below(root: &Path) -> Option<u32> {
    parse(&std::fs::read_to_string(root.join(FILE)).ok()?)
}

/// Below the root directory.
const FILE: &str = "proc/pressure/memory";

fn parse(text: &str) -> Option<u32> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent = some.split_ascii_whitespace().find_map(|field| field.strip_prefix("avg10="))?;
    let (whole, hundredths) = percent.split_once('.')?;
    if hundredths.len() != 2 {
        return None;
    }
    let (whole, hundredths): (u32, u32) = (whole.parse().ok()?, hundredths.parse().ok()?);
    whole.checked_mul(100)?.checked_add(hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_read_to_the_hundredth() {
        let text = "some avg10=12.05 avg60=3.00 avg300=0.10 total=16526\n\
                    full avg10=7.00 avg60=0.00 avg300=0.00 total=890\n";
        assert_eq!(parse(text), Some(1205));
        assert_eq!(parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), Some(0));
        assert_eq!(parse("some avg10=100.00 avg60=0.00\n"), Some(10_000));
    }

    #[test]
    fn what_is_odd_or_missing_is_unknown() {
        for text in [
            "",
            "some",
            "some avg60=1.00",
            "some avg10=",
            "some avg10=1",
            "some avg10=1.5",
            "some avg10=-1.00",
            "some avg10=99999999999.00",
            "some avg10=42949673.00",
            "full avg10=1.00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(stalled_below(tempfile::tempdir().unwrap().path()), None);
    }
}
