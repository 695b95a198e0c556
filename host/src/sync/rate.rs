//! How fast one connection is used: a token bucket from the plugin's hint, lowered when the vendor asks for it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::id::{ConnectionUid, TenantUid};

/// Assumed when a vendor throttles a connection whose plugin gives no hint.
const FIRST_RATE_PER_S: f64 = 5.0;
/// A vendor that cannot take even this is left to the backoff of the run.
const RATE_MIN_PER_S: f64 = 0.5;
/// What is left of the rate after the vendor throttled.
const LOWERED: f64 = 0.5;
/// What becomes of the rate after a while without throttling.
const RAISED: f64 = 1.25;
const QUIET: Duration = Duration::from_secs(5);
/// Throttled answers that come so close together are to requests that were under way together: one wish, not several.
const ONE_WISH: Duration = Duration::from_secs(1);

/// The buckets of all connections.
#[derive(Default)]
pub struct Rates {
    buckets: Mutex<HashMap<(TenantUid, ConnectionUid), TokenBucket>>,
}

impl Rates {
    /// Takes so many requests' worth of tokens.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn take(
        &self,
        of: (TenantUid, ConnectionUid),
        hint_per_s: Option<f64>,
        requests: u32,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bucket = buckets.entry(of).or_insert_with(|| TokenBucket::new(hint_per_s, now));
        bucket.hint_per_s = hint_per_s;
        bucket.take(requests, now)
    }

    /// Pays for requests that were sent beyond what was taken.
    pub fn charge(&self, of: (TenantUid, ConnectionUid), requests: u32) {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&of).filter(|bucket| bucket.rate_per_s().is_some()) {
            bucket.tokens -= f64::from(requests);
        }
    }

    /// Notes that the vendor throttled, and for how long it wants to be left alone.
    pub fn throttled(&self, of: (TenantUid, ConnectionUid), retry_after: Option<Duration>, now: Timestamp) {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        buckets.entry(of).or_insert_with(|| TokenBucket::new(None, now)).throttled(retry_after, now);
    }

    /// Forgets connections that are at rest, unthrottled and owe nothing, so that memory grows with work and not with what is
    /// stored.
    pub fn forget_idle(&self, now: Timestamp) {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        buckets.retain(|_, bucket| {
            bucket.lowered_per_s.is_some() || !bucket.is_full(now) || now.since(bucket.updated) < QUIET
        });
    }
}

/// One connection's bucket. It holds one second's worth of tokens, at least one.
#[derive(Clone, Copy, Debug)]
struct TokenBucket {
    hint_per_s: Option<f64>,
    /// Below the hint, after the vendor throttled.
    lowered_per_s: Option<f64>,
    tokens: f64,
    updated: Timestamp,
    /// When the rate was last changed.
    adjusted: Timestamp,
    closed_until: Timestamp,
}

impl TokenBucket {
    fn new(hint_per_s: Option<f64>, now: Timestamp) -> Self {
        let hint_per_s = hint_per_s.filter(|rate| rate.is_finite() && *rate > 0.0);
        let tokens = hint_per_s.map_or(1.0, |rate| rate.max(1.0));
        Self { hint_per_s, lowered_per_s: None, tokens, updated: now, adjusted: now, closed_until: now }
    }

    fn rate_per_s(&self) -> Option<f64> {
        self.lowered_per_s.or(self.sound_hint_per_s())
    }

    fn sound_hint_per_s(&self) -> Option<f64> {
        self.hint_per_s.filter(|rate| rate.is_finite() && *rate > 0.0)
    }

    /// The tokens as they will be at this time, and as many as there can be.
    fn filled(&self, rate: f64, now: Timestamp) -> (f64, f64) {
        let capacity = rate.max(1.0);
        (now.since(self.updated).as_secs_f64().mul_add(rate, self.tokens).min(capacity), capacity)
    }

    /// Whether a new bucket would hold no more.
    fn is_full(&self, now: Timestamp) -> bool {
        self.rate_per_s().is_none_or(|rate| {
            let (tokens, capacity) = self.filled(rate, now);
            tokens + 1e-9 >= capacity
        })
    }

    fn take(&mut self, requests: u32, now: Timestamp) -> Result<(), Duration> {
        if now < self.closed_until {
            return Err(self.closed_until.since(now));
        }
        self.recover(now);
        let rate = self.rate_per_s();
        let filled = rate.map(|rate| (rate, self.filled(rate, now)));
        self.updated = self.updated.max(now);
        let Some((rate, (tokens, capacity))) = filled else { return Ok(()) };
        self.tokens = tokens;
        // A batch may be larger than the bucket: it waits for a full one and leaves a debt.
        let needed = f64::from(requests).min(capacity);
        if self.tokens + 1e-9 >= needed {
            self.tokens -= f64::from(requests);
            return Ok(());
        }
        Err(Duration::from_secs_f64((needed - self.tokens) / rate).max(Duration::from_millis(1)))
    }

    fn throttled(&mut self, retry_after: Option<Duration>, now: Timestamp) {
        if self.lowered_per_s.is_none() || now.since(self.adjusted) >= ONE_WISH {
            let rate = self.rate_per_s().map_or(FIRST_RATE_PER_S, |rate| rate * LOWERED);
            // A hint below the floor stays what it is: nobody asked for more.
            let floor = self.sound_hint_per_s().map_or(RATE_MIN_PER_S, |hint| hint.min(RATE_MIN_PER_S));
            self.lowered_per_s = Some(rate.max(floor));
            self.adjusted = now;
        }
        self.tokens = self.tokens.min(0.0);
        self.closed_until = self.closed_until.max(now.after(retry_after.unwrap_or_default()));
    }

    /// A quarter more for each quiet while, until the hint is reached again.
    fn recover(&mut self, now: Timestamp) {
        while let Some(lowered) = self.lowered_per_s.filter(|_| now.since(self.adjusted) >= QUIET) {
            let raised = lowered * RAISED;
            let ceiling = self.hint_per_s.unwrap_or(FIRST_RATE_PER_S * 10.0);
            self.lowered_per_s = (raised < ceiling).then_some(raised);
            self.adjusted = self.adjusted.after(QUIET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_000_000 + ms)
    }

    fn taken(bucket: &mut TokenBucket, now: Timestamp) -> u32 {
        (0..1_000).take_while(|_| bucket.take(1, now).is_ok()).count().try_into().expect("at most a thousand")
    }

    #[test]
    fn a_bucket_gives_its_rate_and_no_more() {
        let mut bucket = TokenBucket::new(Some(10.0), at(0));
        assert_eq!(taken(&mut bucket, at(0)), 10);
        assert_eq!(bucket.take(1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(taken(&mut bucket, at(500)), 5);
        assert_eq!(taken(&mut bucket, at(60_000)), 10, "unused tokens do not pile up");
    }

    #[test]
    fn without_a_hint_nothing_waits_until_the_vendor_throttles() {
        let mut bucket = TokenBucket::new(None, at(0));
        assert_eq!(taken(&mut bucket, at(0)), 1_000);
        bucket.throttled(None, at(0));
        assert!(bucket.take(1, at(0)).is_err());
        assert_eq!(taken(&mut bucket, at(1_000)), 5);
    }

    #[test]
    fn throttling_halves_the_rate_and_quiet_raises_it_again() {
        let mut bucket = TokenBucket::new(Some(8.0), at(0));
        bucket.throttled(None, at(0));
        bucket.throttled(None, at(1_000));
        assert_eq!(bucket.rate_per_s(), Some(2.0));
        bucket.recover(at(6_000));
        assert_eq!(bucket.rate_per_s(), Some(2.5));
        bucket.recover(at(3_600_000));
        assert_eq!(bucket.rate_per_s(), Some(8.0));
    }

    #[test]
    fn answers_that_come_together_lower_the_rate_once() {
        let mut bucket = TokenBucket::new(Some(40.0), at(0));
        for ms in [0, 3, 7, 999] {
            bucket.throttled(Some(Duration::from_secs(2)), at(ms));
        }
        assert_eq!(bucket.rate_per_s(), Some(20.0));
        assert!(bucket.take(1, at(2_998)).is_err(), "the last of them says until when");
        assert!(bucket.take(1, at(3_100)).is_ok());
    }

    #[test]
    fn the_vendors_wish_closes_the_bucket() {
        let mut bucket = TokenBucket::new(Some(100.0), at(0));
        bucket.throttled(Some(Duration::from_secs(3)), at(0));
        assert_eq!(bucket.take(1, at(1_000)), Err(Duration::from_secs(2)));
        assert!(bucket.take(1, at(3_000)).is_ok());
    }

    #[test]
    fn a_batch_larger_than_the_bucket_passes_and_is_paid_for_afterwards() {
        let mut bucket = TokenBucket::new(Some(1.0), at(0));
        assert!(bucket.take(10, at(0)).is_ok());
        assert_eq!(bucket.take(1, at(0)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn connections_do_not_share_and_idle_ones_are_forgotten() {
        let rates = Rates::default();
        let tenant = TenantUid::from_bytes([1; 16]);
        let [one, two] = [1u8, 2].map(|byte| (tenant, ConnectionUid::from_bytes([byte; 16])));
        assert!(rates.take(one, Some(1.0), 1, at(0)).is_ok());
        assert!(rates.take(one, Some(1.0), 1, at(0)).is_err());
        assert!(rates.take(two, Some(1.0), 1, at(0)).is_ok());
        rates.throttled(two, None, at(0));
        rates.forget_idle(at(120_000));
        assert_eq!(rates.buckets.lock().expect("no panic").len(), 1, "what the vendor asked for is kept");
    }

    #[test]
    fn a_vendor_that_throttles_is_never_asked_faster_than_before() {
        for (hint, floor) in [(0.1, 0.1), (0.5, 0.5), (0.8, 0.5), (4.0, 0.5)] {
            let mut bucket = TokenBucket::new(Some(hint), at(0));
            for second in 0..10 {
                bucket.throttled(None, at(second * 1_000));
                assert!(bucket.rate_per_s().is_some_and(|rate| rate <= hint), "{bucket:?}");
            }
            assert_eq!(bucket.rate_per_s(), Some(floor));
        }
    }

    #[test]
    fn a_debt_is_not_forgotten_with_its_bucket() {
        let rates = Rates::default();
        let of = (TenantUid::from_bytes([1; 16]), ConnectionUid::from_bytes([1; 16]));
        assert!(rates.take(of, Some(1.0), 1, at(0)).is_ok());
        rates.charge(of, 100);
        rates.forget_idle(at(60_000));
        assert_eq!(rates.take(of, Some(1.0), 1, at(60_000)), Err(Duration::from_secs(41)));
        rates.forget_idle(at(102_000));
        assert!(rates.buckets.lock().expect("no panic").is_empty(), "it is paid");
    }

    #[test]
    fn a_senseless_hint_is_none() {
        for hint in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(TokenBucket::new(Some(hint), at(0)).rate_per_s(), None);
        }
    }
}
