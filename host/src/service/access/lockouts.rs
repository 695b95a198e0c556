//! Identities for which wrong client secrets were presented.
//!
//! Kept in memory: a record of each would let whoever knows a client id make the host write, and all that a restart forgives
//! is a few guesses at a secret of 256 bits. Only identities that exist are counted, so the map is no larger than they are many.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::id::IdentityUid;
use crate::domain::login::Lockout;

/// So many entries, and those that are over are dropped.
const ENTRIES_KEPT: usize = 10_000;

/// Who is locked, and how often secrets were wrong.
#[derive(Default)]
pub(super) struct Lockouts(Mutex<HashMap<IdentityUid, Failures>>);

/// Wrong secrets of one identity.
#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    /// When the count begins anew, or the lock ends.
    over_at: Timestamp,
    is_locked: bool,
}

impl Lockouts {
    /// Whether an identity's secrets are refused, right ones too.
    pub(super) fn is_locked(&self, identity: IdentityUid, now: Timestamp) -> bool {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(&identity).is_some_and(|found| found.is_locked && now < found.over_at)
    }

    /// Counts a wrong secret; whether it is the one that locks.
    pub(super) fn count(&self, identity: IdentityUid, rule: Lockout, now: Timestamp) -> bool {
        if !rule.is_enabled {
            return false;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ENTRIES_KEPT {
            all.retain(|_, failures| now < failures.over_at);
        }
        let before = all.get(&identity).filter(|failures| now < failures.over_at).map_or(0, |failures| failures.count);
        let count = before.saturating_add(1);
        let is_locked = count >= rule.threshold;
        let wait_s = if is_locked { rule.duration_s } else { rule.reset_s };
        let over_at = now.after(Duration::from_secs(wait_s.into()));
        all.insert(identity, Failures { count, over_at, is_locked });
        is_locked
    }

    /// Forgets an identity's wrong secrets; whether it was locked.
    pub(super) fn clear(&self, identity: IdentityUid, now: Timestamp) -> bool {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&identity);
        found.is_some_and(|failures| failures.is_locked && now < failures.over_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Lockout = Lockout { is_enabled: true, threshold: 3, duration_s: 300, reset_s: 30 };

    fn at(s: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_000).after(Duration::from_secs(s))
    }

    #[test]
    fn the_third_wrong_secret_locks_for_the_time_of_the_rule() {
        let (lockouts, one, other) = (Lockouts::default(), IdentityUid::generate(), IdentityUid::generate());
        assert!(!lockouts.count(one, RULE, at(0)) && !lockouts.count(one, RULE, at(10)));
        assert!(!lockouts.is_locked(one, at(20)));
        assert!(lockouts.count(one, RULE, at(20)));
        assert!(lockouts.is_locked(one, at(319)) && !lockouts.is_locked(one, at(320)));
        assert!(!lockouts.is_locked(other, at(20)));
        assert!(!lockouts.count(one, RULE, at(320)), "the count begins anew after the lock");
    }

    #[test]
    fn the_count_begins_anew_after_a_pause_and_after_a_success() {
        let (lockouts, one) = (Lockouts::default(), IdentityUid::generate());
        for s in [0, 29, 59, 89] {
            assert!(!lockouts.count(one, RULE, at(s * 2)), "{s}");
        }
        lockouts.clear(one, at(178));
        assert!(!lockouts.count(one, RULE, at(179)) && !lockouts.count(one, RULE, at(180)));
        assert!(lockouts.count(one, RULE, at(181)));
        assert!(lockouts.clear(one, at(182)) && !lockouts.is_locked(one, at(182)));
        assert!(!lockouts.clear(one, at(182)));
    }

    #[test]
    fn a_rule_that_is_off_locks_nobody() {
        let (lockouts, one) = (Lockouts::default(), IdentityUid::generate());
        let off = Lockout { is_enabled: false, ..RULE };
        for s in 0..100 {
            assert!(!lockouts.count(one, off, at(s)));
        }
        assert!(!lockouts.is_locked(one, at(100)));
    }
}
