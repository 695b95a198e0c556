//! App connections: credentials for an app, tested before they are stored.

mod body;
mod choices;
mod shown;

use axum::extract::State;
use serde_json::Map;
use utoipa_axum::routes;

use self::body::{ConnectionPatch, ConnectionPatchSchema, NewConnection, NewConnectionSchema, Scope};
use self::shown::{
    AvailableConnections, ConnectionOut, OneConnection, OptionOut, Options, SeveralConnections, connection_out,
};
use crate::api::extract::{Path, Paths};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params};
use crate::api::infisical::refusal::placed;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::ConnectionUid;
use crate::domain::settings::{self, Given};
use crate::domain::{Code, Error, Expected, Patch, Result};
use crate::service::connections::{ConnectionChange, Entered, GivenAuth, UsedConnection};
use crate::service::context::TenantCtx;
use crate::service::integrations::AppFacade;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(options))
        .add(routes!(list))
        .add(routes!(list_of_app, create))
        .add(routes!(list_available))
        .add(routes!(read_by_name))
        .add(routes!(read_one, update, delete))
        .merge(choices::routes())
}

const NO_SUCH: &str = "connection";

/// A connection with the names of its integration.
struct Found {
    app: AppFacade,
    used: UsedConnection,
}

impl Found {
    fn shown(&self, ctx: &TenantCtx) -> ConnectionOut {
        connection_out(&self.app, &self.used, ctx.tenant())
    }
}

/// The connection with this uid, which is one of `app`.
async fn found(state: &ApiState, ctx: &TenantCtx, (app, uid): (&str, ConnectionUid)) -> Result<Found> {
    let used = state.services.connections.used(ctx, uid).await.map_err(|error| error.renamed_if_not_found(NO_SUCH))?;
    let facade = state.services.integrations.facade_of(ctx, &used.record.integration).await?;
    if facade.facade.names().app != app {
        return Err(Error::new(Code::InvalidRequest, format!("the connection is not one of the app `{app}`")));
    }
    Ok(Found { app: facade, used })
}

/// All connections of a project, or those of one app.
async fn all(state: &ApiState, ctx: &TenantCtx, app: Option<&str>) -> Result<Vec<Found>> {
    let facades = state.services.integrations.facades(ctx).await?;
    let mut shown = Vec::new();
    for used in state.services.connections.all_used(ctx).await? {
        let facade = match facades.iter().find(|facade| facade.integration == used.record.integration) {
            Some(facade) => facade.clone(),
            None => state.services.integrations.facade_of(ctx, &used.record.integration).await?,
        };
        if app.is_none_or(|app| facade.facade.names().app == app) {
            shown.push(Found { app: facade, used });
        }
    }
    Ok(shown)
}

/// What connections can be made of.
#[utoipa::path(get, path = "/api/v1/app-connections/options", operation_id = "infisical.appConnections.options",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:read"])), params(Scope),
    responses((status = 200, description = "Apps and their methods", body = Options)))]
async fn options(
    State(state): State<ApiState>,
    client: Client,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<Options>, Problem> {
    let ctx = client.in_project_or_home(scope.project.as_deref()).await?;
    let mut options: Vec<OptionOut> = Vec::new();
    for found in state.services.integrations.facades(&ctx).await? {
        let option = OptionOut::from(found.facade.names());
        if !options.iter().any(|known| known.is_of_app(&option)) {
            options.push(option);
        }
    }
    Ok(axum::Json(Options { app_connection_options: options }))
}

/// List the connections of all apps.
#[utoipa::path(get, path = "/api/v1/app-connections", operation_id = "infisical.appConnections.list",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:read"])), params(Scope),
    responses((status = 200, description = "Connections, in the order of their making", body = SeveralConnections)))]
async fn list(
    State(state): State<ApiState>,
    client: Client,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<SeveralConnections>, Problem> {
    let ctx = client.in_project_or_home(scope.project.as_deref()).await?;
    let found = all(&state, &ctx, None).await?;
    Ok(axum::Json(SeveralConnections { app_connections: found.iter().map(|found| found.shown(&ctx)).collect() }))
}

/// List the connections of one app.
#[utoipa::path(get, path = "/api/v1/app-connections/{app}", operation_id = "infisical.appConnections.listOfApp",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:read"])),
    params(("app" = String, Path, description = "The app, such as `aws`"), Scope),
    responses((status = 200, description = "Connections, in the order of their making", body = SeveralConnections)))]
async fn list_of_app(
    State(state): State<ApiState>,
    client: Client,
    Path(app): Path<String>,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<SeveralConnections>, Problem> {
    let ctx = client.in_project_or_home(scope.project.as_deref()).await?;
    state.services.integrations.app(&ctx, &app, None).await?;
    let found = all(&state, &ctx, Some(&app)).await?;
    Ok(axum::Json(SeveralConnections { app_connections: found.iter().map(|found| found.shown(&ctx)).collect() }))
}

/// List the connections of one app that syncs can use, by id and name alone.
#[utoipa::path(get, path = "/api/v1/app-connections/{app}/available",
    operation_id = "infisical.appConnections.listAvailable",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:read"])),
    params(("app" = String, Path, description = "The app, such as `aws`"), Scope),
    responses((status = 200, description = "Connections", body = AvailableConnections)))]
async fn list_available(
    State(state): State<ApiState>,
    client: Client,
    Path(app): Path<String>,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<AvailableConnections>, Problem> {
    let ctx = client.in_project_or_home(scope.project.as_deref()).await?;
    state.services.integrations.app(&ctx, &app, None).await?;
    let found = all(&state, &ctx, Some(&app)).await?;
    let app_connections = found.iter().map(|found| found.shown(&ctx).into()).collect();
    Ok(axum::Json(AvailableConnections { app_connections }))
}

/// Read a connection.
#[utoipa::path(get, path = "/api/v1/app-connections/{app}/{connectionId}",
    operation_id = "infisical.appConnections.read",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:read"])),
    params(("app" = String, Path, description = "The app, such as `aws`"),
        ("connectionId" = String, Path, description = "The connection's UUID")),
    responses((status = 200, description = "The connection, without secrets", body = OneConnection)))]
async fn read_one(
    State(state): State<ApiState>,
    client: Client,
    Paths(app, uid): Paths<String, ConnectionUid>,
) -> Result<axum::Json<OneConnection>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let found = found(&state, &ctx, (&app, uid)).await?;
    Ok(axum::Json(OneConnection { app_connection: found.shown(&ctx) }))
}

/// Read a connection by its name.
#[utoipa::path(get, path = "/api/v1/app-connections/{app}/connection-name/{connectionName}",
    operation_id = "infisical.appConnections.readByName",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:read"])),
    params(("app" = String, Path, description = "The app, such as `aws`"),
        ("connectionName" = String, Path, description = "The connection's name"), Scope),
    responses((status = 200, description = "The connection, without secrets", body = OneConnection)))]
async fn read_by_name(
    State(state): State<ApiState>,
    client: Client,
    Paths(app, name): Paths<String, String>,
    Params(scope): Params<Scope>,
) -> Result<axum::Json<OneConnection>, Problem> {
    let ctx = client.in_project_or_home(scope.project.as_deref()).await?;
    let found = all(&state, &ctx, Some(&app)).await?.into_iter().find(|found| found.used.record.name() == name);
    let found = found.ok_or_else(|| Error::not_found(NO_SUCH))?;
    Ok(axum::Json(OneConnection { app_connection: found.shown(&ctx) }))
}

/// Connect an app. The credentials are tested at the vendor first; only then they are stored.
#[utoipa::path(post, path = "/api/v1/app-connections/{app}", operation_id = "infisical.appConnections.create",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:write", "integrations:read"])),
    request_body = NewConnectionSchema,
    params(("app" = String, Path, description = "The app, such as `aws`")),
    responses((status = 200, description = "The connection, without secrets", body = OneConnection)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Path(app): Path<String>,
    Body(new): Body<NewConnection>,
) -> Result<axum::Json<OneConnection>, Problem> {
    let ctx = client.in_project_or_home(new.project.as_deref()).await?;
    let facade = state.services.integrations.app(&ctx, &app, new.integration.as_ref()).await?;
    refuse_taken(&state, &ctx, &new.name, None).await?;
    let method = body::method(&facade.facade, &new.method)?;
    let mapped = facade.facade.credentials(method, new.credentials, Map::new());
    let mut presentation = Map::new();
    if new.project.is_some() {
        presentation.insert("projectId".to_owned(), ctx.tenant().to_string().into());
    }
    let change = ConnectionChange {
        display_name: Patch::Set(new.name),
        description: Patch::initial(new.description),
        entered: Entered {
            parameters: Patch::Set(Given::from(mapped.parameters)),
            auth: Patch::Set(given_auth(&method.auth, mapped.auth)),
            open_parameters: Some(facade.facade.open_parameters()),
            ..Entered::default()
        },
        presentation: Patch::Set(presentation),
        ..ConnectionChange::default()
    };
    let made = state.services.connections.connect(&ctx, &facade.integration, change).await;
    let made = made.map_err(|error| placed(error, |place| body::credential_place(method, place)))?;
    let found = found(&state, &ctx, (&app, made.value.record.uid)).await?;
    Ok(axum::Json(OneConnection { app_connection: found.shown(&ctx) }))
}

/// Change a connection. Credentials are given whole, for the method that the connection has.
#[utoipa::path(patch, path = "/api/v1/app-connections/{app}/{connectionId}",
    operation_id = "infisical.appConnections.update",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:write", "integrations:read"])),
    request_body = ConnectionPatchSchema,
    params(("app" = String, Path, description = "The app, such as `aws`"),
        ("connectionId" = String, Path, description = "The connection's UUID")),
    responses((status = 200, description = "The connection, without secrets", body = OneConnection)))]
async fn update(
    State(state): State<ApiState>,
    client: Client,
    Paths(app, uid): Paths<String, ConnectionUid>,
    Body(patch): Body<ConnectionPatch>,
) -> Result<axum::Json<OneConnection>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let Found { app: facade, used } = found(&state, &ctx, (&app, uid)).await?;
    if let Some(name) = &patch.name {
        refuse_taken(&state, &ctx, name, Some(uid)).await?;
    }
    let method = used.state.auth.as_ref().and_then(|auth| facade.facade.method_of_auth(&auth.method));
    let entered = match (patch.credentials, method) {
        (None, _) => Entered::default(),
        (Some(_), None) => {
            let detail = "the connection's auth method has no credentials in this API";
            return Err(Error::new(Code::WrongState, detail).into());
        }
        (Some(credentials), Some(method)) => {
            let standing = used.state.parameters.clone().unwrap_or_default();
            let mut mapped = facade.facade.credentials(method, credentials, standing);
            // A secret that is no part of the credentials is kept, as its mask says.
            for name in &used.state.secret_parameters {
                mapped.parameters.entry(name.clone()).or_insert_with(|| settings::MASK.into());
            }
            Entered {
                parameters: Patch::Set(Given::from(mapped.parameters)),
                auth: Patch::Set(given_auth(&method.auth, mapped.auth)),
                ..Entered::default()
            }
        }
    };
    let change = ConnectionChange {
        display_name: Patch::initial(patch.name),
        description: patch.description,
        entered,
        ..ConnectionChange::default()
    };
    let changed = state.services.connections.reconnect(&ctx, &facade.integration, uid, change).await;
    changed.map_err(|error| placed(error, |place| method.and_then(|method| body::credential_place(method, place))))?;
    let found = found(&state, &ctx, (&app, uid)).await?;
    Ok(axum::Json(OneConnection { app_connection: found.shown(&ctx) }))
}

/// Delete a connection that no sync uses.
#[utoipa::path(delete, path = "/api/v1/app-connections/{app}/{connectionId}",
    operation_id = "infisical.appConnections.delete",
    tag = "Infisical: app connections", security(("bearer" = ["integrations:write", "integrations:read"])),
    params(("app" = String, Path, description = "The app, such as `aws`"),
        ("connectionId" = String, Path, description = "The connection's UUID")),
    responses((status = 200, description = "The connection as it was", body = OneConnection)))]
async fn delete(
    State(state): State<ApiState>,
    client: Client,
    Paths(app, uid): Paths<String, ConnectionUid>,
) -> Result<axum::Json<OneConnection>, Problem> {
    let ctx = client.holding(uid.as_bytes(), NO_SUCH).await?;
    let found = found(&state, &ctx, (&app, uid)).await?;
    state.services.connections.delete(&ctx, &found.app.integration, uid, &Expected::Any).await?;
    Ok(axum::Json(OneConnection { app_connection: found.shown(&ctx) }))
}

/// A complete credential: what is not given is not kept.
fn given_auth(method: &str, parameters: Map<String, serde_json::Value>) -> GivenAuth {
    GivenAuth { method: Some(method.to_owned()), level: None, parameters: Some(Given::from(parameters)) }
}

/// A name belongs to one connection of a project.
async fn refuse_taken(state: &ApiState, ctx: &TenantCtx, name: &str, own: Option<ConnectionUid>) -> Result<()> {
    if state.services.connections.is_named(ctx, name, own).await? {
        return Err(Error::new(Code::AlreadyExists, format!("a connection with the name `{name}` exists")));
    }
    Ok(())
}
