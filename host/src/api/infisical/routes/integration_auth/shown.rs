//! How a connection is shown as an integration auth: nothing of its credential.

use keyferry_contract::{AuthScheme, LegacyScope};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::infisical::time;
use crate::domain::integration::legacy::{LegacyMap, member};
use crate::domain::settings::to_text;
use crate::records::connections::ConnectionRecord;
use crate::service::context::TenantCtx;
use crate::service::integrations::{LegacyIntegration, LegacyOption};

/// An integration auth.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalIntegrationAuth)]
pub(super) struct AuthOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    id: String,
    #[schema(example = "aws-parameter-store")]
    integration: String,
    /// Always null.
    team_id: Option<String>,
    url: Option<String>,
    namespace: Option<String>,
    /// Always null.
    account_id: Option<String>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    project_id: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    updated_at: String,
}

impl AuthOut {
    pub(super) fn of(ctx: &TenantCtx, record: &ConnectionRecord, integration: &LegacyIntegration) -> Self {
        let sent = member(&record.presentation, "integration").map(to_text);
        Self {
            id: record.uid.to_string(),
            integration: sent.unwrap_or_else(|| integration.name.clone()),
            team_id: None,
            url: said(record, &integration.map, "url"),
            namespace: said(record, &integration.map, "namespace"),
            account_id: None,
            metadata: None,
            project_id: ctx.tenant().to_string(),
            created_at: time::text(record.created_at),
            updated_at: time::text(record.modified_at),
        }
    }
}

/// A member as it was sent, as long as the connection still says so; else what it says.
fn said(record: &ConnectionRecord, map: &LegacyMap, name: &str) -> Option<String> {
    let sent = member(&record.presentation, name);
    let Some(parameter) = map.parameter_of(LegacyScope::Connection, name) else { return sent.map(to_text) };
    let present = record.draft.parameters.as_ref().and_then(|parameters| parameters.get(&parameter.name));
    if sent.is_some() && map.setting_of(LegacyScope::Connection, name, sent).as_ref() == present {
        return sent.map(to_text);
    }
    present.map(to_text)
}

/// One integration auth.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalIntegrationAuthEnvelope)]
pub(super) struct AuthEnvelope {
    pub(super) integration_auth: AuthOut,
}

/// Several integration auths.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalIntegrationAuths)]
pub(super) struct AuthsEnvelope {
    pub(super) integration_auth: Vec<AuthOut>,
}

/// An integration that can be connected to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalIntegrationOption)]
pub(super) struct OptionOut {
    #[schema(example = "AWS Systems Manager Parameter Store")]
    name: String,
    #[schema(example = "aws-parameter-store")]
    slug: String,
    /// The name of an icon.
    #[schema(example = "aws")]
    image: String,
    is_available: bool,
    /// `aws`, `oauth` or `pat`.
    #[serde(rename = "type")]
    #[schema(example = "aws")]
    kind: &'static str,
    /// Always empty: no integration of this host asks for consent.
    client_id: &'static str,
    docs_link: String,
}

impl From<LegacyOption> for OptionOut {
    fn from(option: LegacyOption) -> Self {
        let kind = match option.schemes.as_slice() {
            schemes if schemes.contains(&AuthScheme::AwsSigv4) => "aws",
            schemes if schemes.contains(&AuthScheme::OAuth2) => "oauth",
            _ => "pat",
        };
        Self {
            name: option.display_name,
            slug: option.slug,
            image: option.icon.unwrap_or_default(),
            is_available: true,
            kind,
            client_id: "",
            docs_link: option.docs_url.unwrap_or_default(),
        }
    }
}

/// What can be connected to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalIntegrationOptions)]
pub(super) struct OptionsOut {
    pub(super) integration_options: Vec<OptionOut>,
}
