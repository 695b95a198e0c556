//! The real router over a store in memory and real keys, called in process.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderMap, Method, Request, StatusCode};
use keyferry::api::{self, ApiSettings};
use keyferry::crypto::{Keyring, LocalRoot};
use keyferry::domain::Secret;
use keyferry::ports::egress::Egress;
use keyferry::ports::fake::{NoNetwork, NoPlugins};
use keyferry::ports::kv::KvStore;
use keyferry::ports::plugin::PluginRunner;
use keyferry::records::Records;
use keyferry::service::Services;
use keyferry::service::context::Core;
use keyferry::service::plugins::PluginPolicy;
use keyferry::service::plugins::watch::WatchedRunner;
use keyferry::sync::{EngineOptions, SyncEngine};
use keyferry::telemetry::Metrics;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::fake_plugins::FakePlugins;
use crate::faulty_store::FaultyStore;
use crate::outside::TestClock;
use crate::shelf::WaitingClock;

/// A host without a socket: its router, its services and its clock.
#[derive(Clone)]
pub struct TestApi {
    router: axum::Router,
    pub services: Services,
    pub clock: Arc<TestClock>,
    pub store: Arc<FaultyStore>,
    pub meter: Arc<Metrics>,
    /// The token of the first start.
    pub administrator: String,
}

/// A caller: what is sent with each request.
#[derive(Clone)]
pub struct Caller<'a> {
    api: &'a TestApi,
    headers: HeaderMap,
    address: Option<IpAddr>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    /// Null when the body is no JSON.
    pub json: Value,
}

impl TestApi {
    /// A new installation with the usual settings.
    pub async fn start() -> Self {
        Self::with(&ApiSettings { address_rate: None, principal_rate: None }).await
    }

    /// A new installation.
    pub async fn with(settings: &ApiSettings) -> Self {
        Self::amid(settings, Arc::new(NoPlugins), Arc::new(NoNetwork)).await
    }

    /// A new installation with these plugins and this network.
    pub async fn with_plugins(plugins: &Arc<FakePlugins>) -> Self {
        let settings = ApiSettings { address_rate: None, principal_rate: None };
        Self::amid(&settings, plugins.clone(), plugins.clone()).await
    }

    /// A new installation whose plugins are run by this runner.
    pub async fn running(plugins: Arc<dyn PluginRunner>) -> Self {
        Self::behind(plugins, Arc::new(NoNetwork)).await
    }

    /// The same with a network that has rules of its own.
    pub async fn behind(plugins: Arc<dyn PluginRunner>, egress: Arc<dyn Egress>) -> Self {
        Self::amid(&ApiSettings { address_rate: None, principal_rate: None }, plugins, egress).await
    }

    async fn amid(settings: &ApiSettings, runner: Arc<dyn PluginRunner>, egress: Arc<dyn Egress>) -> Self {
        let clock = TestClock::new();
        let store = Arc::new(FaultyStore::default());
        let root = LocalRoot::from_text(&Secret::from("6bde1c".repeat(10) + "11aa")).expect("it is a key");
        let (keyring, _) = Keyring::create(&root).await.expect("a new installation");
        let records = Records::new(store.clone() as Arc<dyn KvStore>, Arc::new(keyring));
        let runner = Arc::new(WatchedRunner::new(runner, records.clone(), clock.clone()));
        let core = Core { records, clock: clock.clone(), runner, egress };
        let services = Services::open(core, PluginPolicy::default()).await.expect("a new installation");
        let (_, token) =
            services.identities.bootstrap_administrator().await.expect("the store works").expect("the first start");
        let meter = Arc::new(Metrics::new());
        let router = api::router(services.clone(), meter.clone(), settings);
        Self { router, services, clock, store, meter, administrator: token.token.expose().clone() }
    }

    /// An engine that carries out the syncs of this host.
    pub async fn engine(&self) -> SyncEngine {
        let core = Core { clock: Arc::new(WaitingClock(self.clock.clone())), ..self.services.core.clone() };
        let destinations = Arc::new(self.services.connections.clone());
        let engine = SyncEngine::open(core, destinations, self.meter.clone(), EngineOptions::default());
        let engine = engine.await.expect("an engine");
        self.services.syncs.plan_with(Arc::new(engine.clone()));
        engine
    }

    /// What answers requests.
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// A caller with a bearer token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Caller<'_> {
        self.anonymous().with("authorization", &format!("Bearer {token}"))
    }

    /// A caller with an API key.
    #[must_use]
    pub fn api_key(&self, key: &str) -> Caller<'_> {
        self.anonymous().with("x-api-key", key)
    }

    /// A caller with nothing.
    #[must_use]
    pub fn anonymous(&self) -> Caller<'_> {
        Caller { api: self, headers: HeaderMap::new(), address: None }
    }

    /// The administrator of the first start.
    #[must_use]
    pub fn admin(&self) -> Caller<'_> {
        self.bearer(&self.administrator)
    }

    /// Makes a tenant, whose owner is the administrator.
    pub async fn tenant(&self, id: &str) {
        self.admin().post("/v1/tenants", &json!({"id": id})).await.expect(201);
    }

    /// Uploads a component.
    pub async fn upload(&self, component: &[u8]) -> Answer {
        let request = Request::post("/v1/plugins")
            .header("content-type", "application/wasm")
            .header("authorization", format!("Bearer {}", self.administrator))
            .body(Body::from(component.to_vec()))
            .expect("it is a request");
        self.send(request).await
    }

    /// Installs a plugin by its metadata, and activates it with all that it declares.
    pub async fn plugin(&self, metadata: &Value) -> Answer {
        let installed = self.upload(metadata.to_string().as_bytes()).await.expect(201);
        let entries: Vec<Value> =
            metadata["egress"].as_array().into_iter().flatten().map(|entry| entry["id"].clone()).collect();
        let path = format!("/v1/plugins/{}:activate", installed.text_at("/id"));
        let grants = json!({"version": metadata["version"], "grants": {"egress": entries}});
        self.admin().post(&path, &grants).await.expect(200)
    }

    /// Makes an identity with this role (or, as `"scope,scope"`, with these scopes) in a tenant; answers its id and a token.
    pub async fn member(&self, tenant: &str, name: &str, role_or_scopes: &str) -> (String, String) {
        let body = if role_or_scopes.contains(':') {
            json!({"name": name, "scopes": role_or_scopes.split(',').collect::<Vec<_>>()})
        } else {
            json!({"name": name, "role": role_or_scopes})
        };
        let made = self.admin().post(&format!("/v1/tenants/{tenant}/identities"), &body).await.expect(201);
        let id = made.text_at("/id");
        let secrets = format!("/v1/tenants/{tenant}/identities/{id}/clientSecrets");
        let secret = self.admin().post(&secrets, &json!({"name": "test"})).await.expect(201).text_at("/clientSecret");
        (id.clone(), self.exchange(&id, &secret).await)
    }

    /// Exchanges a client secret for a token.
    pub async fn exchange(&self, client_id: &str, client_secret: &str) -> String {
        let body = json!({"clientId": client_id, "clientSecret": client_secret});
        self.anonymous().post("/v1/auth:token", &body).await.expect(200).text_at("/accessToken")
    }

    /// Sends any request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("the body is whole");
        let text = String::from_utf8(bytes.to_vec()).expect("answers are text");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, json }
    }
}

impl Caller<'_> {
    /// The same caller with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().expect("it is a header value"));
        self
    }

    /// The same caller, whose connection comes from this address.
    #[must_use]
    pub fn from_address(mut self, address: &str) -> Self {
        self.address = Some(address.parse().expect("it is an address"));
        self
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Any method, with a JSON body where there is one.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).expect("it is a request");
        request.headers_mut().extend(self.headers.clone());
        if let Some(address) = self.address {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 50_000)));
        }
        self.api.send(request).await
    }
}

impl Answer {
    /// The same answer, whose status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The same answer, which is a problem with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.problem_code(), code, "{}", answer.text);
        answer
    }

    /// The code of an answer, which is a whole problem.
    #[must_use]
    #[track_caller]
    pub fn problem_code(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        for member in ["type", "title", "status", "detail", "instance", "code", "retry", "errors"] {
            assert!(!self.json[member].is_null(), "`{member}` is missing: {}", self.text);
        }
        assert_eq!(self.json["status"], self.status.as_u16());
        assert_eq!(self.json["instance"], self.header("x-request-id"));
        self.json["code"].as_str().expect("a code is text")
    }

    /// The same answer, which is a failure in the Infisical dialect's shape, of this status and kind.
    #[track_caller]
    pub fn infisical_error(self, status: u16, kind: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.json["error"], kind, "{}", answer.text);
        assert_eq!(answer.json["statusCode"], status, "{}", answer.text);
        assert_eq!(answer.json["message"].is_array(), status == 422, "{}", answer.text);
        assert_eq!(answer.json["reqId"], answer.headers["x-request-id"].to_str().expect("it is text"));
        answer
    }

    /// The text at a JSON pointer.
    #[must_use]
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        let text = self.json.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text at `{pointer}`: {}", self.text)).to_owned()
    }

    /// The value of a header.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("no header `{name}`: {:?}", self.headers))
    }
}
