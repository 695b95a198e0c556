//! Idle connections, kept for a few seconds and never shared between tenants, connections or trusts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pattern::Target;
use super::tls::TrustId;
use super::transport::Link;
use crate::domain::id::{ConnectionUid, TenantUid};

/// Enough for the concurrency of one run.
const IDLE_PER_KEY_MAX: usize = 4;

/// Keeps the host's descriptors bounded whatever the number of connections.
const IDLE_MAX: usize = 256;

/// All that must be equal for a connection to be used again.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct PoolKey {
    pub(super) tenant: TenantUid,
    pub(super) connection: Option<ConnectionUid>,
    pub(super) target: Target,
    pub(super) trust: TrustId,
}

/// Connections that wait to be used again.
pub(super) struct Pool {
    idle_time: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: HashMap<PoolKey, Vec<Idle>>,
    count: usize,
    is_sweeping: bool,
}

struct Idle {
    link: Link,
    until: Instant,
}

impl Pool {
    /// Keeps each connection for `idle_time`.
    pub(super) fn new(idle_time: Duration) -> Arc<Self> {
        Arc::new(Self { idle_time, state: Mutex::default() })
    }

    /// Takes the connection that was used last; the older ones may just be closing.
    pub(super) fn take(&self, key: &PoolKey) -> Option<Link> {
        let mut state = self.lock();
        state.drop_expired(Instant::now());
        let idle = state.idle.get_mut(key)?.pop()?;
        state.count -= 1;
        Some(idle.link)
    }

    /// Keeps `link` for a while, unless there are enough already.
    pub(super) fn put(self: &Arc<Self>, key: PoolKey, link: Link) {
        let mut state = self.lock();
        let is_full = state.count >= IDLE_MAX;
        let idle = state.idle.entry(key).or_default();
        if is_full || idle.len() >= IDLE_PER_KEY_MAX {
            return;
        }
        idle.push(Idle { link, until: Instant::now() + self.idle_time });
        state.count += 1;
        if !state.is_sweeping {
            state.is_sweeping = true;
            tokio::spawn(sweep(Arc::downgrade(self), self.idle_time));
        }
    }

    /// How many connections wait.
    #[cfg(test)]
    pub(super) fn idle_count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_expired(&mut self, now: Instant) {
        self.idle.retain(|_, idle| {
            idle.retain(|idle| idle.until > now);
            !idle.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }
}

/// Closes what nobody used again, until nothing is left.
async fn sweep(pool: std::sync::Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.lock();
        state.drop_expired(Instant::now());
        if state.count == 0 {
            state.is_sweeping = false;
            return;
        }
    }
}
