//! The decision table, one key at a time.

use keyferry_contract::SyncReads;

use super::seen::Remote;
use super::{Draftee, HashKeyGone, KeyedHasher, PlanInput, value_hash, value_parts};
use crate::domain::KeyedHash;
use crate::domain::destination::{Attributes, ObservedEntry, Precondition};
use crate::domain::sync::{
    Action, Deletion, DesiredItem, Intent, IntentOperation, LedgerEntry, OnConflict, OnDrift, Owned, PlanHash,
    PlanItem, PlannedWrite, Reason,
};

/// One key with everything known of it.
pub(super) struct Case<'a> {
    pub(super) absolute: &'a str,
    pub(super) desired: Option<&'a DesiredItem>,
    pub(super) held: bool,
    pub(super) entry: Option<&'a LedgerEntry>,
    pub(super) remote: Remote<'a>,
}

/// What becomes of one key.
#[derive(Default)]
pub(super) struct Decision {
    /// `None`: the key is none of our business.
    pub(super) action: Option<Action>,
    reason: Option<Reason>,
    pub(super) drift: bool,
    precondition: Option<Precondition>,
    /// What is ours before the plan is carried out, with settled intents, adopted and released keys.
    pub(super) owned: Option<Owned>,
    pub(super) was_owned: bool,
}

impl Decision {
    fn new(action: Action, reason: Reason) -> Self {
        Self { action: Some(action), reason: Some(reason), ..Self::default() }
    }

    fn drifted(mut self) -> Self {
        self.drift = true;
        self
    }

    fn when(mut self, precondition: Precondition) -> Self {
        self.precondition = Some(precondition);
        self
    }

    fn owning(mut self, owned: Owned) -> Self {
        self.owned = Some(owned);
        self
    }
}

/// What an intent turned out to be.
struct Settled {
    owned: Option<Owned>,
    /// Whether a put may or may not have arrived, and nothing can tell.
    rewrite: bool,
}

pub(super) struct Decider<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) hasher: &'a dyn KeyedHasher,
}

impl Decider<'_> {
    pub(super) fn decide(&self, case: &Case<'_>) -> Result<Decision, HashKeyGone> {
        let Settled { owned, rewrite } = self.settle(case)?;
        let was_owned = owned.is_some();
        if case.held {
            return Ok(Decision { owned, was_owned, ..Decision::new(Action::Skip, Reason::Invalid) });
        }
        let mut decision = match (case.desired, owned) {
            (Some(desired), None) => self.claim(case, desired),
            (Some(_), Some(owned)) if rewrite => {
                Decision::new(Action::Update, Reason::UnfinishedWrite).when(Precondition::None).owning(owned)
            }
            (Some(desired), Some(owned)) => self.maintain(case, desired, owned)?,
            (None, Some(owned)) => self.retire(case, owned)?,
            (None, None) => Decision::default(),
        };
        decision.was_owned = was_owned;
        Ok(decision)
    }

    /// Finds out what became of a write that a crash interrupted.
    fn settle(&self, case: &Case<'_>) -> Result<Settled, HashKeyGone> {
        let Some(entry) = case.entry else { return Ok(Settled { owned: None, rewrite: false }) };
        let owned = entry.owned.clone();
        let Some(intent) = &entry.intent else { return Ok(Settled { owned, rewrite: false }) };
        match &intent.operation {
            IntentOperation::Put { hash, attributes } => self.settle_put(case, owned, intent, (hash, attributes)),
            IntentOperation::Delete if matches!(case.remote, Remote::Absent) => {
                Ok(Settled { owned: None, rewrite: false })
            }
            IntentOperation::Delete => Ok(Settled { owned, rewrite: false }),
        }
    }

    fn settle_put(
        &self,
        case: &Case<'_>,
        owned: Option<Owned>,
        intent: &Intent,
        (hash, attributes): (&KeyedHash, &Attributes),
    ) -> Result<Settled, HashKeyGone> {
        let intended = Owned {
            hash: hash.clone(),
            version: None,
            reference: owned.as_ref().and_then(|owned| owned.reference.clone()),
            generation: intent.generation,
            attributes: attributes.clone(),
        };
        match case.remote {
            Remote::Readable(entry, value) if self.holds(case, entry, value, &intended)? => {
                Ok(Settled { owned: Some(seen_at(intended, case.remote)), rewrite: false })
            }
            Remote::Readable(..) | Remote::Absent => Ok(Settled { owned, rewrite: false }),
            Remote::Unreadable(_) | Remote::Unknown => Ok(Settled { owned: Some(intended), rewrite: true }),
        }
    }

    /// Wanted, and not ours.
    fn claim(&self, case: &Case<'_>, desired: &DesiredItem) -> Decision {
        match case.remote {
            Remote::Absent => Decision::new(Action::Create, Reason::Missing).when(Precondition::MustNotExist),
            Remote::Unknown => Decision::new(Action::Create, Reason::NotObserved).when(self.unseen()),
            Remote::Readable(entry, value)
                if value == desired.value.expose() && reports(entry, &desired.attributes) =>
            {
                let owned = seen_at(self.owned(case, desired), case.remote);
                Decision::new(Action::Adopt, Reason::Equal).owning(owned)
            }
            Remote::Readable(..) => self.conflict(case, Reason::ForeignDifferent),
            Remote::Unreadable(_) => self.conflict(case, Reason::ForeignUnreadable),
        }
    }

    /// What must hold where the listing tells nothing: a key that is there must not be lost by accident.
    fn unseen(&self) -> Precondition {
        match self.input.policy.on_conflict {
            OnConflict::Overwrite => Precondition::None,
            OnConflict::Stop | OnConflict::Import => Precondition::MustNotExist,
        }
    }

    fn conflict(&self, case: &Case<'_>, reason: Reason) -> Decision {
        match (self.input.policy.on_conflict, case.remote) {
            (OnConflict::Overwrite, _) => {
                Decision::new(Action::Update, Reason::ForeignOverwritten).when(unchanged_since(case.remote))
            }
            (OnConflict::Import, Remote::Readable(..)) => Decision::new(Action::Import, reason),
            _ => Decision::new(Action::Conflict, reason).when(unchanged_since(case.remote)),
        }
    }

    /// Wanted, and ours.
    fn maintain(&self, case: &Case<'_>, desired: &DesiredItem, owned: Owned) -> Result<Decision, HashKeyGone> {
        let is_last = self.matches(case, desired.value.expose(), &desired.attributes, &owned.hash)?;
        Ok(match case.remote {
            Remote::Absent => Decision::new(Action::Create, Reason::RemovedAtDestination)
                .drifted()
                .when(Precondition::MustNotExist)
                .owning(owned),
            Remote::Unknown if is_last => Decision::new(Action::Unchanged, Reason::NotObserved).owning(owned),
            Remote::Unknown => {
                Decision::new(Action::Update, Reason::SourceChanged).when(Precondition::None).owning(owned)
            }
            Remote::Readable(entry, value) => {
                let recorded = |name: &str| owned.attributes.get(name).map(String::as_str);
                let unreported_settled = desired
                    .attributes
                    .iter()
                    .all(|(name, wanted)| entry.attributes.contains_key(name) || recorded(name) == Some(wanted));
                if value == desired.value.expose() && reports(entry, &desired.attributes) && unreported_settled {
                    let refreshed = if is_last {
                        owned
                    } else {
                        Owned { version: owned.version, reference: owned.reference, ..self.owned(case, desired) }
                    };
                    Decision::new(Action::Unchanged, Reason::Equal).owning(seen_at(refreshed, case.remote))
                } else if self.holds(case, entry, value, &owned)? {
                    self.update(case, owned)
                } else {
                    self.drift(case, owned)
                }
            }
            Remote::Unreadable(entry) if was_touched(case.remote, entry, &owned) => self.drift(case, owned),
            Remote::Unreadable(_) if is_last => {
                Decision::new(Action::Unchanged, Reason::Equal).owning(seen_at(owned, case.remote))
            }
            Remote::Unreadable(_) => self.update(case, owned),
        })
    }

    fn update(&self, case: &Case<'_>, owned: Owned) -> Decision {
        Decision::new(Action::Update, Reason::SourceChanged).when(unchanged_since(case.remote)).owning(owned)
    }

    fn drift(&self, case: &Case<'_>, owned: Owned) -> Decision {
        let decision = match self.input.policy.on_drift {
            OnDrift::Repair => {
                Decision::new(Action::Update, Reason::ChangedAtDestination).when(unchanged_since(case.remote))
            }
            OnDrift::Report => Decision::new(Action::Drift, Reason::ChangedAtDestination),
        };
        decision.drifted().owning(owned)
    }

    /// Ours, and no longer wanted.
    fn retire(&self, case: &Case<'_>, owned: Owned) -> Result<Decision, HashKeyGone> {
        Ok(match case.remote {
            Remote::Absent => Decision::new(Action::Forget, Reason::NoLongerWanted),
            Remote::Unknown if self.input.policy.reads == SyncReads::Nothing => self.delete(case, owned),
            Remote::Unknown => Decision::new(Action::Keep, Reason::NotObserved).owning(owned),
            Remote::Readable(entry, value) if self.holds(case, entry, value, &owned)? => self.delete(case, owned),
            Remote::Unreadable(entry) if is_as_recorded(case.remote, entry, &owned) => self.delete(case, owned),
            Remote::Readable(..) | Remote::Unreadable(_) => {
                Decision::new(Action::Release, Reason::ChangedAtDestination).drifted()
            }
        })
    }

    fn delete(&self, case: &Case<'_>, owned: Owned) -> Decision {
        let policy = self.input.policy;
        let decision = if policy.is_first_run {
            Decision::new(Action::Keep, Reason::FirstRun)
        } else if policy.deletion == Deletion::Never {
            Decision::new(Action::Keep, Reason::DeletionDisabled)
        } else if !policy.deletes {
            Decision::new(Action::Keep, Reason::DeletionUnsupported)
        } else {
            Decision::new(Action::Delete, Reason::NoLongerWanted).when(unchanged_since(case.remote))
        };
        decision.owning(owned)
    }

    /// Whether the destination still holds what `owned` says; what the plugin does not report is taken as recorded.
    fn holds(&self, case: &Case<'_>, entry: &ObservedEntry, value: &str, owned: &Owned) -> Result<bool, HashKeyGone> {
        let attributes: Attributes = owned
            .attributes
            .iter()
            .map(|(name, recorded)| (name.clone(), entry.attributes.get(name).unwrap_or(recorded).clone()))
            .collect();
        self.matches(case, value, &attributes, &owned.hash)
    }

    fn matches(
        &self,
        case: &Case<'_>,
        value: &str,
        attributes: &Attributes,
        expected: &KeyedHash,
    ) -> Result<bool, HashKeyGone> {
        self.hasher.matches(&value_parts(&self.input.sync, case.absolute, value, attributes), expected)
    }

    fn owned(&self, case: &Case<'_>, desired: &DesiredItem) -> Owned {
        Owned {
            hash: self.hash(case, desired),
            version: None,
            reference: None,
            generation: self.input.generation,
            attributes: desired.attributes.clone(),
        }
    }

    fn hash(&self, case: &Case<'_>, desired: &DesiredItem) -> KeyedHash {
        value_hash(self.hasher, self.input.sync, case.absolute, desired.value.expose(), &desired.attributes)
    }

    /// The item for the plan; nothing for keys that stay as they are.
    pub(super) fn item(
        &self,
        case: &Case<'_>,
        relative: &str,
        decision: &Decision,
    ) -> Result<Option<Draftee>, HashKeyGone> {
        let (Some(action), Some(reason)) = (decision.action, decision.reason) else { return Ok(None) };
        if action == Action::Unchanged {
            return Ok(None);
        }
        let hash = match action {
            Action::Delete => None,
            _ => case.desired.map(|desired| self.hash(case, desired)),
        };
        let item = PlanItem {
            key: relative.to_owned(),
            absolute: case.absolute.to_owned(),
            action,
            reason,
            drift: decision.drift,
            fingerprint: self.fingerprint(case, action, hash.as_ref()),
            write: decision.precondition.clone().map(|precondition| PlannedWrite {
                precondition,
                reference: self.reference(case, decision),
                hash,
            }),
        };
        Ok(Some(Draftee { item, seen: self.seen(case) }))
    }

    fn reference(&self, case: &Case<'_>, decision: &Decision) -> Option<String> {
        let observed = case.remote.entry().and_then(|entry| entry.reference.clone());
        observed.or_else(|| decision.owned.as_ref().and_then(|owned| owned.reference.clone()))
    }

    fn fingerprint(&self, case: &Case<'_>, action: Action, hash: Option<&KeyedHash>) -> PlanHash {
        let kind: &[u8] = if action == Action::Delete { b"delete" } else { b"put" };
        let (key_id, hash): (&[u8], &[u8]) = hash.map_or((&[], &[]), |hash| (&hash.key_id, &hash.hash));
        PlanHash::from_bytes(&self.hasher.hash(&[b"item", case.absolute.as_bytes(), kind, key_id, hash]).hash)
    }

    /// What the decision rested on at the destination, for the plan's hash: an approval covers only what was shown.
    fn seen(&self, case: &Case<'_>) -> Vec<u8> {
        match case.remote {
            Remote::Absent => b"absent".to_vec(),
            Remote::Unknown => b"unknown".to_vec(),
            Remote::Unreadable(_) => case.remote.marker().unwrap_or("unreadable").as_bytes().to_vec(),
            Remote::Readable(entry, value) => {
                let hash = value_hash(self.hasher, self.input.sync, case.absolute, value, &entry.attributes);
                hash.hash.to_vec()
            }
        }
    }
}

/// Whether every wanted attribute that the plugin reports has the wanted value.
fn reports(entry: &ObservedEntry, wanted: &Attributes) -> bool {
    wanted.iter().all(|(name, value)| entry.attributes.get(name).is_none_or(|seen| seen == value))
}

/// Whether somebody else wrote, as far as an unreadable entry tells.
fn was_touched(remote: Remote<'_>, entry: &ObservedEntry, owned: &Owned) -> bool {
    let moved = matches!((remote.marker(), &owned.version), (Some(seen), Some(recorded)) if seen != recorded);
    moved || !reports(entry, &owned.attributes)
}

/// Whether an unreadable entry may be deleted: the vendor gives no version, or the one that was recorded.
fn is_as_recorded(remote: Remote<'_>, entry: &ObservedEntry, owned: &Owned) -> bool {
    let same = remote.marker().is_none_or(|seen| owned.version.as_deref() == Some(seen));
    same && reports(entry, &owned.attributes)
}

/// What is ours, with the version and handle that the listing shows now.
fn seen_at(mut owned: Owned, remote: Remote<'_>) -> Owned {
    if let Some(marker) = remote.marker() {
        owned.version = Some(marker.to_owned());
    }
    if let Some(reference) = remote.entry().and_then(|entry| entry.reference.clone()) {
        owned.reference = Some(reference);
    }
    owned
}

fn unchanged_since(remote: Remote<'_>) -> Precondition {
    let version = remote.entry().and_then(|entry| entry.version.clone());
    version.map_or(Precondition::None, Precondition::Matches)
}
