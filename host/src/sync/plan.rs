//! The planner: a pure function from what is wanted, what is there and what is remembered to what is to be done.
//!
//! Every key is decided by itself: an intent that a crash left is settled first, then one row of the decision table holds.
//! A key that is neither wanted nor ours is not even looked at.

mod decide;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use keyferry_contract::SyncReads;

use self::decide::{Case, Decider, Decision};
use self::seen::Listing;
use crate::domain::KeyedHash;
use crate::domain::destination::{Attributes, ObservedEntry};
use crate::domain::id::{Digest, SyncUid};
use crate::domain::sync::{
    Action, Deletion, DesiredItem, LedgerEntry, OnConflict, OnDrift, Plan, PlanBasis, PlanCounts, PlanHash, PlanItem,
    Reason,
};

/// Makes keyed hashes over length-prefixed parts, so that the planner needs no keys.
pub trait KeyedHasher: Send + Sync {
    /// The hash of these parts under the present key.
    fn hash(&self, parts: &[&[u8]]) -> KeyedHash;

    /// Whether `expected` is the hash of these parts under the key that it names.
    ///
    /// # Errors
    /// [`HashKeyGone`] when that key is no longer at hand.
    fn matches(&self, parts: &[&[u8]], expected: &KeyedHash) -> Result<bool, HashKeyGone>;
}

/// The key of a stored hash is no longer at hand, so nothing can be said of what was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of a stored ownership hash is not available")]
pub struct HashKeyGone;

/// Everything a plan rests on.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    pub sync: SyncUid,
    /// Names the connection's settings and credential: another one makes another plan.
    pub config_revision: &'a str,
    pub plugin_digest: Digest,
    /// Where its keys stand, and what else an approval is bound to.
    pub basis: &'a PlanBasis,
    pub generation: u64,
    pub desired: &'a [DesiredItem],
    /// Keys that are wanted but may not be written; they are left as they are.
    pub held: &'a BTreeSet<String>,
    pub observed: &'a Observed,
    /// By absolute name.
    pub ledger: &'a BTreeMap<String, LedgerEntry>,
    pub policy: PlanPolicy,
}

/// All pages of what is there.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub entries: Vec<ObservedEntry>,
    /// Whether a key that is not among them is proved absent.
    pub complete: bool,
}

/// What the owner of the sync and the plugin let a plan do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanPolicy {
    pub on_conflict: OnConflict,
    pub on_drift: OnDrift,
    pub deletion: Deletion,
    /// Whether no run has succeeded yet.
    pub is_first_run: bool,
    pub reads: SyncReads,
    /// Whether the plugin can delete.
    pub deletes: bool,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Two wanted items have one key; mapping should have refused them.
    #[error("the key `{key}` is wanted twice")]
    WantedTwice { key: String },
    /// The plugin listed one key twice.
    #[error("the plugin listed the key `{key}` twice")]
    ListedTwice { key: String },
    /// What was last written cannot be told.
    #[error(transparent)]
    HashKeyGone(#[from] HashKeyGone),
}

/// Plans. The same input in any order gives the same plan.
///
/// # Errors
/// [`PlanError`]: then nothing is known to be safe, and nothing may be written.
pub fn plan(input: &PlanInput<'_>, hasher: &dyn KeyedHasher) -> Result<Plan, PlanError> {
    let listing = Listing::new(input.observed)?;
    let decider = Decider { input, hasher };
    let mut draft = Draft::default();
    for (absolute, key) in keys(input)? {
        let entry = input.ledger.get(&absolute);
        let Some(relative) = key.relative else {
            draft.release_outside(&absolute, entry);
            continue;
        };
        let case =
            Case { absolute: &absolute, desired: key.desired, held: key.held, entry, remote: listing.remote(relative) };
        let decision = decider.decide(&case)?;
        let item = decider.item(&case, relative, &decision)?;
        draft.add(&absolute, entry, decision, item);
    }
    Ok(draft.finish(input, hasher))
}

/// One key of the union of what is wanted and what is remembered.
#[derive(Default)]
struct Key<'a> {
    /// `None`: it does not stand under the destination's prefix.
    relative: Option<&'a str>,
    desired: Option<&'a DesiredItem>,
    held: bool,
}

fn keys<'a>(input: &PlanInput<'a>) -> Result<BTreeMap<String, Key<'a>>, PlanError> {
    let mut keys: BTreeMap<String, Key<'a>> = BTreeMap::new();
    for absolute in input.ledger.keys() {
        let relative = absolute.strip_prefix(&input.basis.identity.prefix);
        keys.insert(absolute.clone(), Key { relative, ..Key::default() });
    }
    for item in input.desired {
        let key = keys.entry(input.basis.identity.absolute(&item.key)).or_default();
        key.relative = Some(&item.key);
        if key.desired.replace(item).is_some() {
            return Err(PlanError::WantedTwice { key: item.key.clone() });
        }
    }
    for held in input.held {
        let key = keys.entry(input.basis.identity.absolute(held)).or_default();
        key.relative = Some(held);
        key.held = true;
    }
    Ok(keys)
}

/// A planned item with what it contributes to the hash of the plan.
struct Draftee {
    item: PlanItem,
    seen: Vec<u8>,
}

#[derive(Default)]
struct Draft {
    counts: PlanCounts,
    items: Vec<Draftee>,
    owned: u64,
    ledger: BTreeMap<String, LedgerEntry>,
}

impl Draft {
    fn release_outside(&mut self, absolute: &str, entry: Option<&LedgerEntry>) {
        if entry.is_some_and(|entry| entry.owned.is_some()) {
            self.owned += 1;
        }
        self.ledger.insert(absolute.to_owned(), LedgerEntry::default());
        self.counts.add(Action::Release, false);
        let item = PlanItem {
            key: absolute.to_owned(),
            absolute: absolute.to_owned(),
            action: Action::Release,
            reason: Reason::OutsideDestination,
            drift: false,
            fingerprint: PlanHash::from_bytes(&[0; 32]),
            write: None,
        };
        self.items.push(Draftee { item, seen: Vec::new() });
    }

    fn add(&mut self, absolute: &str, before: Option<&LedgerEntry>, decision: Decision, item: Option<Draftee>) {
        self.owned += u64::from(decision.was_owned);
        let after = LedgerEntry { owned: decision.owned, intent: None };
        if before.map_or(!after.is_empty(), |before| *before != after) {
            self.ledger.insert(absolute.to_owned(), after);
        }
        let Some(action) = decision.action else { return };
        self.counts.add(action, decision.drift);
        self.items.extend(item);
    }

    fn finish(self, input: &PlanInput<'_>, hasher: &dyn KeyedHasher) -> Plan {
        let hash = plan_hash(input, &self.items, hasher);
        Plan {
            hash,
            basis: Some(input.basis.clone()),
            counts: self.counts,
            items: self.items.into_iter().map(|draftee| draftee.item).collect(),
            owned: self.owned,
            desired: (input.desired.len() + input.held.len()) as u64,
            ledger: self.ledger,
        }
    }
}

/// Over the sync, its settings, the plugin, the place, the store's descent and the changing items: no time, no generation, no unchanged row.
fn plan_hash(input: &PlanInput<'_>, items: &[Draftee], hasher: &dyn KeyedHasher) -> PlanHash {
    let restore_epoch = input.basis.restore_epoch.to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![
        b"plan",
        input.sync.as_bytes(),
        input.config_revision.as_bytes(),
        input.plugin_digest.as_bytes(),
        input.basis.identity.namespace.as_bytes(),
        input.basis.identity.prefix.as_bytes(),
        &restore_epoch,
    ];
    for Draftee { item, seen } in items.iter().filter(|draftee| draftee.item.action.is_change()) {
        parts.extend([
            item.absolute.as_bytes(),
            action_word(item.action),
            item.fingerprint.as_str().as_bytes(),
            seen.as_slice(),
        ]);
    }
    PlanHash::from_bytes(&hasher.hash(&parts).hash)
}

/// A stable word for hashing.
const fn action_word(action: Action) -> &'static [u8] {
    match action {
        Action::Create => b"create",
        Action::Update => b"update",
        Action::Delete => b"delete",
        Action::Adopt => b"adopt",
        Action::Import => b"import",
        Action::Conflict => b"conflict",
        Action::Drift => b"drift",
        Action::Release => b"release",
        Action::Forget => b"forget",
        Action::Keep => b"keep",
        Action::Skip => b"skip",
        Action::Unchanged => b"unchanged",
    }
}

/// The ownership hash of a value at a key: over the sync, the absolute name, the value and its attributes.
pub fn value_hash(
    hasher: &dyn KeyedHasher,
    sync: SyncUid,
    absolute: &str,
    value: &str,
    attributes: &Attributes,
) -> KeyedHash {
    hasher.hash(&value_parts(&sync, absolute, value, attributes))
}

fn value_parts<'a>(sync: &'a SyncUid, absolute: &'a str, value: &'a str, attributes: &'a Attributes) -> Vec<&'a [u8]> {
    let mut parts: Vec<&[u8]> = vec![sync.as_bytes(), absolute.as_bytes(), value.as_bytes()];
    for (name, attribute) in attributes {
        parts.extend([name.as_bytes(), attribute.as_bytes()]);
    }
    parts
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
