//! The plugins that calls go to now: read from the records on every use, so that a switch is seen at once; what never
//! changes of a component (its metadata, its compiled form) is kept by digest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use keyferry_contract::EgressEntry;
use tokio::sync::OnceCell;

use crate::domain::id::Digest;
use crate::domain::integration::ValidMetadata;
use crate::domain::name::Slug;
use crate::domain::plugin::Grants;
use crate::domain::plugin_version::PluginVersion;
use crate::domain::{Code, Error, Result, Timestamp};
use crate::ports::plugin::PluginRunner;
use crate::records::plugins::{self as rows, PluginRecord, VersionEntry};
use crate::records::{Records, View};
use crate::service::failure::inspect_error;

/// The most plugins of one host.
pub const PLUGINS_MAX: usize = 1_000;

/// A plugin as calls use it.
#[derive(Clone, Debug)]
pub struct ActivePlugin {
    pub id: Slug,
    pub version: PluginVersion,
    pub digest: Digest,
    pub grants: Grants,
    pub metadata: Arc<ValidMetadata>,
    pub installed_at: Timestamp,
    pub modified_at: Timestamp,
}

impl ActivePlugin {
    /// The egress entries that are declared and granted.
    #[must_use]
    pub fn open_entries(&self) -> Vec<EgressEntry> {
        let granted = |entry: &&EgressEntry| self.grants.egress.contains(&entry.id);
        self.metadata.egress.iter().filter(granted).cloned().collect()
    }
}

/// Finds active plugins; cheap to clone.
#[derive(Clone)]
pub struct Catalogue(Arc<Inner>);

struct Inner {
    records: Records,
    runner: Arc<dyn PluginRunner>,
    metadata: Mutex<HashMap<Digest, Arc<ValidMetadata>>>,
    loaded: Mutex<HashMap<Digest, Arc<OnceCell<()>>>>,
}

impl Catalogue {
    pub(in crate::service) fn new(records: Records, runner: Arc<dyn PluginRunner>) -> Self {
        Self(Arc::new(Inner { records, runner, metadata: Mutex::default(), loaded: Mutex::default() }))
    }

    /// The active version of a plugin; `None` when there is none, or it is disabled.
    ///
    /// # Errors
    /// `unavailable` when the store fails, `record_unreadable`.
    pub async fn active(&self, view: &View, id: &Slug) -> Result<Option<ActivePlugin>> {
        match rows::read(view, id).await? {
            Some(record) => self.activated(view, &record).await,
            None => Ok(None),
        }
    }

    /// All active plugins in the order of their ids.
    ///
    /// # Errors
    /// As [`Catalogue::active`].
    pub async fn all_active(&self, view: &View) -> Result<Vec<ActivePlugin>> {
        let mut active = Vec::new();
        for record in rows::list(view, PLUGINS_MAX).await? {
            active.extend(self.activated(view, &record).await?);
        }
        Ok(active)
    }

    async fn activated(&self, view: &View, record: &PluginRecord) -> Result<Option<ActivePlugin>> {
        let Some(entry) = record.running() else { return Ok(None) };
        Ok(Some(ActivePlugin {
            id: record.id.clone(),
            version: entry.version.clone(),
            digest: entry.digest,
            grants: entry.grants.clone().unwrap_or_default(),
            metadata: self.metadata(view, &record.id, entry).await?,
            installed_at: record.installed_at,
            modified_at: record.modified_at,
        }))
    }

    /// The metadata of an installed version.
    ///
    /// # Errors
    /// `record_unreadable` when it is gone, or this host cannot read what an earlier one accepted.
    pub async fn metadata(&self, view: &View, id: &Slug, entry: &VersionEntry) -> Result<Arc<ValidMetadata>> {
        if let Some(known) = lock(&self.0.metadata).get(&entry.digest) {
            return Ok(known.clone());
        }
        let unreadable = || Error::new(Code::RecordUnreadable, "the stored metadata of a plugin cannot be read");
        let record = rows::read_version(view, id, &entry.version).await?.ok_or_else(unreadable)?;
        let parsed = ValidMetadata::parse(&record.metadata);
        let parsed = Arc::new(parsed.map_err(|violations| unreadable().with_violations(violations))?);
        lock(&self.0.metadata).insert(entry.digest, parsed.clone());
        Ok(parsed)
    }

    /// Makes a component ready for calls, once.
    ///
    /// # Errors
    /// `record_unreadable` when the stored component is not the one that was installed, `component_rejected` when this host
    /// no longer accepts it.
    pub async fn load(&self, digest: Digest) -> Result<()> {
        let cell = lock(&self.0.loaded).entry(digest).or_default().clone();
        cell.get_or_try_init(|| async {
            let component = rows::read_component(&self.0.records.view().await?, digest).await?;
            self.0.runner.load(digest, component).await.map_err(inspect_error)
        })
        .await
        .copied()
    }

    /// Forgets components that no version needs any more; calls in flight finish.
    pub fn forget(&self, digests: &[Digest]) {
        for digest in digests {
            lock(&self.0.loaded).remove(digest);
            lock(&self.0.metadata).remove(digest);
            self.0.runner.unload(*digest);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
