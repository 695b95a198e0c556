//! A small vendor with an API of its own: variables with entity tags, listed in pages in each of the ways that are usual, and
//! one document, all behind one header.

mod document;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Items of a page, usually.
const PAGE: usize = 2;

/// A key whose value the vendor refuses, with an answer that repeats what it was sent.
pub const REFUSED: &str = "REFUSED";

#[derive(Debug, Default)]
struct Held {
    /// A header, and what callers must send in it.
    door: (&'static str, String),
    /// Items of a page.
    page: usize,
    /// Value and revision.
    variables: BTreeMap<String, (String, u64)>,
    requests: Vec<String>,
}

type Shared = Arc<Mutex<Held>>;

pub use document::Document;

/// The vendor's server; dropping it ends it.
#[derive(Debug)]
pub struct Crm {
    /// For instance `http://127.0.0.1:41234`.
    pub origin: String,
    /// What stands at `/v1/document`.
    pub document: Document,
    held: Shared,
    server: JoinHandle<()>,
}

impl Crm {
    /// Starts a server that knows one key, and whose pages are so small that few items take several.
    pub async fn start(api_key: &str) -> Self {
        Self::with_pages(api_key, PAGE).await
    }

    /// The same with so many items to a page.
    pub async fn with_pages(api_key: &str, page: usize) -> Self {
        Self::behind(("x-api-key", api_key), page).await
    }

    /// The same for callers who send this header.
    pub async fn behind((header, value): (&'static str, &str), page: usize) -> Self {
        let held: Shared = Arc::new(Mutex::new(Held { door: (header, value.to_owned()), page, ..Held::default() }));
        let document = Document::default();
        let router = Router::new()
            .route("/v1/me", get(async || axum::Json(json!({"id": "crm-1", "name": "Ann's CRM"}))))
            .route("/v1/variables", get(list))
            .route("/v1/variables/{key}", axum::routing::put(put).delete(delete))
            .merge(document.router())
            .layer(from_fn_with_state(held.clone(), guard))
            .with_state(held.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let origin = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server on loopback serves");
        });
        Self { origin, document, held, server }
    }

    /// The documented example of an integration, for this server.
    ///
    /// # Panics
    /// When the example is no JSON.
    #[must_use]
    pub fn integration(&self, api_key: &str) -> Value {
        integration_at(&self.origin, api_key)
    }

    /// What is stored.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let held = lock(&self.held);
        held.variables.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    /// Stores a variable as somebody else would.
    pub fn insert(&self, key: &str, value: &str) {
        lock(&self.held).variables.insert(key.to_owned(), (value.to_owned(), 1));
    }

    /// Methods, paths and queries of the accepted requests since the last question.
    #[must_use]
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.held).requests)
    }
}

/// The documented integration, for a vendor at `origin`.
///
/// # Panics
/// Never: the document is constant.
#[must_use]
pub fn integration_at(origin: &str, api_key: &str) -> Value {
    let example = r#"
{"id":"custom_crm","displayName":"CRM","plugin":"http",
 "configMetadata":{
   "parametersMetadata":[{"name":"baseUrl","displayName":"Base URL","type":"String","typeName":"origin","required":true,"defaultValue":"https://crm.example.com"}],
   "authMetadata":[{"id":"key","displayName":"API key","type":"API_KEY","configTestSupported":true,"authSettings":{"parameters":{"header":"X-Api-Key"}},
                "parametersMetadata":[{"name":"apiKey","displayName":"API key","secret":true,"required":true}]}]},
 "pluginSettings":{
   "verify":{"method":"GET","url":"{{baseUrl}}/v1/me","account":{"id":"/id","displayName":"/name"}},
   "list":{"method":"GET","url":"{{baseUrl}}/v1/variables?cursor={{cursor}}","items":"/items","key":"/name","value":"/value","version":"/etag","next":"/next"},
   "put":{"method":"PUT","url":"{{baseUrl}}/v1/variables/{{key}}","json":{"value":"{{value}}"}},
   "delete":{"method":"DELETE","url":"{{baseUrl}}/v1/variables/{{key}}"}},
 "parameters":{"baseUrl":"https://crm.example.com"},
 "auth":{"integrationAuthMetadataId":"key","level":"APPLICATION","parameters":{"apiKey":"..."}}}"#;
    let example = example.replace("https://crm.example.com", origin);
    let example = example.replace("\"...\"", &json!(api_key).to_string());
    serde_json::from_str(&example).expect("the example is JSON")
}

impl Drop for Crm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(held: &Shared) -> std::sync::MutexGuard<'_, Held> {
    held.lock().expect("no handler panics while it holds this")
}

/// Refuses without the right credential; whoever asks about themselves is told the wrong one.
async fn guard(State(held): State<Shared>, request: Request, next: Next) -> Response {
    {
        let mut held = lock(&held);
        let (header, right) = &held.door;
        let given = request.headers().get(*header).and_then(|given| given.to_str().ok()).unwrap_or_default();
        if right != given {
            let repeated = if request.uri().path() == "/v1/me" { given } else { "that" };
            return (StatusCode::UNAUTHORIZED, format!("no such key: {repeated}")).into_response();
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        held.requests.push(format!("{} {target}", request.method()));
    }
    next.run(request).await
}

/// A page that begins at a cursor, or with a number; the next one is told in the answer and in the header `Link`.
async fn list(
    State(held): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let held = lock(&held);
    let number = |member: &str| query.get(member).and_then(|text| text.parse::<usize>().ok());
    let numbered = number("page").map(|page| page.saturating_sub(1) * held.page);
    let first = number("cursor").or(numbered).unwrap_or(0);
    let items: Vec<Value> = held
        .variables
        .iter()
        .skip(first)
        .take(held.page)
        .map(|(key, (value, revision))| json!({"name": key, "value": value, "etag": tag(*revision)}))
        .collect();
    let next = (first + held.page < held.variables.len()).then(|| (first + held.page).to_string());
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let place = format!("http://{host}/v1/variables");
    let following = next.iter().map(|next| format!(r#", <{place}?cursor={next}>; rel="next""#));
    let link = format!(r#"<{place}>; rel="first"{}"#, following.collect::<String>());
    ([("link", link)], axum::Json(json!({"items": items, "next": next}))).into_response()
}

/// The entity tag of a revision.
fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Whether the request's conditions hold for what is stored.
fn holds(headers: &HeaderMap, stored: Option<u64>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let tag = stored.map(tag);
    let is_new = text("if-none-match").is_none_or(|_| tag.is_none());
    is_new && text("if-match").is_none_or(|expected| tag.as_deref() == Some(expected))
}

async fn put(
    State(held): State<Shared>,
    Path(key): Path<String>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    if key == REFUSED {
        return (StatusCode::BAD_REQUEST, format!("will not have {body}")).into_response();
    }
    let mut held = lock(&held);
    let stored = held.variables.get(&key).map(|(_, revision)| *revision);
    if !holds(&headers, stored) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let Some(value) = body["value"].as_str() else { return StatusCode::BAD_REQUEST.into_response() };
    let revision = stored.unwrap_or(0) + 1;
    held.variables.insert(key, (value.to_owned(), revision));
    (StatusCode::OK, [("etag", tag(revision))]).into_response()
}

async fn delete(State(held): State<Shared>, Path(key): Path<String>, headers: HeaderMap) -> StatusCode {
    let mut held = lock(&held);
    let Some(stored) = held.variables.get(&key).map(|(_, revision)| *revision) else { return StatusCode::NOT_FOUND };
    if !holds(&headers, Some(stored)) {
        return StatusCode::PRECONDITION_FAILED;
    }
    held.variables.remove(&key);
    StatusCode::NO_CONTENT
}
