//! Token buckets, one per caller: how much of the host one address or one principal may take.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::{Code, Error, Result, Timestamp};

/// How many callers are remembered; those with a full bucket are forgotten first, and for free.
const CALLERS_MAX: usize = 100_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second in the long run; at least one.
    pub per_second: u32,
    /// Requests at once after a pause; at least one.
    pub burst: u32,
}

/// One bucket per `K`.
///
/// Each is a single number (the generic cell rate algorithm): the time at which the bucket would be full again.
pub(crate) struct RateLimiter<K> {
    rate: Rate,
    full_at_us: Mutex<HashMap<K, i64>>,
}

impl<K: Eq + Hash> RateLimiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, full_at_us: Mutex::new(HashMap::new()) }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub(crate) fn take(&self, caller: K, now: Timestamp) -> Result<()> {
        let now_us = now.unix_ms().saturating_mul(1000);
        let token_us = 1_000_000 / i64::from(self.rate.per_second.max(1));
        let capacity_us = token_us * i64::from(self.rate.burst.max(1));
        let mut buckets = self.full_at_us.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS_MAX {
            buckets.retain(|_, full_at_us| *full_at_us > now_us);
        }
        let full_at_us = buckets.entry(caller).or_insert(now_us);
        let taken_us = (*full_at_us).max(now_us) + token_us;
        let missing_us = taken_us - now_us - capacity_us;
        if missing_us > 0 {
            let wait = Duration::from_micros(missing_us.unsigned_abs());
            return Err(Error::new(Code::RateLimited, Code::RateLimited.title()).with_retry_after(wait));
        }
        *full_at_us = taken_us;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_000_000 + ms)
    }

    #[test]
    fn a_bucket_holds_its_burst_and_fills_at_its_rate() {
        let limiter = RateLimiter::new(Rate { per_second: 10, burst: 3 });
        for _ in 0..3 {
            assert!(limiter.take("a", at(0)).is_ok());
        }
        let refused = limiter.take("a", at(0)).expect_err("the bucket is empty");
        assert_eq!((refused.code(), refused.retry_after()), (Code::RateLimited, Some(Duration::from_millis(100))));
        assert!(limiter.take("a", at(99)).is_err());
        assert!(limiter.take("a", at(100)).is_ok());
        assert!(limiter.take("a", at(100)).is_err());
    }

    #[test]
    fn callers_have_buckets_of_their_own() {
        let limiter = RateLimiter::new(Rate { per_second: 1, burst: 1 });
        assert!(limiter.take("a", at(0)).is_ok());
        assert!(limiter.take("b", at(0)).is_ok());
        assert!(limiter.take("a", at(0)).is_err());
    }

    #[test]
    fn a_refused_request_takes_nothing() {
        let limiter = RateLimiter::new(Rate { per_second: 1, burst: 1 });
        assert!(limiter.take("a", at(0)).is_ok());
        for _ in 0..100 {
            assert!(limiter.take("a", at(500)).is_err());
        }
        assert!(limiter.take("a", at(1000)).is_ok());
    }
}
