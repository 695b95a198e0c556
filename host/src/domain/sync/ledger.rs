//! What is remembered of one key of one sync.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::KeyedHash;
use crate::domain::destination::Attributes;

/// The ledger's row of one key. An intent never overwrites what is known of the last write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    pub owned: Option<Owned>,
    pub intent: Option<Intent>,
}

impl LedgerEntry {
    /// Whether nothing is left to remember.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.owned.is_none() && self.intent.is_none()
    }
}

/// What was last written, or taken over because it was equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    /// Over sync, absolute key, value and attributes.
    pub hash: KeyedHash,
    /// The vendor's version, digest or time that went with it, where it is known.
    pub version: Option<String>,
    /// The vendor's own handle.
    pub reference: Option<String>,
    /// The sync's generation that wrote it.
    pub generation: u64,
    /// The managed attributes as they were written.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What is about to be written. One that is still there when a run begins was left by a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    pub operation: IntentOperation,
    pub operation_id: Uuid,
    /// The lease's fence under which it was begun.
    pub fence: u64,
    pub generation: u64,
}

/// The kind of write that was intended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "kind")]
pub enum IntentOperation {
    Put {
        hash: KeyedHash,
        #[serde(default)]
        attributes: Attributes,
    },
    Delete,
}
