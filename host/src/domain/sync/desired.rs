//! What a destination shall hold. These types carry values and are never stored.

use std::collections::BTreeMap;

use crate::domain::Secret;
use crate::domain::destination::Attributes;
use crate::domain::name::{FolderPath, SecretName, Slug, Tag};

/// A secret of the source, with imports and references resolved.
#[derive(Clone, Debug)]
pub struct DesiredSecret {
    /// The environment that was selected, also for imported secrets.
    pub environment: Slug,
    /// The folder that it is selected through.
    pub path: FolderPath,
    pub name: SecretName,
    pub value: Secret<String>,
    pub tags: Vec<Tag>,
    pub metadata: BTreeMap<String, String>,
}

/// An item as the destination shall hold it.
#[derive(Clone, Debug)]
pub struct DesiredItem {
    /// Relative to the destination's prefix.
    pub key: String,
    pub value: Secret<String>,
    /// Only those that are managed.
    pub attributes: Attributes,
    /// The secret that it comes from, for messages.
    pub secret: SecretName,
}
