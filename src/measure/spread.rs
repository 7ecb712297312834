//! Several values of one figure: the one in the middle, and how far the others are from it.

use serde::{Deserialize, Serialize};

/// The median of some values, the least and the greatest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// As many values are below it as above; between two, the middle of them, rounded down.
    pub median: u64,
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    /// Of these values; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        let (min, max) = (*values.first()?, *values.last()?);
        let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { median: below.midpoint(above), min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle_whatever_the_order() {
        let of = |values: &[u64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(Spread { median: 7, min: 7, max: 7 }));
        assert_eq!(of(&[900, 1, 5]), Some(Spread { median: 5, min: 1, max: 900 }));
        assert_eq!(of(&[4, 1, 100, 2]), Some(Spread { median: 3, min: 1, max: 100 }));
        assert_eq!(of(&[u64::MAX, u64::MAX]).map(|spread| spread.median), Some(u64::MAX));
    }
}
