//! Secret syncs: what is carried from a folder to a destination, and how that goes.

mod body;
mod jobs;
mod said;
mod shown;
mod status;

use std::collections::HashMap;

use axum::extract::State;
use serde_json::Map;
use utoipa_axum::routes;

use self::body::{NewSync, NewSyncSchema, Scope, SyncPatch, SyncPatchSchema};
use self::said::Said;
use self::shown::{Around, ConnectionRef, OneSync, OptionOut, Options, SeveralSyncs, SyncOut, sync_out};
use crate::api::extract::{Path, Paths};
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params};
use crate::api::infisical::refusal::{placed, refused_in_a_sentence};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::{ConnectionUid, SyncUid};
use crate::domain::name::Slug;
use crate::domain::sync::{Selection, SyncOptions, SyncSpec};
use crate::domain::{Code, Error, Expected, Result};
use crate::records::syncs::Removal;
use crate::service::context::TenantCtx;
use crate::service::integrations::AppFacade;
use crate::service::syncs::{Activity, SyncChange, SyncView};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(options))
        .add(routes!(list))
        .add(routes!(list_of_destination, create))
        .add(routes!(read_by_name))
        .add(routes!(read_one, update, delete))
        .merge(jobs::routes())
}

const NO_SUCH: &str = "secret sync";
/// Syncs that are read at once.
const PAGE: usize = 500;

/// A sync with the names of its integration.
struct Found {
    app: AppFacade,
    view: SyncView,
}

impl Found {
    fn id(&self) -> &Slug {
        &self.view.record.spec.id
    }

    async fn shown(&self, state: &ApiState, ctx: &TenantCtx) -> Result<SyncOut> {
        let connection = connection_of(state, ctx, &self.view, &self.app).await?;
        Ok(sync_out(&self.view, Around { app: &self.app, connection, tenant: (ctx.tenant(), ctx.slug()) }))
    }
}

/// What a sync shows of its connection. An integration's own has the integration's id as name.
async fn connection_of(state: &ApiState, ctx: &TenantCtx, view: &SyncView, app: &AppFacade) -> Result<ConnectionRef> {
    let uid = view.record.connection;
    let name = match state.services.connections.find_by_uid(ctx, uid).await {
        Ok(found) => found.value.record.name(),
        Err(error) if error.code() == Code::NotFound => app.integration.to_string(),
        Err(error) => return Err(error),
    };
    Ok(ConnectionRef { app: app.facade.names().app.clone(), name, id: uid.to_string() })
}

fn is_of(app: &AppFacade, destination: &str) -> bool {
    app.facade.names().destination.as_ref().is_some_and(|names| names.slug == destination)
}

/// The sync with this uid, which leads to `destination`.
async fn found(state: &ApiState, ctx: &TenantCtx, (destination, uid): (&str, SyncUid)) -> Result<Found> {
    let unknown = |error: Error| error.renamed_if_not_found(NO_SUCH);
    let id = state.services.syncs.id_of(ctx, uid).await.map_err(unknown)?;
    let view = state.services.syncs.read(ctx, &id).await.map_err(unknown)?;
    let app = state.services.integrations.facade_of(ctx, &view.record.spec.integration).await?;
    if !is_of(&app, destination) {
        return Err(Error::new(Code::InvalidRequest, format!("the sync is not one to `{destination}`")));
    }
    Ok(Found { app, view })
}

/// All syncs of a project, or those to one destination.
async fn all(state: &ApiState, ctx: &TenantCtx, destination: Option<&str>) -> Result<Vec<Found>> {
    let mut apps: HashMap<Slug, AppFacade> = HashMap::new();
    let mut found = Vec::new();
    let mut after: Option<Slug> = None;
    loop {
        let page = state.services.syncs.list(ctx, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.record.spec.id.clone());
        for view in page {
            let integration = &view.record.spec.integration;
            let app = match apps.get(integration) {
                Some(app) => app.clone(),
                None => state.services.integrations.facade_of(ctx, integration).await?,
            };
            apps.entry(integration.clone()).or_insert_with(|| app.clone());
            if destination.is_none_or(|destination| is_of(&app, destination)) {
                found.push(Found { app, view });
            }
        }
    }
}

async fn shown(state: &ApiState, ctx: &TenantCtx, found: Vec<Found>) -> Result<SeveralSyncs> {
    let mut secret_syncs = Vec::with_capacity(found.len());
    for found in found {
        secret_syncs.push(found.shown(state, ctx).await?);
    }
    Ok(SeveralSyncs { secret_syncs })
}

/// What secret syncs can lead to.
#[utoipa::path(get, path = "/api/v1/secret-syncs/options", operation_id = "infisical.secretSyncs.options",
    tag = "Infisical: secret syncs", security(("bearer" = ["integrations:read"])),
    params(("projectId" = Option<String>, Query, description = "The project's UUID or slug; the caller's home project when \
        it is left out")),
    responses((status = 200, description = "Destinations", body = Options)))]
async fn options(
    State(state): State<ApiState>,
    client: Client,
    Params(scope): Params<OptionalScope>,
) -> Result<axum::Json<Options>, Problem> {
    let ctx = client.in_project_or_home(scope.0.as_deref()).await?;
    let facades = state.services.integrations.facades(&ctx).await?;
    Ok(axum::Json(Options { secret_sync_options: facades.iter().filter_map(OptionOut::of).collect() }))
}

/// A project that may be left out.
struct OptionalScope(Option<String>);

impl Read for OptionalScope {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(crate::api::infisical::extract::optional_project(fields)?))
    }
}

/// List the syncs of a project.
#[utoipa::path(get, path = "/api/v1/secret-syncs", operation_id = "infisical.secretSyncs.list",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:read", "integrations:read"])), params(Scope),
    responses((status = 200, description = "Syncs", body = SeveralSyncs)))]
async fn list(
    State(state): State<ApiState>,
    client: Client,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<SeveralSyncs>, Problem> {
    let ctx = client.in_project(&scope.project).await?;
    let found = all(&state, &ctx, None).await?;
    Ok(axum::Json(shown(&state, &ctx, found).await?))
}

/// List the syncs to one destination.
#[utoipa::path(get, path = "/api/v1/secret-syncs/{destination}", operation_id = "infisical.secretSyncs.listOfDestination",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:read", "integrations:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"), Scope),
    responses((status = 200, description = "Syncs", body = SeveralSyncs)))]
async fn list_of_destination(
    State(state): State<ApiState>,
    client: Client,
    Path(destination): Path<String>,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<SeveralSyncs>, Problem> {
    let ctx = client.in_project(&scope.project).await?;
    state.services.integrations.destination(&ctx, &destination).await?;
    let found = all(&state, &ctx, Some(&destination)).await?;
    Ok(axum::Json(shown(&state, &ctx, found).await?))
}

/// Read a sync and how it stands.
#[utoipa::path(get, path = "/api/v1/secret-syncs/{destination}/{syncId}", operation_id = "infisical.secretSyncs.read",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:read", "integrations:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncId" = String, Path, description = "The sync's UUID")),
    responses((status = 200, description = "The sync", body = OneSync)))]
async fn read_one(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, uid): Paths<String, SyncUid>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let found = found(&state, &ctx, (&destination, uid)).await?;
    Ok(axum::Json(OneSync { secret_sync: found.shown(&state, &ctx).await? }))
}

/// Read a sync by its name.
#[utoipa::path(get, path = "/api/v1/secret-syncs/{destination}/sync-name/{syncName}",
    operation_id = "infisical.secretSyncs.readByName",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:read", "integrations:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncName" = String, Path, description = "The sync's name"), Scope),
    responses((status = 200, description = "The sync", body = OneSync)))]
async fn read_by_name(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, name): Paths<String, String>,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.in_project(&scope.project).await?;
    let mut found = all(&state, &ctx, Some(&destination)).await?.into_iter();
    let found = found.find(|found| Said::by(&found.view.record.spec, &found.app.facade).name == name);
    let found = found.ok_or_else(|| Error::not_found(NO_SUCH))?;
    Ok(axum::Json(OneSync { secret_sync: found.shown(&state, &ctx).await? }))
}

/// Create a sync. With auto sync its first run begins at once.
#[utoipa::path(post, path = "/api/v1/secret-syncs/{destination}", operation_id = "infisical.secretSyncs.create",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:write", "integrations:read", "syncs:read"])), request_body = NewSyncSchema,
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`")),
    responses((status = 200, description = "The sync", body = OneSync)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Path(destination): Path<String>,
    Body(new): Body<NewSync>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.in_project(&new.project).await?;
    let app = state.services.integrations.destination(&ctx, &destination).await?;
    said::check(&app.facade, app.can_import, &new.options)?;
    said::require_config(&app.facade, &new.config)?;
    require_connection(&state, &ctx, (&app, new.connection)).await?;
    refuse_taken(&state, &ctx, &new.name, None).await?;
    let id = state.services.syncs.free_id(&ctx, &new.name).await?;
    let spec = SyncSpec {
        id,
        display_name: said::display_name(&new.name),
        integration: app.integration.clone(),
        config: Some(new.connection),
        parameters: Map::new(),
        source: Selection::of(new.environment, new.path),
        destination: Map::new(),
        options: SyncOptions { auto_sync: new.auto_sync, ..SyncOptions::default() },
        presentation: None,
    };
    let spec = said::change(spec, &app.facade, (Some(&new.config), Some(&new.options)));
    let said = Said { name: new.name, description: new.description, ..Said::by(&spec, &app.facade) };
    let spec = said.note(spec);
    refuse_twin(&state, &ctx, &spec, None).await?;
    let made = state.services.syncs.create_and_run(&ctx, spec).await.map_err(|error| told(error, &app))?;
    let found = Found { app, view: made };
    Ok(axum::Json(OneSync { secret_sync: found.shown(&state, &ctx).await? }))
}

/// Change a sync. With auto sync it runs again.
#[utoipa::path(patch, path = "/api/v1/secret-syncs/{destination}/{syncId}", operation_id = "infisical.secretSyncs.update",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:write", "integrations:read", "syncs:read"])), request_body = SyncPatchSchema,
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncId" = String, Path, description = "The sync's UUID")),
    responses((status = 200, description = "The sync", body = OneSync)))]
async fn update(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, uid): Paths<String, SyncUid>,
    Body(patch): Body<SyncPatch>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let Found { app, view } = found(&state, &ctx, (&destination, uid)).await?;
    if let Some(options) = &patch.options {
        said::check(&app.facade, app.can_import, options)?;
    }
    if let Some(config) = &patch.config {
        said::require_config(&app.facade, config)?;
    }
    if let Some(connection) = patch.connection {
        require_connection(&state, &ctx, (&app, connection)).await?;
    }
    if let Some(name) = &patch.name {
        refuse_taken(&state, &ctx, name, Some(uid)).await?;
    }
    refuse_twin(&state, &ctx, &patched(view.record.spec.clone(), &app, &patch), Some(uid)).await?;
    let id = view.record.spec.id;
    let apply = |spec: SyncSpec| patched(spec, &app, &patch);
    let names_source = patch.environment.is_some() || patch.path.is_some();
    let change = SyncChange { apply: &apply, names_source, activity: Activity::Stays };
    let changed = state.services.syncs.update(&ctx, &id, change, &Expected::Any).await;
    let view = changed.map_err(|error| told(error, &app))?;
    let found = Found { app, view };
    Ok(axum::Json(OneSync { secret_sync: found.shown(&state, &ctx).await? }))
}

/// The sync after a change.
fn patched(spec: SyncSpec, app: &AppFacade, patch: &SyncPatch) -> SyncSpec {
    let mut spec = said::change(spec, &app.facade, (patch.config.as_ref(), patch.options.as_ref()));
    spec.config = patch.connection.or(spec.config);
    spec.options.auto_sync = patch.auto_sync.unwrap_or(spec.options.auto_sync);
    if let Some(environment) = &patch.environment {
        spec.source.environment.clone_from(environment);
    }
    if let Some(path) = &patch.path {
        spec.source.path.clone_from(path);
    }
    let mut said = Said::by(&spec, &app.facade);
    said.description = patch.description.clone().apply(said.description);
    if let Some(name) = &patch.name {
        said.name.clone_from(name);
        spec.display_name = said::display_name(name);
    }
    said.note(spec)
}

/// Whether what a sync wrote goes with it.
struct DeleteQuery {
    removal: Removal,
}

impl Read for DeleteQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let removes = fields.or("removeSecrets", false, read::boolean)?;
        Some(Self { removal: if removes { Removal::RemoveSecrets } else { Removal::KeepSecrets } })
    }
}

/// Delete a sync; with `removeSecrets` what it wrote is deleted first, and the sync goes when that succeeded.
#[utoipa::path(delete, path = "/api/v1/secret-syncs/{destination}/{syncId}", operation_id = "infisical.secretSyncs.delete",
    tag = "Infisical: secret syncs", security(("bearer" = ["syncs:write", "integrations:read", "syncs:read"])),
    params(("destination" = String, Path, description = "The destination, such as `aws-parameter-store`"),
        ("syncId" = String, Path, description = "The sync's UUID"),
        ("removeSecrets" = Option<bool>, Query, description = "Whether what the sync wrote is deleted first; false when left \
            out")),
    responses((status = 200, description = "The sync as it was, or as it waits for its removal", body = OneSync)))]
async fn delete(
    State(state): State<ApiState>,
    client: Client,
    Paths(destination, uid): Paths<String, SyncUid>,
    Params(query): Params<DeleteQuery>,
) -> Result<axum::Json<OneSync>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let mut found = found(&state, &ctx, (&destination, uid)).await?;
    if query.removal == Removal::RemoveSecrets {
        jobs::refuse_running(&found.view)?;
    }
    state.services.syncs.delete(&ctx, found.id(), query.removal, &Expected::Any).await?;
    if query.removal == Removal::RemoveSecrets
        && let Ok(view) = state.services.syncs.read(&ctx, found.id()).await
    {
        found.view = view;
    }
    Ok(axum::Json(OneSync { secret_sync: found.shown(&state, &ctx).await? }))
}

/// A connection serves the destinations of its app.
async fn require_connection(state: &ApiState, ctx: &TenantCtx, (app, uid): (&AppFacade, ConnectionUid)) -> Result<()> {
    let used = state.services.connections.used(ctx, uid).await;
    let used = used.map_err(|error| error.renamed_if_not_found("connection"))?;
    let of = state.services.integrations.facade_of(ctx, &used.record.integration).await?;
    let (given, wanted) = (of.facade.names(), app.facade.names());
    if given.app != wanted.app {
        let detail =
            format!("the connection is one of the app `{}`, and the destination needs `{}`", given.app, wanted.app);
        return Err(Error::new(Code::InvalidRequest, detail));
    }
    if of.integration != app.integration {
        let detail = format!(
            "the connection is one of the integration `{}`: connect the app with `integration` set to `{}`",
            of.integration, app.integration
        );
        return Err(Error::new(Code::InvalidRequest, detail));
    }
    Ok(())
}

/// A name belongs to one sync of a project.
async fn refuse_taken(state: &ApiState, ctx: &TenantCtx, name: &str, own: Option<SyncUid>) -> Result<()> {
    let taken = all(state, ctx, None).await?.into_iter().any(|found| {
        Some(found.view.record.uid) != own && Said::by(&found.view.record.spec, &found.app.facade).name == name
    });
    if taken {
        return Err(Error::new(Code::AlreadyExists, format!("a secret sync with the name `{name}` exists")));
    }
    Ok(())
}

/// Two syncs that carry one folder to one place under the same keys would only be in each other's way.
async fn refuse_twin(state: &ApiState, ctx: &TenantCtx, spec: &SyncSpec, own: Option<SyncUid>) -> Result<()> {
    match state.services.syncs.twin_of(ctx, spec, own).await? {
        Some(twin) => {
            let detail = format!("the sync `{twin}` carries the same folder to the same destination already");
            Err(Error::new(Code::DestinationClaimed, detail))
        }
        None => Ok(()),
    }
}

/// A refusal of the service, in the members of this dialect.
fn told(error: Error, app: &AppFacade) -> Error {
    let error = refused_in_a_sentence(error);
    placed(error, |place| match place {
        "/options/keyTemplate" => Some("/syncOptions/keySchema".to_owned()),
        "/displayName" | "/id" => Some("/name".to_owned()),
        "/config" => Some("/connectionId".to_owned()),
        place => app.facade.destination_place(place),
    })
}
