//! The Integration object: every member is always there, null when unset, and nothing in it is secret.

use keyferry_contract::ConfigMetadata;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::routes::connection::{AuthOut, LastVerificationOut};
use crate::service::integrations::IntegrationView;

/// An integration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Integration)]
pub(super) struct IntegrationOut {
    #[schema(example = "custom_crm")]
    id: String,
    #[schema(example = "CRM")]
    display_name: String,
    description: Option<String>,
    /// `SYSTEM`: straight from a plugin; `CUSTOM`: the tenant's own.
    #[serde(rename = "type")]
    #[schema(example = "CUSTOM")]
    kind: &'static str,
    /// What a connection asks. Defaults of secret parameters, and auth settings that may be secret, are left out.
    #[schema(value_type = Object)]
    config_metadata: ConfigMetadata,
    tags: Vec<String>,
    is_internal: bool,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
    /// The plugin that executes it.
    #[schema(example = "http")]
    plugin: String,
    #[schema(value_type = Option<Object>)]
    plugin_settings: Option<Map<String, Value>>,
    /// Non-secret settings of the integration's own connection.
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Whether the integration's own connection has a credential.
    has_auth: bool,
    auth_method_id: Option<String>,
    auth: Option<AuthOut>,
    last_verification: Option<LastVerificationOut>,
}

impl From<IntegrationView> for IntegrationOut {
    fn from(shown: IntegrationView) -> Self {
        Self {
            id: shown.id.to_string(),
            display_name: shown.display_name,
            description: shown.description,
            kind: shown.kind.text(),
            config_metadata: shown.config_metadata,
            tags: shown.tags,
            is_internal: false,
            created_at: shown.created_at.unix_ms(),
            modified_at: shown.modified_at.unix_ms(),
            plugin: shown.plugin.to_string(),
            plugin_settings: shown.plugin_settings,
            parameters: shown.parameters,
            has_auth: shown.auth.is_some(),
            auth_method_id: shown.auth.as_ref().map(|auth| auth.method.clone()),
            auth: shown.auth.map(AuthOut::from),
            last_verification: shown.verification.map(LastVerificationOut::from),
        }
    }
}
