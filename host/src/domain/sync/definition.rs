//! What a tenant asks of a sync.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Presentation;
use crate::domain::id::ConnectionUid;
use crate::domain::name::{FolderPath, Slug, Tag};

/// A sync as its owner wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncSpec {
    pub id: Slug,
    /// At most 100 characters.
    pub display_name: String,
    /// The integration's id.
    pub integration: Slug,
    /// `None`: the integration's default connection.
    pub config: Option<ConnectionUid>,
    /// What the sync chooses of the parameters that its connection leaves to each sync.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    pub source: Selection,
    /// The plugin's destination parameters, as they were given.
    pub destination: Map<String, Value>,
    #[serde(default)]
    pub options: SyncOptions,
    /// How it was written down, where that was in other words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Presentation>,
}

/// Which secrets are carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    pub environment: Slug,
    #[serde(default)]
    pub path: FolderPath,
    /// Whether the folders below are carried as well.
    #[serde(default)]
    pub recursive: bool,
    /// Globs over names, of which one must match. None given: every name matches.
    #[serde(default)]
    pub include: Vec<String>,
    /// Globs over names, of which none may match.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Tags that a secret must all have.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Members that a secret's metadata must have with exactly these values.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Selection {
    /// Every secret of one folder.
    #[must_use]
    pub const fn of(environment: Slug, path: FolderPath) -> Self {
        Self {
            environment,
            path,
            recursive: false,
            include: Vec::new(),
            exclude: Vec::new(),
            tags: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }
}

/// How a sync behaves. The defaults are the safe ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncOptions {
    /// Whether a change of the source starts a run by itself.
    pub auto_sync: bool,
    pub deletion: Deletion,
    pub on_conflict: OnConflict,
    pub on_drift: OnDrift,
    /// How often the destination is looked at for changes that somebody else made, in seconds; 0: never. `None`: as often
    /// as the host is configured to.
    pub drift_check_interval_seconds: Option<u64>,
    pub on_unresolved_reference: OnUnresolvedReference,
    pub on_invalid: OnInvalid,
    /// What the first run does with keys that are there already; `None`: what `on_conflict` says.
    pub initial_sync_behavior: Option<InitialSync>,
    /// Whether written values are read back. `None`: on the first run only.
    pub verify: Option<bool>,
    /// The key at the destination; knows `{{secretKey}}` and `{{environment}}`.
    pub key_template: String,
    pub key_prefix: String,
    pub key_suffix: String,
    pub key_case: KeyCase,
    /// Secret name to destination key. What stands here passes template, prefix, suffix and case by.
    pub key_names: BTreeMap<String, String>,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            auto_sync: true,
            deletion: Deletion::default(),
            on_conflict: OnConflict::default(),
            on_drift: OnDrift::default(),
            drift_check_interval_seconds: None,
            on_unresolved_reference: OnUnresolvedReference::default(),
            on_invalid: OnInvalid::default(),
            initial_sync_behavior: None,
            verify: None,
            key_template: "{{secretKey}}".to_owned(),
            key_prefix: String::new(),
            key_suffix: String::new(),
            key_case: KeyCase::default(),
            key_names: BTreeMap::new(),
        }
    }
}

impl SyncOptions {
    /// What happens to a key that is there and not ours, on the first run or on a later one. Where the destination wins,
    /// what a first run could not import falls to the standing policy: nobody said that it may be overwritten.
    #[must_use]
    pub fn conflict_policy(&self, is_first_run: bool) -> OnConflict {
        match self.initial_sync_behavior {
            Some(InitialSync::OverwriteDestination | InitialSync::ImportPrioritizeSource) if is_first_run => {
                OnConflict::Overwrite
            }
            _ => self.on_conflict,
        }
    }

    /// Whose values win when the first run imports; `None`: it does not.
    #[must_use]
    pub const fn initial_import(&self) -> Option<Priority> {
        match self.initial_sync_behavior {
            Some(InitialSync::ImportPrioritizeSource) => Some(Priority::Source),
            Some(InitialSync::ImportPrioritizeDestination) => Some(Priority::Destination),
            Some(InitialSync::OverwriteDestination) | None => None,
        }
    }

    /// Whether runs of this sync may write secrets.
    #[must_use]
    pub fn imports(&self) -> bool {
        self.initial_import().is_some() || self.on_conflict == OnConflict::Import
    }

    /// Whether this run reads back what it wrote.
    #[must_use]
    pub fn verifies(&self, is_first_run: bool) -> bool {
        self.verify.unwrap_or(is_first_run)
    }
}

macro_rules! policies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }
    )*};
}

policies! {
    /// Whether keys that are no longer wanted are deleted at the destination.
    Deletion {
        /// Those that this sync wrote, and that still hold what it wrote.
        #[default]
        Owned,
        /// None.
        Never,
    }
    /// What happens to a wanted key that is at the destination already, different, and not ours.
    OnConflict {
        /// The run stops and asks.
        #[default]
        Stop,
        /// It is overwritten.
        Overwrite,
        /// Its value becomes a new version of the secret.
        Import,
    }
    /// What happens to a key of ours that somebody else changed. One that was removed is created again all the same.
    OnDrift {
        /// It is written again.
        #[default]
        Repair,
        /// It is told and left.
        Report,
    }
    /// What happens when a reference in a value cannot be resolved.
    OnUnresolvedReference {
        /// The run stops before the first write.
        #[default]
        Fail,
        /// The text of the reference is passed on.
        Literal,
    }
    /// What happens to an item that the destination's rules do not allow.
    OnInvalid {
        /// The run stops before the first write.
        #[default]
        Fail,
        /// The item is told and left as it is at the destination.
        Skip,
    }
    /// The letter case of a key at the destination.
    KeyCase {
        #[default]
        Keep,
        Upper,
        Lower,
    }
}

/// What the first run does with keys that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InitialSync {
    OverwriteDestination,
    ImportPrioritizeSource,
    ImportPrioritizeDestination,
}

/// Whose value wins where source and destination differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Priority {
    Source,
    Destination,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_object_gives_the_safe_options() {
        let options: SyncOptions = serde_json::from_str("{}").expect("every member has a default");
        assert_eq!(options, SyncOptions::default());
        assert_eq!(options.conflict_policy(true), OnConflict::Stop);
        assert!(options.verifies(true) && !options.verifies(false));
    }

    #[test]
    fn the_first_behaviour_ends_with_the_first_run() {
        for (behaviour, first) in [
            (InitialSync::OverwriteDestination, OnConflict::Overwrite),
            (InitialSync::ImportPrioritizeSource, OnConflict::Overwrite),
            (InitialSync::ImportPrioritizeDestination, OnConflict::Stop),
        ] {
            let options = SyncOptions { initial_sync_behavior: Some(behaviour), ..SyncOptions::default() };
            assert_eq!(options.conflict_policy(true), first);
            assert_eq!(options.conflict_policy(false), OnConflict::Stop);
        }
    }

    #[test]
    fn names_on_the_wire_are_those_of_the_interface() {
        let text = serde_json::to_string(&SyncOptions::default()).expect("plain data");
        for expected in
            [r#""autoSync":true"#, r#""deletion":"OWNED""#, r#""onConflict":"STOP""#, r#""onDrift":"REPAIR""#]
        {
            assert!(text.contains(expected), "{text} lacks {expected}");
        }
    }
}
