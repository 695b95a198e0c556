//! Opened tenant keys, kept for a while: a request then pays for a comparison instead of five openings.
//!
//! An entry is good only for the very bytes it was opened from. They were authenticated then, so nothing that is given
//! for the same tenant later - another bundle, an older one, one of another format - can borrow its keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::tenant::TenantKeys;
use crate::domain::id::TenantUid;

/// How many tenants' keys are in memory at most: some 2 MB.
const TENANTS_MAX: usize = 1024;
/// How long the keys of a tenant stay in memory after they were opened.
const LIFETIME: Duration = Duration::from_secs(600);

/// The cache. What it gives up is wiped when the last user of it is done.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<TenantUid, Entry>>);

struct Entry {
    wrapped: Vec<u8>,
    keys: Arc<TenantKeys>,
    opened_at: Instant,
}

impl Cache {
    /// The keys that were opened from exactly these bytes for this tenant, not too long ago.
    pub(crate) fn get(&self, tenant: TenantUid, wrapped: &[u8], now: Instant) -> Option<Arc<TenantKeys>> {
        let entries = self.lock();
        let entry = entries.get(&tenant)?;
        let is_good = entry.wrapped == wrapped && now.saturating_duration_since(entry.opened_at) < LIFETIME;
        is_good.then(|| Arc::clone(&entry.keys))
    }

    /// Keeps keys, in place of what was kept for the tenant, of all that is too old, and at worst of the oldest.
    pub(crate) fn keep(&self, tenant: TenantUid, wrapped: &[u8], keys: &Arc<TenantKeys>, now: Instant) {
        let mut entries = self.lock();
        entries.retain(|_, entry| now.saturating_duration_since(entry.opened_at) < LIFETIME);
        if entries.len() >= TENANTS_MAX && !entries.contains_key(&tenant) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.opened_at).map(|(tenant, _)| *tenant);
            oldest.and_then(|tenant| entries.remove(&tenant));
        }
        entries.insert(tenant, Entry { wrapped: wrapped.to_vec(), keys: Arc::clone(keys), opened_at: now });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantUid, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tenant::tests::tenant_keys;

    fn tenant(number: usize) -> TenantUid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TenantUid::from_bytes(bytes)
    }

    #[test]
    fn keys_are_found_only_by_their_tenant_and_the_bytes_they_came_from() {
        let (cache, keys, now) = (Cache::default(), Arc::new(tenant_keys(1)), Instant::now());
        cache.keep(tenant(1), b"bundle", &keys, now);
        assert!(cache.get(tenant(1), b"bundle", now).is_some());
        assert!(cache.get(tenant(1), b"bundlf", now).is_none());
        assert!(cache.get(tenant(1), b"bundle ", now).is_none());
        assert!(cache.get(tenant(2), b"bundle", now).is_none());
    }

    #[test]
    fn keys_grow_old_and_are_let_go() {
        let (cache, keys, now) = (Cache::default(), Arc::new(tenant_keys(1)), Instant::now());
        cache.keep(tenant(1), b"bundle", &keys, now);
        let last = now + LIFETIME - Duration::from_millis(1);
        assert!(cache.get(tenant(1), b"bundle", last).is_some());
        assert!(cache.get(tenant(1), b"bundle", now + LIFETIME).is_none());
        cache.keep(tenant(2), b"other", &keys, now + LIFETIME);
        assert_eq!(cache.lock().len(), 1);
        assert_eq!(Arc::strong_count(&keys), 2, "the old entry holds them no more");
    }

    #[test]
    fn a_full_cache_gives_up_the_oldest() {
        let (cache, keys, start) = (Cache::default(), Arc::new(tenant_keys(1)), Instant::now());
        let at = |number: usize| start + Duration::from_millis(number as u64);
        (0..=TENANTS_MAX).for_each(|number| cache.keep(tenant(number), b"bundle", &keys, at(number)));
        assert_eq!(cache.lock().len(), TENANTS_MAX);
        assert!(cache.get(tenant(0), b"bundle", at(TENANTS_MAX)).is_none());
        assert!(cache.get(tenant(1), b"bundle", at(TENANTS_MAX)).is_some());
    }
}
