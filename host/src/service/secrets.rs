//! Secrets: set, list, read, delete, in batches and one by one.

pub mod gather;
mod moving;
mod personal;
mod read;
pub mod tree;
mod write;

pub use self::write::set_all;

use std::collections::BTreeMap;

use super::context::Core;
use super::folders::Place;
use crate::domain::name::{FolderPath, SecretName, Tag};
use crate::domain::{Expected, Patch, Secret};
use crate::records::secrets::SecretOverview;

/// The greatest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// The greatest comment, in Unicode characters.
pub const COMMENT_CHARS_MAX: usize = 2_000;
/// The most tags of one secret.
pub const TAGS_MAX: usize = 50;
/// The most members of one secret's metadata; each name has at most 100 characters, each value 2,000.
pub const METADATA_MAX: usize = 50;
/// The greatest note of a reminder, in Unicode characters.
pub const REMINDER_NOTE_CHARS_MAX: usize = 1_024;
/// The most changes in one batch.
pub const BATCH_MAX: usize = 1_000;

/// What a write gives of a secret; what is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SecretChange {
    /// Another name in the same folder; for a secret that is there already.
    pub name: Option<SecretName>,
    /// Needed for a new secret.
    pub value: Option<Secret<String>>,
    pub comment: Option<String>,
    pub tags: Option<Vec<Tag>>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub skip_multiline_encoding: Patch<bool>,
    /// At most [`REMINDER_NOTE_CHARS_MAX`].
    pub reminder_note: Patch<String>,
    /// In days.
    pub reminder_repeat_days: Patch<u32>,
}

/// One secret to set in a batch.
#[derive(Clone, Debug)]
pub struct BatchSet {
    pub path: FolderPath,
    pub name: SecretName,
    pub change: SecretChange,
    pub expected: Expected,
}

/// One secret to delete in a batch.
#[derive(Clone, Debug)]
pub struct BatchDelete {
    pub path: FolderPath,
    pub name: SecretName,
}

/// One step of an edit.
#[derive(Clone, Debug)]
pub enum Edit {
    /// In a folder that is there.
    Set { set: BatchSet, presence: Presence },
    /// Of a secret that is there.
    Delete(BatchDelete),
}

/// Whether a secret is there before it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is made where it is not.
    Any,
    /// It must not be there.
    Absent,
    /// It must be there.
    Present,
    /// Where it is not there, nothing happens.
    OnlyIfPresent,
}

/// What became of one secret.
#[derive(Clone, Debug)]
pub struct Written {
    pub overview: SecretOverview,
    pub path: FolderPath,
    pub effect: Effect,
    /// Only where it was asked for by somebody who may see it.
    pub value: Option<Secret<String>>,
}

/// How a write changed a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Created,
    Updated,
    /// The secret was already as wanted; no version was made.
    Unchanged,
    Deleted,
}

/// What a read gives.
#[derive(Clone, Debug)]
pub struct SecretRead {
    pub overview: SecretOverview,
    pub path: FolderPath,
    /// The version that `value` is of.
    pub version: u64,
    /// Only where values were asked for.
    pub value: Option<Secret<String>>,
}

/// How secrets are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// With values; needs `secrets:reveal` and is audited before the values leave.
    pub values: bool,
    /// With references followed. A reference that leads nowhere is an error that names its secret.
    pub expand: bool,
    /// An earlier version.
    pub version: Option<u64>,
}

/// Which secrets are listed.
#[derive(Clone, Debug)]
pub struct Listing {
    pub place: Place,
    /// Also the folders below.
    pub recursive: bool,
    /// Also what the folders import.
    pub imports: bool,
    pub options: ReadOptions,
    /// Whether to count the secrets of all pages.
    pub count: bool,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: usize,
}

/// A place in a listing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    pub path: FolderPath,
    pub name: SecretName,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct SecretPage {
    pub secrets: Vec<SecretRead>,
    /// Where the next page begins, where there is one.
    pub next: Option<Position>,
    /// How many there are on all pages, where that was asked for.
    pub total: Option<u64>,
}

/// Secrets of a tenant.
#[derive(Clone)]
pub struct Secrets {
    core: Core,
}

impl Secrets {
    /// The service over this ground.
    #[must_use]
    pub const fn new(core: Core) -> Self {
        Self { core }
    }
}
