//! What the host must know to plan, validate and pace a sync to this destination.

use serde::{Deserialize, Serialize};

/// The rules of one destination. The host holds to them before the first write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncRules {
    /// Attributes of an item that the host compares and records beside its value.
    #[serde(default)]
    pub attributes: Vec<SyncAttribute>,
    /// What `observe` can tell of a value.
    #[serde(default)]
    pub reads: SyncReads,
    /// Whether items can be deleted.
    #[serde(default)]
    pub deletes: bool,
    /// Whether the destination is written as one document, all changes in one call.
    #[serde(default)]
    pub document: bool,
    /// The most changes in one `apply`.
    #[serde(default = "one")]
    pub batch_size: u32,
    /// The most `apply` calls at once.
    #[serde(default = "one")]
    pub concurrency: u32,
    /// Requests per second that the vendor bears from one connection. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// A regular expression that the whole of every key matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_pattern: Option<String>,
    /// The greatest length of a key, in bytes, with the destination's prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_bytes_max: Option<u32>,
    /// The greatest length of a value, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_bytes_max: Option<u32>,
    /// The greatest number of items at one destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_max: Option<u32>,
    /// Whether the empty value can be stored.
    #[serde(default)]
    pub empty_values: bool,
    /// Names that the vendor keeps to itself; a trailing `*` makes a prefix.
    #[serde(default)]
    pub reserved_names: Vec<String>,
}

fn one() -> u32 {
    1
}

/// An attribute, and where its wanted value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncAttribute {
    pub name: String,
    pub source: AttributeSource,
}

/// Where the wanted value of an attribute comes from. Without a value there the attribute is not managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum AttributeSource {
    /// The destination parameter of this name.
    Destination { parameter: String },
    /// The member of this name in the secret's metadata.
    Metadata { member: String },
    /// The secret's tags, joined by commas in order.
    Tags,
}

/// What `observe` can tell of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncReads {
    /// The value.
    Values,
    /// A digest, equal for equal values.
    Digests,
    /// Only that the key is there.
    Names,
    /// Nothing; the host's ledger is all that is known.
    #[default]
    Nothing,
}
