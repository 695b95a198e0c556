//! What passes between the host and a plugin, in the domain's own types.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Secret;
use super::plugin::Reported;

/// Who the credentials turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub id: String,
    pub display_name: Option<String>,
    pub details: Vec<(String, String)>,
    pub expires_at_unix_s: Option<u32>,
    /// In the vendor's words.
    pub missing_permissions: Vec<String>,
}

/// One live option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub description: Option<String>,
}

/// A page of live options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChoicePage {
    pub choices: Vec<Choice>,
    pub next: Option<String>,
}

/// The flat namespace that a destination writes to, and the prefix under which its keys stand there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationIdentity {
    pub namespace: String,
    pub prefix: String,
}

impl DestinationIdentity {
    /// The vendor's absolute name of a key of this destination.
    #[must_use]
    pub fn absolute(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// Which keys are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything under the destination.
    All,
    /// Only these, at most [`Scope::KEYS_MAX`].
    Keys(Vec<String>),
}

impl Scope {
    /// The most keys that one observation can name.
    pub const KEYS_MAX: usize = 500;
}

/// What is known of the value at the destination.
#[derive(Clone, Debug)]
pub enum ObservedValue {
    Readable(Secret<String>),
    /// The vendor's own digest, equal for equal values.
    Digest(String),
    Hidden,
}

/// One item that is there.
#[derive(Clone, Debug)]
pub struct ObservedEntry {
    /// Relative to the destination's prefix.
    pub key: String,
    pub value: ObservedValue,
    pub version: Option<String>,
    pub reference: Option<String>,
    pub attributes: Attributes,
}

/// Declared per-item attributes, in the order of their names.
pub type Attributes = std::collections::BTreeMap<String, String>;

/// One page of what is there.
#[derive(Clone, Debug)]
pub struct Observation {
    pub entries: Vec<ObservedEntry>,
    pub next: Option<String>,
    /// On the last page: whether an asked key that was not listed is proved absent.
    pub complete: bool,
    pub document_version: Option<String>,
    pub context: Option<OpaqueContext>,
}

/// What observe left for apply: opaque, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueContext(pub String);

impl fmt::Debug for OpaqueContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueContext({} bytes)", self.0.len())
    }
}

/// What must hold at the destination for a change to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    None,
    MustNotExist,
    Matches(String),
}

/// One change to carry out.
#[derive(Clone, Debug)]
pub enum Change {
    Put {
        key: String,
        value: Secret<String>,
        reference: Option<String>,
        attributes: Attributes,
        precondition: Precondition,
    },
    Delete {
        key: String,
        reference: Option<String>,
        precondition: Precondition,
    },
}

impl Change {
    /// The key, relative to the destination's prefix.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }
}

/// What the vendor said of a change that took effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub version: Option<String>,
    pub reference: Option<String>,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied(Applied),
    Unchanged(Applied),
    Failed(Reported),
    /// Sent, but nobody knows.
    Unknown(Reported),
    NotAttempted,
}

/// What became of one batch; as many outcomes as changes, in order.
#[derive(Clone, Debug)]
pub struct Application {
    pub outcomes: Vec<Outcome>,
    pub document_version: Option<String>,
}
