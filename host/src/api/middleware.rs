//! What every request passes, in order: a request id, the limits that cost nothing, the handler with panics caught, and on
//! the way back the problem document, the headers, the count and the log line.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument as _;

use super::problem::{self, Problem};
use super::state::ApiState;
use super::{colon, etag, idempotency, infisical};
use crate::domain::error::{Class, violation};
use crate::domain::{Code, Error, Result, Violation};

/// All headers of a request together, names and values.
pub(crate) const HEADER_BYTES_MAX: usize = 16 << 10;
/// Names a request in responses, problems and the log.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";
/// What nobody matched is counted under one name, not under whatever was asked for.
const UNMATCHED: &str = "unmatched";

/// The id of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    fn generate() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Wraps every route and every fallback.
pub(crate) async fn observe(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::generate();
    let method = request.method().clone();
    let route = route(request.extensions());
    let asked = Asked::of(&request);
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", request.id = id.as_str(), tenant.id = tracing::field::Empty);
    async move {
        let response = match admit(&state, &request) {
            Ok(()) => once(&state, request, next).await,
            Err(refused) => Problem::from(refused).into_response(),
        };
        let response = finish(response, &asked, &id);
        let status = response.status().as_u16();
        let took = started.elapsed();
        state.meter.http_request(method_name(&method), &route, status, took);
        let duration_ms = took.as_secs_f64() * 1000.0;
        tracing::info!(http.method = %method_name(&method), http.route = %route, http.status = status, duration_ms, "answered");
        response
    }
    .instrument(span)
    .await
}

/// What the answer depends on, kept while the handler has the request.
struct Asked {
    wants_unchanged: Option<HeaderMap>,
    in_infisical_dialect: bool,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let may = matches!(*request.method(), Method::GET | Method::HEAD);
        let named = request.headers().contains_key(http::header::IF_NONE_MATCH);
        Self {
            wants_unchanged: (may && named).then(|| request.headers().clone()),
            in_infisical_dialect: infisical::is_spoken_at(request.uri().path()),
        }
    }
}

/// The limits that are checked before any work is done for the caller.
fn admit(state: &ApiState, request: &Request) -> Result<()> {
    if !is_canonical(request.uri().path()) {
        let detail = "must have no empty, `.` or `..` segment and no encoded slash, backslash or control character";
        return Err(Error::invalid(vec![Violation::new("path", violation::MALFORMED, detail)]));
    }
    let header_bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if header_bytes > HEADER_BYTES_MAX {
        let detail = format!("the headers may have at most {HEADER_BYTES_MAX} bytes");
        return Err(Error::new(Code::HeadersTooLarge, detail));
    }
    match (&state.addresses, address(request.extensions())) {
        (Some(addresses), Some(address)) if !is_exempt(request.extensions()) => {
            addresses.take(address, state.clock.now())
        }
        _ => Ok(()),
    }
}

/// Answers a request, once if it has an idempotency key.
async fn once(state: &ApiState, request: Request, next: Next) -> Response {
    match idempotency::keyed(state, request).await {
        Ok((request, None)) => guarded(request, next).await,
        Ok((request, Some(keyed))) => {
            let response = guarded(request, next).await;
            keyed.settle(response).await
        }
        Err(refused) => Problem::from(refused).into_response(),
    }
}

async fn guarded(request: Request, next: Next) -> Response {
    // The payload of a panic may quote what the handler had in hand: it is dropped unread.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => Problem::from(Error::internal("a handler panicked")).into_response(),
    }
}

fn finish(response: Response, asked: &Asked, id: &RequestId) -> Response {
    let mut response = match problem::of(&response) {
        Some(problem) => {
            log_failure(&problem);
            let render = if asked.in_infisical_dialect { infisical::error::render } else { problem::render };
            render(response, &problem, id.as_str())
        }
        None if asked.wants_unchanged.as_ref().is_some_and(|headers| etag::is_unchanged(headers, &response)) => {
            unchanged(response)
        }
        None => response,
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HeaderName::from_static(REQUEST_ID_HEADER), id);
    }
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Answers hold what only their caller may see, are never a page, and are never to be guessed at.
const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

fn unchanged(response: Response) -> Response {
    let tag = response.headers().get(http::header::ETAG).cloned();
    let mut answer = StatusCode::NOT_MODIFIED.into_response();
    if let Some(tag) = tag {
        answer.headers_mut().insert(http::header::ETAG, tag);
    }
    answer
}

/// Logs a failure once, with all of its causes: here is where it is handled.
fn log_failure(problem: &Problem) {
    let error = problem.error();
    let chain = causes(error);
    match error.code().class() {
        Class::Internal | Class::Unavailable => {
            tracing::error!(error.code = %error.code(), error.causes = chain, "failed");
        }
        Class::Upstream | Class::UpstreamTimeout => {
            tracing::warn!(error.code = %error.code(), error.causes = chain, "failed upstream");
        }
        _ => tracing::debug!(error.code = %error.code(), "refused"),
    }
}

fn causes(error: &Error) -> String {
    let mut texts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(link) = cause {
        texts.push(link.to_string());
        cause = link.source();
    }
    texts.join(": ")
}

/// The documented path of a request.
fn route(extensions: &Extensions) -> String {
    extensions.get::<MatchedPath>().map_or_else(|| UNMATCHED.to_owned(), |path| colon::documented(path.as_str()))
}

/// Routes that answer however often they are asked: probes, and the check of one's own credential.
pub(crate) fn is_exempt(extensions: &Extensions) -> bool {
    extensions.get::<MatchedPath>().is_some_and(|path| {
        let path = path.as_str();
        path.ends_with("/auth/health") || matches!(path, "/healthz" | "/readyz" | "/metrics")
    })
}

/// From where a request comes, as the server sees it; none for a request that came through no socket.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

/// One spelling per path, so that routing, authorisation and handlers cannot see three different ones.
fn is_canonical(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let mut segments = lower.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let dots = segment.replace("%2e", ".");
        if (segment.is_empty() && !is_last) || matches!(dots.as_str(), "." | "..") {
            return false;
        }
    }
    percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .is_ok_and(|decoded| !decoded.chars().any(|c| c.is_control() || c == '\\'))
        && (!lower.contains("%2f") || encodes_only_its_tail(&lower))
}

/// What stands before the last segment on routes where that is a path of its own; `*` is any one segment.
const BEFORE_A_PATH: [&str; 2] = ["/api/v1/folders/*/*", "/v1/tenants/*/environments/*/secrets"];

/// Whether slashes are encoded in the last segment alone, where they belong to a path of its own. Clients that are generated
/// from the document know no other way to send one as a parameter.
fn encodes_only_its_tail(path: &str) -> bool {
    let Some((before, _)) = path.rsplit_once('/') else { return false };
    let fits = |shape: &&str| {
        let (wanted, segments) = (shape.split('/'), before.split('/'));
        wanted.clone().count() == segments.clone().count()
            && wanted.zip(segments).all(|(wanted, segment)| wanted == segment || (wanted == "*" && !segment.is_empty()))
    };
    !before.contains("%2f") && BEFORE_A_PATH.iter().any(fits)
}

/// The method as a label; whatever else was sent is one label.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_paths_are_routed() {
        for (path, expect) in [
            ("/", true),
            ("/v1/tenants", true),
            ("/v1/tenants/", true),
            ("/v1/a%20b", true),
            ("/v1/...", true),
            ("/v1/a..b", true),
            ("//v1", false),
            ("/v1//tenants", false),
            ("/v1/./tenants", false),
            ("/v1/../tenants", false),
            ("/v1/%2e%2E/tenants", false),
            ("/v1/.%2e", false),
            ("/v1/a%2Fb", false),
            ("/api/v1/folders/p/dev/%2Fa%2fb", true),
            ("/api/v1/folders/p%2fdev/a", false),
            ("/api/v1/folders/p/dev/%2Fa/b", false),
            ("/api/v1/folders/p/dev/%2Fa%2f..%2fb", true),
            ("/v1/tenants/t/environments/e/secrets/a%2Fb%2fC", true),
            ("/v1/tenants/t/environments/e/secrets/a/b%2fC", false),
            ("/v1/tenants/t/environments/e%2Fe/secrets/a%2FC", false),
            ("/v1/tenants/t/environments/e/folders/a%2FC", false),
            ("/v1/tenants//environments/e/secrets/a%2FC", false),
            ("/v1/a%5cb", false),
            ("/v1/a%00", false),
            ("/v1/a%0a", false),
            ("/v1/a%ff", false),
        ] {
            assert_eq!(is_canonical(path), expect, "{path}");
        }
    }
}
