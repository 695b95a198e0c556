//! Syncs of a tenant, their plans and their runs.

mod body;
mod runs;
mod shown;

use axum::extract::State;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::body::{NewSyncSchema, SyncPatch, SyncPatchSchema};
use self::shown::{PlanOut, SyncOut};
use crate::api::auth::Authorized;
use crate::api::auth::scopes::{SyncsRead, SyncsRun, SyncsWrite};
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Query};
use crate::api::fields::{Fields, Read, read};
use crate::api::page::{Page, Paging, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::name::Slug;
use crate::domain::sync::SyncSpec;
use crate::domain::{Code, Error, Versioned};
use crate::records::syncs::Removal;
use crate::service::syncs::{Activity, SyncChange, SyncView};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list, create))
        .add(routes!(read_one, update, delete))
        .add(routes!(plan))
        .add(routes!(pause))
        .add(routes!(resume))
        .add(routes!(cancel))
        .merge(runs::routes())
}

fn tagged(view: SyncView) -> Tagged<SyncOut> {
    Tagged::stored(Versioned { version: view.version, value: SyncOut::from(view) })
}

/// Create a sync. It does not run by that: plan it, then start its first run.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs", operation_id = "syncs.create", tag = "syncs",
    security(("bearer" = ["syncs:write"])), request_body = NewSyncSchema,
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 201, description = "The sync", body = SyncOut),
        (status = 409, description = "The id is taken")))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsWrite>,
    Json(spec): Json<SyncSpec>,
) -> Result<Created<SyncOut>, Problem> {
    let made = state.services.syncs.create(&ctx, spec).await?;
    let location = format!("/v1/tenants/{}/syncs/{}", ctx.slug(), made.record.spec.id);
    Ok(Created { location, resource: tagged(made) })
}

/// The query of the list.
struct ListQuery(Paging);

impl Read for ListQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(Paging::read(fields)?))
    }
}

/// List syncs.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/syncs", operation_id = "syncs.list", tag = "syncs",
    security(("bearer" = ["syncs:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"), PagingParams),
    responses((status = 200, description = "Syncs, in the order of their ids", body = Page<SyncOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRead>,
    Query(ListQuery(paging)): Query<ListQuery>,
) -> Result<axum::Json<Page<SyncOut>>, Problem> {
    let bound: &[&[u8]] = &[b"syncs"];
    let cursors = state.services.cursors(&ctx).await?;
    let invalid = || Error::new(Code::InvalidPageToken, Code::InvalidPageToken.title());
    let after = match paging.cursor(&cursors, bound)? {
        Some(cursor) => Some(String::from_utf8(cursor).ok().and_then(|id| id.parse().ok()).ok_or_else(invalid)?),
        None => None,
    };
    let mut found = state.services.syncs.list(&ctx, after.as_ref(), paging.size + 1).await?;
    let more = found.len() > paging.size;
    found.truncate(paging.size);
    let last = found.last().filter(|_| more).map(|view| view.record.spec.id.to_string());
    Ok(axum::Json(Page {
        total_count: None,
        next_page_token: last.map(|id| cursors.seal(bound, id.as_bytes())).unwrap_or_default(),
        items: found.into_iter().map(SyncOut::from).collect(),
    }))
}

/// Read a sync and how it stands.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/syncs/{sync}", operation_id = "syncs.read", tag = "syncs",
    security(("bearer" = ["syncs:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 200, description = "The sync", body = SyncOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRead>,
    Path(sync): Path<Slug>,
) -> Result<Tagged<SyncOut>, Problem> {
    Ok(tagged(state.services.syncs.read(&ctx, &sync).await?))
}

/// Change a sync. `source` and `destination` replace whole; of `options` what is left out stays.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/syncs/{sync}", operation_id = "syncs.update", tag = "syncs",
    security(("bearer" = ["syncs:write"])), request_body = SyncPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The sync", body = SyncOut),
        (status = 409, description = "The sync is being deleted")))]
async fn update(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsWrite>,
    Path(sync): Path<Slug>,
    IfMatch(expected): IfMatch,
    Json(patch): Json<SyncPatch>,
) -> Result<Tagged<SyncOut>, Problem> {
    let change =
        SyncChange { apply: &|spec| patch.apply(spec), names_source: patch.names_source(), activity: Activity::Stays };
    let changed = state.services.syncs.update(&ctx, &sync, change, &expected).await?;
    Ok(tagged(changed))
}

/// Whether what the sync wrote goes with it.
struct DeleteQuery {
    removal: Removal,
}

impl Read for DeleteQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let removes = fields.or("removeSecrets", false, read::boolean)?;
        Some(Self { removal: if removes { Removal::RemoveSecrets } else { Removal::KeepSecrets } })
    }
}

/// Delete a sync; the destination stays as it is, unless its secrets are to go.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/syncs/{sync}", operation_id = "syncs.delete", tag = "syncs",
    security(("bearer" = ["syncs:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id"),
        ("removeSecrets" = Option<bool>, Query,
            description = "Delete the keys that this sync wrote, first; the sync can be read until they are gone"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone, or on its way")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsWrite>,
    Path(sync): Path<Slug>,
    Query(query): Query<DeleteQuery>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.syncs.delete(&ctx, &sync, query.removal, &expected).await?;
    Ok(Done)
}

/// A body that says nothing, or none.
#[derive(ToSchema)]
#[schema(as = Empty)]
struct Nothing {}

impl Read for Nothing {
    const BODY_OPTIONAL: bool = true;

    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self {})
    }
}

/// Plan a run without carrying it out: names and reasons, never values.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}:plan", operation_id = "syncs.plan", tag = "syncs",
    security(("bearer" = ["syncs:read"])), request_body(content = Option<Nothing>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 200, description = "What a run would do now", body = PlanOut),
        (status = 409, description = "Another sync writes some of the keys"),
        (status = 502, description = "The plugin or the vendor failed"),
        (status = 504, description = "The plugin or the vendor did not answer in time")))]
async fn plan(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRead>,
    Path(sync): Path<Slug>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<PlanOut>, Problem> {
    Ok(axum::Json(PlanOut::from(state.services.syncs.plan(&ctx, &sync).await?)))
}

/// Pause a sync; a run that has begun ends.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}:pause", operation_id = "syncs.pause", tag = "syncs",
    security(("bearer" = ["syncs:run"])), request_body(content = Option<Nothing>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 200, description = "The sync", body = SyncOut),
        (status = 409, description = "The sync is being deleted")))]
async fn pause(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRun>,
    Path(sync): Path<Slug>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Tagged<SyncOut>, Problem> {
    Ok(tagged(state.services.syncs.pause(&ctx, &sync).await?))
}

/// Let a paused sync run again, and catch up.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}:resume", operation_id = "syncs.resume", tag = "syncs",
    security(("bearer" = ["syncs:run"])), request_body(content = Option<Nothing>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 200, description = "The sync", body = SyncOut),
        (status = 409, description = "The sync is being deleted")))]
async fn resume(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRun>,
    Path(sync): Path<Slug>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Tagged<SyncOut>, Problem> {
    Ok(tagged(state.services.syncs.resume(&ctx, &sync).await?))
}

/// Cancel the run that is wanted or under way; calls under way end first.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}:cancel", operation_id = "syncs.cancel", tag = "syncs",
    security(("bearer" = ["syncs:run"])), request_body(content = Option<Nothing>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 200, description = "The sync", body = SyncOut),
        (status = 409, description = "No run is wanted or under way")))]
async fn cancel(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRun>,
    Path(sync): Path<Slug>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Tagged<SyncOut>, Problem> {
    Ok(tagged(state.services.syncs.cancel(&ctx, &sync).await?))
}
