//! The memory of all jobs together over the coming hours, by the minute: a sum of what each takes while it runs. PURE.
//! Knows no clock and no schedule: spans of time go in.

use std::ops::Range;

const MINUTE_MS: u64 = 60_000;

/// What is to be expected, from minute 0 on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forecast {
    minutes: Vec<u64>,
    loads: Vec<Load>,
}

/// What one job takes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Load {
    bytes: u64,
    /// The minutes in which it runs, in order, none of them twice.
    spans: Vec<Range<usize>>,
}

impl Forecast {
    /// Nothing, over so many minutes.
    #[must_use]
    pub fn new(minutes: usize) -> Self {
        Self { minutes: vec![0; minutes], loads: Vec::new() }
    }

    /// Adds a job that takes so much during these milliseconds, each span for a minute at least. Where its spans meet it
    /// counts once: it does not run beside itself. Gives its number.
    pub fn add(&mut self, bytes: u64, spans_ms: impl IntoIterator<Item = Range<u64>>) -> usize {
        let spans = self.covered(spans_ms);
        count(&mut self.minutes, &spans, |sum| sum.saturating_add(bytes));
        self.loads.push(Load { bytes, spans });
        self.loads.len() - 1
    }

    /// The sum of each minute, in bytes.
    #[must_use]
    pub fn minutes(&self) -> &[u64] {
        &self.minutes
    }

    /// The first of the highest minutes, and its bytes; none where nothing runs.
    #[must_use]
    pub fn peak(&self) -> Option<(usize, u64)> {
        let highest = self.minutes.iter().copied().max().filter(|bytes| *bytes > 0)?;
        Some((self.minutes.iter().position(|bytes| *bytes == highest)?, highest))
    }

    /// The minutes with more than that, as spans.
    #[must_use]
    pub fn above(&self, bytes: u64) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for minute in (0..self.minutes.len()).filter(|minute| self.minutes[*minute] > bytes) {
            match spans.last_mut() {
                Some(span) if span.end == minute => span.end += 1,
                Some(_) | None => spans.push(minute..minute + 1),
            }
        }
        spans
    }

    /// The highest minute of a span.
    #[must_use]
    pub fn highest_of(&self, span: &Range<usize>) -> Option<usize> {
        span.clone().max_by_key(|minute| (self.minutes.get(*minute), std::cmp::Reverse(*minute)))
    }

    /// Who runs in a minute, by number, and with how many bytes; the largest first.
    #[must_use]
    pub fn at(&self, minute: usize) -> Vec<(usize, u64)> {
        let runs = |load: &Load| load.spans.iter().any(|span| span.contains(&minute));
        let loads = self.loads.iter().enumerate().filter(|(_, load)| load.bytes > 0 && runs(load));
        let mut found: Vec<_> = loads.map(|(number, load)| (number, load.bytes)).collect();
        found.sort_by_key(|(number, bytes)| (std::cmp::Reverse(*bytes), *number));
        found
    }

    /// What it came to if this job ran at other times: the highest minute of all, and the highest in which the job runs.
    #[must_use]
    pub fn if_moved(&self, number: usize, spans_ms: impl IntoIterator<Item = Range<u64>>) -> (u64, u64) {
        let (minutes, spans) = self.elsewhere(number, spans_ms);
        let highest = |minutes: &mut dyn Iterator<Item = u64>| minutes.max().unwrap_or(0);
        let during = highest(&mut spans.iter().flat_map(|span| &minutes[span.clone()]).copied());
        (highest(&mut minutes.iter().copied()), during)
    }

    /// Has a job run at other times.
    pub fn move_to(&mut self, number: usize, spans_ms: impl IntoIterator<Item = Range<u64>>) {
        let (minutes, spans) = self.elsewhere(number, spans_ms);
        self.minutes = minutes;
        if let Some(load) = self.loads.get_mut(number) {
            load.spans = spans;
        }
    }

    /// The sums and the job's own minutes, with the job at other times.
    fn elsewhere(
        &self,
        number: usize,
        spans_ms: impl IntoIterator<Item = Range<u64>>,
    ) -> (Vec<u64>, Vec<Range<usize>>) {
        let (mut minutes, spans) = (self.minutes.clone(), self.covered(spans_ms));
        if let Some(load) = self.loads.get(number) {
            count(&mut minutes, &load.spans, |sum| sum.saturating_sub(load.bytes));
            count(&mut minutes, &spans, |sum| sum.saturating_add(load.bytes));
        }
        (minutes, spans)
    }

    /// The minutes that spans touch, in order, none of them twice.
    fn covered(&self, spans_ms: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<usize>> {
        let minute = |ms: u64| usize::try_from(ms).unwrap_or(usize::MAX).min(self.minutes.len());
        let mut spans: Vec<_> = spans_ms
            .into_iter()
            .map(|span| {
                let from = span.start / MINUTE_MS;
                minute(from)..minute(span.end.div_ceil(MINUTE_MS).max(from + 1))
            })
            .filter(|span| !span.is_empty())
            .collect();
        spans.sort_by_key(|span| span.start);
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                Some(_) | None => joined.push(span),
            }
        }
        joined
    }
}

fn count(minutes: &mut [u64], spans: &[Range<usize>], change: impl Fn(u64) -> u64) {
    for span in spans {
        minutes[span.clone()].iter_mut().for_each(|sum| *sum = change(*sum));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(spans: &[(u64, u64)]) -> Vec<Range<u64>> {
        spans.iter().map(|(from, to)| from * MINUTE_MS..to * MINUTE_MS).collect()
    }

    #[test]
    fn each_minute_is_the_sum_of_who_runs_in_it() {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..30 {
            let mut forecast = Forecast::new(120);
            let jobs: Vec<(u64, Vec<Range<u64>>)> = (0..20)
                .map(|_| {
                    let spans = (0..rng.usize(0..6)).map(|_| {
                        let from = rng.u64(0..8_000_000);
                        from..from + rng.u64(0..2_000_000)
                    });
                    let spans = spans.collect();
                    (rng.u64(1..1 << 34), spans)
                })
                .collect();
            for (bytes, spans) in &jobs {
                forecast.add(*bytes, spans.iter().cloned());
            }
            for minute in 0..120_u64 {
                let touches = |span: &Range<u64>| {
                    let (from, to) = (span.start / MINUTE_MS, span.end.div_ceil(MINUTE_MS));
                    from <= minute && minute < to.max(from + 1)
                };
                let there = jobs.iter().filter(|(_, spans)| spans.iter().any(touches));
                let sum: u64 = there.map(|(bytes, _)| bytes).sum();
                let minute = usize::try_from(minute).unwrap();
                assert_eq!(forecast.minutes()[minute], sum);
                assert_eq!(forecast.at(minute).iter().map(|(_, bytes)| bytes).sum::<u64>(), sum);
            }
        }
    }

    #[test]
    fn a_job_that_moves_takes_its_bytes_along() {
        let mut forecast = Forecast::new(60);
        forecast.add(100, minutes(&[(0, 10), (30, 40)]));
        let second = forecast.add(50, minutes(&[(5, 8)]));
        assert_eq!(forecast.peak(), Some((5, 150)));
        assert_eq!(forecast.if_moved(second, minutes(&[(20, 25)])), (100, 50));
        assert_eq!(forecast.if_moved(second, minutes(&[(35, 45)])), (150, 150));
        let (before, sum) = (forecast.clone(), |forecast: &Forecast| forecast.minutes().iter().sum::<u64>());
        forecast.move_to(second, minutes(&[(20, 25)]));
        assert_eq!((forecast.peak(), sum(&forecast)), (Some((0, 100)), sum(&before) + 100));
        forecast.move_to(second, minutes(&[(5, 8)]));
        assert_eq!(forecast, before);
        forecast.move_to(7, minutes(&[(1, 2)]));
        assert_eq!(forecast, before);
    }

    #[test]
    fn what_is_above_is_told_in_spans_with_who_meets_there() {
        let mut forecast = Forecast::new(60);
        forecast.add(100, minutes(&[(0, 30)]));
        forecast.add(50, minutes(&[(5, 8), (20, 21)]));
        forecast.add(60, minutes(&[(6, 7)]));
        assert_eq!(forecast.above(120), [5..8, 20..21]);
        assert_eq!(forecast.above(100), [5..8, 20..21]);
        assert_eq!(forecast.above(1_000), []);
        assert_eq!(forecast.highest_of(&(5..8)), Some(6));
        assert_eq!(forecast.at(6), [(0, 100), (2, 60), (1, 50)]);
        assert_eq!(Forecast::new(5).peak(), None);
    }

    #[test]
    fn a_run_of_a_moment_takes_its_minute_and_none_runs_beside_itself() {
        let mut forecast = Forecast::new(3);
        forecast.add(7, [0..5, 10..61_000, 179_999..u64::MAX, u64::MAX..u64::MAX]);
        assert_eq!(forecast.minutes(), [7, 7, 7]);
        let mut forecast = Forecast::new(2);
        forecast.add(u64::MAX, minutes(&[(0, 1)]));
        forecast.add(u64::MAX, minutes(&[(0, 2)]));
        assert_eq!(forecast.minutes(), [u64::MAX, u64::MAX]);
    }
}
