//! Who wants to hear of commits, by prefix.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ports::kv::Batch;

/// Prefixes that may gather before those are looked for that nobody watches any more.
const SWEEP_MIN: usize = 64;

/// The registry of watched prefixes. A prefix is forgotten once nobody listens any more: a commit finds that, or a look
/// through all of them whenever they have doubled.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    by_prefix: BTreeMap<Vec<u8>, watch::Sender<u64>>,
    /// How many prefixes there are of each length: a key is looked up once per length, not once per watcher.
    lengths: BTreeMap<usize, usize>,
    /// How many prefixes were left by the last look through all.
    swept: usize,
}

impl Watchers {
    /// Sees a new number after every commit under `prefix`.
    pub(crate) fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64> {
        let mut registry = self.lock();
        if let Some(sender) = registry.by_prefix.get(prefix) {
            return sender.subscribe();
        }
        registry.sweep();
        let (sender, receiver) = watch::channel(0);
        registry.by_prefix.insert(prefix.to_vec(), sender);
        *registry.lengths.entry(prefix.len()).or_default() += 1;
        receiver
    }

    /// Tells everybody who watches a key of these batches.
    pub(crate) fn notify<'b>(&self, batches: impl Iterator<Item = &'b Batch>) {
        let mut registry = self.lock();
        if registry.by_prefix.is_empty() {
            return;
        }
        let mut deserted = Vec::new();
        for batch in batches {
            let keys = batch.put.iter().map(|(key, _)| key).chain(&batch.delete);
            keys.for_each(|key| registry.notify_key(key, &mut deserted));
            batch.append.iter().for_each(|append| registry.notify_append(&append.prefix, &mut deserted));
        }
        deserted.iter().for_each(|prefix| registry.forget(prefix));
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn notify_key(&self, key: &[u8], deserted: &mut Vec<Vec<u8>>) {
        for length in self.lengths.range(..=key.len()).map(|(length, _)| *length) {
            if let Some(sender) = self.by_prefix.get(&key[..length]) {
                announce(&key[..length], sender, deserted);
            }
        }
    }

    /// An appended key is its prefix and a number: also who watches longer prefixes may have been meant.
    fn notify_append(&self, prefix: &[u8], deserted: &mut Vec<Vec<u8>>) {
        self.notify_key(prefix, deserted);
        let longer = self.by_prefix.range::<[u8], _>((Bound::Excluded(prefix), Bound::Unbounded));
        for (watched, sender) in longer.take_while(|(watched, _)| watched.starts_with(prefix)) {
            announce(watched, sender, deserted);
        }
    }

    /// Forgets what nobody watches, when there is twice as much as last time: that costs each new watcher next to nothing.
    fn sweep(&mut self) {
        if self.by_prefix.len() < (2 * self.swept).max(SWEEP_MIN) {
            return;
        }
        let closed = self.by_prefix.iter().filter(|(_, sender)| sender.is_closed());
        let deserted: Vec<Vec<u8>> = closed.map(|(prefix, _)| prefix.clone()).collect();
        deserted.iter().for_each(|prefix| self.forget(prefix));
        self.swept = self.by_prefix.len();
    }

    fn forget(&mut self, prefix: &[u8]) {
        if self.by_prefix.remove(prefix).is_none() {
            return;
        }
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
        }
        self.lengths.retain(|_, count| *count > 0);
    }
}

fn announce(prefix: &[u8], sender: &watch::Sender<u64>, deserted: &mut Vec<Vec<u8>>) {
    sender.send_modify(|commits| *commits = commits.wrapping_add(1));
    if sender.is_closed() {
        deserted.push(prefix.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8]) -> Batch {
        Batch { put: vec![(key.to_vec(), Vec::new())], ..Batch::default() }
    }

    #[test]
    fn a_prefix_that_nobody_watches_any_more_is_forgotten() {
        let watchers = Watchers::default();
        let receiver = watchers.watch(b"ab");
        let second = watchers.watch(b"ab");
        watchers.notify([&put(b"abc")].into_iter());
        assert_eq!((*receiver.borrow(), *second.borrow()), (1, 1));

        drop(receiver);
        watchers.notify([&put(b"abc")].into_iter());
        assert_eq!(*second.borrow(), 2);
        drop(second);
        watchers.notify([&put(b"abc")].into_iter());
        let registry = watchers.lock();
        assert!(registry.by_prefix.is_empty() && registry.lengths.is_empty());
    }

    #[test]
    fn prefixes_under_which_nothing_is_ever_written_do_not_pile_up() {
        let watchers = Watchers::default();
        let listening = watchers.watch(b"listening");
        for number in 0..10 * SWEEP_MIN {
            drop(watchers.watch(number.to_string().as_bytes()));
        }
        assert!(watchers.lock().by_prefix.len() <= SWEEP_MIN);
        watchers.notify([&put(b"listening")].into_iter());
        assert_eq!(*listening.borrow(), 1, "who listens is kept");
        let registry = watchers.lock();
        assert_eq!(registry.lengths.values().sum::<usize>(), registry.by_prefix.len());
    }
}
