//! Leaves a sync out for a while that could not be begun, or whose run could not be ended: it is due all the while, and would
//! be tried again at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::id::SyncUid;

/// The first rest; each further failure in a row doubles it.
const REST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);

/// The syncs that rest. They live in memory: what they wait for is the store, or the end of a lease.
#[derive(Default)]
pub struct Rests {
    resting: Mutex<HashMap<SyncUid, Rest>>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    /// In a row.
    failures: u32,
    until: Timestamp,
}

impl Rests {
    /// Leaves a sync out for a while.
    pub fn failed(&self, sync: SyncUid, now: Timestamp) {
        let mut resting = self.lock();
        let rest = resting.entry(sync).or_insert(Rest { failures: 0, until: now });
        rest.until = now.after(REST.saturating_mul(1 << rest.failures.min(16)).min(REST_MAX));
        rest.failures = rest.failures.saturating_add(1);
    }

    /// Forgets what failed before.
    pub fn went_on(&self, sync: SyncUid) {
        self.lock().remove(&sync);
    }

    /// Until when a sync is left out; `None` where it is not. A point in the past: it may be tried.
    #[must_use]
    pub fn until(&self, sync: SyncUid) -> Option<Timestamp> {
        self.lock().get(&sync).map(|rest| rest.until)
    }

    /// Forgets what nobody came back to.
    pub fn forget_idle(&self, now: Timestamp) {
        self.lock().retain(|_, rest| now.since(rest.until) < REST_MAX);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SyncUid, Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(s * 1_000)
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_rest_up_to_its_bound() {
        let (rests, sync) = (Rests::default(), SyncUid::from_bytes([1; 16]));
        for rest_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            rests.failed(sync, at(0));
            assert_eq!(rests.until(sync), Some(at(rest_s)));
        }
        assert_eq!(rests.until(SyncUid::from_bytes([2; 16])), None, "others go on");
        rests.went_on(sync);
        assert_eq!(rests.until(sync), None);
    }

    #[test]
    fn what_nobody_came_back_to_is_forgotten() {
        let (rests, sync) = (Rests::default(), SyncUid::from_bytes([1; 16]));
        rests.failed(sync, at(0));
        rests.forget_idle(at(60));
        assert_eq!(rests.until(sync), Some(at(1)));
        rests.forget_idle(at(61));
        assert_eq!(rests.until(sync), None);
    }
}
