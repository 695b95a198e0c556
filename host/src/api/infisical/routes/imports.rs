//! Imports of folders, one by one.

mod output;

use axum::Json;
use axum::extract::State;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::api::extract::Path;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::{Body, Params, project};
use crate::api::infisical::place;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::id::ImportUid;
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Result};
use crate::service::context::TenantCtx;
use crate::service::folders::imports::{Import, ImportChange};
use crate::service::folders::{IMPORTS_MAX, Place};
use output::{ChangedOut, DetailOut, ListOut};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list, create)).add(routes!(read, update, delete))
}

/// Which folder's imports are meant, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, non_snake_case, reason = "documents what `Where` reads, by the names on the wire")]
struct WhereParams {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    projectId: String,
    /// The environment's slug.
    environment: String,
    /// The folder; also `directory`; by default the root.
    path: Option<String>,
}

/// The folder whose imports are meant.
struct Where {
    project: String,
    place: Place,
}

impl Read for Where {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_folders(fields);
        Some(Self { project: project?, place: place? })
    }
}

/// An import to be made, changed or deleted.
#[derive(ToSchema)]
#[schema(as = InfisicalSecretImportIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewImport`, `Change` and `Where` read")]
struct ImportSchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    project_id: String,
    /// Of the folder that imports.
    #[schema(example = "prod")]
    environment: String,
    /// The folder that imports; by default the root.
    #[schema(example = "/app")]
    path: Option<String>,
    /// `environment` and `path` that are imported; on PATCH also `position`, from 1. Not for DELETE.
    #[schema(value_type = Option<Object>, example = json!({"environment": "prod", "path": "/shared"}))]
    import: Option<serde_json::Value>,
    /// Only false is supported.
    is_replication: Option<bool>,
}

struct NewImport {
    at: Where,
    imported: Place,
    is_replication: bool,
}

struct Imported(Place);

impl Read for Imported {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        place::of_folders(fields).map(Self)
    }
}

impl Read for NewImport {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let at = Where::read(fields);
        let imported = fields.required("import", read::object::<Imported>);
        let is_replication = fields.or("isReplication", false, read::boolean);
        let Imported(imported) = imported?;
        Some(Self { at: at?, imported, is_replication: is_replication? })
    }
}

struct Change {
    at: Where,
    change: ImportChange,
}

impl Read for ImportChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let environment = fields.optional("environment", read::name::<Slug>);
        let path = fields.optional("path", place::path);
        let last = i64::try_from(IMPORTS_MAX).unwrap_or(i64::MAX);
        let position = fields.optional("position", read::integer(1..=last));
        let position = position?.and_then(|position| usize::try_from(position).ok());
        Some(Self { environment: environment?, path: path?, position })
    }
}

impl Read for Change {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let at = Where::read(fields);
        let change = fields.or("import", ImportChange::default(), read::object::<ImportChange>);
        Some(Self { at: at?, change: change? })
    }
}

/// List what a folder imports, in order.
#[utoipa::path(get, path = "/api/v1/secret-imports", operation_id = "infisical.secretImports.list",
    tag = "Infisical: imports", security(("bearer" = ["secrets:read"])), params(WhereParams),
    responses((status = 200, description = "Imports; a later one wins over an earlier one", body = ListOut)))]
async fn list(
    State(state): State<ApiState>,
    client: Client,
    Params(at): Params<Where>,
) -> Result<Json<ListOut>, Problem> {
    let ctx = client.in_project(&at.project).await?;
    let found = state.services.folders.imports(&ctx, &at.place).await?;
    Ok(Json(ListOut::new(&found)))
}

/// Import a folder after those that are imported already.
#[utoipa::path(post, path = "/api/v1/secret-imports", operation_id = "infisical.secretImports.create",
    tag = "Infisical: imports", security(("bearer" = ["secrets:write"])), request_body = ImportSchema,
    responses((status = 200, description = "The import", body = ChangedOut)))]
async fn create(
    State(state): State<ApiState>,
    client: Client,
    Body(new): Body<NewImport>,
) -> Result<Json<ChangedOut>, Problem> {
    let ctx = client.in_project(&new.at.project).await?;
    if new.is_replication {
        return Err(Error::new(Code::NotSupported, "replication is not supported; imports are always live").into());
    }
    let made = state.services.folders.add_import(&ctx, &new.at.place, &new.imported).await?;
    Ok(Json(ChangedOut::new("Successfully created secret import", &made)))
}

/// Read an import by its id.
#[utoipa::path(get, path = "/api/v1/secret-imports/{secretImport}", operation_id = "infisical.secretImports.read",
    tag = "Infisical: imports", security(("bearer" = ["secrets:read"])),
    params(("secretImport" = String, Path, description = "The import's id")),
    responses((status = 200, description = "The import", body = DetailOut)))]
async fn read(
    State(state): State<ApiState>,
    client: Client,
    Path(import): Path<ImportUid>,
) -> Result<Json<DetailOut>, Problem> {
    let ctx = client.holding(import.as_bytes(), "import").await?;
    let (at, found) = state.services.folders.import(&ctx, import).await?;
    Ok(Json(DetailOut::new(ctx.tenant(), &at, &found)))
}

/// Change where an import leads to, or its position.
#[utoipa::path(patch, path = "/api/v1/secret-imports/{secretImport}", operation_id = "infisical.secretImports.update",
    tag = "Infisical: imports", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = ImportSchema,
    params(("secretImport" = String, Path, description = "The import's id")),
    responses((status = 200, description = "The import", body = ChangedOut)))]
async fn update(
    State(state): State<ApiState>,
    client: Client,
    Path(import): Path<ImportUid>,
    Body(Change { at, change }): Body<Change>,
) -> Result<Json<ChangedOut>, Problem> {
    let ctx = client.in_project(&at.project).await?;
    listed(&state, &ctx, &at.place, import).await?;
    let updated = state.services.folders.change_import(&ctx, import, &change).await?;
    Ok(Json(ChangedOut::new("Successfully updated secret import", &updated)))
}

/// Take an import away.
#[utoipa::path(delete, path = "/api/v1/secret-imports/{secretImport}", operation_id = "infisical.secretImports.delete",
    tag = "Infisical: imports", security(("bearer" = ["secrets:write", "secrets:read"])), request_body = ImportSchema,
    params(("secretImport" = String, Path, description = "The import's id")),
    responses((status = 200, description = "The import as it was", body = ChangedOut)))]
async fn delete(
    State(state): State<ApiState>,
    client: Client,
    Path(import): Path<ImportUid>,
    Body(at): Body<Where>,
) -> Result<Json<ChangedOut>, Problem> {
    let ctx = client.in_project(&at.project).await?;
    listed(&state, &ctx, &at.place, import).await?;
    let deleted = state.services.folders.delete_import(&ctx, import).await?;
    Ok(Json(ChangedOut::new("Successfully deleted secret import", &deleted)))
}

/// That the import is one of the folder that the request names.
async fn listed(state: &ApiState, ctx: &TenantCtx, place: &Place, uid: ImportUid) -> Result<Import> {
    let imports = state.services.folders.imports(ctx, place).await?;
    imports.into_iter().find(|import| import.uid == uid).ok_or_else(|| Error::not_found("import"))
}
