//! How secret syncs are shown.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::said::Said;
use super::status::{self, Job};
use crate::api::infisical::environment::EnvironmentShort;
use crate::api::infisical::time;
use crate::domain::id::TenantUid;
use crate::domain::name::Slug;
use crate::service::integrations::AppFacade;
use crate::service::syncs::SyncView;

/// One sync.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretSyncAnswer)]
pub(super) struct OneSync {
    pub(super) secret_sync: SyncOut,
}

/// Several syncs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretSyncList)]
pub(super) struct SeveralSyncs {
    pub(super) secret_syncs: Vec<SyncOut>,
}

/// What syncs can lead to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretSyncOptions)]
pub(super) struct Options {
    pub(super) secret_sync_options: Vec<OptionOut>,
}

/// A destination.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretSyncOption)]
pub(super) struct OptionOut {
    #[schema(example = "AWS Parameter Store")]
    name: String,
    #[schema(example = "aws-parameter-store")]
    destination: String,
    /// The app whose connections it takes.
    #[schema(example = "aws")]
    connection: String,
    /// Whether values can be brought in from it.
    can_import_secrets: bool,
}

impl OptionOut {
    /// A destination as it is offered; `None` for an integration that is none.
    pub(super) fn of(app: &AppFacade) -> Option<Self> {
        let names = app.facade.names();
        let destination = names.destination.as_ref()?;
        Some(Self {
            name: destination.name.clone(),
            destination: destination.slug.clone(),
            connection: names.app.clone(),
            can_import_secrets: app.can_import,
        })
    }
}

/// Whether another sync leads to the same place.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalDestinationCheckResult)]
pub(super) struct DuplicateOut {
    pub(super) has_duplicate: bool,
    /// The project that the other sync belongs to: always the one that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duplicate_project_id: Option<String>,
}

/// A sync.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretSync)]
pub(super) struct SyncOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    #[schema(example = "app-to-ssm")]
    name: String,
    description: Option<String>,
    #[schema(example = "aws-parameter-store")]
    destination: String,
    /// As it was sent.
    #[schema(value_type = Object, example = json!({"region": "eu-west-1", "path": "/app/"}))]
    destination_config: Map<String, Value>,
    is_auto_sync_enabled: bool,
    /// Raised with every change.
    #[schema(example = 1)]
    version: u64,
    project_id: String,
    /// Null when the folder is gone.
    folder_id: Option<String>,
    connection_id: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    updated_at: String,
    /// As they were sent.
    #[schema(value_type = Object, example = json!({"initialSyncBehavior": "overwrite-destination"}))]
    sync_options: Map<String, Value>,
    /// `pending`, `running`, `succeeded` or `failed`; null before the first run.
    #[schema(example = "succeeded")]
    sync_status: Option<&'static str>,
    last_sync_job_id: Option<String>,
    /// Why it failed. Where a plan waits for approval, how to give it.
    last_sync_message: Option<String>,
    /// When the destination last was as wanted.
    last_synced_at: Option<String>,
    /// As `syncStatus`, of imports.
    import_status: Option<&'static str>,
    last_import_job_id: Option<String>,
    last_import_message: Option<String>,
    last_imported_at: Option<String>,
    /// As `syncStatus`, of the removal of what the sync wrote.
    remove_status: Option<&'static str>,
    last_remove_job_id: Option<String>,
    last_remove_message: Option<String>,
    last_removed_at: Option<String>,
    connection: ConnectionRef,
    /// Null when it is gone.
    environment: Option<EnvironmentShort>,
    /// Null when it is gone.
    folder: Option<FolderRef>,
}

/// The connection of a sync.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InfisicalSyncConnection)]
pub(super) struct ConnectionRef {
    #[schema(example = "aws")]
    pub(super) app: String,
    #[schema(example = "aws-production")]
    pub(super) name: String,
    pub(super) id: String,
}

/// The folder of a sync.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalSyncFolder)]
struct FolderRef {
    id: String,
    #[schema(example = "/app")]
    path: String,
}

/// What a sync is shown with.
pub(super) struct Around<'a> {
    pub(super) app: &'a AppFacade,
    pub(super) connection: ConnectionRef,
    pub(super) tenant: (TenantUid, &'a Slug),
}

pub(super) fn sync_out(view: &SyncView, around: Around<'_>) -> SyncOut {
    let Around { app, connection, tenant: (tenant, tenant_slug) } = around;
    let record = &view.record;
    let said = Said::by(&record.spec, &app.facade);
    let destination = app.facade.names().destination.as_ref();
    let folder = view.has_folder.then(|| record.folder.to_string());
    let (sync, import, removal) =
        (status::of_sync(view, tenant_slug), status::of_import(view), status::of_removal(view, tenant_slug));
    let at = |job: &Option<Job>| job.as_ref().and_then(|job| job.done_at).map(time::text);
    let message = |job: &Option<Job>| job.as_ref().and_then(|job| job.message.clone());
    let word = |job: &Option<Job>| job.as_ref().map(|job| job.word);
    let id = |job: &Option<Job>| job.as_ref().map(|job| job.run.to_string());
    SyncOut {
        id: record.uid.to_string(),
        name: said.name,
        description: said.description,
        destination: destination.map_or_else(|| app.integration.to_string(), |destination| destination.slug.clone()),
        destination_config: said.config,
        is_auto_sync_enabled: record.spec.options.auto_sync,
        version: record.revision,
        project_id: tenant.to_string(),
        folder_id: folder.clone(),
        connection_id: connection.id.clone(),
        created_at: time::text(record.created_at),
        updated_at: time::text(record.modified_at),
        sync_options: said.options,
        sync_status: word(&sync),
        last_sync_job_id: id(&sync),
        last_sync_message: message(&sync),
        last_synced_at: view.applied_at.map(time::text),
        import_status: word(&import),
        last_import_job_id: id(&import),
        last_import_message: message(&import),
        last_imported_at: at(&import),
        remove_status: word(&removal),
        last_remove_job_id: id(&removal),
        last_remove_message: message(&removal),
        last_removed_at: at(&removal),
        connection,
        environment: view.environment.as_ref().map(EnvironmentShort::from),
        folder: folder.map(|id| FolderRef { id, path: record.spec.source.path.to_string() }),
    }
}
