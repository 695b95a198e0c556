//! Use-cases: authorise, validate, transact, audit. Both API dialects and the CLI come through here.

use std::sync::Arc;

use crate::domain::Result;
use crate::records::access::{SigningKeysRecord, signing_keys};

pub mod access;
pub mod audit;
pub mod auth_settings;
pub mod connections;
pub mod context;
pub mod cursors;
pub mod destinations;
pub mod environments;
pub mod failure;
pub mod folders;
pub mod host_key;
pub mod idempotency;
pub mod identities;
pub mod integrations;
pub mod keys;
pub mod plugins;
pub mod resolve;
pub mod secrets;
pub mod syncs;
pub mod tags;
pub mod tenants;
#[cfg(test)]
mod tests;

use access::Access;
use audit::AuditLog;
use connections::Connections;
use context::Core;
use environments::Environments;
use folders::Folders;
use idempotency::Idempotency;
use identities::Identities;
use integrations::Integrations;
use keys::Keys;
use plugins::catalogue::Catalogue;
use plugins::{PluginPolicy, Plugins};
use secrets::Secrets;
use syncs::Syncs;
use tags::Tags;
use tenants::Tenants;

/// All use-cases, as the edges reach them; cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub core: Core,
    pub access: Access,
    pub audit: AuditLog,
    pub connections: Connections,
    pub environments: Environments,
    pub folders: Folders,
    pub idempotency: Idempotency,
    pub identities: Identities,
    pub integrations: Integrations,
    pub keys: Keys,
    pub plugins: Plugins,
    pub secrets: Secrets,
    pub syncs: Syncs,
    pub tags: Tags,
    pub tenants: Tenants,
}

impl Services {
    /// Puts the services on their ground; makes what the host needs once in the life of an installation.
    ///
    /// # Errors
    /// `unavailable` when the store or the operating system's randomness fails.
    pub async fn open(core: Core, policy: PluginPolicy) -> Result<Self> {
        core.records.initialise().await?;
        let access = Access::open(core.clone()).await?;
        let catalogue = Catalogue::new(core.records.clone(), core.runner.clone());
        let connections = Connections::new(core.clone(), catalogue.clone());
        Ok(Self {
            audit: AuditLog::new(core.clone()),
            connections: connections.clone(),
            environments: Environments::new(core.clone()),
            folders: Folders::new(core.clone()),
            idempotency: Idempotency::new(core.clone()),
            identities: Identities::new(core.clone(), access.clone()),
            integrations: Integrations::new(core.clone(), catalogue.clone(), connections.clone()),
            keys: Keys::new(core.clone()),
            plugins: Plugins::new(core.clone(), catalogue, policy),
            secrets: Secrets::new(core.clone()),
            syncs: Syncs::new(core.clone(), Arc::new(connections.clone())),
            tags: Tags::new(core.clone()),
            tenants: Tenants::new(core.clone()),
            access,
            core,
        })
    }

    /// That the store can be read and its keys open.
    ///
    /// # Errors
    /// `unavailable`, `key_unavailable` or `record_unreadable`.
    pub async fn check_ready(&self) -> Result<()> {
        let view = self.core.records.view().await?;
        view.get::<SigningKeysRecord>(&signing_keys()).await.map(|_| ())
    }
}
