//! What a sync writes through: an integration's plugin, with a connection opened for it.

use std::sync::Arc;

use async_trait::async_trait;
use keyferry_contract::SyncRules;
use serde_json::{Map, Value};

use crate::domain::id::{ConnectionUid, Digest, TenantUid};
use crate::domain::name::Slug;
use crate::domain::plugin::Limits;
use crate::domain::sync::{RunFailure, SyncSpec};
use crate::domain::{Result, Secret};
use crate::ports::egress::{EgressScope, EgressSession};
use crate::ports::plugin::{ConnectionView, PluginCall};
use crate::records::Transaction;

/// Where a sync leads, as its owner wrote it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target<'a> {
    pub integration: &'a Slug,
    /// `None`: the integration's default connection.
    pub config: Option<ConnectionUid>,
    /// What is chosen of the parameters that the connection leaves open.
    pub parameters: &'a Map<String, Value>,
    /// As it was given, without defaults.
    pub destination: &'a Map<String, Value>,
}

impl<'a> Target<'a> {
    /// Where this sync leads.
    #[must_use]
    pub const fn of(spec: &'a SyncSpec) -> Self {
        let SyncSpec { integration, config, parameters, destination, .. } = spec;
        Self { integration, config: *config, parameters, destination }
    }
}

/// A destination with everything that calls of its plugin need. Holds opened credentials; lives as long as one run.
#[derive(Clone)]
pub struct OpenDestination {
    pub connection: ConnectionUid,
    /// Names the connection's settings and credential; another text after every change of either.
    pub revision: String,
    pub plugin: String,
    pub plugin_version: String,
    pub digest: Digest,
    pub limits: Limits,
    pub view: ConnectionView,
    pub egress: EgressScope,
    /// Values that are scrubbed from everything the plugin says.
    pub secrets: Vec<Secret<String>>,
    /// The plugin's rules, narrowed by the integration's.
    pub rules: SyncRules,
    /// Checked, and filled with defaults.
    pub destination: Map<String, Value>,
}

impl OpenDestination {
    /// One call of the plugin through this way out.
    #[must_use]
    pub fn call(&self, egress: Arc<dyn EgressSession>) -> PluginCall {
        PluginCall {
            digest: self.digest,
            plugin: self.plugin.clone(),
            limits: self.limits,
            connection: self.view.clone(),
            egress,
            secrets: self.secrets.clone(),
        }
    }
}

/// Opens destinations.
#[async_trait]
pub trait Destinations: Send + Sync + 'static {
    /// Checks that a sync may lead there, and ties it to its connection, which cannot be deleted before the sync. `tx` holds
    /// the connection to stand still until it commits.
    ///
    /// # Errors
    /// `invalid_request` with every violation, with pointers below `/integration`, `/config`, `/parameters` and
    /// `/destination`;
    /// `not_supported` when the plugin has no destination, `plugin_settings_missing`, `plugin_inactive`.
    async fn attach(&self, tx: &mut Transaction, tenant: TenantUid, target: Target<'_>) -> Result<ConnectionUid>;

    /// Opens the connection as it is published now.
    ///
    /// # Errors
    /// As [`Destinations::attach`], and `record_unreadable`, `key_unavailable`, `grant_missing`.
    async fn open(&self, tenant: TenantUid, target: Target<'_>) -> Result<OpenDestination>;

    /// Notes that the vendor rejected the connection's credentials.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    async fn rejected(&self, tenant: TenantUid, connection: ConnectionUid, failure: &RunFailure) -> Result<()>;
}
