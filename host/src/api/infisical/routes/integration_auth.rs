//! Credentials of native integrations: connections, live from the moment they are made.

mod body;
mod pickers;
mod shown;

use axum::extract::State;
use utoipa_axum::routes;

use self::body::{AuthPatchSchema, NewAuth, NewAuthSchema, Said};
use self::shown::{AuthEnvelope, AuthOut, AuthsEnvelope, OptionOut, OptionsOut};
use crate::api::extract::Path;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{self, Body, Params};
use crate::api::infisical::native::told;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::ConnectionUid;
use crate::domain::{Error, Expected, Result};
use crate::records::connections::ConnectionRecord;
use crate::service::context::TenantCtx;
use crate::service::integrations::LegacyIntegration;

/// What a refusal calls a connection.
pub(super) const KIND: &str = "integration auth";
/// Connections that one request removes.
const REMOVED_MAX: usize = 1_000;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(options))
        .add(routes!(make))
        .add(routes!(read_one, change, remove))
        .add(routes!(remove_all))
        .merge(pickers::routes())
}

/// A connection with what its integration is to the dialect.
async fn found(state: &ApiState, ctx: &TenantCtx, uid: ConnectionUid) -> Result<(ConnectionRecord, LegacyIntegration)> {
    let found = state.services.connections.find_by_uid(ctx, uid).await;
    let record = found.map_err(|error| error.renamed_if_not_found(KIND))?.value.record;
    let integration = state.services.integrations.legacy_of(ctx, &record.integration).await?;
    Ok((record, integration))
}

/// An address that is named is one that requests may go to. The refusal is a sentence here, so the sentence names the member.
pub(super) fn require_permitted(state: &ApiState, address: Option<&str>) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    let permitted = state.services.connections.require_permitted(address);
    permitted.map_err(|error| Error::new(error.code(), format!("url: {}", error.detail())))
}

/// List what can be connected to.
#[utoipa::path(get, path = "/api/v1/integration-auth/integration-options",
    operation_id = "infisical.integrationAuth.options", tag = "Infisical: native integrations",
    security(("bearer" = [])),
    responses((status = 200, description = "Integrations", body = OptionsOut)))]
async fn options(State(state): State<ApiState>, _: Client) -> Result<axum::Json<OptionsOut>, Problem> {
    let options = state.services.integrations.legacy_options().await?;
    Ok(axum::Json(OptionsOut { integration_options: options.into_iter().map(OptionOut::from).collect() }))
}

/// Store credentials of an integration. They are used from now on and never shown.
#[utoipa::path(post, path = "/api/v1/integration-auth/access-token",
    operation_id = "infisical.integrationAuth.create", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:write", "integrations:read"])), request_body = NewAuthSchema,
    responses((status = 200, description = "The integration auth", body = AuthEnvelope)))]
async fn make(
    State(state): State<ApiState>,
    client: Client,
    Body(new): Body<NewAuth>,
) -> Result<axum::Json<AuthEnvelope>, Problem> {
    let ctx = client.in_project(&new.project).await?;
    let integration = state.services.integrations.legacy(&ctx, &new.integration).await?;
    require_permitted(&state, new.said.address())?;
    let method = new.said.method(&integration).map(str::to_owned);
    let change = new.said.made(&integration, &new.integration)?;
    let made = state.services.connections.create(&ctx, &integration.id, change).await;
    let made = made.map_err(|error| told(error, &integration.map, method.as_deref()))?;
    Ok(axum::Json(AuthEnvelope { integration_auth: AuthOut::of(&ctx, &made.value.record, &integration) }))
}

/// Read an integration auth.
#[utoipa::path(get, path = "/api/v1/integration-auth/{integrationAuthId}",
    operation_id = "infisical.integrationAuth.read", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:read"])),
    params(("integrationAuthId" = String, Path, description = "The integration auth's id")),
    responses((status = 200, description = "The integration auth", body = AuthEnvelope)))]
async fn read_one(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<ConnectionUid>,
) -> Result<axum::Json<AuthEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let (record, integration) = found(&state, &ctx, uid).await?;
    Ok(axum::Json(AuthEnvelope { integration_auth: AuthOut::of(&ctx, &record, &integration) }))
}

/// Change an integration auth. A credential is replaced whole; another address needs it entered again.
#[utoipa::path(patch, path = "/api/v1/integration-auth/{integrationAuthId}",
    operation_id = "infisical.integrationAuth.update", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:write", "integrations:read"])), request_body = AuthPatchSchema,
    params(("integrationAuthId" = String, Path, description = "The integration auth's id")),
    responses((status = 200, description = "The integration auth", body = AuthEnvelope)))]
async fn change(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<ConnectionUid>,
    Body(said): Body<Said>,
) -> Result<axum::Json<AuthEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let (present, integration) = found(&state, &ctx, uid).await?;
    require_permitted(&state, said.address())?;
    let method = said.method(&integration).map(str::to_owned);
    let change = said.changed(&integration, &present)?;
    let changed = state.services.connections.update(&ctx, &integration.id, uid, change, &Expected::Any).await;
    let changed = changed.map_err(|error| told(error, &integration.map, method.as_deref()))?;
    Ok(axum::Json(AuthEnvelope { integration_auth: AuthOut::of(&ctx, &changed.value.record, &integration) }))
}

/// Delete an integration auth with its integrations; their destinations stay as they are.
#[utoipa::path(delete, path = "/api/v1/integration-auth/{integrationAuthId}",
    operation_id = "infisical.integrationAuth.delete", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:write", "syncs:write", "integrations:read"])),
    params(("integrationAuthId" = String, Path, description = "The integration auth's id")),
    responses((status = 200, description = "What was deleted", body = AuthEnvelope)))]
async fn remove(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<ConnectionUid>,
) -> Result<axum::Json<AuthEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    Ok(axum::Json(AuthEnvelope { integration_auth: removed(&state, &ctx, uid).await? }))
}

async fn removed(state: &ApiState, ctx: &TenantCtx, uid: ConnectionUid) -> Result<AuthOut> {
    let (record, integration) = found(state, ctx, uid).await?;
    let shown = AuthOut::of(ctx, &record, &integration);
    state.services.syncs.delete_using(ctx, uid).await?;
    state.services.connections.delete(ctx, &record.integration, uid, &Expected::Any).await?;
    Ok(shown)
}

/// Which integration auths go.
struct RemoveQuery {
    project: String,
    integration: String,
}

impl Read for RemoveQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = extract::project(fields);
        let integration = fields.required("integration", read::filled_text(150));
        Some(Self { project: project?, integration: integration? })
    }
}

/// Delete all integration auths of an integration in a project, with their integrations; destinations stay as they are.
#[utoipa::path(delete, path = "/api/v1/integration-auth", operation_id = "infisical.integrationAuth.deleteAll",
    tag = "Infisical: native integrations", security(("bearer" = ["integrations:write", "syncs:write", "integrations:read"])),
    params(("projectId" = String, Query, description = "The project's UUID or slug"),
        ("integration" = String, Query, description = "The integration's slug")),
    responses((status = 200, description = "What was deleted", body = AuthsEnvelope)))]
async fn remove_all(
    State(state): State<ApiState>,
    client: Client,
    Params(query): Params<RemoveQuery>,
) -> Result<axum::Json<AuthsEnvelope>, Problem> {
    let ctx = client.in_project(&query.project).await?;
    let integration = state.services.integrations.legacy(&ctx, &query.integration).await?;
    let page = state.services.connections.list(&ctx, &integration.id, None, REMOVED_MAX).await?;
    let mut gone = Vec::with_capacity(page.items.len());
    for connection in page.items {
        gone.push(removed(&state, &ctx, connection.record.uid).await?);
    }
    Ok(axum::Json(AuthsEnvelope { integration_auth: gone }))
}
