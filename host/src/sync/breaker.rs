//! Leaves a vendor alone that does not answer: after several failures in a row nothing is begun on a connection for a while;
//! then one run tries for all.
//!
//! There is one breaker per connection, because a connection's settings name its hosts: what is down for one of its syncs is
//! down for all. It lives in memory, so that after a restart the first failures tell anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::backoff::RETRY_AFTER_MAX;
use crate::domain::id::{ConnectionUid, SyncUid, TenantUid};
use crate::domain::sync::{FailureClass, RunFailure};
use crate::domain::{Code, Timestamp};

/// Failures in a row that open a breaker.
pub const FAILURES_MAX: u32 = 5;
/// The first rest; each failed try after it doubles it.
const REST: Duration = Duration::from_secs(30);
const REST_MAX: Duration = Duration::from_secs(15 * 60);
/// Others look again so soon while one tries.
const TRY: Duration = Duration::from_secs(5);
/// What is remembered of failures that did not go on.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// Whose connection.
type Account = (TenantUid, ConnectionUid);

/// The breakers of all connections.
#[derive(Default)]
pub struct Breakers {
    circuits: Mutex<HashMap<Account, Circuit>>,
}

/// What is known of a connection that failed.
#[derive(Clone, Copy, Debug)]
struct Circuit {
    /// In a row.
    failures: u32,
    failed_at: Timestamp,
    /// Nothing begins before; there is always one after [`FAILURES_MAX`].
    rests_until: Option<Timestamp>,
    /// Tries for all.
    trying: Option<SyncUid>,
}

impl Breakers {
    /// Lets a run begin: always while the breaker is closed, else only one, when the rest is over or when it `is_asked` for by
    /// somebody.
    ///
    /// # Errors
    /// When to ask again; it lies in the future.
    pub fn admit(&self, of: Account, sync: SyncUid, is_asked: bool, now: Timestamp) -> Result<(), Timestamp> {
        let mut circuits = self.lock();
        let Some(circuit) = circuits.get_mut(&of) else { return Ok(()) };
        let Some(until) = circuit.rests_until else { return Ok(()) };
        if circuit.trying.is_some_and(|other| other != sync) {
            return Err(until.max(now.after(TRY)));
        }
        if until > now && !is_asked {
            return Err(until);
        }
        circuit.trying = Some(sync);
        Ok(())
    }

    /// Until when a connection is left alone; `None` where it is not. A point in the past: somebody tries now.
    #[must_use]
    pub fn rests_until(&self, of: Account) -> Option<Timestamp> {
        self.lock().get(&of).and_then(|circuit| circuit.rests_until)
    }

    /// A run failed because the vendor did not do its part; gives the end of the rest where that opens the breaker.
    pub fn failed(
        &self,
        of: Account,
        sync: SyncUid,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut circuits = self.lock();
        let circuit =
            circuits.entry(of).or_insert(Circuit { failures: 0, failed_at: now, rests_until: None, trying: None });
        if circuit.rests_until.is_some() && circuit.trying != Some(sync) {
            // It began before the breaker opened, and tells nothing new.
            return None;
        }
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.failed_at = now;
        circuit.trying = None;
        if circuit.failures >= FAILURES_MAX {
            circuit.rests_until = Some(now.after(rest(circuit.failures, retry_after)));
        }
        circuit.rests_until
    }

    /// The vendor answered: the breaker closes. Tells whether it was open.
    pub fn reached(&self, of: Account) -> bool {
        self.lock().remove(&of).is_some_and(|circuit| circuit.rests_until.is_some())
    }

    /// A run is over, whatever came of it: it tries no longer.
    pub fn ended(&self, of: Account, sync: SyncUid) {
        if let Some(circuit) = self.lock().get_mut(&of).filter(|circuit| circuit.trying == Some(sync)) {
            circuit.trying = None;
        }
    }

    /// How many connections rest.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().values().filter(|circuit| circuit.rests_until.is_some()).count()
    }

    /// Forgets what nobody came back to, so that memory grows with what fails now and not with what ever failed.
    pub fn forget_idle(&self, now: Timestamp) {
        self.lock().retain(|_, circuit| {
            let since = circuit.rests_until.map_or(circuit.failed_at, |until| until.max(circuit.failed_at));
            now.since(since) < MEMORY || circuit.trying.is_some()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Account, Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rest(failures: u32, retry_after: Option<Duration>) -> Duration {
    let doublings = failures.saturating_sub(FAILURES_MAX).min(16);
    let rest = REST.saturating_mul(1 << doublings).min(REST_MAX);
    rest.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// Whether a failure says that the vendor does not do its part: not the host, not the plugin, not what was asked for.
#[must_use]
pub fn is_the_vendors(failure: &RunFailure) -> bool {
    let is_passing = matches!(failure.class, FailureClass::Retry | FailureClass::UnknownOutcome);
    is_passing && failure.code == Code::PluginUnavailable.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Account = (TenantUid::from_bytes([1; 16]), ConnectionUid::from_bytes([2; 16]));
    const ONE: SyncUid = SyncUid::from_bytes([3; 16]);
    const OTHER: SyncUid = SyncUid::from_bytes([4; 16]);

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_000_000 + s * 1_000)
    }

    /// A breaker that opened at 0 s, and rests until 30 s.
    fn opened() -> Breakers {
        let breakers = Breakers::default();
        for _ in 1..FAILURES_MAX {
            assert_eq!(breakers.failed(OF, ONE, None, at(0)), None);
            assert_eq!(breakers.admit(OF, OTHER, false, at(0)), Ok(()), "closed so far");
        }
        assert_eq!(breakers.failed(OF, ONE, None, at(0)), Some(at(30)));
        breakers
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let breakers = Breakers::default();
        for _ in 0..3 {
            for _ in 1..FAILURES_MAX {
                breakers.failed(OF, ONE, None, at(0));
            }
            assert!(!breakers.reached(OF), "it was never open");
        }
        assert_eq!(breakers.admit(OF, ONE, false, at(0)), Ok(()));
        let breakers = opened();
        for sync in [ONE, OTHER] {
            assert_eq!(breakers.admit(OF, sync, false, at(29)), Err(at(30)));
        }
        assert_eq!((breakers.rests_until(OF), breakers.open()), (Some(at(30)), 1));
        let elsewhere = (OF.0, ConnectionUid::from_bytes([9; 16]));
        assert_eq!(breakers.admit(elsewhere, ONE, false, at(0)), Ok(()), "other connections are not concerned");
    }

    #[test]
    fn one_tries_for_all_and_its_success_closes_it() {
        let breakers = opened();
        assert_eq!(breakers.admit(OF, OTHER, false, at(30)), Ok(()));
        assert_eq!(breakers.admit(OF, ONE, false, at(30)), Err(at(35)), "one is enough");
        assert_eq!(breakers.admit(OF, ONE, true, at(30)), Err(at(35)), "even for who asks");
        assert!(breakers.reached(OF));
        assert_eq!(breakers.admit(OF, ONE, false, at(30)), Ok(()));
        assert_eq!(breakers.rests_until(OF), None);
    }

    #[test]
    fn a_failed_try_doubles_the_rest_up_to_its_bound() {
        let breakers = opened();
        let (mut now, mut rests) = (30, Vec::new());
        for _ in 0..7 {
            assert_eq!(breakers.admit(OF, ONE, false, at(now)), Ok(()));
            let until = breakers.failed(OF, ONE, None, at(now)).expect("it stays open");
            rests.push(until.since(at(now)).as_secs());
            now += i64::try_from(until.since(at(now)).as_secs()).expect("a short while");
        }
        assert_eq!(rests, [60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn the_vendors_wish_lengthens_the_rest_up_to_an_hour() {
        for (wish_s, rest_s) in [(5, 30), (600, 600), (86_400, 3_600)] {
            assert_eq!(rest(FAILURES_MAX, Some(Duration::from_secs(wish_s))), Duration::from_secs(rest_s));
        }
    }

    #[test]
    fn who_asks_need_not_wait_for_the_end_of_the_rest() {
        let breakers = opened();
        assert_eq!(breakers.admit(OF, ONE, false, at(1)), Err(at(30)));
        assert_eq!(breakers.admit(OF, ONE, true, at(1)), Ok(()));
        assert_eq!(breakers.failed(OF, ONE, None, at(1)), Some(at(61)));
    }

    #[test]
    fn who_began_before_it_opened_tells_nothing_new() {
        let breakers = opened();
        assert_eq!(breakers.failed(OF, OTHER, None, at(10)), None);
        assert_eq!(breakers.rests_until(OF), Some(at(30)));
    }

    #[test]
    fn a_try_that_ends_without_an_answer_lets_another_one_try() {
        let breakers = opened();
        assert_eq!(breakers.admit(OF, ONE, false, at(30)), Ok(()));
        breakers.ended(OF, OTHER);
        assert!(breakers.admit(OF, OTHER, false, at(31)).is_err());
        breakers.ended(OF, ONE);
        assert_eq!(breakers.admit(OF, OTHER, false, at(31)), Ok(()));
    }

    #[test]
    fn what_nobody_came_back_to_is_forgotten() {
        let breakers = opened();
        breakers.forget_idle(at(30 + 3_599));
        assert_eq!(breakers.open(), 1);
        breakers.forget_idle(at(30 + 3_600));
        assert_eq!(breakers.open(), 0);
    }

    #[test]
    fn only_the_vendors_failures_count() {
        let failure = |class, code: Code| RunFailure {
            class,
            code: code.text().to_owned(),
            message: String::new(),
            vendor_status: None,
            vendor_request_id: None,
            retry_after_ms: None,
        };
        for (class, code, expect) in [
            (FailureClass::Retry, Code::PluginUnavailable, true),
            (FailureClass::UnknownOutcome, Code::PluginUnavailable, true),
            (FailureClass::Retry, Code::Busy, false),
            (FailureClass::Retry, Code::Contention, false),
            (FailureClass::Plugin, Code::PluginTrapped, false),
            (FailureClass::Authentication, Code::CredentialsRejected, false),
            (FailureClass::Configuration, Code::PluginUnavailable, false),
        ] {
            assert_eq!(is_the_vendors(&failure(class, code)), expect, "{class:?} {code}");
        }
    }
}
