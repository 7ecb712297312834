//! croner's jiff backend, with a mistake of jiff's mended on the way.
//! Must not know ebb.

use std::cmp::Ordering;

use croner::errors::CronError;
use croner::{CivilDateTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// croner's first slot later than `after`; none also where it gives up.
pub(crate) fn next(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let start = Mended(after.to_zoned(zone.clone()));
    cron.find_next_occurrence(&start, false).ok().map(|at| at.0.timestamp())
}

/// Near the last change in a zone's table, jiff takes some times for
/// such as come twice though they do not (23:00 on 2023-10-28 in America/Nuuk), and gives an instant with another time.
#[derive(Clone)]
struct Mended(Zoned);

impl CronDateTime for Mended {
    fn to_civil(&self) -> CivilDateTime {
        self.0.to_civil()
    }

    fn civil_weekday(&self) -> Weekday {
        self.0.civil_weekday()
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        Ok(match self.0.resolve_civil(civil)? {
            Resolution::Single(at) => Resolution::Single(Self(at)),
            Resolution::Ambiguous(earlier, later) if earlier.to_civil() != civil => {
                Resolution::Single(Self(later))
            }
            Resolution::Ambiguous(earlier, later) => Resolution::Ambiguous(Self(earlier), Self(later)),
            Resolution::Gap => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add_seconds(seconds).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp_instant(&other.0)
    }
}
