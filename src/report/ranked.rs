//! The largest few of many, by a figure. Keeps no more than these.

/// At most so many, the largest first; of equals the one that came first.
#[derive(Debug, Clone)]
pub(super) struct Ranked<T> {
    most: usize,
    kept: Vec<(u64, T)>,
}

impl<T> Ranked<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, kept: Vec::new() }
    }

    /// Takes it in where it is large enough; it is made only then.
    pub(super) fn offer(&mut self, figure: u64, make: impl FnOnce() -> T) {
        let place = self.kept.partition_point(|(kept, _)| *kept >= figure);
        if place < self.most {
            self.kept.insert(place, (figure, make()));
            self.kept.truncate(self.most);
        }
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        self.kept.into_iter().map(|(_, item)| item).collect()
    }
}
