//! A connection made ready for calls of its plugin: the one place where stored credentials are opened for use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{AuthLevel, AuthMethod, AuthScheme, ConfigMetadata};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::settle::Secrets;
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::domain::integration::{CustomBehaviour, filled_auth_settings};
use crate::domain::plugin::Limits;
use crate::domain::{Code, Error, Result, Secret, settings};
use crate::ports::egress::{EgressAuth, EgressScope, EgressSession};
use crate::ports::plugin::{ConnectionView, PluginCall};
use crate::records::connections::{AuthState, ConnectionState};
use crate::service::integrations::resolve::ResolvedIntegration;
use crate::service::plugins::catalogue::ActivePlugin;

/// What one call, or the calls of one run, are made with. Holds opened credentials: keep it no longer than that.
#[derive(Clone)]
pub struct OpenConnection {
    /// `None` while credentials are only tried.
    pub connection: Option<ConnectionUid>,
    /// Names settings, credential and plugin settings; another text after every change of one of them.
    pub revision: String,
    pub plugin: ActivePlugin,
    pub limits: Limits,
    pub view: ConnectionView,
    pub egress: EgressScope,
    /// Values that are scrubbed from everything the plugin says.
    pub secrets: Vec<Secret<String>>,
    pub behaviour: CustomBehaviour,
    /// Whether the host authenticates requests, so that a verification without one is worth nothing.
    pub is_brokered: bool,
}

impl OpenConnection {
    /// One call of the plugin through this way out.
    #[must_use]
    pub fn call(&self, egress: Arc<dyn EgressSession>) -> PluginCall {
        PluginCall {
            digest: self.plugin.digest,
            plugin: self.plugin.id.to_string(),
            limits: self.limits,
            connection: self.view.clone(),
            egress,
            secrets: self.secrets.clone(),
        }
    }

    /// When a call that begins now has to be over.
    #[must_use]
    pub fn deadline(&self, operation: crate::domain::plugin::Operation) -> Instant {
        Instant::now() + self.limits.wall(operation)
    }
}

/// The parts that a connection is opened from.
pub(in crate::service) struct Parts<'a> {
    pub(in crate::service) tenant: TenantUid,
    pub(in crate::service) connection: Option<ConnectionUid>,
    pub(in crate::service) state: &'a ConnectionState,
    pub(in crate::service) secrets: Secrets,
}

/// Opens a connection. The binding of its credential was checked before.
///
/// # Errors
/// `plugin_inactive`, `plugin_settings_missing`, `grant_missing` for plaintext credentials, `not_supported` for auth that this
/// version of the host does not apply.
pub(in crate::service) fn open(integration: &ResolvedIntegration, parts: Parts<'_>) -> Result<OpenConnection> {
    let behaviour = integration.behaviour()?;
    let plugin = integration.active()?.clone();
    let auth = parts.state.auth.as_ref();
    let method = auth.map(|auth| applied_method(integration, auth)).transpose()?;
    let method = method.map(|method| parts.secrets.guarded(method));
    let parameters = parts.state.parameters.clone().unwrap_or_default();
    let scrubbed = scrubbed(method.as_ref(), &parts.secrets);
    let is_plain = method.as_ref().is_some_and(|method| method.scheme == AuthScheme::Custom);
    if is_plain && !plugin.grants.plaintext {
        let detail = format!("the plugin `{}` needs the grant `plaintext` for this auth method", plugin.id);
        return Err(Error::new(Code::GrantMissing, detail));
    }
    let revision = revision(parts.state, &behaviour.plugin_settings);
    let all = parts.secrets.parameters.clone().into_iter().chain(parts.secrets.auth.clone());
    let view = ConnectionView {
        settings: parameters.clone(),
        plugin_settings: behaviour.plugin_settings.clone(),
        auth_method: auth.map(|auth| auth.method.clone()).unwrap_or_default(),
        plaintext_credentials: is_plain.then(|| all.collect()),
    };
    let is_brokered =
        method.as_ref().is_some_and(|method| !matches!(method.scheme, AuthScheme::None | AuthScheme::Custom));
    let credentials = if is_brokered { parts.secrets.auth } else { BTreeMap::new() };
    let egress = EgressScope {
        tenant: parts.tenant,
        connection: parts.connection,
        plugin: plugin.id.to_string(),
        entries: plugin.open_entries(),
        settings: host_settings(&integration.metadata, &parameters),
        auth: EgressAuth { method, credentials },
        ca_bundle: parts.state.ca_bundle.clone(),
        // The tenant's own identity: made by the host, never chosen, the same for ever.
        external_id: Some(parts.tenant.to_string()),
        requests_max: plugin.grants.limits.requests,
    };
    let limits = plugin.grants.limits;
    let connection = parts.connection;
    Ok(OpenConnection { connection, revision, plugin, limits, view, egress, secrets: scrubbed, behaviour, is_brokered })
}

/// The method with its settings filled in, when this host applies it.
fn applied_method(integration: &ResolvedIntegration, auth: &AuthState) -> Result<AuthMethod> {
    let unknown = || Error::new(Code::WrongState, "the connection's auth method is no longer one of the integration");
    let method = integration.method(&auth.method).ok_or_else(unknown)?;
    if auth.level == AuthLevel::User {
        return Err(Error::new(Code::NotSupported, "credentials of level `USER` are stored, but not used yet"));
    }
    if matches!(method.scheme, AuthScheme::Unspecified | AuthScheme::OAuth2) {
        let detail = "an auth method of this type is stored, but not applied yet";
        return Err(Error::new(Code::NotSupported, detail));
    }
    Ok(filled_auth_settings(method))
}

fn scrubbed(method: Option<&AuthMethod>, secrets: &Secrets) -> Vec<Secret<String>> {
    let is_secret = |name: &str| {
        let declared = method.and_then(|method| method.parameters_metadata.iter().find(|p| p.name == name));
        declared.is_none_or(|parameter| parameter.secret)
    };
    let auth = secrets.auth.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
    secrets.parameters.values().chain(auth).cloned().collect()
}

/// Settings that host patterns and signing regions may name.
fn host_settings(metadata: &ConfigMetadata, parameters: &Map<String, Value>) -> BTreeMap<String, String> {
    let names_host = metadata
        .parameters_metadata
        .iter()
        .filter(|parameter| matches!(parameter.type_name.as_deref(), Some(type_name::LABEL | type_name::ORIGIN)));
    names_host
        .filter_map(|parameter| Some((parameter.name.clone(), settings::to_text(parameters.get(&parameter.name)?))))
        .collect()
}

fn revision(state: &ConnectionState, plugin_settings: &Map<String, Value>) -> String {
    let text = serde_json::to_vec(&(state, plugin_settings)).unwrap_or_default();
    data_encoding::HEXLOWER.encode(&Sha256::digest(&text)[..16])
}
