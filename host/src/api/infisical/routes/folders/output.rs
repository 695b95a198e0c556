//! A folder as clients of this dialect expect it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::infisical::time;
use crate::domain::id::TenantUid;
use crate::domain::name::FolderPath;
use crate::records::folders::Folder;
use crate::service::folders::{Place, PlacedFolder};

/// A folder.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalFolder)]
pub(super) struct FolderOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22")]
    id: String,
    /// `root` for the root of an environment.
    #[schema(example = "db")]
    name: String,
    #[schema(example = "/app/db")]
    path: String,
    /// Below the folder that was listed; only where all below it are.
    #[serde(skip_serializing_if = "Option::is_none")]
    relative_path: Option<String>,
    env_id: String,
    parent_id: Option<String>,
    /// Always 1: folders have no versions here.
    version: u32,
    /// Always false.
    is_reserved: bool,
    /// Always null: folders have no description here.
    description: Option<String>,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    updated_at: String,
}

impl FolderOut {
    pub(super) fn new(folder: &Folder, path: &FolderPath) -> Self {
        Self {
            id: folder.uid.to_string(),
            name: folder.name.as_ref().map_or_else(|| "root".to_owned(), ToString::to_string),
            path: path.to_string(),
            relative_path: None,
            env_id: folder.environment.to_string(),
            parent_id: folder.parent.map(|parent| parent.to_string()),
            version: 1,
            is_reserved: false,
            description: None,
            created_at: time::text(folder.created_at),
            updated_at: time::text(folder.modified_at),
        }
    }

    /// One of all below the folder at `top`.
    pub(super) fn below(found: &PlacedFolder, top: &Place) -> Self {
        let names = found.path.segments().iter().skip(top.path.segments().len());
        let relative = names.fold(FolderPath::root(), |path, name| path.join(name.clone()));
        let relative = relative.to_string().trim_start_matches('/').to_owned();
        Self { relative_path: Some(relative), ..Self::new(&found.folder, &found.path) }
    }
}

/// A folder.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalFolderAnswer)]
pub(super) struct OneOut {
    pub(super) folder: FolderOut,
}

/// Folders.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalFolderList)]
pub(super) struct ManyOut {
    pub(super) folders: Vec<FolderOut>,
}

/// A folder and its surroundings.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalFolderDetailAnswer)]
pub(super) struct DetailOut {
    folder: FolderDetail,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalFolderDetail)]
struct FolderDetail {
    #[serde(flatten)]
    folder: FolderOut,
    environment: EnvironmentOut,
    project_id: String,
}

/// The environment of a folder.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalFolderEnvironment)]
struct EnvironmentOut {
    env_id: String,
    env_name: String,
    env_slug: String,
}

impl DetailOut {
    pub(super) fn new(project: TenantUid, found: &PlacedFolder) -> Self {
        let environment = EnvironmentOut {
            env_id: found.environment.uid.to_string(),
            env_name: found.environment.display_name.clone(),
            env_slug: found.environment.slug.to_string(),
        };
        let folder = FolderOut::new(&found.folder, &found.path);
        Self { folder: FolderDetail { folder, environment, project_id: project.to_string() } }
    }
}
