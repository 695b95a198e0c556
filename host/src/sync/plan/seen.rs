//! What the listing says of one key.

use std::collections::HashMap;

use super::{Observed, PlanError};
use crate::domain::destination::{ObservedEntry, ObservedValue};

/// The listing by key.
pub(super) struct Listing<'a> {
    entries: HashMap<&'a str, &'a ObservedEntry>,
    complete: bool,
}

/// What is there under one key.
#[derive(Clone, Copy)]
pub(super) enum Remote<'a> {
    Absent,
    /// Not listed, and not proved absent.
    Unknown,
    Unreadable(&'a ObservedEntry),
    Readable(&'a ObservedEntry, &'a str),
}

impl<'a> Listing<'a> {
    pub(super) fn new(observed: &'a Observed) -> Result<Self, PlanError> {
        let mut entries = HashMap::with_capacity(observed.entries.len());
        for entry in &observed.entries {
            if entries.insert(entry.key.as_str(), entry).is_some() {
                return Err(PlanError::ListedTwice { key: entry.key.clone() });
            }
        }
        Ok(Self { entries, complete: observed.complete })
    }

    pub(super) fn remote(&self, key: &str) -> Remote<'a> {
        match self.entries.get(key) {
            Some(entry) => match &entry.value {
                ObservedValue::Readable(value) => Remote::Readable(entry, value.expose()),
                ObservedValue::Digest(_) | ObservedValue::Hidden => Remote::Unreadable(entry),
            },
            None if self.complete => Remote::Absent,
            None => Remote::Unknown,
        }
    }
}

impl<'a> Remote<'a> {
    pub(super) const fn entry(self) -> Option<&'a ObservedEntry> {
        match self {
            Self::Unreadable(entry) | Self::Readable(entry, _) => Some(entry),
            Self::Absent | Self::Unknown => None,
        }
    }

    /// What changes whenever the value does: the vendor's version, else its digest.
    pub(super) fn marker(self) -> Option<&'a str> {
        let entry = self.entry()?;
        match (&entry.version, &entry.value) {
            (Some(version), _) => Some(version),
            (None, ObservedValue::Digest(digest)) => Some(digest),
            (None, _) => None,
        }
    }
}
