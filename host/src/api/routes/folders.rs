//! Folders of an environment, by path, and what they import.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::Authorized;
use crate::api::auth::scopes::{SecretsRead, SecretsWrite};
use crate::api::dto::{Created, Done};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Query};
use crate::api::fields::{Fields, Read, read};
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::name::{FolderName, FolderPath, Slug};
use crate::domain::{Version, Versioned};
use crate::records::folders::Folder;
use crate::service::folders::imports::version;
use crate::service::folders::{Contents, IMPORTS_MAX, Place};

pub(crate) fn routes() -> Routes {
    Routes::new().add(routes!(list, create, rename, delete)).add(routes!(imports, set_imports))
}

/// Reads a folder path.
pub(super) const PATH_RULE: &str = "must be a folder path as `/app/db`";

/// Which folder.
pub(super) struct PathQuery {
    path: FolderPath,
}

impl Read for PathQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { path: fields.or("path", FolderPath::root(), read::parsed(PATH_RULE))? })
    }
}

fn place(environment: Slug, path: FolderPath) -> Place {
    Place { environment, path }
}

/// A folder to be made, with those above it.
#[derive(ToSchema)]
#[schema(as = FolderIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewFolder` reads")]
pub(crate) struct NewFolderSchema {
    #[schema(example = "/app/db")]
    path: String,
}

struct NewFolder {
    path: FolderPath,
}

impl Read for NewFolder {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { path: fields.required("path", read::parsed(PATH_RULE))? })
    }
}

/// What may change of a folder.
#[derive(ToSchema)]
#[schema(as = FolderPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `FolderPatch` reads")]
pub(crate) struct FolderPatchSchema {
    #[schema(example = "database")]
    name: String,
}

struct FolderPatch {
    name: FolderName,
}

impl Read for FolderPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", read::name::<FolderName>);
        fields.ignore(&["uid", "createdAt", "modifiedAt"]);
        Some(Self { name: name? })
    }
}

/// A folder.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Folder)]
struct FolderOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22")]
    uid: String,
    /// Null for the root of an environment.
    #[schema(example = "db")]
    name: Option<String>,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl From<Folder> for FolderOut {
    fn from(folder: Folder) -> Self {
        Self {
            uid: folder.uid.to_string(),
            name: folder.name.map(String::from),
            created_at: folder.created_at.unix_ms(),
            modified_at: folder.modified_at.unix_ms(),
        }
    }
}

fn tagged(folder: Folder) -> Tagged<FolderOut> {
    Tagged::stored(Versioned { version: Version::of(&folder), value: folder.into() })
}

/// What a folder imports, in order: a later one wins over an earlier one, the folder's own secrets over all.
#[derive(Serialize, ToSchema)]
#[schema(as = FolderImports)]
pub(crate) struct ImportsBody {
    imports: Vec<ImportBody>,
}

/// A folder whose secrets appear in another.
#[derive(Serialize, ToSchema)]
#[schema(as = FolderImport)]
pub(crate) struct ImportBody {
    #[schema(example = "prod")]
    environment: String,
    #[schema(example = "/shared")]
    path: String,
}

struct Imports(Vec<Place>);

impl Read for Imports {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.required("imports", read::list(IMPORTS_MAX, read::object::<Place>))?))
    }
}

impl Read for Place {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let environment = fields.required("environment", read::name::<Slug>);
        let path = fields.required("path", read::parsed(PATH_RULE));
        Some(Self { environment: environment?, path: path? })
    }
}

/// List the folders directly in a folder.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/environments/{environment}/folders", operation_id = "folders.list",
    tag = "folders", security(("bearer" = ["secrets:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = Option<String>, Query, description = "The folder; by default the root", example = "/app")),
    responses((status = 200, description = "Folders, in the order of their names", body = Page<FolderOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsRead>,
    Path(environment): Path<Slug>,
    Query(query): Query<PathQuery>,
) -> Result<axum::Json<Page<FolderOut>>, Problem> {
    let found = state.services.folders.list(&ctx, &place(environment, query.path)).await?;
    Ok(axum::Json(Page {
        total_count: Some(found.len() as u64),
        items: found.into_iter().map(FolderOut::from).collect(),
        next_page_token: String::new(),
    }))
}

/// Create a folder, and those above it that are missing.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/environments/{environment}/folders", operation_id = "folders.create",
    tag = "folders", security(("bearer" = ["secrets:write"])), request_body = NewFolderSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug")),
    responses((status = 201, description = "The folder", body = FolderOut)))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    Json(new): Json<NewFolder>,
) -> Result<Created<FolderOut>, Problem> {
    let location = format!("/v1/tenants/{}/environments/{environment}/folders?path={}", ctx.slug(), new.path);
    let made = state.services.folders.create(&ctx, &place(environment, new.path)).await?;
    Ok(Created { location, resource: tagged(made) })
}

/// Rename a folder; what is in it stays.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/environments/{environment}/folders", operation_id = "folders.update",
    tag = "folders", security(("bearer" = ["secrets:write"])), request_body = FolderPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = String, Query, description = "The folder", example = "/app/db"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The folder", body = FolderOut),
        (status = 409, description = "The name is taken, or the folder is a root")))]
async fn rename(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    Query(query): Query<PathQuery>,
    IfMatch(expected): IfMatch,
    Json(patch): Json<FolderPatch>,
) -> Result<Tagged<FolderOut>, Problem> {
    let place = place(environment, query.path);
    Ok(tagged(state.services.folders.rename(&ctx, &place, &patch.name, &expected).await?))
}

/// Delete a folder that is empty.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/environments/{environment}/folders",
    operation_id = "folders.delete", tag = "folders", security(("bearer" = ["secrets:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = String, Query, description = "The folder", example = "/app/db"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone"), (status = 409, description = "It is not empty")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    Query(query): Query<PathQuery>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    let place = place(environment, query.path);
    state.services.folders.delete(&ctx, &place, Contents::Refused, &expected).await?;
    Ok(Done)
}

/// Read what a folder imports.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/environments/{environment}/imports", operation_id = "imports.read",
    tag = "folders", security(("bearer" = ["secrets:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = Option<String>, Query, description = "The folder; by default the root", example = "/app")),
    responses((status = 200, description = "The imports", body = ImportsBody)))]
async fn imports(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsRead>,
    Path(environment): Path<Slug>,
    Query(query): Query<PathQuery>,
) -> Result<Tagged<ImportsBody>, Problem> {
    let found = state.services.folders.imports(&ctx, &place(environment, query.path)).await?;
    let found: Vec<Place> = found.iter().map(|import| import.imported.place()).collect();
    Ok(tagged_imports(&found))
}

/// Replace what a folder imports.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/environments/{environment}/imports", operation_id = "imports.update",
    tag = "folders", security(("bearer" = ["secrets:write"])), request_body = ImportsBody,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("environment" = String, Path, description = "The environment's slug"),
        ("path" = Option<String>, Query, description = "The folder; by default the root", example = "/app"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The imports", body = ImportsBody)))]
async fn set_imports(
    State(state): State<ApiState>,
    ctx: Authorized<SecretsWrite>,
    Path(environment): Path<Slug>,
    Query(query): Query<PathQuery>,
    IfMatch(expected): IfMatch,
    Json(Imports(imports)): Json<Imports>,
) -> Result<Tagged<ImportsBody>, Problem> {
    state.services.folders.set_imports(&ctx, &place(environment, query.path), &imports, &expected).await?;
    Ok(tagged_imports(&imports))
}

fn tagged_imports(imports: &[Place]) -> Tagged<ImportsBody> {
    let shown = |place: &Place| ImportBody { environment: place.environment.to_string(), path: place.path.to_string() };
    let body = ImportsBody { imports: imports.iter().map(shown).collect() };
    Tagged::stored(Versioned { version: version(imports), value: body })
}
