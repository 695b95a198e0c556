//! Roles that were assumed, kept in memory until shortly before their end.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::AwsKeys;
use super::assume_role::read_answer;
use crate::domain::Timestamp;
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::egress::canary::Canaries;
use crate::ports::egress::{EgressFailure, InboundResponse};

/// Before the end, so that a request which is under way or a clock that is off does not meet an expired token.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// A role's temporary keys.
pub(in crate::egress) struct AssumedRole {
    pub(in crate::egress) keys: AwsKeys,
    /// The keys, as they must not appear in an answer.
    pub(in crate::egress) canaries: Canaries,
    pub(super) expires: Timestamp,
}

/// What assumed keys belong to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::egress) struct RoleKey {
    pub(super) tenant: TenantUid,
    pub(super) connection: Option<ConnectionUid>,
    /// A digest of everything that the exchange rests on.
    pub(super) inputs: [u8; 32],
}

/// One place per role; whoever holds its lock is the one who exchanges.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<AssumedRole>>>>;

/// The roles that are known.
#[derive(Default)]
pub(in crate::egress) struct AssumedRoles {
    slots: Mutex<HashMap<RoleKey, Slot>>,
}

impl AssumedRoles {
    /// The role's keys: those at hand, or what STS answers to `exchange`. One exchange is under way per role.
    pub(in crate::egress) async fn get<F>(
        &self,
        key: RoleKey,
        now: Timestamp,
        exchange: impl FnOnce() -> F,
    ) -> Result<Arc<AssumedRole>, EgressFailure>
    where
        F: Future<Output = Result<InboundResponse, EgressFailure>>,
    {
        let slot = self.slot(key, now);
        let mut role = slot.lock().await;
        if let Some(role) = role.as_ref().filter(|role| role.is_fresh(now)) {
            return Ok(Arc::clone(role));
        }
        let assumed = Arc::new(read_answer(&exchange().await?)?);
        *role = Some(Arc::clone(&assumed));
        Ok(assumed)
    }

    fn slot(&self, key: RoleKey, now: Timestamp) -> Slot {
        // Every change is complete before anything could panic.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(&key) {
            slots.retain(|_, slot| is_needed(slot, now));
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

/// Whether a role is being assumed just now, or its keys can still be used.
fn is_needed(slot: &Slot, now: Timestamp) -> bool {
    Arc::strong_count(slot) > 1
        || slot.try_lock().map_or(true, |role| role.as_ref().is_some_and(|role| role.is_fresh(now)))
}

impl AssumedRole {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires > now.after(RENEWED_BEFORE)
    }
}
