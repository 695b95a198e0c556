//! What comes in from the destination, one key at a time: a pure function over plain data.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keyferry_contract::SyncRules;

use super::source::SourceSecret;
use crate::domain::destination::{Attributes, DestinationIdentity, ObservedEntry, ObservedValue};
use crate::domain::id::SyncUid;
use crate::domain::name::SecretName;
use crate::domain::sync::mapping::KeyMap;
use crate::domain::sync::{
    Action, DesiredItem, DesiredSecret, LedgerEntry, OnInvalid, Plan, PlanCounts, PlanHash, PlanItem, Priority, Reason,
    Selector,
};
use crate::domain::{Secret, reference};
use crate::records::syncs::SyncRecord;
use crate::service::secrets::VALUE_BYTES_MAX;
use crate::sync::caller::broken;
use crate::sync::halt::Halt;
use crate::sync::plan::{KeyedHasher, value_hash};
use crate::sync::prepare::invalid;
use crate::sync::validate;

/// What is to be imported.
#[derive(Clone, Debug)]
pub(in crate::sync) struct Wish {
    pub(in crate::sync) prioritize: Priority,
    /// These keys alone; `None`: all that are there.
    pub(in crate::sync) only: Option<BTreeSet<String>>,
}

/// Everything that the decision rests on.
pub(super) struct Import<'a> {
    pub(super) sync: SyncUid,
    pub(super) identity: &'a DestinationIdentity,
    pub(super) entries: &'a [ObservedEntry],
    pub(super) map: &'a KeyMap<'a>,
    pub(super) selector: &'a Selector<'a>,
    pub(super) source: &'a BTreeMap<SecretName, SourceSecret>,
    /// By absolute name, as is `claims`.
    pub(super) ledger: &'a BTreeMap<String, LedgerEntry>,
    pub(super) claims: &'a HashMap<String, SyncUid>,
    pub(super) rules: &'a SyncRules,
    pub(super) wish: &'a Wish,
}

/// What comes in.
#[derive(Debug)]
pub(in crate::sync) struct ImportPlan {
    /// Keys that come in or are left, by name.
    pub(in crate::sync) plan: Plan,
    /// Secrets with the values that they have at the destination.
    pub(in crate::sync) writes: Vec<(SecretName, Secret<String>)>,
}

impl ImportPlan {
    /// The secrets as they will be selected once they are in.
    pub(in crate::sync) fn desired(&self, record: &SyncRecord) -> BTreeMap<SecretName, DesiredSecret> {
        let source = &record.spec.source;
        let desired = self.writes.iter().map(|(name, value)| {
            let secret = DesiredSecret {
                environment: source.environment.clone(),
                path: source.path.clone(),
                name: name.clone(),
                value: value.clone(),
                tags: Vec::new(),
                metadata: BTreeMap::new(),
            };
            (name.clone(), secret)
        });
        desired.collect()
    }

    /// Shows in a plan that follows the import what comes in, and what is left, instead of what becomes of it then. The
    /// plan's hash stays that of the plan that the run will make.
    pub(in crate::sync) fn show_in(&self, plan: &mut Plan) {
        let mut items: BTreeMap<String, PlanItem> =
            plan.items.drain(..).map(|item| (item.absolute.clone(), item)).collect();
        for item in &self.plan.items {
            let later = items.get(&item.absolute).map(|later| later.action);
            match (item.action, later) {
                (Action::Import, None) => plan.counts.unchanged = plan.counts.unchanged.saturating_sub(1),
                (Action::Import, Some(Action::Adopt)) => plan.counts.adopt = plan.counts.adopt.saturating_sub(1),
                (Action::Skip, None) => {}
                _ => continue,
            }
            plan.counts.add(item.action, false);
            items.insert(item.absolute.clone(), item.clone());
        }
        plan.items = items.into_values().collect();
    }
}

/// What becomes of one key.
enum Decision {
    Equal,
    Left(Reason),
    Comes { name: SecretName, value: Secret<String>, reason: Reason },
}

impl Import<'_> {
    pub(super) fn plan(&self, hasher: &dyn KeyedHasher) -> Result<ImportPlan, Halt> {
        let names = self.names_by_key();
        let mut decisions: BTreeMap<&str, Decision> = BTreeMap::new();
        for entry in self.wanted_entries()? {
            decisions.insert(&entry.key, self.decide(entry, &names));
        }
        self.leave_invalid(&mut decisions)?;
        Ok(self.written_down(decisions, hasher))
    }

    fn names_by_key(&self) -> HashMap<String, Vec<&SecretName>> {
        let mut names: HashMap<String, Vec<&SecretName>> = HashMap::new();
        for name in self.source.keys() {
            names.entry(self.map.key_of(name.as_str())).or_default().push(name);
        }
        names
    }

    fn wanted_entries(&self) -> Result<Vec<&ObservedEntry>, Halt> {
        let mut seen = HashSet::new();
        if let Some(twice) = self.entries.iter().find(|entry| !seen.insert(entry.key.as_str())) {
            return Err(broken(&format!("the plugin listed the key `{}` twice", twice.key)));
        }
        let is_wanted = |key: &str| self.wish.only.as_ref().is_none_or(|only| only.contains(key));
        Ok(self.entries.iter().filter(|entry| is_wanted(&entry.key)).collect())
    }

    fn decide(&self, entry: &ObservedEntry, names: &HashMap<String, Vec<&SecretName>>) -> Decision {
        let absolute = self.identity.absolute(&entry.key);
        if self.claims.get(&absolute).is_some_and(|owner| *owner != self.sync) {
            return Decision::Left(Reason::ClaimedByAnother);
        }
        match names.get(&entry.key).map_or(&[][..], Vec::as_slice) {
            [] => self.decide_new(entry, &absolute),
            [name] => self.decide_known(entry, name),
            _ => Decision::Left(Reason::KeyAmbiguous),
        }
    }

    /// The source has a secret for this key.
    fn decide_known(&self, entry: &ObservedEntry, name: &SecretName) -> Decision {
        let Some(present) = self.source.get(name).and_then(|secret| secret.value.as_ref()) else {
            return Decision::Left(Reason::NotSelected);
        };
        let ObservedValue::Readable(value) = &entry.value else { return Decision::Left(Reason::ValueUnreadable) };
        if value.expose() == present.expose() {
            return Decision::Equal;
        }
        match self.wish.prioritize {
            Priority::Source => Decision::Left(Reason::SourcePreferred),
            Priority::Destination => comes(name.clone(), value, Reason::DestinationPreferred),
        }
    }

    /// The source has none.
    fn decide_new(&self, entry: &ObservedEntry, absolute: &str) -> Decision {
        let Some(name) = self.map.name_of(&entry.key) else { return Decision::Left(Reason::KeyNotMapped) };
        let Ok(name) = SecretName::try_from(name) else { return Decision::Left(Reason::NameInvalid) };
        if !self.selector.selects(&name, &[], &BTreeMap::new()) {
            return Decision::Left(Reason::NotSelected);
        }
        let is_ours = self.ledger.get(absolute).is_some_and(|entry| entry.owned.is_some());
        if is_ours && self.wish.prioritize == Priority::Source {
            // We wrote it, and the source has given it up since.
            return Decision::Left(Reason::NoLongerWanted);
        }
        match &entry.value {
            ObservedValue::Readable(value) => comes(name, value, Reason::MissingAtSource),
            ObservedValue::Digest(_) | ObservedValue::Hidden => Decision::Left(Reason::ValueUnreadable),
        }
    }

    /// Keys that the destination would not take back stay out: they would stop every later run.
    fn leave_invalid(&self, decisions: &mut BTreeMap<&str, Decision>) -> Result<(), Halt> {
        let items = decisions.iter().filter_map(|(key, decision)| match decision {
            Decision::Comes { name, value, .. } => Some(DesiredItem {
                key: (*key).to_owned(),
                value: value.clone(),
                attributes: Attributes::new(),
                secret: name.clone(),
            }),
            Decision::Equal | Decision::Left(_) => None,
        });
        let rules = SyncRules { items_max: None, ..self.rules.clone() };
        let checked = validate::check(items.collect(), &rules, &self.identity.prefix, OnInvalid::Skip);
        for offender in checked.map_err(invalid)?.skipped {
            if let Some(decision) = decisions.get_mut(offender.key.as_str()) {
                *decision = Decision::Left(Reason::Invalid);
            }
        }
        Ok(())
    }

    fn written_down(&self, decisions: BTreeMap<&str, Decision>, hasher: &dyn KeyedHasher) -> ImportPlan {
        let (mut counts, mut items, mut writes) = (PlanCounts::default(), Vec::new(), Vec::new());
        for (key, decision) in decisions {
            let (action, reason, write) = match decision {
                Decision::Equal => {
                    counts.add(Action::Unchanged, false);
                    continue;
                }
                Decision::Left(reason) => (Action::Skip, reason, None),
                Decision::Comes { name, value, reason } => (Action::Import, reason, Some((name, value))),
            };
            counts.add(action, false);
            let value = write.as_ref().map_or("", |(_, value)| value.expose());
            items.push(self.item(key, (action, reason), value, hasher));
            writes.extend(write);
        }
        let owned = self.ledger.values().filter(|entry| entry.owned.is_some()).count() as u64;
        let desired = self.source.values().filter(|secret| secret.value.is_some()).count() as u64;
        let hash = self.hash(&items, hasher);
        let plan = Plan { hash, basis: None, counts, items, owned, desired, ledger: BTreeMap::new() };
        ImportPlan { plan, writes }
    }

    fn item(&self, key: &str, (action, reason): (Action, Reason), value: &str, hasher: &dyn KeyedHasher) -> PlanItem {
        let absolute = self.identity.absolute(key);
        let fingerprint = value_hash(hasher, self.sync, &absolute, value, &Attributes::new());
        PlanItem {
            key: key.to_owned(),
            absolute,
            action,
            reason,
            drift: false,
            fingerprint: PlanHash::from_bytes(&fingerprint.hash),
            write: None,
        }
    }

    /// Over the sync, the place, and what comes in.
    fn hash(&self, items: &[PlanItem], hasher: &dyn KeyedHasher) -> PlanHash {
        let (namespace, prefix) = (self.identity.namespace.as_bytes(), self.identity.prefix.as_bytes());
        let mut parts: Vec<&[u8]> = vec![b"import", self.sync.as_bytes(), namespace, prefix];
        for item in items.iter().filter(|item| item.action == Action::Import) {
            parts.extend([item.absolute.as_bytes(), item.fingerprint.as_str().as_bytes()]);
        }
        PlanHash::from_bytes(&hasher.hash(&parts).hash)
    }
}

/// A value that would come in, where it can be one of a secret.
fn comes(name: SecretName, value: &Secret<String>, reason: Reason) -> Decision {
    if value.expose().is_empty() {
        return Decision::Left(Reason::ValueEmpty);
    }
    if reference::escaped(value.expose()).len() > VALUE_BYTES_MAX {
        return Decision::Left(Reason::ValueTooLong);
    }
    Decision::Comes { name, value: value.clone(), reason }
}
