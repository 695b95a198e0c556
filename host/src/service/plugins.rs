//! Plugins: installed, reviewed, switched, rolled back and disabled by administrators, while the host serves.

pub mod capability;
pub mod catalogue;
mod install;
pub mod watch;

use serde::Serialize;

use super::audit;
use super::context::{Core, HostCtx};
use super::failure::inspect_error;
use crate::domain::error::violation;
use crate::domain::id::Digest;
use crate::domain::integration::ValidMetadata;
use crate::domain::name::Slug;
use crate::domain::plugin::{Grants, Limits};
use crate::domain::plugin_version::PluginVersion;
use crate::domain::{Code, Error, Expected, Result, Version, Versioned, Violation};
use crate::records::plugins::{self as rows, PluginRecord, VersionEntry};
use crate::records::sync_state::plugin_marker;
use crate::records::{Transaction, View};
use crate::transact;
use capability::CapabilityDiff;
use catalogue::{Catalogue, PLUGINS_MAX};

/// How many activated versions are kept: the one that runs and those that a rollback can go to.
const KEPT_MAX: usize = 3;

/// What the operator decides about plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PluginPolicy {
    /// Whether another component may take the place of an installed version: only while plugins are developed.
    pub replaces_versions: bool,
}

/// Installed plugins.
#[derive(Clone)]
pub struct Plugins {
    core: Core,
    catalogue: Catalogue,
    policy: PluginPolicy,
}

/// A plugin with the versions that are kept, oldest first.
#[derive(Clone, Debug)]
pub struct PluginView {
    pub record: PluginRecord,
    pub versions: Vec<VersionView>,
}

/// One version of a plugin.
#[derive(Clone, Debug)]
pub struct VersionView {
    pub entry: VersionEntry,
    pub row: rows::VersionRecord,
    pub metadata: std::sync::Arc<ValidMetadata>,
    /// Against the version that runs now; empty for that one itself.
    pub diff: CapabilityDiff,
}

/// Where a plugin stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PluginState {
    /// Installed, and no version activated yet.
    Installed,
    Active,
    Disabled,
}

impl PluginView {
    /// Where the plugin stands.
    #[must_use]
    pub const fn state(&self) -> PluginState {
        match (&self.record.active, self.record.disabled) {
            (None, _) => PluginState::Installed,
            (Some(_), true) => PluginState::Disabled,
            (Some(_), false) => PluginState::Active,
        }
    }

    /// The version that calls go to, else the one installed last.
    #[must_use]
    pub fn current(&self) -> Option<&VersionView> {
        let active = self.record.active.as_ref();
        let active = active.and_then(|version| self.versions.iter().find(|view| view.entry.version == *version));
        active.or(self.versions.last())
    }
}

/// Which version of a plugin is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WhichVersion {
    /// The one installed last.
    #[default]
    Last,
    Version(PluginVersion),
    Digest(Digest),
}

/// What an administrator lets a version do. Members left out are kept, else taken as declared by the plugin contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// Ids of egress entries; all others stay closed.
    pub egress: Vec<String>,
    pub plaintext: bool,
    pub limits: Option<Limits>,
}

/// One change of a plugin's record.
enum Change<'a> {
    Review(&'a PluginVersion, &'a Review),
    Activate(&'a PluginVersion, Option<&'a Review>),
    RollBack(&'a PluginVersion),
    Disable,
}

impl Change<'_> {
    /// The name in the audit log.
    const fn action(&self) -> &'static str {
        match self {
            Self::Review(..) => "plugins.review",
            Self::Activate(..) => "plugins.activate",
            Self::RollBack(_) => "plugins.rollback",
            Self::Disable => "plugins.disable",
        }
    }

    /// Whether calls of the plugin may succeed from now on that failed before.
    fn lets_calls_go_on(&self, record: &PluginRecord) -> bool {
        let concerned = match self {
            Self::Review(version, _) | Self::Activate(version, _) | Self::RollBack(version) => version,
            Self::Disable => return false,
        };
        record.running().is_some_and(|running| running.version == **concerned)
    }
}

impl Plugins {
    pub(in crate::service) const fn new(core: Core, catalogue: Catalogue, policy: PluginPolicy) -> Self {
        Self { core, catalogue, policy }
    }

    /// All plugins in the order of their ids.
    ///
    /// # Errors
    /// `unavailable` when the store fails, `record_unreadable`.
    pub async fn list(&self, _: &HostCtx) -> Result<Vec<PluginView>> {
        let view = self.core.records.view().await?;
        let mut plugins = Vec::new();
        for record in rows::list(&view, PLUGINS_MAX).await? {
            plugins.push(self.shown(&view, record).await?);
        }
        Ok(plugins)
    }

    /// One plugin.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn read(&self, _: &HostCtx, id: &Slug) -> Result<Versioned<PluginView>> {
        let view = self.core.records.view().await?;
        let found = view.get_with_version::<PluginRecord>(&rows::key(id)).await?;
        let found = found.ok_or_else(|| Error::not_found("plugin"))?;
        Ok(Versioned { version: found.version, value: self.shown(&view, found.value).await? })
    }

    async fn shown(&self, view: &View, record: PluginRecord) -> Result<PluginView> {
        let running = record.active.as_ref().and_then(|version| record.kept(version));
        let running = match running {
            Some(entry) => Some(self.catalogue.metadata(view, &record.id, entry).await?),
            None => None,
        };
        let mut versions = Vec::new();
        for entry in record.versions.iter().filter(|entry| entry.kept) {
            let row = rows::read_version(view, &record.id, &entry.version).await?;
            let row = row.ok_or_else(|| Error::new(Code::RecordUnreadable, "a version of a plugin is missing"))?;
            let metadata = self.catalogue.metadata(view, &record.id, entry).await?;
            let diff = CapabilityDiff::between(running.as_ref().map(|metadata| &***metadata), &metadata);
            versions.push(VersionView { entry: entry.clone(), row, metadata, diff });
        }
        Ok(PluginView { record, versions })
    }

    /// Decides what a version may do, without activating it. For the running version it holds from the next call on.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`, `invalid_request` for entries that are not declared or limits beyond the host's.
    pub async fn review(
        &self,
        ctx: &HostCtx,
        id: &Slug,
        which: &WhichVersion,
        review: &Review,
        expected: &Expected,
    ) -> Result<Versioned<PluginView>> {
        let version = self.version(id, which).await?;
        self.change(ctx, id, expected, &Change::Review(&version, review)).await
    }

    /// Lets calls go to a version from now on; those in flight finish where they began.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`, `grant_missing` when the version asks for more than the running one and was not
    /// reviewed, `component_rejected` when this host does not run it.
    pub async fn activate(
        &self,
        ctx: &HostCtx,
        id: &Slug,
        which: &WhichVersion,
        review: Option<&Review>,
        expected: &Expected,
    ) -> Result<Versioned<PluginView>> {
        let version = self.version(id, which).await?;
        self.load(id, &version).await?;
        let switched = self.change(ctx, id, expected, &Change::Activate(&version, review)).await?;
        self.prune(id).await?;
        Ok(switched)
    }

    /// Goes back to the version that was active before.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`, `wrong_state` when there is none to go back to.
    pub async fn roll_back(&self, ctx: &HostCtx, id: &Slug, expected: &Expected) -> Result<Versioned<PluginView>> {
        let before = {
            let view = self.core.records.view().await?;
            let record = rows::read(&view, id).await?.ok_or_else(|| Error::not_found("plugin"))?;
            let mut earlier =
                record.activations.iter().rev().skip_while(|version| record.active.as_ref() == Some(version));
            earlier.find(|version| record.kept(version).is_some()).cloned()
        };
        let nothing = || Error::new(Code::WrongState, "no earlier version is kept");
        let before = before.ok_or_else(nothing)?;
        self.load(id, &before).await?;
        self.change(ctx, id, expected, &Change::RollBack(&before)).await
    }

    /// Stops a plugin: no call of it begins any more, and its connections and syncs stay as they are.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`.
    pub async fn disable(&self, ctx: &HostCtx, id: &Slug, expected: &Expected) -> Result<Versioned<PluginView>> {
        self.change(ctx, id, expected, &Change::Disable).await
    }

    /// Loads the component of every active plugin. One that fails is reported and leaves the others running.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn load_active(&self) -> Result<Vec<(Slug, Error)>> {
        let view = self.core.records.view().await?;
        let mut failed = Vec::new();
        for record in rows::list(&view, PLUGINS_MAX).await? {
            if let Some(entry) = record.running()
                && let Err(error) = self.catalogue.load(entry.digest).await
            {
                failed.push((record.id.clone(), error));
            }
        }
        Ok(failed)
    }

    async fn version(&self, id: &Slug, which: &WhichVersion) -> Result<PluginVersion> {
        let view = self.core.records.view().await?;
        let record = rows::read(&view, id).await?.ok_or_else(|| Error::not_found("plugin"))?;
        let mut newest_first = record.versions.iter().rev().filter(|entry| entry.kept);
        let found = match which {
            WhichVersion::Last => newest_first.next(),
            WhichVersion::Version(version) => newest_first.find(|entry| entry.version == *version),
            WhichVersion::Digest(digest) => newest_first.find(|entry| entry.digest == *digest),
        };
        found.map(|entry| entry.version.clone()).ok_or_else(|| Error::not_found("version"))
    }

    async fn load(&self, id: &Slug, version: &PluginVersion) -> Result<()> {
        let view = self.core.records.view().await?;
        let record = rows::read(&view, id).await?.ok_or_else(|| Error::not_found("plugin"))?;
        let entry = record.kept(version).ok_or_else(|| Error::not_found("version"))?;
        self.catalogue.load(entry.digest).await
    }

    async fn change(
        &self,
        ctx: &HostCtx,
        id: &Slug,
        expected: &Expected,
        change: &Change<'_>,
    ) -> Result<Versioned<PluginView>> {
        let now = self.core.clock.now();
        let (record, version): (PluginRecord, Version) = transact!(self.core.records, |tx| {
            let found = tx.get_with_version::<PluginRecord>(&rows::key(id)).await?;
            let mut found = found.ok_or_else(|| Error::not_found("plugin"))?;
            expected.check(found.version)?;
            self.apply(&mut tx, &mut found.value, change).await?;
            if change.lets_calls_go_on(&found.value) {
                tx.put_clear(&plugin_marker(id), &[]);
            }
            found.value.modified_at = now;
            audit::record_host(&mut tx, ctx, now, change.action(), id.as_str()).await?;
            let version = tx.put_with_version(&rows::key(id), &found.value).await?;
            (found.value, version)
        });
        let view = self.core.records.view().await?;
        Ok(Versioned { value: self.shown(&view, record).await?, version })
    }

    async fn apply(&self, tx: &mut Transaction, record: &mut PluginRecord, change: &Change<'_>) -> Result<()> {
        match change {
            Change::Review(version, review) => self.write_review(tx, record, version, review).await,
            Change::Activate(version, review) => {
                if let Some(review) = review {
                    self.write_review(tx, record, version, review).await?;
                }
                switch(record, version)
            }
            Change::RollBack(before) => {
                // The version left behind is no longer one to roll back to.
                let left = record.active.clone();
                record.activations.retain(|version| Some(version) != left.as_ref());
                switch(record, before)
            }
            Change::Disable => {
                record.disabled = true;
                Ok(())
            }
        }
    }

    async fn write_review(
        &self,
        tx: &mut Transaction,
        record: &mut PluginRecord,
        version: &PluginVersion,
        review: &Review,
    ) -> Result<()> {
        let entry = record.kept(version).ok_or_else(|| Error::not_found("version"))?.clone();
        let metadata = self.catalogue.metadata(tx.view(), &record.id, &entry).await?;
        let before = entry.grants.map(|grants| grants.limits);
        let grants = Grants {
            egress: review.egress.clone(),
            plaintext: review.plaintext,
            limits: review.limits.or(before).unwrap_or_default(),
        };
        check_grants(&grants, &metadata)?;
        if let Some(entry) = record.kept_mut(version) {
            entry.grants = Some(grants);
        }
        Ok(())
    }

    /// Lets go of versions that no rollback can reach.
    async fn prune(&self, id: &Slug) -> Result<()> {
        let gone: Vec<Digest> = transact!(self.core.records, |tx| {
            let Some(mut record) = tx.get::<PluginRecord>(&rows::key(id)).await? else { return Ok(()) };
            let gone = unreachable_versions(&record);
            if gone.is_empty() {
                return Ok(());
            }
            let mut digests = Vec::new();
            for version in &gone {
                rows::remove_version(&mut tx, id, version);
                if let Some(entry) = record.kept_mut(version) {
                    entry.kept = false;
                    digests.push(entry.digest);
                }
            }
            tx.put(&rows::key(id), &record).await?;
            digests
        });
        self.catalogue.forget(&gone);
        for digest in gone {
            rows::remove_component(&self.core.records, digest).await?;
        }
        Ok(())
    }
}

/// Activates a version that was reviewed.
fn switch(record: &mut PluginRecord, version: &PluginVersion) -> Result<()> {
    let entry = record.kept(version).ok_or_else(|| Error::not_found("version"))?;
    if entry.grants.is_none() {
        let detail =
            "this version asks for more than the running one: review its grants, or send them with the activation";
        return Err(Error::new(Code::GrantMissing, detail));
    }
    record.activations.retain(|activated| activated != version);
    record.activations.push(version.clone());
    record.active = Some(version.clone());
    record.disabled = false;
    Ok(())
}

/// Versions beyond the last activated ones, except those installed after the active one: they are still to come.
fn unreachable_versions(record: &PluginRecord) -> Vec<PluginVersion> {
    let reachable: Vec<&PluginVersion> = record.activations.iter().rev().take(KEPT_MAX).collect();
    let active_at = record.versions.iter().position(|entry| record.active.as_ref() == Some(&entry.version));
    let to_come = active_at.map_or(0, |position| position + 1);
    let old = record.versions.iter().take(to_come).filter(|entry| entry.kept && !reachable.contains(&&entry.version));
    old.map(|entry| entry.version.clone()).collect()
}

fn check_grants(grants: &Grants, metadata: &ValidMetadata) -> Result<()> {
    let mut violations = Vec::new();
    for (index, id) in grants.egress.iter().enumerate() {
        if !metadata.egress.iter().any(|entry| entry.id == *id) {
            let detail = "names no egress entry that this version declares";
            violations.push(Violation::new(format!("/grants/egress/{index}"), violation::UNKNOWN_REFERENCE, detail));
        }
    }
    if grants.limits.memory_bytes > Limits::MEMORY_BYTES_CEILING {
        let detail = format!("must be at most {}", Limits::MEMORY_BYTES_CEILING);
        violations.push(Violation::new("/grants/limits/memoryBytes", violation::OUT_OF_RANGE, detail));
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::invalid(violations)) }
}
