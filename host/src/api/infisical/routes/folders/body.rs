//! What clients send about folders.

use utoipa::{IntoParams, ToSchema};

use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::extract::project;
use crate::api::infisical::place;
use crate::domain::error::violation;
use crate::domain::id::FolderUid;
use crate::domain::name::FolderName;
use crate::service::folders::Place;

/// Folders that one request renames at most.
const RENAMES_MAX: usize = 100;

/// Which folders are listed, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, non_snake_case, reason = "documents what `ListQuery` reads, by the names on the wire")]
pub(super) struct ListParams {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    projectId: String,
    /// The environment's slug.
    environment: String,
    /// The folder; also `directory`; by default the root.
    path: Option<String>,
    /// All folders below, not only those directly in it.
    recursive: Option<bool>,
}

pub(super) struct ListQuery {
    pub(super) project: String,
    pub(super) place: Place,
    pub(super) recursive: bool,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_folders(fields);
        let recursive = fields.or("recursive", false, read::boolean);
        Some(Self { project: project?, place: place?, recursive: recursive? })
    }
}

/// A folder by name, to be made or renamed to.
#[derive(ToSchema)]
#[schema(as = InfisicalFolderIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `FolderBody` reads")]
pub(super) struct FolderSchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    project_id: String,
    #[schema(example = "prod")]
    environment: String,
    #[schema(example = "db")]
    name: String,
    /// The folder that it is in; also `directory`; by default the root.
    #[schema(example = "/app")]
    path: Option<String>,
}

pub(super) struct FolderBody {
    pub(super) project: String,
    /// The folder that it is in.
    pub(super) parent: Place,
    pub(super) name: FolderName,
}

impl Read for FolderBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let parent = place::of_folders(fields);
        let name = fields.required("name", read::name::<FolderName>);
        Some(Self { project: project?, parent: parent?, name: name? })
    }
}

/// Which folder is deleted.
#[derive(ToSchema)]
#[schema(as = InfisicalFolderDeletion, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Deletion` reads")]
pub(super) struct DeletionSchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    project_id: String,
    #[schema(example = "prod")]
    environment: String,
    /// The folder that it is in; also `directory`; by default the root.
    #[schema(example = "/app")]
    path: Option<String>,
    /// Whether all that is in it goes with it; by default true in v1 and false in v2.
    force_delete: Option<bool>,
}

pub(super) struct Deletion {
    pub(super) project: String,
    pub(super) parent: Place,
    pub(super) force: Option<bool>,
}

impl Read for Deletion {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let parent = place::of_folders(fields);
        let force = fields.optional("forceDelete", read::boolean);
        Some(Self { project: project?, parent: parent?, force: force? })
    }
}

/// New names of folders.
#[derive(ToSchema)]
#[schema(as = InfisicalFolderRenames, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Renames` reads")]
pub(super) struct RenamesSchema {
    /// The project's slug or id; also `projectId`, `workspaceId` and `workspaceSlug`.
    project_slug: String,
    /// 1 to 100.
    #[schema(value_type = Vec<Object>, example = json!([{"id": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22", "name": "database"}]))]
    folders: Vec<serde_json::Value>,
}

pub(super) struct Renames {
    pub(super) project: String,
    pub(super) folders: Vec<(FolderUid, FolderName)>,
}

impl Read for Renames {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let folders = fields.required("folders", read::list(RENAMES_MAX, read::object::<Rename>))?;
        if folders.is_empty() {
            return fields.refuse("folders", violation::TOO_SHORT, "must name at least one folder");
        }
        Some(Self { project: project?, folders: folders.into_iter().map(|Rename(uid, name)| (uid, name)).collect() })
    }
}

struct Rename(FolderUid, FolderName);

impl Read for Rename {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let uid = fields.required("id", read::parsed::<FolderUid>("must be the id of a folder"));
        let name = fields.required("name", read::name::<FolderName>);
        Some(Self(uid?, name?))
    }
}
