//! Probes, metrics, the document and its reference: what operators and tools ask, without a credential.

use std::sync::LazyLock;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::{Code, Error};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(live))
        .add(routes!(ready))
        .add(routes!(metrics))
        .add(routes!(document))
        .add(routes!(reference))
}

/// That the process answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`; what is not answers with a problem.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Tell whether the process is alive.
#[utoipa::path(get, path = "/healthz", operation_id = "health.live", tag = "health", security(()),
    responses((status = 200, description = "The process answers", body = Health)))]
async fn live() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// Tell whether requests can be served: the store reads and the keys open.
///
/// Active plugins have been loaded before the first answer. One that cannot be loaded is told in the log; it stops its own
/// integrations, not the host.
#[utoipa::path(get, path = "/readyz", operation_id = "health.ready", tag = "health", security(()),
    responses((status = 200, description = "Requests can be served", body = Health)))]
async fn ready(State(state): State<ApiState>) -> Result<axum::Json<Health>, Problem> {
    state
        .services
        .check_ready()
        .await
        .map_err(|cause| Error::new(Code::Unavailable, "the store or its keys are not available").with_source(cause))?;
    Ok(axum::Json(Health { status: "ok" }))
}

/// Read counters and times, in the text format of OpenMetrics.
#[utoipa::path(get, path = "/metrics", operation_id = "health.metrics", tag = "health", security(()),
    responses((status = 200, description = "All counters", content_type = "application/openmetrics-text", body = String)))]
async fn metrics(State(state): State<ApiState>) -> Response {
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, media_type)], state.meter.exposition()).into_response()
}

/// Read this document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "document.read", tag = "health", security(()),
    responses((status = 200, description = "The OpenAPI document", content_type = "application/json", body = Object)))]
async fn document(State(state): State<ApiState>) -> Response {
    ([(CONTENT_TYPE, "application/json")], state.document.clone()).into_response()
}

/// Browse the reference of this API.
#[utoipa::path(get, path = "/docs", operation_id = "document.browse", tag = "health", security(()),
    responses((status = 200, description = "A page that renders the document", content_type = "text/html", body = String)))]
async fn reference() -> Response {
    let page = &*REFERENCE;
    ([(CONTENT_SECURITY_POLICY, page.policy.as_str())], Html(page.html.as_str())).into_response()
}

/// The page and the policy that lets nothing run but its own script.
struct Reference {
    html: String,
    policy: String,
}

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let (style, script) = (include_str!("../reference/page.css"), include_str!("../reference/page.js"));
    let hash = |text: &str| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)));
    let html = include_str!("../reference/page.html").replace("{style}", style).replace("{script}", script);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(style),
        hash(script)
    );
    Reference { html, policy }
});
