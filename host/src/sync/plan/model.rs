//! A world for tests: a destination with plain values, a ledger over it, and a naive reading of the decision table that
//! shares no code with the planner.

use std::collections::{BTreeMap, BTreeSet};

use keyferry_contract::SyncReads;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{HashKeyGone, KeyedHasher, Observed, PlanInput, PlanPolicy, plan, value_hash};
use crate::domain::KeyedHash;
use crate::domain::destination::{Attributes, DestinationIdentity, ObservedEntry, ObservedValue, Precondition};
use crate::domain::id::{Digest, SyncUid};
use crate::domain::sync::{
    Action, Deletion, DesiredItem, Intent, IntentOperation, LedgerEntry, OnConflict, OnDrift, Owned, Plan, PlanBasis,
};

/// A hasher without a secret: good enough to tell equal from different.
pub(crate) struct PlainHasher;

impl KeyedHasher for PlainHasher {
    fn hash(&self, parts: &[&[u8]]) -> KeyedHash {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        KeyedHash { key_id: [7; 16], hash: hasher.finalize().into() }
    }

    fn matches(&self, parts: &[&[u8]], expected: &KeyedHash) -> Result<bool, HashKeyGone> {
        if expected.key_id != [7; 16] {
            return Err(HashKeyGone);
        }
        Ok(self.hash(parts) == *expected)
    }
}

/// What is at the destination under one key. Values and versions are small numbers, so that they collide often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    Open { value: u8, version: u8 },
    Hidden { value: u8, version: Option<u8> },
}

/// What a crash left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Put(u8),
    Delete,
}

/// One key of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) wanted: Option<u8>,
    pub(crate) owned: Option<(u8, Option<u8>)>,
    pub(crate) left: Option<Left>,
    pub(crate) there: There,
}

/// A sync before a run.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rows: Vec<Row>,
    pub(crate) policy: PlanPolicy,
}

pub(crate) fn sync_uid() -> SyncUid {
    SyncUid::from_bytes([9; 16])
}

pub(crate) fn identity() -> DestinationIdentity {
    DestinationIdentity { namespace: "test:place".to_owned(), prefix: "/app/".to_owned() }
}

pub(crate) fn basis() -> PlanBasis {
    PlanBasis { identity: identity(), plugin_major: Some(1), restore_epoch: 0 }
}

pub(crate) fn policy() -> PlanPolicy {
    PlanPolicy {
        on_conflict: OnConflict::Stop,
        on_drift: OnDrift::Repair,
        deletion: Deletion::Owned,
        is_first_run: false,
        reads: SyncReads::Values,
        deletes: true,
    }
}

pub(crate) fn key(index: usize) -> String {
    format!("K{index}")
}

pub(crate) fn absolute(index: usize) -> String {
    identity().absolute(&key(index))
}

pub(crate) fn hash_of(index: usize, value: u8) -> KeyedHash {
    value_hash(&PlainHasher, sync_uid(), &absolute(index), &format!("v{value}"), &Attributes::new())
}

fn owned_row(index: usize, (value, version): (u8, Option<u8>)) -> Owned {
    Owned {
        hash: hash_of(index, value),
        version: version.map(|version| version.to_string()),
        reference: None,
        generation: 1,
        attributes: Attributes::new(),
    }
}

impl World {
    pub(crate) fn desired(&self) -> Vec<DesiredItem> {
        let wanted = self.rows.iter().enumerate().filter_map(|(index, row)| Some((index, row.wanted?)));
        wanted
            .map(|(index, value)| DesiredItem {
                key: key(index),
                value: format!("v{value}").into(),
                attributes: Attributes::new(),
                secret: key(index).parse().expect("a plain name"),
            })
            .collect()
    }

    pub(crate) fn observed(&self) -> Observed {
        let entries = self.rows.iter().enumerate().filter_map(|(index, row)| {
            let (value, version) = match row.there {
                There::Nothing => return None,
                There::Open { value, version } => {
                    (ObservedValue::Readable(format!("v{value}").into()), Some(version.to_string()))
                }
                There::Hidden { version, .. } => (ObservedValue::Hidden, version.map(|version| version.to_string())),
            };
            Some(ObservedEntry { key: key(index), value, version, reference: None, attributes: Attributes::new() })
        });
        Observed { entries: entries.collect(), complete: true }
    }

    pub(crate) fn ledger(&self) -> BTreeMap<String, LedgerEntry> {
        let mut ledger = BTreeMap::new();
        for (index, row) in self.rows.iter().enumerate() {
            let operation = row.left.map(|left| match left {
                Left::Put(value) => IntentOperation::Put { hash: hash_of(index, value), attributes: Attributes::new() },
                Left::Delete => IntentOperation::Delete,
            });
            let intent =
                operation.map(|operation| Intent { operation, operation_id: Uuid::nil(), fence: 1, generation: 1 });
            let entry = LedgerEntry { owned: row.owned.map(|owned| owned_row(index, owned)), intent };
            if !entry.is_empty() {
                ledger.insert(absolute(index), entry);
            }
        }
        ledger
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan_over(&self.desired(), &self.observed(), &self.ledger())
    }

    pub(crate) fn plan_over(
        &self,
        desired: &[DesiredItem],
        observed: &Observed,
        ledger: &BTreeMap<String, LedgerEntry>,
    ) -> Plan {
        let input = PlanInput {
            sync: sync_uid(),
            config_revision: "revision",
            plugin_digest: Digest::from_bytes([3; 32]),
            basis: &basis(),
            generation: 2,
            desired,
            held: &BTreeSet::new(),
            observed,
            ledger,
            policy: self.policy,
        };
        plan(&input, &PlainHasher).expect("a world without contradictions")
    }

    /// The table read row by row, as a person would.
    pub(crate) fn expected(&self, row: &Row) -> Option<Action> {
        let Row { wanted, mut owned, left, there } = *row;
        let mut write_again = false;
        match (left, there) {
            (None, _) => {}
            (Some(Left::Delete), There::Nothing) => owned = None,
            (Some(Left::Put(intended)), There::Open { value, version }) if value == intended => {
                owned = Some((intended, Some(version)));
            }
            (Some(Left::Put(intended)), There::Hidden { .. }) => {
                owned = Some((intended, None));
                write_again = true;
            }
            (Some(_), _) => {}
        }
        let conflict = match (self.policy.on_conflict, there) {
            (OnConflict::Overwrite, _) => Action::Update,
            (OnConflict::Import, There::Open { .. }) => Action::Import,
            _ => Action::Conflict,
        };
        let drift = if self.policy.on_drift == OnDrift::Repair { Action::Update } else { Action::Drift };
        let may_delete = !self.policy.is_first_run && self.policy.deletion == Deletion::Owned && self.policy.deletes;
        let delete = if may_delete { Action::Delete } else { Action::Keep };
        match (wanted, owned, there) {
            (None, None, _) => None,
            (Some(_), None, There::Nothing) => Some(Action::Create),
            (Some(wanted), None, There::Open { value, .. }) if wanted == value => Some(Action::Adopt),
            (Some(_), None, _) => Some(conflict),
            (Some(_), Some(_), There::Nothing) => Some(Action::Create),
            (Some(wanted), Some((last, _)), There::Open { value, .. }) => Some(if value == wanted {
                Action::Unchanged
            } else if value == last {
                Action::Update
            } else {
                drift
            }),
            (Some(_), Some(_), There::Hidden { .. }) if write_again => Some(Action::Update),
            (Some(wanted), Some((last, recorded)), There::Hidden { version, .. }) => {
                Some(if version.is_some() && recorded.is_some() && version != recorded {
                    drift
                } else if wanted == last {
                    Action::Unchanged
                } else {
                    Action::Update
                })
            }
            (None, Some(_), There::Nothing) => Some(Action::Forget),
            (None, Some((last, _)), There::Open { value, .. }) => {
                Some(if value == last { delete } else { Action::Release })
            }
            (None, Some((_, recorded)), There::Hidden { version, .. }) => {
                Some(if version.is_none() || version == recorded { delete } else { Action::Release })
            }
        }
    }

    /// Carries out a plan as a flawless engine and vendor would, and gives the world after it.
    pub(crate) fn after(&self, plan: &Plan) -> Self {
        let mut world = self.clone();
        let hashes: BTreeMap<_, _> = (0..self.rows.len())
            .flat_map(|index| (0..8).map(move |value| (hash_of(index, value).hash, value)))
            .collect();
        for (index, row) in world.rows.iter_mut().enumerate() {
            row.left = if plan.ledger.contains_key(&absolute(index)) { None } else { row.left };
            if let Some(entry) = plan.ledger.get(&absolute(index)) {
                row.owned = entry.owned.as_ref().map(|owned| {
                    let version = owned.version.as_ref().map(|version| version.parse().expect("a small number"));
                    (hashes[&owned.hash.hash], version)
                });
            }
        }
        for item in &plan.items {
            let index: usize = item.key[1..].parse().expect("an index");
            world.rows[index].carry_out(item.action, item.write.as_ref().map(|write| &write.precondition));
        }
        world
    }
}

impl Row {
    fn carry_out(&mut self, action: Action, precondition: Option<&Precondition>) {
        match action {
            Action::Create | Action::Update => {
                self.check(precondition.expect("a write has a precondition"));
                let value = self.wanted.expect("only wanted keys are written");
                let hidden_version = match self.there {
                    There::Hidden { version, .. } => Some(version.map(|version| version.wrapping_add(100))),
                    _ => None,
                };
                self.there = match hidden_version {
                    Some(version) => There::Hidden { value, version },
                    None => There::Open { value, version: 200 },
                };
                self.owned = Some((value, hidden_version.unwrap_or(Some(200))));
            }
            Action::Delete => {
                self.check(precondition.expect("a delete has a precondition"));
                self.there = There::Nothing;
                self.owned = None;
            }
            _ => {}
        }
    }

    fn check(&self, precondition: &Precondition) {
        let version = match self.there {
            There::Nothing => None,
            There::Open { version, .. } => Some(version),
            There::Hidden { version, .. } => version,
        };
        match precondition {
            Precondition::None => {}
            Precondition::MustNotExist => assert_eq!(self.there, There::Nothing, "create-only over something"),
            Precondition::Matches(wanted) => {
                assert_eq!(version.map(|version| version.to_string()).as_ref(), Some(wanted));
            }
        }
    }
}
