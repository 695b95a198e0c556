//! How connections are shown: nothing secret of their credentials.

use keyferry_contract::Infisical;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::infisical::time;
use crate::domain::id::TenantUid;
use crate::service::connections::UsedConnection;
use crate::service::integrations::AppFacade;

/// One connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAppConnectionAnswer)]
pub(super) struct OneConnection {
    pub(super) app_connection: ConnectionOut,
}

/// Several connections.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAppConnectionList)]
pub(super) struct SeveralConnections {
    pub(super) app_connections: Vec<ConnectionOut>,
}

/// Connections by id and name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAvailableAppConnections)]
pub(super) struct AvailableConnections {
    pub(super) app_connections: Vec<AvailableOut>,
}

/// What connections can be made of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAppConnectionOptions)]
pub(super) struct Options {
    pub(super) app_connection_options: Vec<OptionOut>,
}

/// An app and its methods.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAppConnectionOption)]
pub(super) struct OptionOut {
    #[schema(example = "AWS")]
    name: String,
    #[schema(example = "aws")]
    app: String,
    #[schema(example = json!(["access-key", "assume-role"]))]
    methods: Vec<String>,
}

impl From<&Infisical> for OptionOut {
    fn from(names: &Infisical) -> Self {
        Self {
            name: names.app_name.clone(),
            app: names.app.clone(),
            methods: names.methods.iter().map(|method| method.name.clone()).collect(),
        }
    }
}

impl OptionOut {
    pub(super) fn is_of_app(&self, other: &Self) -> bool {
        self.app == other.app
    }
}

/// A connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAppConnection)]
pub(super) struct ConnectionOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    #[schema(example = "aws-production")]
    name: String,
    description: Option<String>,
    /// Raised when its credentials change.
    #[schema(example = 1)]
    version: u64,
    /// The project's, as there is nothing above projects.
    org_id: String,
    /// Null where it was made without naming a project.
    project_id: Option<String>,
    #[schema(example = "aws")]
    app: String,
    #[schema(example = "access-key")]
    method: String,
    /// Another text for another credential, and for nothing else.
    credentials_hash: String,
    /// Always null: there are no gateways.
    gateway_id: Option<String>,
    is_platform_managed_credentials: bool,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    updated_at: String,
    /// What of the credentials is no secret.
    #[schema(value_type = Object, example = json!({"accessKeyId": "AKIA..."}))]
    credentials: Map<String, Value>,
}

/// A connection by id and name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalAvailableAppConnection)]
pub(super) struct AvailableOut {
    id: String,
    name: String,
    #[schema(example = "aws")]
    app: String,
    project_id: Option<String>,
}

impl From<ConnectionOut> for AvailableOut {
    fn from(shown: ConnectionOut) -> Self {
        Self { id: shown.id, name: shown.name, app: shown.app, project_id: shown.project_id }
    }
}

pub(super) fn connection_out(app: &AppFacade, used: &UsedConnection, tenant: TenantUid) -> ConnectionOut {
    let UsedConnection { record, state, auth, credential_hash } = used;
    let auth_id = state.auth.as_ref().map(|auth| auth.method.as_str()).unwrap_or_default();
    let method = app.facade.method_of_auth(auth_id);
    let parameters = state.parameters.as_ref();
    let credentials = method.map(|method| {
        let parameters = parameters.cloned().unwrap_or_default();
        app.facade.shown_credentials(method, &parameters, |name| auth.get(name).map(String::as_str))
    });
    ConnectionOut {
        id: record.uid.to_string(),
        name: record.name(),
        description: record.description.clone(),
        version: record.latest_revision,
        org_id: tenant.to_string(),
        project_id: record.presentation.get("projectId").and_then(Value::as_str).map(ToOwned::to_owned),
        app: app.facade.names().app.clone(),
        method: method.map_or(auth_id, |method| method.name.as_str()).to_owned(),
        credentials_hash: credential_hash.clone(),
        gateway_id: None,
        is_platform_managed_credentials: false,
        created_at: time::text(record.created_at),
        updated_at: time::text(record.modified_at),
        credentials: credentials.unwrap_or_default(),
    }
}
