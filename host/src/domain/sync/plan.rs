//! A plan: what a run would do, by name and keyed hash, never by value.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LedgerEntry;
use crate::domain::KeyedHash;
use crate::domain::destination::{DestinationIdentity, Precondition};
use crate::domain::time::Timestamp;

/// What is done with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Written, where nothing is.
    Create,
    /// Written over what is there.
    Update,
    /// Deleted.
    Delete,
    /// Taken over without a write, because it is equal.
    Adopt,
    /// Taken into the source as a new version.
    Import,
    /// Left: it is there, different, and not ours. An approved plan overwrites it.
    Conflict,
    /// Left: somebody changed it, and the sync only reports that.
    Drift,
    /// No longer ours: somebody changed it, and it is not wanted any more.
    Release,
    /// No longer ours: it is gone, and it is not wanted any more.
    Forget,
    /// Left although not wanted any more.
    Keep,
    /// Left because the destination's rules do not allow it, or because it cannot be imported.
    Skip,
    /// Nothing to do.
    Unchanged,
}

impl Action {
    /// Whether it writes to the destination once the plan is approved.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete | Self::Conflict)
    }

    /// Whether it changes anything: the destination, the source, or what is ours.
    #[must_use]
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Drift | Self::Keep | Self::Skip | Self::Unchanged)
    }
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// Wanted, and not at the destination.
    Missing,
    /// Ours, wanted, and no longer at the destination.
    RemovedAtDestination,
    /// The wanted value or attribute has changed.
    SourceChanged,
    /// Somebody changed it at the destination.
    ChangedAtDestination,
    /// A write of a run that broke off may or may not have arrived.
    UnfinishedWrite,
    /// The destination holds the wanted value already.
    Equal,
    /// It is there, different, and not ours; the sync overwrites such keys.
    ForeignOverwritten,
    /// It is there and not ours, and it is different.
    ForeignDifferent,
    /// It is there and not ours, and its value cannot be read.
    ForeignUnreadable,
    /// No longer wanted.
    NoLongerWanted,
    /// The sync never deletes.
    DeletionDisabled,
    /// The destination cannot delete.
    DeletionUnsupported,
    /// A first run never deletes.
    FirstRun,
    /// The listing does not prove what is there.
    NotObserved,
    /// The destination's rules do not allow it.
    Invalid,
    /// Written to a place that the sync no longer leads to.
    OutsideDestination,
    /// At the destination, and not in the source.
    MissingAtSource,
    /// Source and destination differ, and the destination wins.
    DestinationPreferred,
    /// Source and destination differ, and the source wins.
    SourcePreferred,
    /// No secret's name leads to this key.
    KeyNotMapped,
    /// Several secrets' names lead to this key.
    KeyAmbiguous,
    /// What the key leads to is no name of a secret.
    NameInvalid,
    /// The selection leaves the secret out.
    NotSelected,
    /// The destination's value is empty.
    ValueEmpty,
    /// The destination's value is longer than a secret may be.
    ValueTooLong,
    /// The destination's value cannot be read.
    ValueUnreadable,
    /// Another sync writes the key.
    ClaimedByAnother,
}

impl Reason {
    /// In words, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Missing => "not at the destination",
            Self::RemovedAtDestination => "was removed at the destination",
            Self::SourceChanged => "changed at the source",
            Self::ChangedAtDestination => "was changed at the destination",
            Self::UnfinishedWrite => "an earlier write may not have arrived",
            Self::Equal => "the destination holds the wanted value",
            Self::ForeignOverwritten => "not ours and different; this sync overwrites such keys",
            Self::ForeignDifferent => "not ours and different",
            Self::ForeignUnreadable => "not ours, and its value cannot be read",
            Self::NoLongerWanted => "no longer selected at the source",
            Self::DeletionDisabled => "no longer selected; this sync never deletes",
            Self::DeletionUnsupported => "no longer selected; the destination cannot delete",
            Self::FirstRun => "no longer selected; a first run never deletes",
            Self::NotObserved => "the listing does not prove what is there",
            Self::Invalid => "the destination's rules do not allow it",
            Self::OutsideDestination => "stands where the sync no longer leads to",
            Self::MissingAtSource => "not in the source",
            Self::DestinationPreferred => "different; the destination wins",
            Self::SourcePreferred => "different; the source wins",
            Self::KeyNotMapped => "the sync's key mapping never makes this key",
            Self::KeyAmbiguous => "several secrets of the source map to this key",
            Self::NameInvalid => "leads to no valid name of a secret",
            Self::NotSelected => "the sync does not select this secret",
            Self::ValueEmpty => "the value at the destination is empty",
            Self::ValueTooLong => "the value at the destination is longer than a secret may be",
            Self::ValueUnreadable => "its value cannot be read",
            Self::ClaimedByAnother => "another sync writes this key",
        }
    }
}

/// What is planned for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanItem {
    /// Relative to the destination's prefix.
    pub key: String,
    /// The vendor's absolute name.
    pub absolute: String,
    pub action: Action,
    pub reason: Reason,
    /// Whether somebody else changed the destination.
    pub drift: bool,
    /// A keyed hash over key, kind of write and what is wanted: two items with the same one leave the same behind.
    pub fingerprint: PlanHash,
    /// How it is written; only while the run that made the plan lasts.
    #[serde(skip)]
    pub write: Option<PlannedWrite>,
}

/// How a change is put to the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWrite {
    pub precondition: Precondition,
    pub reference: Option<String>,
    /// Of the value that will stand there; `None` for a delete.
    pub hash: Option<KeyedHash>,
}

/// A keyed hash as text, 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanHash(String);

impl PlanHash {
    /// The hash with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(data_encoding::HEXLOWER.encode(bytes))
    }

    /// What a caller sent; it equals no plan's hash when it is none.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many keys meet which fate. `drift` counts beside the others: a repaired key is in `update` or `create` as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanCounts {
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    pub adopt: u64,
    pub unchanged: u64,
    pub conflict: u64,
    pub drift: u64,
    pub import: u64,
    pub release: u64,
    pub forget: u64,
    pub keep: u64,
    pub skip: u64,
}

impl PlanCounts {
    /// Counts one key.
    pub fn add(&mut self, action: Action, drift: bool) {
        let count = match action {
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Delete => &mut self.delete,
            Action::Adopt => &mut self.adopt,
            Action::Import => &mut self.import,
            Action::Conflict => &mut self.conflict,
            Action::Release => &mut self.release,
            Action::Forget => &mut self.forget,
            Action::Keep => &mut self.keep,
            Action::Skip => &mut self.skip,
            Action::Unchanged => &mut self.unchanged,
            Action::Drift => &mut self.drift,
        };
        *count += 1;
        if drift && action != Action::Drift {
            self.drift += 1;
        }
    }
}

/// What a plan rests on beside its items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanBasis {
    pub identity: DestinationIdentity,
    /// `None`: the plugin's version is none.
    pub plugin_major: Option<u64>,
    /// How often the store had come from a backup.
    pub restore_epoch: u64,
}

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub hash: PlanHash,
    /// `None` for an import, which nobody approves, and for a plan that was stored before this was.
    #[serde(default)]
    pub basis: Option<PlanBasis>,
    pub counts: PlanCounts,
    /// Every key that is not simply unchanged, in the order of their absolute names.
    pub items: Vec<PlanItem>,
    /// Keys of the ledger that are ours before the plan is carried out.
    pub owned: u64,
    /// Keys that the source selects.
    pub desired: u64,
    /// Rows of the ledger to write before the first call, by absolute name: settled intents, adopted and released keys.
    #[serde(skip)]
    pub ledger: BTreeMap<String, LedgerEntry>,
}

impl Plan {
    /// Whether carrying it out would change nothing, locally or remotely.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.ledger.is_empty() && !self.items.iter().any(|item| item.action.is_change())
    }

    /// Whether each write of this plan stands in `approved` as well, and both rest on the same: what is left of an approved
    /// run after a crash. What was not shown as somebody else's is not overwritten as such.
    #[must_use]
    pub fn is_part_of(&self, approved: &Self) -> bool {
        let known: HashMap<&PlanHash, Action> =
            approved.items.iter().map(|item| (&item.fingerprint, item.action)).collect();
        let was_shown = |item: &PlanItem| match known.get(&item.fingerprint) {
            None => false,
            Some(shown) => item.action != Action::Conflict || *shown == Action::Conflict,
        };
        let rests_on_the_same = self.basis.is_some() && self.basis == approved.basis;
        rests_on_the_same && self.items.iter().filter(|item| item.action.is_write()).all(was_shown)
    }
}

/// Why a plan is not carried out without approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", tag = "kind")]
pub enum BlockReason {
    /// It deletes more than max(5, 10 % of the owned keys).
    MassDelete { deletes: u64, allowed: u64 },
    /// The source selects nothing, and there are keys of ours.
    SourceEmpty { owned: u64 },
    /// It would overwrite keys that are not ours.
    ForeignOverwrite { keys: u64 },
    /// The settings lead to another place than the last run.
    DestinationChanged,
    /// The plugin's major version is another than in the last run.
    PluginMajorChanged { from: u64, to: u64 },
    /// The store was restored from a backup.
    StoreRestored,
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MassDelete { deletes, allowed } => {
                write!(f, "it deletes {deletes} keys, more than the {allowed} that pass without approval")
            }
            Self::SourceEmpty { owned } => write!(f, "the source selects nothing, while {owned} keys are ours"),
            Self::ForeignOverwrite { keys: 1 } => f.write_str("it overwrites 1 key that is not ours"),
            Self::ForeignOverwrite { keys } => write!(f, "it overwrites {keys} keys that are not ours"),
            Self::DestinationChanged => f.write_str("the settings lead to another place than before"),
            Self::PluginMajorChanged { from, to } => write!(f, "the plugin changed from version {from} to {to}"),
            Self::StoreRestored => f.write_str("the store was restored from a backup"),
        }
    }
}

/// Everything that stands against a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Never empty.
    pub reasons: Vec<BlockReason>,
    /// In words, for people.
    pub message: String,
}

/// That somebody wants exactly this plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    pub plan_hash: PlanHash,
    /// Who, as audit names them.
    pub approver: String,
    pub approved_at: Timestamp,
}

impl Approval {
    /// How long a run may take to start after it was approved.
    pub const VALID_FOR: Duration = Duration::from_secs(15 * 60);

    /// Whether it holds for a plan with this hash at this time.
    #[must_use]
    pub fn covers(&self, hash: &PlanHash, now: Timestamp) -> bool {
        self.plan_hash == *hash && now.since(self.approved_at) <= Self::VALID_FOR
    }
}
