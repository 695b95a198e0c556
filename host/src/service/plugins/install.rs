//! Installation: a component is checked, compiled and described, and then waits to be activated.

use super::capability::{CapabilityDiff, inherited};
use super::{
    Code, Error, Grants, HostCtx, PluginRecord, PluginView, Plugins, Result, ValidMetadata, VersionEntry, Versioned,
    WhichVersion, audit, inspect_error, rows,
};
use crate::domain::Expected;
use crate::domain::id::Digest;
use crate::domain::plugin::Limits;
use crate::ports::plugin::Inspected;
use crate::records::Transaction;
use crate::records::plugins::digest_of;
use crate::transact;

/// The versions that one plugin can have in its life.
const VERSIONS_MAX: usize = 1_000;

/// What has become known of an uploaded component.
struct Candidate {
    inspected: Inspected,
    metadata: ValidMetadata,
    digest: Digest,
}

impl Plugins {
    /// Installs a component. It does nothing before it is activated, unless it is the very component that is installed
    /// already: then nothing changes.
    ///
    /// # Errors
    /// `component_too_large`, `component_rejected` with everything that is wrong with its metadata, `already_exists` when
    /// this version of the plugin is another component.
    pub async fn install(&self, ctx: &HostCtx, component: Vec<u8>) -> Result<Versioned<PluginView>> {
        if component.len() > Limits::COMPONENT_BYTES_MAX {
            let detail = format!("a component has at most {} bytes", Limits::COMPONENT_BYTES_MAX);
            return Err(Error::new(Code::ComponentTooLarge, detail));
        }
        let candidate = self.inspected(&component).await?;
        rows::write_component(&self.core.records, candidate.digest, &component).await?;
        let id = candidate.metadata.id.parse().map_err(|_| Error::not_found("plugin"))?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let record = tx.get::<PluginRecord>(&rows::key(&id)).await?;
            let mut record = record.unwrap_or_else(|| PluginRecord {
                id: id.clone(),
                active: None,
                disabled: false,
                versions: Vec::new(),
                activations: Vec::new(),
                installed_at: now,
                modified_at: now,
            });
            if self.add_version(&mut tx, &mut record, &candidate, ctx).await? {
                record.modified_at = now;
                tx.put(&rows::key(&id), &record).await?;
                audit::record_host(&mut tx, ctx, now, "plugins.install", format!("{id}@{}", candidate.digest)).await?;
            }
        });
        self.read(ctx, &id).await
    }

    /// Installs a component, grants everything that it declares, and activates it: for components that come with the host.
    ///
    /// # Errors
    /// As [`Plugins::install`] and [`Plugins::activate`].
    pub async fn install_trusted(&self, ctx: &HostCtx, component: Vec<u8>) -> Result<Versioned<PluginView>> {
        let digest = digest_of(&component);
        let installed = self.install(ctx, component).await?;
        let Some(version) = installed.value.versions.iter().find(|version| version.entry.digest == digest) else {
            return Err(Error::not_found("version"));
        };
        if installed.value.record.running().is_some_and(|running| running.digest == digest) {
            return Ok(installed);
        }
        let review = super::Review {
            egress: version.metadata.egress.iter().map(|entry| entry.id.clone()).collect(),
            plaintext: super::capability::wants_plaintext(&version.metadata),
            limits: None,
        };
        let id = installed.value.record.id.clone();
        self.activate(ctx, &id, &WhichVersion::Digest(digest), Some(&review), &Expected::Any).await
    }

    async fn inspected(&self, component: &[u8]) -> Result<Candidate> {
        let inspected = self.core.runner.inspect(component.to_vec()).await.map_err(inspect_error)?;
        let metadata = ValidMetadata::parse(&inspected.metadata).map_err(|violations| {
            Error::new(Code::ComponentRejected, "the plugin's metadata makes no sense; `errors` lists every violation")
                .with_violations(violations)
        })?;
        if metadata.sync.is_some() != inspected.has_destination {
            let detail = "a plugin exports `destination` exactly when its metadata has `sync`";
            return Err(Error::new(Code::ComponentRejected, detail));
        }
        let digest = digest_of(component);
        if digest != inspected.digest {
            return Err(Error::internal("the runner inspected another component"));
        }
        Ok(Candidate { inspected, metadata, digest })
    }

    /// Adds the version to the record; `false` when it is there already.
    async fn add_version(
        &self,
        tx: &mut Transaction,
        record: &mut PluginRecord,
        candidate: &Candidate,
        ctx: &HostCtx,
    ) -> Result<bool> {
        let version = candidate.metadata.version();
        if let Some(known) = record.versions.iter().find(|entry| entry.version == *version) {
            if known.digest == candidate.digest && known.kept {
                return Ok(false);
            }
            if known.digest != candidate.digest && !self.policy.replaces_versions {
                let detail = "this version of the plugin is another component; a version never changes: raise it";
                return Err(Error::new(Code::AlreadyExists, detail));
            }
        }
        record.versions.retain(|entry| entry.version != *version);
        if record.versions.len() >= VERSIONS_MAX {
            return Err(Error::new(Code::WrongState, "this plugin has had too many versions"));
        }
        let grants = self.inherited_grants(tx, record, &candidate.metadata).await?;
        record.versions.push(VersionEntry {
            version: version.clone(),
            digest: candidate.digest,
            kept: true,
            grants,
            degraded_since: None,
            installed_at: self.core.clock.now(),
            installed_by: ctx.principal().identity,
        });
        // In development another component may just have taken the running version's place: it has to be activated anew.
        if record.active.as_ref() == Some(version) {
            record.active = None;
        }
        self.write_row(tx, record, candidate).await?;
        Ok(true)
    }

    async fn inherited_grants(
        &self,
        tx: &Transaction,
        record: &PluginRecord,
        metadata: &ValidMetadata,
    ) -> Result<Option<Grants>> {
        let running = record.active.as_ref().and_then(|version| record.kept(version));
        let Some((entry, granted)) = running.and_then(|entry| Some((entry, entry.grants.as_ref()?))) else {
            return Ok(None);
        };
        let before = self.catalogue.metadata(tx.view(), &record.id, entry).await?;
        let diff = CapabilityDiff::between(Some(&before), metadata);
        Ok((!diff.asks_for_more()).then(|| inherited(granted, metadata)))
    }

    async fn write_row(&self, tx: &mut Transaction, record: &PluginRecord, candidate: &Candidate) -> Result<()> {
        let row = rows::VersionRecord {
            plugin: record.id.clone(),
            version: candidate.metadata.version().clone(),
            digest: candidate.digest,
            component_bytes: candidate.inspected.component_bytes,
            has_destination: candidate.inspected.has_destination,
            imports: candidate.inspected.imports.clone(),
            metadata: candidate.inspected.metadata.clone(),
        };
        rows::write_version(tx, &row).await
    }
}
