//! Where croner 4 and ebb differ: by name, with a narrow test for each, and who of the two is right.
//! The yardstick is crontab(5) together with cronie's cron(8) and its source.

use std::fmt::{Display, Formatter};

use jiff::Timestamp;

use crate::random::{self, Expression};
use crate::support::{Change, Place, civil, second};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    SteppedDayStar,
    ListInGap,
    ListInFold,
    GapIntoAnotherDay,
    WideGap,
}

impl Difference {
    pub(crate) const ALL: &'static [Self] =
        &[Self::SteppedDayStar, Self::ListInGap, Self::ListInFold, Self::GapIntoAnotherDay, Self::WideGap];

    pub(crate) fn who_is_right(self) -> &'static str {
        match self {
            Self::SteppedDayStar => {
                "`*/2` in one day field makes croner take either day; ebb is right: cronie looks at the first character only, \
                 so both must match (croner is asked with `+`, and then agrees)"
            }
            Self::ListInGap => {
                "croner skips lists, ranges and steps in a gap; ebb is right: cronie holds every expression for fixed whose \
                 minute and hour do not begin with `*`, and runs it once after the gap"
            }
            Self::ListInFold => {
                "croner runs lists, ranges and steps in both halves of a fold; ebb is right: to cronie they are fixed, and \
                 run once"
            }
            Self::GapIntoAnotherDay => {
                "croner drops a run whose gap ends on a day that the expression does not have; ebb is right: cronie runs \
                 what the gap has swallowed, whatever day it is afterwards"
            }
            Self::WideGap => {
                "croner gives up on a gap that goes on for more than two hours; cronie has no rule to go by, as it takes \
                 more than three hours for a clock that was set; ebb has one rule for all gaps"
            }
        }
    }
}

/// One case of each: the difference, an expression, a zone, and an instant to ask from.
pub(crate) fn examples() -> Vec<(Difference, Expression, &'static str, &'static str)> {
    [
        (Difference::SteppedDayStar, "0 0 */2 * 5", "Europe/Berlin", "2024-03-01T00:00"),
        (Difference::ListInGap, "0,30 2 * * *", "Europe/Berlin", "2024-03-30T03:00"),
        (Difference::ListInFold, "15,45 2 * * *", "Europe/Berlin", "2024-10-27T02:45"),
        (Difference::GapIntoAnotherDay, "30 23 * * 6", "America/Nuuk", "2024-03-30T00:00"),
        (Difference::WideGap, "0 12 * * *", "Pacific/Apia", "2011-12-29T12:00"),
    ]
    .map(|(difference, text, zone, after)| (difference, random::plain(text), zone, after))
    .to_vec()
}

/// Both were asked for the first slot later than `after`, and gave different answers.
pub(crate) struct Disagreement<'a> {
    pub(crate) expression: &'a Expression,
    pub(crate) place: &'a Place,
    pub(crate) change: &'a Change,
    pub(crate) after: Timestamp,
    pub(crate) ours: Option<Timestamp>,
    pub(crate) theirs: Option<Timestamp>,
}

impl Disagreement<'_> {
    /// The difference that explains the earlier of the two answers, which the other one does not have.
    pub(crate) fn name(&self) -> Option<Difference> {
        match (self.ours, self.theirs) {
            (Some(ours), theirs) if theirs.is_none_or(|theirs| ours < theirs) => self.only_ours(ours),
            (_, Some(theirs)) => self.only_theirs(theirs),
            _ => None,
        }
    }

    /// Every slot of ours that croner does not have is the end of a gap with a wanted time in it.
    fn only_ours(&self, ours: Timestamp) -> Option<Difference> {
        let gap = self.place.changes.iter().find(|c| c.at == ours.as_second() && c.after > c.before)?;
        let wanted = (gap.from()..gap.to()).find(|clock| self.expression.matches(civil(*clock)))?;
        if self.expression.follows_running_clock() {
            None
        } else if !self.expression.is_single() {
            Some(Difference::ListInGap)
        } else if gap.to() - wanted > 7200 {
            Some(Difference::WideGap)
        } else if !self.expression.has_day(civil(gap.to())) {
            Some(Difference::GapIntoAnotherDay)
        } else {
            None
        }
    }

    /// Every slot of croner's that we do not have is a wanted time in the second half of a fold.
    fn only_theirs(&self, theirs: Timestamp) -> Option<Difference> {
        let at = theirs.as_second();
        let fold = self
            .place
            .changes
            .iter()
            .find(|c| c.after < c.before && (c.at..c.at + c.width()).contains(&at))?;
        let listed = !self.expression.follows_running_clock() && !self.expression.is_single();
        (listed && self.expression.matches(civil(at + fold.after))).then_some(Difference::ListInFold)
    }
}

impl Display for Disagreement<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let local = |at: Timestamp| at.to_zoned(self.place.zone.clone()).to_string();
        let show = |at: Option<Timestamp>| at.map_or_else(|| "none".to_owned(), local);
        write!(
            f,
            "`{}` after {}: ebb {}, croner {} (the clock is set by {} s at {})",
            self.expression.text(),
            local(self.after),
            show(self.ours),
            show(self.theirs),
            self.change.after - self.change.before,
            second(self.change.at)
        )
    }
}
