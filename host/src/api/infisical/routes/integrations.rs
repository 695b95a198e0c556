//! Native integrations: syncs, said in the generic members of the dialect.

mod body;
mod outcome;
mod shown;

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use utoipa_axum::routes;

use self::body::{IntegrationChange, IntegrationPatchSchema, NewIntegration, NewIntegrationSchema, usual_options};
use self::shown::{IntegrationEnvelope, IntegrationOut, IntegrationsEnvelope, Shown};
use super::integration_auth;
use crate::api::extract::Path;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params};
use crate::api::infisical::native::told;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::{ConnectionUid, SyncUid};
use crate::domain::sync::{Form, Presentation, SyncSpec};
use crate::domain::{Code, Error, Expected, Result};
use crate::records::connections::ConnectionRecord;
use crate::records::syncs::Removal;
use crate::service::context::TenantCtx;
use crate::service::integrations::LegacyIntegration;
use crate::service::syncs::{Activity, SyncChange, SyncView};

/// What a refusal calls a sync.
const KIND: &str = "integration";
/// Syncs that are read at once for a list.
const PAGE: usize = 500;
/// How long a deletion waits for the destination to be cleared. It goes on after that.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(create)).add(routes!(list)).add(routes!(read_one, update, delete)).add(routes!(sync))
}

/// A sync with its id and what shows it.
async fn found(state: &ApiState, ctx: &TenantCtx, uid: SyncUid) -> Result<SyncView> {
    let id = state.services.syncs.id_of(ctx, uid).await.map_err(|error| error.renamed_if_not_found(KIND))?;
    state.services.syncs.read(ctx, &id).await.map_err(|error| error.renamed_if_not_found(KIND))
}

/// The connection of a sync; an integration's own is not shown in the dialect.
async fn connection(state: &ApiState, ctx: &TenantCtx, uid: ConnectionUid) -> Result<Option<ConnectionRecord>> {
    match state.services.connections.find_by_uid(ctx, uid).await {
        Ok(found) => Ok(Some(found.value.record)),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn shown(state: &ApiState, ctx: &TenantCtx, view: &SyncView) -> Result<IntegrationOut> {
    let integration = state.services.integrations.legacy_of(ctx, &view.record.spec.integration).await?;
    let connection = connection(state, ctx, view.record.connection).await?;
    Ok(Shown { view, integration: &integration, connection: connection.as_ref() }.as_integration(ctx))
}

/// Create an integration and start its first sync.
#[utoipa::path(post, path = "/api/v1/integration", operation_id = "infisical.integration.create",
    tag = "Infisical: native integrations", security(("bearer" = ["syncs:write", "integrations:read", "syncs:read"])),
    request_body = NewIntegrationSchema,
    responses((status = 200, description = "The integration", body = IntegrationEnvelope)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Body(new): Body<NewIntegration>,
) -> Result<axum::Json<IntegrationEnvelope>, Problem> {
    let unknown = || Error::not_found(integration_auth::KIND);
    let uid: ConnectionUid = new.auth.parse().map_err(|_| unknown())?;
    let ctx = client.holding(uid.as_bytes(), integration_auth::KIND).await?;
    let connection = connection(&state, &ctx, uid).await?.ok_or_else(unknown)?;
    let integration = state.services.integrations.legacy(&ctx, connection.integration.as_str()).await?;
    let connection = settled(&state, &ctx, &new, (connection, &integration)).await?;
    let spec = spec(&state, &ctx, &new, (&connection, &integration)).await?;
    let made = if new.is_active {
        state.services.syncs.create_and_run(&ctx, spec).await
    } else {
        state.services.syncs.create_paused(&ctx, spec).await
    };
    let made = made.map_err(|error| told(error, &integration.map, None))?;
    state.services.connections.note_settled(&ctx, uid).await?;
    let shown = Shown { view: &made, integration: &integration, connection: Some(&connection) };
    Ok(axum::Json(IntegrationEnvelope { integration: shown.as_integration(&ctx) }))
}

/// The connection, which leads where the first integration says, if nobody said so before.
async fn settled(
    state: &ApiState,
    ctx: &TenantCtx,
    new: &NewIntegration,
    (connection, integration): (ConnectionRecord, &LegacyIntegration),
) -> Result<ConnectionRecord> {
    let address = new.said.address();
    integration_auth::require_permitted(state, address)?;
    let Some((parameter, origin)) = address.and_then(|address| integration.map.origin_of("url", address)) else {
        return Ok(connection);
    };
    let known = connection.draft.parameters.as_ref().and_then(|parameters| parameters.get(parameter));
    if known.is_some() || connection.unsettled_by != Some(ctx.principal().identity) {
        return Ok(connection);
    }
    let of = (&connection.integration, connection.uid);
    let settled = state.services.connections.settle_origin(ctx, of, (parameter, &origin)).await;
    Ok(settled.map_err(|error| told(error, &integration.map, None))?.record)
}

/// What a request asks of a sync.
async fn spec(
    state: &ApiState,
    ctx: &TenantCtx,
    new: &NewIntegration,
    (connection, integration): (&ConnectionRecord, &LegacyIntegration),
) -> Result<SyncSpec> {
    let name = new.said.display_name(&integration.map).unwrap_or_else(|| integration.display_name.clone());
    let spec = SyncSpec {
        id: state.services.syncs.free_id(ctx, &name).await?,
        display_name: name,
        integration: integration.id.clone(),
        config: Some(connection.uid),
        parameters: serde_json::Map::new(),
        source: new.source.clone(),
        destination: serde_json::Map::new(),
        options: usual_options(),
        presentation: None,
    };
    let mut spec = new.said.applied(&integration.map, spec, true);
    spec.presentation = Some(Presentation::of(Form::Integration, new.said.0.clone(), &spec));
    Ok(spec)
}

/// List the integrations of a project.
#[utoipa::path(get, path = "/api/v1/workspace/{projectId}/integrations", operation_id = "infisical.integration.list",
    tag = "Infisical: native integrations", security(("bearer" = ["syncs:read", "integrations:read"])),
    params(("projectId" = String, Path, description = "The project's UUID or slug")),
    responses((status = 200, description = "Integrations", body = IntegrationsEnvelope)))]
async fn list(
    State(state): State<ApiState>,
    client: Client,
    Path(project): Path<String>,
) -> Result<axum::Json<IntegrationsEnvelope>, Problem> {
    let ctx = client.in_project(&project).await?;
    let (mut integrations, mut known) = (Vec::new(), HashMap::new());
    let mut after = None;
    loop {
        let page = state.services.syncs.list(&ctx, after.as_ref(), PAGE).await?;
        for view in &page {
            let id = &view.record.spec.integration;
            if !known.contains_key(id) {
                known.insert(id.clone(), state.services.integrations.legacy_of(&ctx, id).await?);
            }
            let connection = connection(&state, &ctx, view.record.connection).await?;
            let shown = Shown { view, integration: &known[id], connection: connection.as_ref() };
            integrations.push(shown.as_integration(&ctx));
        }
        after = page.last().map(|view| view.record.spec.id.clone());
        if page.len() < PAGE {
            return Ok(axum::Json(IntegrationsEnvelope { integrations }));
        }
    }
}

/// Read an integration and how it stands.
#[utoipa::path(get, path = "/api/v1/integration/{integrationId}", operation_id = "infisical.integration.read",
    tag = "Infisical: native integrations", security(("bearer" = ["syncs:read", "integrations:read"])),
    params(("integrationId" = String, Path, description = "The integration's id")),
    responses((status = 200, description = "The integration", body = IntegrationEnvelope)))]
async fn read_one(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<SyncUid>,
) -> Result<axum::Json<IntegrationEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let view = found(&state, &ctx, uid).await?;
    Ok(axum::Json(IntegrationEnvelope { integration: shown(&state, &ctx, &view).await? }))
}

/// Change an integration, which then syncs again. What is left out stays; `metadata` is merged over what is stored.
#[utoipa::path(patch, path = "/api/v1/integration/{integrationId}", operation_id = "infisical.integration.update",
    tag = "Infisical: native integrations", security(("bearer" = ["syncs:write", "syncs:run", "integrations:read", "syncs:read"])),
    request_body = IntegrationPatchSchema,
    params(("integrationId" = String, Path, description = "The integration's id")),
    responses((status = 200, description = "The integration", body = IntegrationEnvelope)))]
async fn update(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<SyncUid>,
    Body(change): Body<IntegrationChange>,
) -> Result<axum::Json<IntegrationEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let view = found(&state, &ctx, uid).await?;
    let (id, was_active) = (&view.record.spec.id, view.record.pause.is_none());
    integration_auth::require_permitted(&state, change.said.address())?;
    let integration = state.services.integrations.legacy_of(&ctx, &view.record.spec.integration).await?;
    let activity = match change.is_active {
        Some(true) if !was_active => Activity::Resumes,
        Some(false) if was_active => Activity::Pauses,
        _ => Activity::Stays,
    };
    let connection = connection(&state, &ctx, view.record.connection).await?;
    let present = Shown { view: &view, integration: &integration, connection: connection.as_ref() }.members();
    let members = change.said.over(present);
    let changed = |spec| {
        let spec = change.applied(&integration.map, spec, &members);
        SyncSpec { presentation: Some(Presentation::of(Form::Integration, members.clone(), &spec)), ..spec }
    };
    let change = SyncChange { apply: &changed, names_source: change.names_source(), activity };
    let updated = state.services.syncs.update(&ctx, id, change, &Expected::Any).await;
    let updated = updated.map_err(|error| told(error, &integration.map, None))?;
    Ok(axum::Json(IntegrationEnvelope { integration: shown(&state, &ctx, &updated).await? }))
}

/// Whether what the integration wrote goes with it.
struct DeleteQuery {
    removes: bool,
}

impl Read for DeleteQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { removes: fields.or("shouldDeleteIntegrationSecrets", false, read::boolean)? })
    }
}

/// Delete an integration; its destination stays as it is, unless its secrets are to go.
#[utoipa::path(delete, path = "/api/v1/integration/{integrationId}", operation_id = "infisical.integration.delete",
    tag = "Infisical: native integrations", security(("bearer" = ["syncs:write", "integrations:read", "syncs:read"])),
    params(("integrationId" = String, Path, description = "The integration's id"),
        ("shouldDeleteIntegrationSecrets" = Option<bool>, Query,
            description = "Delete the keys that it wrote, first; it is deleted when they are gone")),
    responses((status = 200, description = "What was deleted", body = IntegrationEnvelope)))]
async fn delete(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<SyncUid>,
    Params(query): Params<DeleteQuery>,
) -> Result<axum::Json<IntegrationEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let view = found(&state, &ctx, uid).await?;
    let integration = shown(&state, &ctx, &view).await?;
    let removal = if query.removes { Removal::RemoveSecrets } else { Removal::KeepSecrets };
    state.services.syncs.delete(&ctx, &view.record.spec.id, removal, &Expected::Any).await?;
    if query.removes {
        wait_until_removed(&state, &ctx, uid).await?;
    }
    Ok(axum::Json(IntegrationEnvelope { integration }))
}

/// Waits while the destination is cleared. A removal that takes longer goes on; one that stopped is told.
async fn wait_until_removed(state: &ApiState, ctx: &TenantCtx, uid: SyncUid) -> Result<()> {
    let left = state.services.syncs.removed(ctx, uid, REMOVAL_PATIENCE).await?;
    let failure = left.and_then(|view| view.ended_run.filter(|run| run.state.is_final())?.failure);
    match failure {
        Some(failure) => {
            let detail = format!("its secrets could not be removed, so it is still there: {}", failure.message);
            Err(Error::new(Code::WrongState, detail))
        }
        None => Ok(()),
    }
}

/// Sync an integration now.
#[utoipa::path(post, path = "/api/v1/integration/{integrationId}/sync", operation_id = "infisical.integration.sync",
    tag = "Infisical: native integrations", security(("bearer" = ["syncs:run", "integrations:read", "syncs:read"])),
    params(("integrationId" = String, Path, description = "The integration's id")),
    responses((status = 200, description = "The integration, whose run is wanted", body = IntegrationEnvelope)))]
async fn sync(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<SyncUid>,
) -> Result<axum::Json<IntegrationEnvelope>, Problem> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let view = found(&state, &ctx, uid).await?;
    let integration = shown(&state, &ctx, &view).await?;
    state.services.syncs.run(&ctx, &view.record.spec.id, None).await?;
    Ok(axum::Json(IntegrationEnvelope { integration }))
}
