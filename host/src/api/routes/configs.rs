//! Configs: connections of an integration, as a draft and as published revisions. Credentials go in and never come out.

mod shape;

use axum::extract::State;
use utoipa_axum::routes;

use crate::api::auth::{Authorized, scopes};
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Paths, Query};
use crate::api::page::{Page, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::routes::connection::{ChoicesInSchema, ChoicesOut, VerificationOut};
use crate::api::state::ApiState;
use crate::domain::Error;
use crate::domain::id::ConnectionUid;
use crate::domain::name::Slug;
use crate::service::connections::ChoiceQuery;
use shape::{
    ConfigIn, ConfigInSchema, ConfigOut, ListConfigs, PublishIn, PublishInSchema, RevisionOut, RollbackIn,
    RollbackInSchema, VerifyQuery,
};

/// The most revisions that one answer lists.
const REVISIONS_LISTED_MAX: usize = 500;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list, create))
        .add(routes!(read_one, update, delete))
        .add(routes!(publish))
        .add(routes!(roll_back))
        .add(routes!(revisions))
        .add(routes!(verify_auth))
        .add(routes!(choices))
}

/// Create a config as a draft. What is given must be right; `parameters` and `auth` may follow later.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}/configs", operation_id = "configs.create",
    tag = "configs", security(("bearer" = ["integrations:write"])), request_body = ConfigInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id")),
    responses((status = 201, description = "The draft", body = ConfigOut)))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Path(integration): Path<Slug>,
    Json(ConfigIn(new)): Json<ConfigIn>,
) -> Result<Created<ConfigOut>, Problem> {
    let made = state.services.connections.create(&ctx, &integration, new).await?;
    let uid = made.value.record.uid;
    let location = format!("/v1/tenants/{}/integrations/{integration}/configs/{uid}", ctx.slug());
    Ok(Created { location, resource: Tagged::stored(made.map(ConfigOut::from)) })
}

/// List the configs of an integration.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/integrations/{integration}/configs", operation_id = "configs.list",
    tag = "configs", security(("bearer" = ["integrations:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"), PagingParams),
    responses((status = 200, description = "Configs, oldest first", body = Page<ConfigOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsRead>,
    Path(integration): Path<Slug>,
    Query(ListConfigs { paging }): Query<ListConfigs>,
) -> Result<axum::Json<Page<ConfigOut>>, Problem> {
    let cursors = state.services.cursors(&ctx).await?;
    let tenant = ctx.tenant();
    let bound: &[&[u8]] = &[b"configs", tenant.as_bytes(), integration.as_str().as_bytes()];
    let after = paging.cursor(&cursors, bound)?.and_then(|bytes| bytes.try_into().ok()).map(ConnectionUid::from_bytes);
    let page = state.services.connections.list(&ctx, &integration, after, paging.size).await?;
    Ok(axum::Json(Page {
        items: page.items.into_iter().map(ConfigOut::from).collect(),
        next_page_token: page.next.map(|last| cursors.seal(bound, last.as_bytes())).unwrap_or_default(),
        total_count: None,
    }))
}

/// Read a config's draft.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}",
    operation_id = "configs.read", tag = "configs", security(("bearer" = ["integrations:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id")),
    responses((status = 200, description = "The draft", body = ConfigOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsRead>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
) -> Result<Tagged<ConfigOut>, Problem> {
    Ok(Tagged::stored(state.services.connections.read(&ctx, &integration, config).await?.map(ConfigOut::from)))
}

/// Change a config's draft. `parameters` and `auth` replace what is stored whole; a mask sent back keeps its secret.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}",
    operation_id = "configs.update", tag = "configs", security(("bearer" = ["integrations:write"])),
    request_body = ConfigInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The draft", body = ConfigOut)))]
async fn update(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
    IfMatch(expected): IfMatch,
    Json(ConfigIn(change)): Json<ConfigIn>,
) -> Result<Tagged<ConfigOut>, Problem> {
    let updated = state.services.connections.update(&ctx, &integration, config, change, &expected).await?;
    Ok(Tagged::stored(updated.map(ConfigOut::from)))
}

/// Delete a config with its revisions and credentials, when no sync uses it.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}",
    operation_id = "configs.delete", tag = "configs", security(("bearer" = ["integrations:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone"), (status = 409, description = "A sync uses it")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.connections.delete(&ctx, &integration, config, &expected).await?;
    Ok(Done)
}

/// Publish the draft as a new revision that never changes; syncs use it from their next run on.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}:publish",
    operation_id = "configs.publish", tag = "configs", security(("bearer" = ["integrations:write"])),
    request_body(content = Option<PublishInSchema>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the draft that is meant")),
    responses((status = 200, description = "The revision", body = RevisionOut)))]
async fn publish(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
    IfMatch(expected): IfMatch,
    Json(PublishIn { note }): Json<PublishIn>,
) -> Result<axum::Json<RevisionOut>, Problem> {
    let published = state.services.connections.publish(&ctx, &integration, config, note.as_deref(), &expected).await?;
    Ok(axum::Json(RevisionOut::of(ctx.tenant(), published)))
}

/// Go back to an earlier revision; syncs use it from their next run on. The draft stays as it is.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}:rollback",
    operation_id = "configs.rollback", tag = "configs", security(("bearer" = ["integrations:write"])),
    request_body = RollbackInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the config that is meant")),
    responses((status = 200, description = "The revision that syncs use now", body = RevisionOut)))]
async fn roll_back(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
    IfMatch(expected): IfMatch,
    Json(RollbackIn { revision }): Json<RollbackIn>,
) -> Result<axum::Json<RevisionOut>, Problem> {
    // What cannot be an id is the id of nothing.
    let revision = revision.parse().map_err(|_| Error::not_found("revision"))?;
    let published = state.services.connections.roll_back(&ctx, &integration, config, revision, &expected).await?;
    Ok(axum::Json(RevisionOut::of(ctx.tenant(), published)))
}

/// List the revisions of a config, newest first.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}/revisions",
    operation_id = "configs.revisions", tag = "configs", security(("bearer" = ["integrations:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id")),
    responses((status = 200, description = "Revisions, newest first", body = Page<RevisionOut>)))]
async fn revisions(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsRead>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
) -> Result<axum::Json<Page<RevisionOut>>, Problem> {
    let found = state.services.connections.revisions(&ctx, &integration, config, REVISIONS_LISTED_MAX).await?;
    let shown = found.into_iter().map(|revision| RevisionOut::of(ctx.tenant(), revision));
    Ok(axum::Json(Page::whole(shown.collect())))
}

/// Test the credentials stored in a config's draft.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}:verifyAuth",
    operation_id = "configs.verifyAuth", tag = "configs", security(("bearer" = ["integrations:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id"),
        ("authMapIndex" = Option<u32>, Query, description = "Not supported yet: which of several auths to test")),
    responses((status = 200, description = "How the test ended", body = VerificationOut),
        (status = 400, description = "There is nothing to test"),
        (status = 502, description = "The plugin or the vendor failed"),
        (status = 504, description = "The plugin or the vendor did not answer in time")))]
async fn verify_auth(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
    Query(VerifyQuery): Query<VerifyQuery>,
) -> Result<axum::Json<VerificationOut>, Problem> {
    let verification = state.services.connections.verify(&ctx, &integration, config).await?;
    Ok(axum::Json(verification.into()))
}

/// Ask for live options of a dynamic parameter, with a config's credentials.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/integrations/{integration}/configs/{config}:choices",
    operation_id = "configs.choices", tag = "configs", security(("bearer" = ["integrations:write"])),
    request_body = ChoicesInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("integration" = String, Path, description = "The integration's id"),
        ("config" = String, Path, description = "The config's id")),
    responses((status = 200, description = "Options", body = ChoicesOut),
        (status = 502, description = "The plugin or the vendor failed"),
        (status = 504, description = "The plugin or the vendor did not answer in time")))]
async fn choices(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IntegrationsWrite>,
    Paths(integration, config): Paths<Slug, ConnectionUid>,
    Json(query): Json<ChoiceQuery>,
) -> Result<axum::Json<ChoicesOut>, Problem> {
    let page = state.services.connections.choices(&ctx, &integration, config, &query).await?;
    Ok(axum::Json(page.into()))
}
