//! Runs of a sync: start, approve, read, follow.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Nothing;
use super::shown::{BlockOut, ChangeOut, word};
use crate::api::auth::Authorized;
use crate::api::auth::scopes::{SyncsImport, SyncsRead, SyncsRun};
use crate::api::etag::Tagged;
use crate::api::extract::{Json, Path, Paths};
use crate::api::fields::{Fields, Read, read};
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::Timestamp;
use crate::domain::id::RunUid;
use crate::domain::name::Slug;
use crate::domain::sync::{
    Imported, ItemOutcome, LeftOut, PlanCounts, PlanHash, Priority, RemoteCalls, Run, RunEvent, RunFailure, RunKind,
    RunStep,
};
use crate::service::context::TenantCtx;
use crate::service::syncs::{RunView, Syncs};

pub(super) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list, start))
        .add(routes!(import))
        .add(routes!(check))
        .add(routes!(read_one))
        .add(routes!(events))
}

/// Why something failed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunError)]
pub(super) struct ErrorOut {
    /// `RETRY`, `UNKNOWN_OUTCOME`, `AUTHENTICATION`, `ITEM`, `PLUGIN`, `CONFIGURATION` or `OURS`.
    #[schema(value_type = String, example = "RETRY")]
    class: Value,
    #[schema(example = "plugin_unavailable")]
    code: String,
    #[schema(example = "the vendor asks to slow down")]
    detail: String,
    /// The vendor's HTTP status.
    #[schema(example = 429)]
    vendor_status: Option<u16>,
    /// The vendor's request id, for its support.
    vendor_request_id: Option<String>,
}

impl From<RunFailure> for ErrorOut {
    fn from(failure: RunFailure) -> Self {
        Self {
            class: word(&failure.class),
            code: failure.code,
            detail: failure.message,
            vendor_status: failure.vendor_status,
            vendor_request_id: failure.vendor_request_id,
        }
    }
}

/// A run, without its keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunSummary)]
pub(super) struct RunOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22")]
    id: String,
    /// `SYNC`, `IMPORT`, `CHECK` or `REMOVAL`.
    #[schema(example = "SYNC")]
    kind: &'static str,
    /// `PENDING`, `RUNNING`, `BLOCKED`, `SUCCEEDED`, `PARTIAL`, `FAILED` or `CANCELLED`.
    #[schema(value_type = String, example = "SUCCEEDED")]
    state: Value,
    #[schema(value_type = Object, example = json!({"kind": "MANUAL", "by": "deploy pipeline"}))]
    trigger: Value,
    #[schema(example = 3)]
    generation: u64,
    /// How often it was begun since it last got something done.
    #[schema(example = 1)]
    attempt: u32,
    plan_hash: Option<String>,
    #[schema(value_type = Object, example = json!({"create": 2, "update": 0, "delete": 0, "adopt": 0, "unchanged": 0, "conflict": 0, "drift": 0}))]
    counts: PlanCounts,
    #[schema(value_type = Object, example = json!({"read": 1, "write": 2}))]
    remote_calls: RemoteCalls,
    /// Keys that the destination's rules do not allow, where the sync skips them.
    left_out: Option<LeftOutOut>,
    blocked: Option<BlockOut>,
    /// Who approved the plan, and when.
    approval: Option<ApprovalOut>,
    /// What it brought from the destination into the source.
    imported: Option<ImportedOut>,
    error: Option<ErrorOut>,
    /// The digest of the plugin that did it.
    plugin_digest: Option<String>,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    started_at: Option<i64>,
    #[schema(example = 1_760_000_001_000_i64)]
    finished_at: Option<i64>,
    /// When it is tried again.
    #[schema(example = json!(null))]
    retry_at: Option<i64>,
}

/// That values came into the source, all at once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunImport)]
struct ImportedOut {
    /// Whose values win: `SOURCE` or `DESTINATION`.
    #[schema(value_type = String, example = "SOURCE")]
    prioritize: Value,
    /// New secrets and new versions.
    #[schema(example = 2)]
    secrets: u64,
    /// Keys that were left; each stands among the outcomes with its reason.
    #[schema(example = 1)]
    left: u64,
    #[schema(example = 1_760_000_000_000_i64)]
    at: i64,
}

impl From<Imported> for ImportedOut {
    fn from(Imported { at, prioritize, secrets, left }: Imported) -> Self {
        Self { prioritize: word(&prioritize), secrets, left, at: at.unix_ms() }
    }
}

/// Keys that a run left out.
#[derive(Serialize, ToSchema)]
#[schema(as = RunLeftOut)]
struct LeftOutOut {
    #[schema(example = 1)]
    keys: u64,
    /// Of these, the ones against which nothing stands but that their value is empty.
    #[schema(example = 0)]
    empty: u64,
    #[schema(example = "1 key is left out: `CERTIFICATE`: the value is longer than the 8192 bytes that are allowed")]
    detail: String,
}

impl From<LeftOut> for LeftOutOut {
    fn from(LeftOut { keys, empty, message }: LeftOut) -> Self {
        Self { keys, empty, detail: message }
    }
}

/// An approval.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunApproval)]
struct ApprovalOut {
    #[schema(example = "ann")]
    approver: String,
    #[schema(example = 1_760_000_000_000_i64)]
    approved_at: i64,
}

impl From<Run> for RunOut {
    fn from(run: Run) -> Self {
        Self {
            id: run.uid.to_string(),
            kind: match run.kind {
                RunKind::Sync => "SYNC",
                RunKind::Import { .. } => "IMPORT",
                RunKind::Check => "CHECK",
                RunKind::Removal => "REMOVAL",
            },
            state: word(&run.state),
            trigger: word(&run.trigger),
            generation: run.generation,
            attempt: run.attempt,
            plan_hash: run.plan_hash.map(|hash| hash.to_string()),
            counts: run.counts,
            remote_calls: run.remote_calls,
            left_out: run.left_out.map(LeftOutOut::from),
            blocked: run.blocked.map(BlockOut::from),
            approval: run.approval.map(|approval| ApprovalOut {
                approver: approval.approver,
                approved_at: approval.approved_at.unix_ms(),
            }),
            imported: run.imported.map(ImportedOut::from),
            error: run.failure.map(ErrorOut::from),
            plugin_digest: run.plugin_digest.map(|digest| digest.to_string()),
            created_at: run.created_at.unix_ms(),
            started_at: run.started_at.map(Timestamp::unix_ms),
            finished_at: run.finished_at.map(Timestamp::unix_ms),
            retry_at: run.retry_at.map(Timestamp::unix_ms),
        }
    }
}

/// What became of one key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunOutcome)]
struct OutcomeOut {
    #[schema(example = "DATABASE_URL")]
    key: String,
    #[schema(value_type = String, example = "CREATE")]
    action: Value,
    /// `OK`, `UNCHANGED`, `FAILED`, `UNKNOWN`, `NOT_ATTEMPTED` or `LEFT`.
    #[schema(value_type = String, example = "OK")]
    result: Value,
    /// Why it failed, or why an import brought it in or left it, in words.
    #[schema(example = json!(null))]
    detail: Option<String>,
    /// Why an import brought it in or left it, for programs.
    #[schema(value_type = Option<String>, example = json!(null))]
    reason_code: Option<Value>,
    error: Option<ErrorOut>,
}

impl From<ItemOutcome> for OutcomeOut {
    fn from(outcome: ItemOutcome) -> Self {
        let why = outcome.reason.map(|reason| reason.text().to_owned());
        Self {
            key: outcome.key,
            action: word(&outcome.action),
            result: word(&outcome.result),
            detail: outcome.failure.as_ref().map(|failure| failure.message.clone()).or(why),
            reason_code: outcome.reason.map(|reason| word(&reason)),
            error: outcome.failure.map(ErrorOut::from),
        }
    }
}

/// A run, whole.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Run)]
struct RunDetail {
    #[serde(flatten)]
    run: RunOut,
    /// One per key that was changed, refused or left; unchanged keys are only counted.
    outcomes: Vec<OutcomeOut>,
    /// The plan that it carries out, or waits with.
    changes: Vec<ChangeOut>,
}

impl From<RunView> for RunDetail {
    fn from(view: RunView) -> Self {
        let items = view.plan.map(|plan| plan.items).unwrap_or_default();
        Self {
            run: view.run.into(),
            outcomes: view.outcomes.into_iter().map(OutcomeOut::from).collect(),
            changes: items.into_iter().map(ChangeOut::from).collect(),
        }
    }
}

/// A run to be started.
#[derive(ToSchema)]
#[schema(as = RunIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `RunIn` reads")]
struct RunInSchema {
    /// Approves exactly this plan; needs `syncs:approve`. The approval holds for 15 minutes.
    plan_hash: Option<String>,
}

struct RunIn {
    plan_hash: Option<PlanHash>,
}

impl Read for RunIn {
    const BODY_OPTIONAL: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let plan_hash = fields.optional("planHash", read::filled_text(200))?;
        Some(Self { plan_hash: plan_hash.map(PlanHash::from_text) })
    }
}

/// Start a run now, or approve a plan that was stopped. Joins the run that is pending already.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}/runs", operation_id = "runs.create", tag = "syncs",
    security(("bearer" = ["syncs:run"])), request_body = RunInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 202, description = "The run that will bring it about", body = RunOut),
        (status = 409, description = "The sync is paused")))]
async fn start(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRun>,
    Path(sync): Path<Slug>,
    Json(RunIn { plan_hash }): Json<RunIn>,
) -> Result<Response, Problem> {
    let run = state.services.syncs.run(&ctx, &sync, plan_hash).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(RunOut::from(run))).into_response())
}

/// An import to be made.
#[derive(ToSchema)]
#[schema(as = ImportIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ImportIn` reads")]
struct ImportInSchema {
    /// Whose value wins where source and destination differ: `SOURCE` or `DESTINATION`.
    #[schema(example = "SOURCE")]
    prioritize: String,
}

struct ImportIn {
    prioritize: Priority,
}

impl Read for ImportIn {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const PRIORITIES: [(&str, Priority); 2] =
            [("SOURCE", Priority::Source), ("DESTINATION", Priority::Destination)];
        let prioritize = fields.required("prioritize", read::choice(&PRIORITIES));
        Some(Self { prioritize: prioritize? })
    }
}

/// Bring values of the destination into the source.
///
/// They become new secrets and versions, all at once; the destination stays as it is.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}:import", operation_id = "syncs.import", tag = "syncs",
    security(("bearer" = ["syncs:run", "secrets:write"])), request_body = ImportInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 202, description = "The run that does it", body = RunOut),
        (status = 409, description = "The sync is paused, is being deleted, or imports with the other priority")))]
async fn import(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsImport>,
    Path(sync): Path<Slug>,
    Json(ImportIn { prioritize }): Json<ImportIn>,
) -> Result<Response, Problem> {
    let run = state.services.syncs.import(&ctx, &sync, prioritize).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(RunOut::from(run))).into_response())
}

/// Look for keys of this sync that somebody else changed; where the sync repairs drift, a run follows.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/syncs/{sync}:check", operation_id = "syncs.check", tag = "syncs",
    security(("bearer" = ["syncs:run"])), request_body(content = Option<Nothing>),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 202, description = "The run that does it", body = RunOut),
        (status = 409, description = "The sync is paused, or is being deleted")))]
async fn check(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRun>,
    Path(sync): Path<Slug>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Response, Problem> {
    let run = state.services.syncs.check_drift(&ctx, &sync).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(RunOut::from(run))).into_response())
}

/// List the runs that are kept, newest first.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/syncs/{sync}/runs", operation_id = "runs.list", tag = "syncs",
    security(("bearer" = ["syncs:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id")),
    responses((status = 200, description = "The last 100 runs", body = Page<RunOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRead>,
    Path(sync): Path<Slug>,
) -> Result<axum::Json<Page<RunOut>>, Problem> {
    let runs = state.services.syncs.runs(&ctx, &sync).await?;
    Ok(axum::Json(Page::whole(runs.into_iter().map(RunOut::from).collect())))
}

/// Read a run with what became of each key.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/syncs/{sync}/runs/{run}", operation_id = "runs.read", tag = "syncs",
    security(("bearer" = ["syncs:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id"),
        ("run" = String, Path, description = "The run's id")),
    responses((status = 200, description = "The run", body = RunDetail)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRead>,
    Paths(sync, run): Paths<Slug, RunUid>,
) -> Result<Tagged<RunDetail>, Problem> {
    Ok(Tagged::by_content(RunDetail::from(state.services.syncs.read_run(&ctx, &sync, run).await?)))
}

/// Follow a run: its steps as server-sent events, from the first one on, until it is over.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/syncs/{sync}/runs/{run}/events", operation_id = "runs.follow",
    tag = "syncs", security(("bearer" = ["syncs:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("sync" = String, Path, description = "The sync's id"),
        ("run" = String, Path, description = "The run's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")),
    responses((status = 200, description = "Steps of the run", content_type = "text/event-stream", body = String)))]
async fn events(
    State(state): State<ApiState>,
    ctx: Authorized<SyncsRead>,
    Paths(sync, run): Paths<Slug, RunUid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let syncs = state.services.syncs.clone();
    // What is wrong with the request is a problem, not an event.
    syncs.read_run(&ctx, &sync, run).await?;
    let follower = Follower { syncs, ctx: (*ctx).clone(), sync, run, seen, is_over: false };
    Ok(Sse::new(follower.stream()).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

/// Somebody who follows a run.
struct Follower {
    syncs: Syncs,
    ctx: TenantCtx,
    sync: Slug,
    run: RunUid,
    seen: u64,
    is_over: bool,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            if follower.is_over {
                return None;
            }
            let steps = match follower.next().await {
                Ok(steps) => steps,
                Err(error) => {
                    follower.is_over = true;
                    vec![Event::default().event("error").data(error.code().text())]
                }
            };
            Some((stream::iter(steps.into_iter().map(Ok)), follower))
        })
        .flatten()
    }

    async fn next(&mut self) -> crate::domain::Result<Vec<Event>> {
        let (steps, is_over) = self.syncs.follow_run(&self.ctx, &self.sync, self.run, self.seen).await?;
        self.is_over = is_over && steps.is_empty();
        self.seen = steps.last().map_or(self.seen, |(sequence, _)| *sequence);
        Ok(steps.into_iter().map(|(sequence, step)| event(sequence, step)).collect())
    }
}

fn event(sequence: u64, step: RunStep) -> Event {
    let (name, mut data) = match step.event {
        RunEvent::Started { attempt } => ("started", json!({"attempt": attempt})),
        RunEvent::Resolved { secrets } => ("resolved", json!({"secrets": secrets})),
        RunEvent::Observed { entries } => ("observed", json!({"entries": entries})),
        RunEvent::Planned { plan_hash, counts } => ("planned", json!({"planHash": plan_hash, "counts": counts})),
        RunEvent::Imported { secrets, left } => ("imported", json!({"secrets": secrets, "left": left})),
        RunEvent::Items { outcomes } => {
            let outcomes: Vec<OutcomeOut> = outcomes.into_iter().map(OutcomeOut::from).collect();
            ("items", json!({"outcomes": outcomes}))
        }
        RunEvent::Verified { keys, differing } => ("verified", json!({"keys": keys, "differing": differing})),
        RunEvent::Postponed { failure, until } => {
            ("postponed", json!({"error": ErrorOut::from(failure), "retryAt": until.unix_ms()}))
        }
        RunEvent::Finished { state } => ("finished", json!({"state": state})),
    };
    data["at"] = json!(step.at.unix_ms());
    Event::default().id(sequence.to_string()).event(name).data(data.to_string())
}
