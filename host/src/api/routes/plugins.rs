//! Plugins: for administrators of the host.

mod shape;

use std::time::Duration;

use axum::extract::{FromRequest, Request, State};
use http::header::CONTENT_TYPE;
use keyferry_contract::Metadata;
use utoipa_axum::routes;

use crate::api::auth::Administrator;
use crate::api::dto::Created;
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, read_within};
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::name::Slug;
use crate::domain::plugin::Limits;
use crate::domain::{Code, Error};
use shape::{ActivateIn, ActivateInSchema, GrantsIn, GrantsInSchema, PluginOut, PluginVersionOut};

/// How long the upload of a component may take.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list, install))
        .add(routes!(read_one))
        .add(routes!(versions))
        .add(routes!(metadata))
        .add(routes!(review))
        .add(routes!(activate))
        .add(routes!(roll_back))
        .add(routes!(disable))
}

/// The bytes of an uploaded component.
struct Component(Vec<u8>);

impl<S: Sync> FromRequest<S> for Component {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !matches!(essence.as_str(), "application/wasm" | "application/octet-stream") {
            let detail = "a component is sent as `application/wasm` or `application/octet-stream`";
            return Err(Error::new(Code::UnsupportedMediaType, detail).into());
        }
        let bytes =
            read_within(request, Limits::COMPONENT_BYTES_MAX, UPLOAD_TIMEOUT).await.map_err(|error| {
                match error.code() {
                    Code::BodyTooLarge => Error::new(Code::ComponentTooLarge, error.detail()),
                    _ => error,
                }
            })?;
        Ok(Self(bytes.to_vec()))
    }
}

/// Install a plugin: the component is checked, compiled and described. It does nothing before it is activated.
#[utoipa::path(post, path = "/v1/plugins", operation_id = "plugins.install", tag = "plugins",
    security(("bearer" = ["administrator"])),
    request_body(content = inline(String), content_type = "application/wasm", description = "The component, at most 32 MiB"),
    responses((status = 201, description = "The plugin with all its versions", body = PluginOut),
        (status = 409, description = "This version of the plugin is another component"),
        (status = 413, description = "The component is too large")))]
async fn install(
    State(state): State<ApiState>,
    ctx: Administrator,
    Component(component): Component,
) -> Result<Created<PluginOut>, Problem> {
    let installed = state.services.plugins.install(&ctx, component).await?;
    let location = format!("/v1/plugins/{}", installed.value.record.id);
    Ok(Created { location, resource: Tagged::stored(installed.map(PluginOut::from)) })
}

/// List the plugins of the host.
#[utoipa::path(get, path = "/v1/plugins", operation_id = "plugins.list", tag = "plugins",
    security(("bearer" = ["administrator"])),
    responses((status = 200, description = "Plugins, in the order of their ids", body = Page<PluginOut>)))]
async fn list(State(state): State<ApiState>, ctx: Administrator) -> Result<axum::Json<Page<PluginOut>>, Problem> {
    let plugins = state.services.plugins.list(&ctx).await?;
    Ok(axum::Json(Page::whole(plugins.into_iter().map(PluginOut::from).collect())))
}

/// Read a plugin.
#[utoipa::path(get, path = "/v1/plugins/{plugin}", operation_id = "plugins.read", tag = "plugins",
    security(("bearer" = ["administrator"])), params(("plugin" = String, Path, description = "The plugin's id")),
    responses((status = 200, description = "The plugin", body = PluginOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
) -> Result<Tagged<PluginOut>, Problem> {
    Ok(Tagged::stored(state.services.plugins.read(&ctx, &plugin).await?.map(PluginOut::from)))
}

/// List the versions of a plugin that are kept, oldest first.
#[utoipa::path(get, path = "/v1/plugins/{plugin}/versions", operation_id = "plugins.versions", tag = "plugins",
    security(("bearer" = ["administrator"])), params(("plugin" = String, Path, description = "The plugin's id")),
    responses((status = 200, description = "Versions", body = Page<PluginVersionOut>)))]
async fn versions(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
) -> Result<axum::Json<Page<PluginVersionOut>>, Problem> {
    let found = state.services.plugins.read(&ctx, &plugin).await?.value;
    Ok(axum::Json(Page::whole(PluginOut::from(found).into_versions())))
}

/// Read the metadata of the version that calls go to, else of the one installed last.
#[utoipa::path(get, path = "/v1/plugins/{plugin}/metadata", operation_id = "plugins.metadata", tag = "plugins",
    security(("bearer" = ["administrator"])), params(("plugin" = String, Path, description = "The plugin's id")),
    responses((status = 200, description = "The document that the plugin describes itself with, by the published schema",
        body = Object)))]
async fn metadata(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
) -> Result<Tagged<Metadata>, Problem> {
    let found = state.services.plugins.read(&ctx, &plugin).await?.value;
    let current = found.current().ok_or_else(|| Error::not_found("version"))?;
    Ok(Tagged::by_content((**current.metadata).clone()))
}

/// Decide what a version may do. For the running version it holds from the next call on.
#[utoipa::path(put, path = "/v1/plugins/{plugin}/grants", operation_id = "plugins.review",
    tag = "plugins", security(("bearer" = ["administrator"])), request_body = GrantsInSchema,
    params(("plugin" = String, Path, description = "The plugin's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The plugin", body = PluginOut)))]
async fn review(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
    IfMatch(expected): IfMatch,
    Json(GrantsIn { which, review }): Json<GrantsIn>,
) -> Result<Tagged<PluginOut>, Problem> {
    let reviewed = state.services.plugins.review(&ctx, &plugin, &which, &review, &expected).await?;
    Ok(Tagged::stored(reviewed.map(PluginOut::from)))
}

/// Activate a version, the one installed last when none is named; `grants` are reviewed in the same step.
#[utoipa::path(post, path = "/v1/plugins/{plugin}:activate", operation_id = "plugins.activate", tag = "plugins",
    security(("bearer" = ["administrator"])), request_body(content = Option<ActivateInSchema>),
    params(("plugin" = String, Path, description = "The plugin's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The plugin", body = PluginOut),
        (status = 409, description = "The version asks for more than the running one and was not reviewed")))]
async fn activate(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
    IfMatch(expected): IfMatch,
    Json(ActivateIn { which, grants }): Json<ActivateIn>,
) -> Result<Tagged<PluginOut>, Problem> {
    let activated = state.services.plugins.activate(&ctx, &plugin, &which, grants.as_ref(), &expected).await?;
    Ok(Tagged::stored(activated.map(PluginOut::from)))
}

/// Go back to the version that was active before.
#[utoipa::path(post, path = "/v1/plugins/{plugin}:rollback", operation_id = "plugins.rollback", tag = "plugins",
    security(("bearer" = ["administrator"])),
    params(("plugin" = String, Path, description = "The plugin's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The plugin", body = PluginOut),
        (status = 409, description = "No earlier version is kept")))]
async fn roll_back(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<PluginOut>, Problem> {
    Ok(Tagged::stored(state.services.plugins.roll_back(&ctx, &plugin, &expected).await?.map(PluginOut::from)))
}

/// Disable a plugin: no call of it begins any more. Activating it ends this.
#[utoipa::path(post, path = "/v1/plugins/{plugin}:disable", operation_id = "plugins.disable", tag = "plugins",
    security(("bearer" = ["administrator"])),
    params(("plugin" = String, Path, description = "The plugin's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The plugin", body = PluginOut)))]
async fn disable(
    State(state): State<ApiState>,
    ctx: Administrator,
    Path(plugin): Path<Slug>,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<PluginOut>, Problem> {
    Ok(Tagged::stored(state.services.plugins.disable(&ctx, &plugin, &expected).await?.map(PluginOut::from)))
}
