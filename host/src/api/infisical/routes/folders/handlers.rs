//! The routes of folders.

use axum::Json;
use axum::extract::{RawPathParams, State};
use utoipa_axum::routes;

use super::body::{Deletion, DeletionSchema, FolderBody, FolderSchema, ListParams, ListQuery, Renames, RenamesSchema};
use super::output::{DetailOut, FolderOut, ManyOut, OneOut};
use crate::api::extract::Path;
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::FolderUid;
use crate::domain::{Error, Expected, Result};
use crate::service::context::TenantCtx;
use crate::service::folders::{Contents, Place};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list_v1, create_v1))
        .add(routes!(rename_many_v1))
        .add(routes!(read_v1, rename_v1, delete_v1))
        .add(routes!(read_at))
        .add(routes!(list_v2, create_v2))
        .add(routes!(rename_many_v2))
        .add(routes!(read_v2, rename_v2, delete_v2))
}

async fn list(state: &ApiState, client: &Client, query: ListQuery) -> Result<ManyOut> {
    let ctx = client.in_project(&query.project).await?;
    let place = query.place;
    let folders = if query.recursive {
        let found = state.services.folders.tree(&ctx, &place).await?;
        found.iter().map(|found| FolderOut::below(found, &place)).collect()
    } else {
        let found = state.services.folders.list(&ctx, &place).await?;
        let path = |name: &Option<_>| name.clone().map_or_else(|| place.path.clone(), |name| place.path.join(name));
        found.iter().map(|folder| FolderOut::new(folder, &path(&folder.name))).collect()
    };
    Ok(ManyOut { folders })
}

async fn create(state: &ApiState, client: &Client, body: FolderBody) -> Result<OneOut> {
    let ctx = client.in_project(&body.project).await?;
    let place = Place { path: body.parent.path.join(body.name), ..body.parent };
    let made = state.services.folders.create(&ctx, &place).await?;
    Ok(OneOut { folder: FolderOut::new(&made, &place.path) })
}

async fn rename_many(state: &ApiState, client: &Client, body: Renames) -> Result<ManyOut> {
    let ctx = client.in_project(&body.project).await?;
    let renamed = state.services.folders.rename_all(&ctx, &body.folders).await?;
    Ok(ManyOut { folders: renamed.iter().map(|found| FolderOut::new(&found.folder, &found.path)).collect() })
}

async fn read(state: &ApiState, client: &Client, folder: FolderUid) -> Result<DetailOut> {
    let ctx = client.holding(folder.as_bytes(), "folder").await?;
    let found = state.services.folders.find(&ctx, folder).await?;
    Ok(DetailOut::new(ctx.tenant(), &found))
}

async fn rename(state: &ApiState, client: &Client, folder: &str, body: FolderBody) -> Result<OneOut> {
    let ctx = client.in_project(&body.project).await?;
    let place = named(state, &ctx, folder, body.parent).await?;
    let renamed = state.services.folders.rename(&ctx, &place, &body.name, &Expected::Any).await?;
    let found = state.services.folders.find(&ctx, renamed.uid).await?;
    Ok(OneOut { folder: FolderOut::new(&found.folder, &found.path) })
}

async fn delete(
    state: &ApiState,
    client: &Client,
    folder: &str,
    (body, default): (Deletion, Contents),
) -> Result<OneOut> {
    let ctx = client.in_project(&body.project).await?;
    let place = named(state, &ctx, folder, body.parent).await?;
    let contents = match body.force {
        None => default,
        Some(true) => Contents::Removed,
        Some(false) => Contents::Refused,
    };
    let deleted = state.services.folders.delete(&ctx, &place, contents, &Expected::Any).await?;
    Ok(OneOut { folder: FolderOut::new(&deleted, &place.path) })
}

/// The place of a folder that is named by its id, or by its name in `parent`.
async fn named(state: &ApiState, ctx: &TenantCtx, id_or_name: &str, parent: Place) -> Result<Place> {
    let missing = || Error::not_found("folder");
    if let Ok(uid) = id_or_name.parse::<FolderUid>() {
        let found = state.services.folders.find(ctx, uid).await?.place();
        return if found.environment == parent.environment { Ok(found) } else { Err(missing()) };
    }
    let name = id_or_name.trim_matches('/').parse().map_err(|_| missing())?;
    Ok(Place { path: parent.path.join(name), ..parent })
}

/// Read the folder at a path, whose slashes are encoded.
#[utoipa::path(get, path = "/api/v1/folders/{folder}/{environment}/{path}",
    operation_id = "infisical.foldersV1.readAt", tag = "Infisical: folders",
    security(("bearer" = ["secrets:read"])),
    params(("folder" = String, Path, description = "The project's id or slug"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = String, Path, description = "The folder's path, percent-encoded", example = "%2Fapp%2Fdb")),
    responses((status = 200, description = "The folder", body = DetailOut)))]
async fn read_at(
    State(state): State<ApiState>,
    client: Client,
    params: RawPathParams,
) -> Result<Json<DetailOut>, Problem> {
    let missing = || Error::not_found("folder");
    let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
    let [project, environment, path] = values.as_slice() else { return Err(missing().into()) };
    let ctx = client.in_project(project).await?;
    let path = format!("/{}", path.trim_matches('/')).parse().map_err(|_| missing())?;
    let place = Place { environment: environment.parse().map_err(|_| missing())?, path };
    let found = state.services.folders.read(&ctx, &place).await?;
    Ok(Json(DetailOut::new(ctx.tenant(), &found)))
}

/// List the folders directly in a folder, or all below it (v1).
#[utoipa::path(get, path = "/api/v1/folders", operation_id = "infisical.foldersV1.list", tag = "Infisical: folders",
    security(("bearer" = ["secrets:read"])), params(ListParams),
    responses((status = 200, description = "Folders in the order of their names", body = ManyOut)))]
async fn list_v1(
    State(state): State<ApiState>,
    client: Client,
    Params(query): Params<ListQuery>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(list(&state, &client, query).await?))
}

/// Create a folder, and those above it that are missing (v1).
#[utoipa::path(post, path = "/api/v1/folders", operation_id = "infisical.foldersV1.create", tag = "Infisical: folders",
    security(("bearer" = ["secrets:write"])), request_body = FolderSchema,
    responses((status = 200, description = "The folder", body = OneOut)))]
async fn create_v1(
    State(state): State<ApiState>,
    client: Client,
    Body(body): Body<FolderBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(create(&state, &client, body).await?))
}

/// Rename many folders, all or none (v1).
#[utoipa::path(patch, path = "/api/v1/folders/batch", operation_id = "infisical.foldersV1.updateMany",
    tag = "Infisical: folders", security(("bearer" = ["secrets:write"])), request_body = RenamesSchema,
    responses((status = 200, description = "The folders", body = ManyOut)))]
async fn rename_many_v1(
    State(state): State<ApiState>,
    client: Client,
    Body(body): Body<Renames>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(rename_many(&state, &client, body).await?))
}

/// Read a folder by its id (v1).
#[utoipa::path(get, path = "/api/v1/folders/{folder}", operation_id = "infisical.foldersV1.read", tag = "Infisical: folders",
    security(("bearer" = ["secrets:read"])), params(("folder" = String, Path, description = "The folder's id")),
    responses((status = 200, description = "The folder", body = DetailOut)))]
async fn read_v1(
    State(state): State<ApiState>,
    client: Client,
    Path(folder): Path<FolderUid>,
) -> Result<Json<DetailOut>, Problem> {
    Ok(Json(read(&state, &client, folder).await?))
}

/// Rename a folder; what is in it stays (v1).
#[utoipa::path(patch, path = "/api/v1/folders/{folder}", operation_id = "infisical.foldersV1.update",
    tag = "Infisical: folders", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = FolderSchema,
    params(("folder" = String, Path, description = "The folder's id, or its name in `path`")),
    responses((status = 200, description = "The folder", body = OneOut)))]
async fn rename_v1(
    State(state): State<ApiState>,
    client: Client,
    Path(folder): Path<String>,
    Body(body): Body<FolderBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(rename(&state, &client, &folder, body).await?))
}

/// Delete a folder with all that is in it (v1).
#[utoipa::path(delete, path = "/api/v1/folders/{folder}", operation_id = "infisical.foldersV1.delete",
    tag = "Infisical: folders", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = DeletionSchema,
    params(("folder" = String, Path, description = "The folder's id, or its name in `path`")),
    responses((status = 200, description = "The folder as it was", body = OneOut)))]
async fn delete_v1(
    State(state): State<ApiState>,
    client: Client,
    Path(folder): Path<String>,
    Body(body): Body<Deletion>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(delete(&state, &client, &folder, (body, Contents::Removed)).await?))
}

/// List the folders directly in a folder, or all below it (v2).
#[utoipa::path(get, path = "/api/v2/folders", operation_id = "infisical.foldersV2.list", tag = "Infisical: folders",
    security(("bearer" = ["secrets:read"])), params(ListParams),
    responses((status = 200, description = "Folders in the order of their names", body = ManyOut)))]
async fn list_v2(
    State(state): State<ApiState>,
    client: Client,
    Params(query): Params<ListQuery>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(list(&state, &client, query).await?))
}

/// Create a folder, and those above it that are missing (v2).
#[utoipa::path(post, path = "/api/v2/folders", operation_id = "infisical.foldersV2.create", tag = "Infisical: folders",
    security(("bearer" = ["secrets:write"])), request_body = FolderSchema,
    responses((status = 200, description = "The folder", body = OneOut)))]
async fn create_v2(
    State(state): State<ApiState>,
    client: Client,
    Body(body): Body<FolderBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(create(&state, &client, body).await?))
}

/// Rename many folders, all or none (v2).
#[utoipa::path(patch, path = "/api/v2/folders/batch", operation_id = "infisical.foldersV2.updateMany",
    tag = "Infisical: folders", security(("bearer" = ["secrets:write"])), request_body = RenamesSchema,
    responses((status = 200, description = "The folders", body = ManyOut)))]
async fn rename_many_v2(
    State(state): State<ApiState>,
    client: Client,
    Body(body): Body<Renames>,
) -> Result<Json<ManyOut>, Problem> {
    Ok(Json(rename_many(&state, &client, body).await?))
}

/// Read a folder by its id (v2).
#[utoipa::path(get, path = "/api/v2/folders/{folder}", operation_id = "infisical.foldersV2.read", tag = "Infisical: folders",
    security(("bearer" = ["secrets:read"])), params(("folder" = String, Path, description = "The folder's id")),
    responses((status = 200, description = "The folder", body = DetailOut)))]
async fn read_v2(
    State(state): State<ApiState>,
    client: Client,
    Path(folder): Path<FolderUid>,
) -> Result<Json<DetailOut>, Problem> {
    Ok(Json(read(&state, &client, folder).await?))
}

/// Rename a folder; what is in it stays (v2).
#[utoipa::path(patch, path = "/api/v2/folders/{folder}", operation_id = "infisical.foldersV2.update",
    tag = "Infisical: folders", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = FolderSchema,
    params(("folder" = String, Path, description = "The folder's id, or its name in `path`")),
    responses((status = 200, description = "The folder", body = OneOut)))]
async fn rename_v2(
    State(state): State<ApiState>,
    client: Client,
    Path(folder): Path<String>,
    Body(body): Body<FolderBody>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(rename(&state, &client, &folder, body).await?))
}

/// Delete a folder, with all that is in it where that is asked for (v2).
#[utoipa::path(delete, path = "/api/v2/folders/{folder}", operation_id = "infisical.foldersV2.delete",
    tag = "Infisical: folders", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = DeletionSchema,
    params(("folder" = String, Path, description = "The folder's id, or its name in `path`")),
    responses((status = 200, description = "The folder as it was", body = OneOut)))]
async fn delete_v2(
    State(state): State<ApiState>,
    client: Client,
    Path(folder): Path<String>,
    Body(body): Body<Deletion>,
) -> Result<Json<OneOut>, Problem> {
    Ok(Json(delete(&state, &client, &folder, (body, Contents::Refused)).await?))
}
