//! What a run tells: states, outcomes per key, failures, events.

use serde::{Deserialize, Serialize};

use super::{Action, Approval, Block, PlanCounts, PlanHash, Priority, Reason};
use crate::domain::access::Author;
use crate::domain::id::{Digest, RunUid, SyncUid};
use crate::domain::time::Timestamp;

/// How a sync stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncState {
    /// The destination has not been reached yet.
    #[default]
    Unverified,
    InSync,
    /// A run is wanted and has not begun.
    Pending,
    Running,
    /// A plan waits for approval.
    Blocked,
    /// Some keys could not be written.
    Partial,
    Failed,
    /// Somebody changed keys of ours, and the sync only reports that.
    Drifted,
    Paused,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunState {
    #[default]
    Pending,
    Running,
    /// Ended with a plan that waits for approval.
    Blocked,
    Succeeded,
    /// Ended; some keys could not be written.
    Partial,
    Failed,
    Cancelled,
}

impl RunState {
    /// Whether the run is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// What a run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "kind")]
pub enum RunKind {
    /// Makes the destination match the source.
    #[default]
    Sync,
    /// Brings values of the destination into the source.
    Import { prioritize: Priority },
    /// Looks for changes that somebody else made at the destination, and writes nothing there.
    Check,
    /// Deletes what the sync wrote and what is still as it was written; the sync stays.
    Removal,
}

/// That values were brought into the source, all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    pub at: Timestamp,
    pub prioritize: Priority,
    /// New secrets and new versions.
    pub secrets: u64,
    /// Keys that were left, each told with its reason.
    pub left: u64,
}

/// Keys that a run left out because the destination's rules do not allow them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    pub keys: u64,
    /// Of these, the ones against which nothing stands but that their value is empty.
    pub empty: u64,
    /// Names the first of them and what stands against each; never a value.
    pub message: String,
}

impl LeftOut {
    /// Whether keys are missing whose values say something.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        self.keys > self.empty
    }
}

/// What made a run wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", tag = "kind")]
pub enum Trigger {
    /// The sync was made or changed.
    Definition,
    /// Secrets, imports or references changed.
    Source,
    /// A connection was published, or the plugin behind it was switched or granted something.
    Connection,
    /// Somebody asked for it.
    Manual { by: String },
    /// A failed run is tried again, or one that broke off is resumed.
    Retry,
    /// It was due.
    Schedule,
}

/// What a failure calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureClass {
    /// The key is reported, the others go on.
    Item,
    /// Sent, but nobody knows: read back, else repeat the identical put.
    UnknownOutcome,
    /// Tried again after a while.
    Retry,
    /// Three tries, then the digest is quarantined for the tenant.
    Plugin,
    /// The sync stops until the connection is mended.
    Authentication,
    /// The settings or the source must be mended first.
    Configuration,
    /// The host's own: stop, and never treat as empty.
    Ours,
}

/// Why a run or a key failed. Texts from plugins arrive here capped and scrubbed; there is never a value in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFailure {
    pub class: FailureClass,
    /// A code of the registry.
    pub code: String,
    pub message: String,
    /// The vendor's HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_status: Option<u16>,
    /// The vendor's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_request_id: Option<String>,
    /// The vendor's wish for the wait until the next try, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What became of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ItemResult {
    Ok,
    /// The vendor found nothing to change.
    Unchanged,
    Failed,
    /// Sent, but nobody knows.
    Unknown,
    /// Left out because something before it failed, or the run was cancelled.
    NotAttempted,
    /// Left as it is, as planned.
    Left,
}

/// One key of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemOutcome {
    pub key: String,
    pub action: Action,
    pub result: ItemResult,
    /// Why it was imported or left by an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
}

/// Requests that left the host for this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteCalls {
    pub read: u64,
    pub write: u64,
}

/// One road to a generation: it begins, is retried and resumed until it ends. What became of each key stands in its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub uid: RunUid,
    pub sync: SyncUid,
    #[serde(default)]
    pub kind: RunKind,
    pub state: RunState,
    pub trigger: Trigger,
    /// On whose behalf it writes secrets; `None`: the host's own.
    #[serde(default)]
    pub author: Option<Author>,
    /// The generation that was resolved.
    pub generation: u64,
    /// How often it was begun since it last made progress; 0 while it has not begun.
    pub attempt: u32,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub plugin_digest: Option<Digest>,
    pub plan_hash: Option<PlanHash>,
    pub counts: PlanCounts,
    #[serde(default)]
    pub left_out: Option<LeftOut>,
    pub blocked: Option<Block>,
    pub approval: Option<Approval>,
    /// What it brought into the source; it does so at most once.
    #[serde(default)]
    pub imported: Option<Imported>,
    pub remote_calls: RemoteCalls,
    pub failure: Option<RunFailure>,
    /// When it is tried again; the state is `PENDING` then.
    pub retry_at: Option<Timestamp>,
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn pending(uid: RunUid, sync: SyncUid, trigger: Trigger, generation: u64, now: Timestamp) -> Self {
        Self {
            uid,
            sync,
            kind: RunKind::Sync,
            state: RunState::Pending,
            trigger,
            author: None,
            generation,
            attempt: 0,
            created_at: now,
            started_at: None,
            finished_at: None,
            plugin_digest: None,
            plan_hash: None,
            counts: PlanCounts::default(),
            left_out: None,
            blocked: None,
            approval: None,
            imported: None,
            remote_calls: RemoteCalls::default(),
            failure: None,
            retry_at: None,
        }
    }
}

/// A step of a run, as live progress shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", tag = "kind")]
pub enum RunEvent {
    Started {
        attempt: u32,
    },
    Resolved {
        secrets: u64,
    },
    Observed {
        entries: u64,
    },
    Planned {
        plan_hash: PlanHash,
        counts: PlanCounts,
    },
    /// Values were brought into the source.
    Imported {
        secrets: u64,
        left: u64,
    },
    /// What became of some keys; unchanged keys are only counted.
    Items {
        outcomes: Vec<ItemOutcome>,
    },
    Verified {
        keys: u64,
        differing: u64,
    },
    /// Broke off; it is tried again.
    Postponed {
        failure: RunFailure,
        until: Timestamp,
    },
    Finished {
        state: RunState,
    },
}

/// A step with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStep {
    pub at: Timestamp,
    pub event: RunEvent,
}
