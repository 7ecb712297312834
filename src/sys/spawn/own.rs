//! What a child would inherit of ebbd's own standing and must not: where ebbd is better off than others, its runs are not.
//! Knows nothing of how it is set.

use std::fs::read_to_string;
use std::sync::OnceLock;

/// What a child has to be set to where its job says nothing; `None` where what it inherits is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// proc_pid_oom_score_adj(5): a unit's `OOMScoreAdjust=` is for ebbd alone.
    pub(super) oom_score_adj: Option<i32>,
    /// A unit's `Nice=`, likewise.
    pub(super) nice: Option<i32>,
}

/// Looked up once: nothing but an operator changes them later on. Only what is below 0 is given up; to raise what is above
/// would need a privilege, and a user's own ebbd stands at 100 or 200 as all of the user's services do.
pub(super) fn share() -> Share {
    static SHARE: OnceLock<Share> = OnceLock::new();
    *SHARE.get_or_init(|| {
        let adjustment = read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
        let stat = read_to_string("/proc/self/stat").unwrap_or_default();
        Share { oom_score_adj: to_zero(adjustment.trim()), nice: to_zero(nice_in(&stat)) }
    })
}

fn to_zero(text: &str) -> Option<i32> {
    text.parse::<i32>().ok().filter(|value| *value < 0).map(|_| 0)
}

/// Field 19 of proc_pid_stat(5); the second is the only one that may have blanks, and ends with the last `)`.
fn nice_in(stat: &str) -> &str {
    stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(16)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_better_than_others_have_is_given_up() {
        assert_eq!((to_zero("-500"), to_zero("-1")), (Some(0), Some(0)));
        assert_eq!((to_zero("0"), to_zero("200"), to_zero("")), (None, None, None));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 99 0 0 0 1 2 0 0 20 -5 1 0 33 0 0";
        assert_eq!(nice_in(stat), "-5");
        let own = read_to_string("/proc/self/stat").unwrap();
        let nice: i32 = nice_in(&own).parse().unwrap();
        assert!((-20..20).contains(&nice), "{own}");
    }
}
