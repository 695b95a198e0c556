//! Client secrets of an identity.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::extract::{Path, Paths};
use crate::api::fields::{At, Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::Body;
use crate::api::infisical::time;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::routes::identities::login::number;
use crate::api::state::ApiState;
use crate::domain::id::{IdentityUid, KeyUid};
use crate::domain::login::USES_MAX;
use crate::domain::name::Label;
use crate::service::keys::{AccessKey, NewClientSecret, TTL_MAX};

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(create, list)).add(routes!(read_one)).add(routes!(revoke))
}

/// A client secret to be made.
#[derive(ToSchema)]
#[schema(as = InfisicalClientSecretIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewSecret` reads")]
struct NewSecretSchema {
    /// At most 100 characters.
    #[schema(example = "ci")]
    description: Option<String>,
    /// Seconds, at most one year; 0 or left out: one year.
    #[schema(example = 0)]
    ttl: Option<u64>,
    /// How often it may be exchanged; 0 or left out: any number of times.
    #[schema(example = 0)]
    num_uses_limit: Option<u64>,
}

struct NewSecret(NewClientSecret);

impl Read for NewSecret {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.or("description", None, description);
        let ttl = fields.or("ttl", TTL_MAX, lifetime);
        let uses_max = fields.or("numUsesLimit", 0, number(0..=USES_MAX));
        Some(Self(NewClientSecret { name: name?, ttl: Some(ttl?), uses_max: uses_max? }))
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
fn description(at: &At<'_>, value: Value) -> Option<Option<Label>> {
    if value == "" { Some(None) } else { read::name(at, value).map(Some) }
}

fn lifetime(at: &At<'_>, value: Value) -> Option<Duration> {
    match number(0..=TTL_MAX.as_secs())(at, value)? {
        0 => Some(TTL_MAX),
        seconds => Some(Duration::from_secs(seconds)),
    }
}

/// A client secret, without the secret itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalClientSecretData)]
struct SecretData {
    id: String,
    #[schema(example = "ci")]
    description: String,
    /// What the secret begins with.
    #[schema(example = "kf_secret_0a1B2c3D4e5F6g7H")]
    client_secret_prefix: String,
    /// Counted where it is limited.
    #[schema(example = 0)]
    client_secret_num_uses: u64,
    #[schema(example = 0)]
    client_secret_num_uses_limit: u64,
    /// Seconds.
    #[serde(rename = "clientSecretTTL")]
    #[schema(example = 31_536_000)]
    client_secret_ttl: u64,
    /// The identity's id.
    #[serde(rename = "identityUAId")]
    identity_ua_id: String,
    is_client_secret_revoked: bool,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    updated_at: String,
}

impl From<AccessKey> for SecretData {
    fn from(key: AccessKey) -> Self {
        Self {
            id: key.uid.to_string(),
            description: key.name,
            client_secret_prefix: format!("kf_secret_{}", key.public_id),
            client_secret_num_uses: key.uses,
            client_secret_num_uses_limit: key.uses_max,
            client_secret_ttl: key.expires_at.since(key.created_at).as_secs(),
            identity_ua_id: key.identity.to_string(),
            is_client_secret_revoked: false,
            created_at: time::text(key.created_at),
            updated_at: time::text(key.created_at),
        }
    }
}

/// A client secret that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalMadeClientSecret)]
struct Made {
    /// Shown this once.
    #[schema(example = "kf_secret_...")]
    client_secret: String,
    client_secret_data: SecretData,
}

/// A client secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalClientSecretAnswer)]
struct One {
    client_secret_data: SecretData,
}

/// The client secrets of an identity.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalClientSecrets)]
struct All {
    client_secret_data: Vec<SecretData>,
}

/// Create a client secret of an identity.
#[utoipa::path(post, path = "/api/v1/auth/universal-auth/identities/{identityId}/client-secrets",
    operation_id = "infisical.clientSecrets.create", tag = "Infisical: auth",
    security(("bearer" = ["identities:write"])), request_body = NewSecretSchema,
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "The client secret, shown this once", body = Made)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
    Body(NewSecret(new)): Body<NewSecret>,
) -> Result<axum::Json<Made>, Problem> {
    let ctx = client.at_home_of(identity).await?;
    let made = state.services.keys.create_client_secret(&ctx, identity, &new).await?;
    Ok(axum::Json(Made { client_secret: made.text.expose().clone(), client_secret_data: made.key.into() }))
}

/// List the client secrets of an identity, without the secrets.
#[utoipa::path(get, path = "/api/v1/auth/universal-auth/identities/{identityId}/client-secrets",
    operation_id = "infisical.clientSecrets.list", tag = "Infisical: auth", security(("bearer" = ["identities:read"])),
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "Client secrets, oldest first", body = All)))]
async fn list(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
) -> Result<axum::Json<All>, Problem> {
    let ctx = client.at_home_of(identity).await?;
    let keys = state.services.keys.list_client_secrets(&ctx, identity).await?;
    Ok(axum::Json(All { client_secret_data: keys.into_iter().map(SecretData::from).collect() }))
}

/// Read a client secret of an identity, without the secret.
#[utoipa::path(get, path = "/api/v1/auth/universal-auth/identities/{identityId}/client-secrets/{clientSecretId}",
    operation_id = "infisical.clientSecrets.read", tag = "Infisical: auth", security(("bearer" = ["identities:read"])),
    params(("identityId" = String, Path, description = "The identity's id"),
        ("clientSecretId" = String, Path, description = "The client secret's id")),
    responses((status = 200, description = "The client secret", body = One)))]
async fn read_one(
    State(state): State<ApiState>,
    client: Client,
    Paths(identity, secret): Paths<IdentityUid, KeyUid>,
) -> Result<axum::Json<One>, Problem> {
    let ctx = client.at_home_of(identity).await?;
    let key = state.services.keys.read_client_secret(&ctx, identity, secret).await?;
    Ok(axum::Json(One { client_secret_data: key.into() }))
}

/// End a client secret of an identity.
#[utoipa::path(post,
    path = "/api/v1/auth/universal-auth/identities/{identityId}/client-secrets/{clientSecretId}/revoke",
    operation_id = "infisical.clientSecrets.revoke", tag = "Infisical: auth",
    security(("bearer" = ["identities:write"])),
    params(("identityId" = String, Path, description = "The identity's id"),
        ("clientSecretId" = String, Path, description = "The client secret's id")),
    responses((status = 200, description = "What it was; it is good no more", body = One)))]
async fn revoke(
    State(state): State<ApiState>,
    client: Client,
    Paths(identity, secret): Paths<IdentityUid, KeyUid>,
) -> Result<axum::Json<One>, Problem> {
    let ctx = client.at_home_of(identity).await?;
    let key = state.services.keys.delete_client_secret(&ctx, identity, secret).await?;
    let data = SecretData { is_client_secret_revoked: true, ..key.into() };
    Ok(axum::Json(One { client_secret_data: data }))
}
