//! API keys of a tenant: shown once, never again.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::{Authorized, scopes};
use crate::api::dto::{Created, Done, scope_set};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path};
use crate::api::fields::{At, Fields, Read, read};
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::Versioned;
use crate::domain::access::Scope;
use crate::domain::id::KeyUid;
use crate::service::keys::{AccessKey, NewApiKey, TTL_MAX};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list, create)).add(routes!(read_one, delete))
}

const DAY_S: u64 = 24 * 3600;

/// How long a key is good for, in days.
pub(crate) fn ttl_days(at: &At<'_>, value: serde_json::Value) -> Option<Duration> {
    let days_max = i64::try_from(TTL_MAX.as_secs() / DAY_S).unwrap_or(i64::MAX);
    read::integer(1..=days_max)(at, value).map(|days| Duration::from_secs(days.unsigned_abs() * DAY_S))
}

/// An API key to be made.
#[derive(ToSchema)]
#[schema(as = ApiKeyIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewApiKey` reads")]
struct ApiKeyInSchema {
    #[schema(example = "deploy pipeline", max_length = 100)]
    name: String,
    /// What the key may do, of what its maker may; all of that but `secrets:reveal` when left out.
    #[schema(example = json!(["secrets:read", "syncs:run"]))]
    scopes: Option<Vec<String>>,
    /// 1 to 365; 90 when left out.
    #[schema(example = 90)]
    ttl_days: Option<u32>,
}

impl Read for NewApiKey {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", read::name);
        let scopes: Option<Option<BTreeSet<Scope>>> = fields.optional("scopes", scope_set);
        let ttl = fields.optional("ttlDays", ttl_days);
        Some(Self { name: name?, scopes: scopes?, ttl: ttl? })
    }
}

/// An API key; the key itself is shown once, when it is made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
struct ApiKeyOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    #[schema(example = "deploy pipeline")]
    name: String,
    /// What the key begins with, after `kf_api_`.
    #[schema(example = "0a1B2c3D4e5F6g7H")]
    public_id: String,
    /// Sent as `X-API-KEY`. Only in the answer that made it; null ever after.
    #[schema(example = "kf_api_...")]
    key: Option<String>,
    /// For whom it speaks: it may never do more than that identity may.
    identity_id: String,
    #[schema(example = json!(["secrets:read", "syncs:run"]))]
    scopes: Vec<&'static str>,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_767_776_000_000_i64)]
    expires_at: i64,
}

impl From<AccessKey> for ApiKeyOut {
    fn from(key: AccessKey) -> Self {
        Self {
            id: key.uid.to_string(),
            name: key.name,
            public_id: key.public_id,
            key: None,
            identity_id: key.identity.to_string(),
            scopes: key.scopes.iter().map(|scope| scope.text()).collect(),
            created_at: key.created_at.unix_ms(),
            expires_at: key.expires_at.unix_ms(),
        }
    }
}

/// Create an API key that speaks for the caller.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/apiKeys", operation_id = "apiKeys.create", tag = "access",
    security(("bearer" = ["identities:write"])), request_body = ApiKeyInSchema,
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 201, description = "The key, shown this once", body = ApiKeyOut)))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Json(new): Json<NewApiKey>,
) -> Result<Created<ApiKeyOut>, Problem> {
    let made = state.services.keys.create_api_key(&ctx, &new).await?;
    let location = format!("/v1/tenants/{}/apiKeys/{}", ctx.slug(), made.key.uid);
    let body = ApiKeyOut { key: Some(made.text.expose().clone()), ..ApiKeyOut::from(made.key) };
    Ok(Created { location, resource: Tagged::stored(Versioned { value: body, version: made.version }) })
}

/// List the API keys of a tenant, without the keys.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/apiKeys", operation_id = "apiKeys.list", tag = "access",
    security(("bearer" = ["identities:read"])), params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 200, description = "API keys, oldest first", body = Page<ApiKeyOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesRead>,
) -> Result<axum::Json<Page<ApiKeyOut>>, Problem> {
    let keys = state.services.keys.list_api_keys(&ctx).await?;
    Ok(axum::Json(Page::whole(keys.into_iter().map(ApiKeyOut::from).collect())))
}

/// Read an API key, without the key.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/apiKeys/{key}", operation_id = "apiKeys.read", tag = "access",
    security(("bearer" = ["identities:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The API key", body = ApiKeyOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesRead>,
    Path(key): Path<KeyUid>,
) -> Result<Tagged<ApiKeyOut>, Problem> {
    Ok(Tagged::stored(state.services.keys.read_api_key(&ctx, key).await?.map(ApiKeyOut::from)))
}

/// End an API key, at once.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/apiKeys/{key}", operation_id = "apiKeys.delete", tag = "access",
    security(("bearer" = ["identities:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"), ("key" = String, Path, description = "The key's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is good no more")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Path(key): Path<KeyUid>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.keys.delete_api_key(&ctx, key, &expected).await?;
    Ok(Done)
}
