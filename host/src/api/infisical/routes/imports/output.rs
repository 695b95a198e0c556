//! An import as clients of this dialect expect it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::infisical::environment::EnvironmentShort;
use crate::api::infisical::time;
use crate::domain::id::TenantUid;
use crate::service::folders::PlacedFolder;
use crate::service::folders::imports::Import;

/// An import.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretImport)]
struct ImportOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d24")]
    id: String,
    /// Always 1: imports have no versions here.
    version: u32,
    #[schema(example = "/shared")]
    import_path: String,
    import_env: EnvironmentShort,
    /// From 1; a later import wins over an earlier one.
    #[schema(example = 1)]
    position: usize,
    /// The folder that imports.
    folder_id: String,
    /// Always false, and the members of a replication null: imports are always live.
    is_replication: bool,
    is_replication_success: Option<bool>,
    replication_status: Option<String>,
    last_replicated: Option<String>,
    is_reserved: bool,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    updated_at: String,
}

impl From<&Import> for ImportOut {
    fn from(import: &Import) -> Self {
        Self {
            id: import.uid.to_string(),
            version: 1,
            import_path: import.imported.path.to_string(),
            import_env: EnvironmentShort::from(&import.imported.environment),
            position: import.position,
            folder_id: import.folder.to_string(),
            is_replication: false,
            is_replication_success: None,
            replication_status: None,
            last_replicated: None,
            is_reserved: false,
            created_at: time::text(import.created_at),
            updated_at: time::text(import.created_at),
        }
    }
}

/// Imports of a folder.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretImportList)]
pub(super) struct ListOut {
    message: &'static str,
    secret_imports: Vec<ImportOut>,
}

impl ListOut {
    pub(super) fn new(found: &[Import]) -> Self {
        let secret_imports = found.iter().map(ImportOut::from).collect();
        Self { message: "Successfully fetched secret imports", secret_imports }
    }
}

/// An import that was changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretImportChanged)]
pub(super) struct ChangedOut {
    message: &'static str,
    secret_import: ImportOut,
}

impl ChangedOut {
    pub(super) fn new(message: &'static str, import: &Import) -> Self {
        Self { message, secret_import: ImportOut::from(import) }
    }
}

/// An import and where it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretImportAnswer)]
pub(super) struct DetailOut {
    secret_import: ImportDetail,
}

/// An import and where it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretImportDetail)]
struct ImportDetail {
    #[serde(flatten)]
    import: ImportOut,
    project_id: String,
    /// Of the folder that imports.
    environment: EnvironmentShort,
    secret_path: String,
}

impl DetailOut {
    pub(super) fn new(project: TenantUid, at: &PlacedFolder, found: &Import) -> Self {
        Self {
            secret_import: ImportDetail {
                import: ImportOut::from(found),
                project_id: project.to_string(),
                environment: EnvironmentShort::from(&at.environment),
                secret_path: at.path.to_string(),
            },
        }
    }
}
