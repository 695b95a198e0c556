//! How syncs and plans are shown.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{OptionsSchema, SourceSchema};
use super::runs::{ErrorOut, RunOut};
use crate::domain::sync::{Block, BlockReason, PlanCounts, PlanItem, Verification};
use crate::records::syncs::Pause;
use crate::service::syncs::{DriftView, ImportView, Preview, SyncView, Waiting};

/// A sync and how it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Sync)]
pub(super) struct SyncOut {
    #[schema(example = "app-to-ssm")]
    id: String,
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    uid: String,
    #[schema(example = "App to SSM")]
    display_name: String,
    #[schema(example = "aws-parameter-store")]
    integration: String,
    /// Null: the integration's own connection.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    config: Option<String>,
    /// What it chooses of the parameters that its connection leaves to each sync.
    #[schema(value_type = Object, example = json!({}))]
    parameters: Value,
    /// Which secrets are carried; the path is the folder's present one.
    #[schema(value_type = SourceSchema, example = json!({"environment": "prod", "path": "/app", "recursive": false}))]
    source: Value,
    #[schema(value_type = Object, example = json!({"path": "/app/"}))]
    destination: Value,
    #[schema(value_type = OptionsSchema, example = json!({"autoSync": true, "deletion": "OWNED", "onConflict": "STOP"}))]
    options: Value,
    /// `UNVERIFIED`, `IN_SYNC`, `PENDING`, `RUNNING`, `BLOCKED`, `PARTIAL`, `FAILED`, `DRIFTED` or `PAUSED`.
    #[schema(value_type = String, example = "IN_SYNC")]
    state: Value,
    /// `OWNER` or `SOURCE_MISSING`; null unless it is paused.
    #[schema(value_type = Option<String>, example = json!(null))]
    paused_because: Option<Value>,
    /// Whether it goes away as soon as its keys are gone from the destination.
    is_being_deleted: bool,
    #[schema(example = 3)]
    wanted_generation: u64,
    #[schema(example = 3)]
    attempted_generation: u64,
    #[schema(example = 3)]
    applied_generation: u64,
    /// What the vendor said of the destination since the last run; null where nothing was asked.
    verification: Option<VerificationOut>,
    /// When a failed run is tried again.
    #[schema(example = json!(null))]
    retry_at: Option<i64>,
    /// What a pending run waits for; null when it waits for nothing but its turn.
    waiting: Option<WaitingOut>,
    /// The last run that made the destination match, or is about to.
    last_run: Option<RunOut>,
    /// The last import, asked for by itself or done by the first run.
    last_import: Option<ImportOut>,
    /// What the last look at the destination told of keys that somebody else changed; null before the first one.
    drift: Option<DriftOut>,
    /// Why the last run did not succeed.
    last_error: Option<ErrorOut>,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl From<SyncView> for SyncOut {
    fn from(view: SyncView) -> Self {
        let SyncView { record, last_run, .. } = view;
        let spec = record.spec;
        Self {
            id: spec.id.to_string(),
            uid: record.uid.to_string(),
            display_name: spec.display_name,
            integration: spec.integration.to_string(),
            config: spec.config.map(|config| config.to_string()),
            parameters: Value::Object(spec.parameters),
            source: word(&spec.source),
            destination: Value::Object(spec.destination),
            options: word(&spec.options),
            state: word(&view.state),
            paused_because: record.pause.map(|pause: Pause| word(&pause)),
            is_being_deleted: record.removal.is_some(),
            wanted_generation: view.wanted_generation,
            attempted_generation: view.attempted_generation,
            applied_generation: view.applied_generation,
            verification: view.verification.map(VerificationOut::from),
            retry_at: view.retry_at.map(crate::domain::Timestamp::unix_ms),
            waiting: view.waiting.map(WaitingOut::from),
            last_error: last_run.as_ref().and_then(|run| run.failure.clone()).map(ErrorOut::from),
            last_run: last_run.map(RunOut::from),
            last_import: view.last_import.map(ImportOut::from),
            drift: DriftOut::of(view.drift),
            created_at: record.created_at.unix_ms(),
            modified_at: record.modified_at.unix_ms(),
        }
    }
}

/// Whether the destination can be written to, as far as the vendor tells without a write.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncVerification)]
struct VerificationOut {
    #[schema(example = 1_760_000_000_000_i64)]
    at: i64,
    /// In the vendor's words.
    #[schema(example = json!(["ssm:PutParameter"]))]
    missing_permissions: Vec<String>,
    /// Why the destination could not be verified.
    error: Option<VerificationErrorOut>,
}

/// Why a destination could not be verified.
#[derive(Serialize, ToSchema)]
#[schema(as = SyncVerificationError)]
struct VerificationErrorOut {
    #[schema(example = "permission_denied")]
    code: String,
    #[schema(example = "the role may not list parameters under /app/")]
    detail: String,
}

impl From<Verification> for VerificationOut {
    fn from(Verification { at, missing_permissions, failure }: Verification) -> Self {
        let error = failure.map(|failure| VerificationErrorOut { code: failure.code, detail: failure.message });
        Self { at: at.unix_ms(), missing_permissions, error }
    }
}

/// Why a pending run does not begin yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncWaiting)]
struct WaitingOut {
    /// `RETRY` after the sync's own failure, `CREDENTIAL` after the vendor rejected the credential, `VENDOR` while the
    /// connection's vendor is left alone.
    #[schema(value_type = String, example = "RETRY")]
    reason: Value,
    #[schema(example = "the last attempt failed; it is tried again")]
    detail: &'static str,
    #[schema(example = 1_760_000_000_000_i64)]
    until: i64,
}

impl From<Waiting> for WaitingOut {
    fn from(waiting: Waiting) -> Self {
        Self { reason: word(&waiting.reason), detail: waiting.reason.text(), until: waiting.until.unix_ms() }
    }
}

/// How an import stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncImport)]
pub(super) struct ImportOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22")]
    run: String,
    /// Whose values win: `SOURCE` or `DESTINATION`.
    #[schema(value_type = String, example = "SOURCE")]
    prioritize: Value,
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED` or `CANCELLED`.
    #[schema(value_type = String, example = "SUCCEEDED")]
    state: Value,
    /// Why it failed, or what keeps it.
    #[schema(example = json!(null))]
    detail: Option<String>,
    /// When the values came in; else when it ended, began or was asked for.
    #[schema(example = 1_760_000_000_000_i64)]
    at: i64,
    /// New secrets and new versions.
    #[schema(example = 2)]
    secrets: u64,
    /// Keys that were left; the run tells why.
    #[schema(example = 1)]
    left: u64,
}

impl From<ImportView> for ImportOut {
    fn from(import: ImportView) -> Self {
        Self {
            run: import.run.to_string(),
            prioritize: word(&import.prioritize),
            state: word(&import.state),
            detail: import.message,
            at: import.at.unix_ms(),
            secrets: import.secrets,
            left: import.left,
        }
    }
}

/// Keys that somebody else changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncDrift)]
pub(super) struct DriftOut {
    /// When the destination was last looked at, by a run or a check.
    #[schema(example = 1_760_000_000_000_i64)]
    checked_at: Option<i64>,
    /// How many keys differ from what was written, and are left so.
    #[schema(example = 1)]
    count: u64,
    /// The first 100 of them.
    #[schema(example = json!(["DATABASE_URL"]))]
    keys: Vec<String>,
    /// The last check that ended.
    last_check: Option<RunOut>,
}

impl DriftOut {
    fn of(DriftView { checked_at, count, keys, check }: DriftView) -> Option<Self> {
        let checked_at = checked_at.map(crate::domain::Timestamp::unix_ms);
        let last_check = check.map(RunOut::from);
        (checked_at.is_some() || last_check.is_some()).then_some(Self { checked_at, count, keys, last_check })
    }
}

/// A word or a small object of the domain as it stands on the wire.
pub(super) fn word<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// What a run would do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncPlan)]
pub(super) struct PlanOut {
    /// What an approval names. It changes only with what would be done.
    #[schema(example = "5f2b0c9d8e7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c")]
    plan_hash: String,
    #[schema(value_type = Object, example = json!({"create": 2, "update": 0, "delete": 0, "adopt": 0, "unchanged": 0, "conflict": 0, "drift": 0}))]
    counts: PlanCounts,
    /// Every key that is not simply unchanged.
    changes: Vec<ChangeOut>,
    /// What stands against it; null when it may be carried out.
    blocked: Option<BlockOut>,
}

impl From<Preview> for PlanOut {
    fn from(preview: Preview) -> Self {
        Self {
            plan_hash: preview.plan.hash.to_string(),
            counts: preview.plan.counts,
            changes: preview.plan.items.into_iter().map(ChangeOut::from).collect(),
            blocked: preview.blocked.map(BlockOut::from),
        }
    }
}

/// What would become of one key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncChange)]
pub(super) struct ChangeOut {
    /// The mapped key, without the destination's prefix.
    #[schema(example = "DATABASE_URL")]
    key: String,
    /// `CREATE`, `UPDATE`, `DELETE`, `ADOPT`, `IMPORT`, `CONFLICT`, `DRIFT`, `RELEASE`, `FORGET`, `KEEP` or `SKIP`.
    #[schema(value_type = String, example = "CREATE")]
    action: Value,
    /// For people.
    #[schema(example = "not at the destination")]
    reason: &'static str,
    /// For programs.
    #[schema(value_type = String, example = "MISSING")]
    reason_code: Value,
    /// Whether somebody else changed the destination.
    drift: bool,
}

impl From<PlanItem> for ChangeOut {
    fn from(item: PlanItem) -> Self {
        Self {
            key: item.key,
            action: word(&item.action),
            reason: item.reason.text(),
            reason_code: word(&item.reason),
            drift: item.drift,
        }
    }
}

/// What stands against a plan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncBlock)]
pub(super) struct BlockOut {
    #[schema(example = "the plan needs approval: it overwrites 2 keys that are not ours")]
    detail: String,
    #[schema(value_type = Vec<Object>, example = json!([{"kind": "FOREIGN_OVERWRITE", "keys": 1}]))]
    reasons: Vec<BlockReason>,
}

impl From<Block> for BlockOut {
    fn from(block: Block) -> Self {
        Self { detail: block.message, reasons: block.reasons }
    }
}
