//! Sizes, durations and shares of a CPU as people write them, and back again, without loss.
//! Shared by job files, the daemon's messages and the client; knows nothing of any of them.

mod bytes;
mod millis;
mod number;
mod percent;
mod quota;

pub use bytes::Bytes;
pub(crate) use bytes::too_small;
pub use millis::Millis;
pub use percent::Percent;
pub use quota::Quota;

#[cfg(test)]
mod tests {
    use super::{Bytes, Millis, Percent, Quota};
    use crate::limits::{CPU_QUOTA_MAX_MILLI, CPU_QUOTA_MIN_MILLI, DURATION_MAX_MS, SIZE_MAX};

    #[test]
    fn what_is_displayed_reads_back_as_the_same() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let shift = random.u32(0..50);
            let size = Bytes((random.u64(..) >> 14) >> shift << random.u32(0..=shift.min(40)));
            let size = Bytes(size.0.min(SIZE_MAX));
            assert_eq!(size.to_string().parse(), Ok(size), "{size}");
            let time = Millis(random.u64(0..=DURATION_MAX_MS) >> random.u32(0..40));
            assert_eq!(time.to_string().parse(), Ok(time), "{time}");
            let quota = Quota(random.u32(CPU_QUOTA_MIN_MILLI..=CPU_QUOTA_MAX_MILLI));
            assert_eq!(quota.to_string().parse(), Ok(quota), "{quota}");
            let percent = Percent(random.u16(1..=1000));
            assert_eq!(percent.to_string().parse(), Ok(percent), "{percent}");
        }
    }

    #[test]
    fn no_text_makes_them_panic() {
        let mut random = fastrand::Rng::with_seed(11);
        let alphabet: Vec<char> = "0123456789..%% KMGTiBmshdwy-é日\0".chars().collect();
        for _ in 0..50_000 {
            let text: String = (0..random.usize(0..24)).map(|_| *random.choice(&alphabet).unwrap()).collect();
            let problems = [
                text.parse::<Bytes>().err(),
                text.parse::<Millis>().err(),
                text.parse::<Quota>().err(),
                text.parse::<Percent>().err(),
            ];
            for problem in problems {
                assert!(problem.is_none_or(|p| text.get(p.span).is_some()), "{text}");
            }
        }
    }
}
