//! What a sync can be told to do now. Each answers at once with the sync as it waits.

use axum::extract::State;
use utoipa_axum::routes;

use super::body::{DestinationCheck, DestinationCheckSchema};
use super::shown::{DuplicateOut, OneSync};
use super::{Found, NO_SUCH, found};
use crate::api::extract::{Path, Paths};
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::error::Class;
use crate::domain::id::SyncUid;
use crate::domain::sync::Priority;
use crate::domain::{Code, Error, Result};
use crate::service::context::TenantCtx;
use crate::service::destinations::Target;
use crate::service::syncs::SyncView;

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(synchronise)).add(routes!(import)).add(routes!(remove)).add(routes!(check_destination))
}

/// Refuses a second job beside one that runs.
///
/// # Errors
/// `wrong_state`.
pub(super) fn refuse_running(view: &SyncView) -> Result<()> {
    match view.is_busy {
        true => Err(Error::new(Code::WrongState, "a job is already in progress for this sync")),
        false => Ok(()),
    }
}

/// The sync, which no job runs for.
async fn idle(state: &ApiState, ctx: &TenantCtx, at: (&str, SyncUid)) -> Result<Found> {
    let found = found(state, ctx, at).await?;
    refuse_running(&found.view)?;
    Ok(found)
}

/// The sync after a job was asked for.
async fn waiting(state: &ApiState, ctx: &TenantCtx, found: Found) -> Result<axum::Json<OneSync>> {
    let view = state.services.syncs.read(ctx, found.id()).await?;
    let found = Found { view, ..found };
    Ok(axum::Json(OneSync { secret_sync: found.shown(state, ctx).await? }))
}

/// Run a sync now.
#[utoipa::path(post, path = "/api/v1/secret-syncs/{destination}/{syncId}/sync-secrets",
    operation_id = "infisical.secretSyncs.sync",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:run", "integrations:read", "syncs:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncId" = String, Path, description = "The sync's UUID")),
    responses((status = 200, description = "The sync, whose `syncStatus` is `pending`", body = OneSync)))]
async fn synchronise(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, uid): Paths<String, SyncUid>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let found = idle(&state, &ctx, (&destination, uid)).await?;
    state.services.syncs.run(&ctx, found.id(), None).await?;
    Ok(waiting(&state, &ctx, found).await?)
}

/// Whose values win.
struct ImportQuery(Priority);

impl Read for ImportQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const WORDS: &[(&str, Priority)] =
            &[("prioritize-source", Priority::Source), ("prioritize-destination", Priority::Destination)];
        Some(Self(fields.required("importBehavior", read::choice(WORDS))?))
    }
}

/// Bring values of the destination into the source.
#[utoipa::path(post, path = "/api/v1/secret-syncs/{destination}/{syncId}/import-secrets",
    operation_id = "infisical.secretSyncs.import",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:run", "secrets:write", "integrations:read", "syncs:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncId" = String, Path, description = "The sync's UUID"),
        ("importBehavior" = String, Query, description = "`prioritize-source` or `prioritize-destination`")),
    responses((status = 200, description = "The sync, whose `importStatus` is `pending`", body = OneSync)))]
async fn import(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, uid): Paths<String, SyncUid>,
    Params(ImportQuery(priority)): Params<ImportQuery>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let found = idle(&state, &ctx, (&destination, uid)).await?;
    state.services.syncs.import(&ctx, found.id(), priority).await?;
    Ok(waiting(&state, &ctx, found).await?)
}

/// Delete what a sync wrote, and keep the sync.
#[utoipa::path(post, path = "/api/v1/secret-syncs/{destination}/{syncId}/remove-secrets",
    operation_id = "infisical.secretSyncs.remove",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:run", "syncs:write", "integrations:read", "syncs:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncId" = String, Path, description = "The sync's UUID")),
    responses((status = 200, description = "The sync, whose `removeStatus` is `pending`", body = OneSync)))]
async fn remove(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, uid): Paths<String, SyncUid>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let found = idle(&state, &ctx, (&destination, uid)).await?;
    state.services.syncs.remove_secrets(&ctx, found.id()).await?;
    Ok(waiting(&state, &ctx, found).await?)
}

/// Tell whether another sync leads to a destination already.
#[utoipa::path(post, path = "/api/v1/secret-syncs/{destination}/check-destination",
    operation_id = "infisical.secretSyncs.checkDestination",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:write", "integrations:read"])), request_body = DestinationCheckSchema,
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`")),
    responses((status = 200, description = "Whether there is one; false where that cannot be told", body = DuplicateOut)))]
async fn check_destination(
    State(state): State<ApiState>,
    client: Client,
    Path(destination): Path<String>,
    Body(check): Body<DestinationCheck>,
) -> Result<axum::Json<DuplicateOut>, Problem> {
    let ctx = client.in_project(&check.project).await?;
    let app = state.services.integrations.destination(&ctx, &destination).await?;
    let mapped = app.facade.destination(&app.facade.known_config(&check.config), &serde_json::Map::new());
    let target = Target {
        integration: &app.integration,
        config: check.connection,
        parameters: &mapped.parameters,
        destination: &mapped.destination,
    };
    let has_duplicate = match state.services.syncs.is_shared(&ctx, target, check.except).await {
        Ok(is_shared) => is_shared,
        Err(error) if error.code().class() == Class::Forbidden => return Err(error.into()),
        Err(error) => {
            tracing::info!(error.code = %error.code(), "whether a destination is shared could not be told");
            false
        }
    };
    let duplicate_project_id = has_duplicate.then(|| ctx.tenant().to_string());
    Ok(axum::Json(DuplicateOut { has_duplicate, duplicate_project_id }))
}
