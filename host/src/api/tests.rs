//! What only the inside can show: a handler that panics, readers against their documentation, and a real socket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::middleware::from_fn_with_state;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use super::fields::{Read, known_members};
use super::state::{ApiSettings, ApiState};
use super::{middleware, router};
use crate::crypto::{Keyring, LocalRoot};
use crate::domain::Secret;
use crate::ports::clock::SystemClock;
use crate::ports::meter::NoMeter;
use crate::records::Records;
use crate::service::Services;
use crate::service::context::Core;
use crate::store::MemoryStore;

async fn services() -> Services {
    let root = LocalRoot::from_text(&Secret::from("6bde1c".repeat(10) + "11aa")).expect("it is a key");
    let (keyring, _) = Keyring::create(&root).await.expect("a new installation");
    let core = Core {
        records: Records::new(Arc::new(MemoryStore::new()), Arc::new(keyring)),
        clock: Arc::new(SystemClock),
        runner: Arc::new(crate::ports::fake::NoPlugins),
        egress: Arc::new(crate::ports::fake::NoNetwork),
    };
    Services::open(core, crate::service::plugins::PluginPolicy::default()).await.expect("a new installation")
}

async fn panics() -> &'static str {
    panic!("hunter2")
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_without_its_message() {
    let state = ApiState::new(services().await, Arc::new(NoMeter), &ApiSettings::default(), String::new());
    let panicking: axum::Router = axum::Router::new()
        .route("/panic", axum::routing::get(panics))
        .layer(from_fn_with_state(state, middleware::observe));
    let request = Request::get("/panic").body(Body::empty()).expect("it is a request");
    let response = panicking.oneshot(request).await.expect("the router always answers");
    assert_eq!(response.status(), 500);
    let body = response.into_body().collect().await.expect("it is in memory").to_bytes();
    let problem: Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!(problem["code"], "internal");
    assert!(!problem.to_string().contains("hunter2"));
}

/// The members that a documented schema has.
fn documented(schema: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(&router::documented().document()).expect("the document is JSON");
    let properties = &document["components"]["schemas"][schema]["properties"];
    let mut names: Vec<String> =
        properties.as_object().unwrap_or_else(|| panic!("no schema `{schema}`")).keys().cloned().collect();
    names.sort_unstable();
    names
}

/// Whether a reader knows what its documentation tells; `ignored` are members of answers that may be sent back.
#[track_caller]
fn agrees<T: Read>(schema: &str, ignored: &[&str]) {
    let known: Vec<&str> = known_members::<T>().into_iter().filter(|name| !ignored.contains(name)).collect();
    assert_eq!(known, documented(schema), "{schema}");
}

#[test]
fn readers_and_their_documentation_agree() {
    use super::routes::{api_keys, identities, tenants, tokens};
    agrees::<tokens::ClientCredentials>("TokenIn", &[]);
    agrees::<crate::service::tenants::NewTenant>("TenantIn", &[]);
    agrees::<tenants::TenantPatch>("TenantPatch", &["id", "uid", "createdAt", "modifiedAt"]);
    agrees::<identities::IdentityIn>("IdentityIn", &[]);
    let shown = ["id", "name", "isAdministrator", "isHome", "createdAt", "modifiedAt"];
    agrees::<crate::service::identities::MemberChange>("IdentityPatch", &shown);
    agrees::<crate::service::keys::NewClientSecret>("ClientSecretIn", &[]);
    agrees::<crate::service::keys::NewApiKey>("ApiKeyIn", &[]);
    let _ = api_keys::routes();
}

/// A served host: its address, and what stops it.
async fn served() -> (std::net::SocketAddr, tokio::sync::watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let router = super::router(services().await, Arc::new(NoMeter), &ApiSettings::default());
    (address, stop, tokio::spawn(super::serve(listener, router, stopped, Duration::from_secs(5))))
}

async fn exchanged(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

#[tokio::test]
async fn a_served_host_answers_and_ends_in_order() {
    let (address, stop, serving) = served().await;
    let answer = exchanged(address, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut idle = TcpStream::connect(address).await.expect("it listens");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it reads");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("it answers");
    stop.send(true).expect("it serves");
    serving.await.expect("it ends without a panic");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn large_headers_get_an_answer_and_not_a_reset() {
    let (address, _stop, _serving) = served().await;
    let filler = "x".repeat(20 << 10);
    let request = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: {filler}\r\n\r\n");
    let answer = exchanged(address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 431") && answer.contains("headers_too_large"), "{answer}");
}

#[tokio::test]
async fn a_body_beyond_the_limit_gets_an_answer_and_not_a_reset() {
    let (address, _stop, _serving) = served().await;
    let body = "x".repeat(3 << 20);
    let length = body.len();
    let head = "POST /v1/auth:token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    let answer = exchanged(address, &format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}")).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}
