//! Plugins whose component is nothing but their metadata, and a network in which one credential is right: for tests of what
//! stands between a request and a plugin.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use keyferry::domain::destination::{
    Account, Application, Change, Choice, ChoicePage, DestinationIdentity, Observation, OpaqueContext, Scope,
};
use keyferry::domain::id::Digest;
use keyferry::domain::plugin::{CallFailure, Reported, ReportedKind};
use keyferry::ports::egress::{
    Egress, EgressFailure, EgressObserved, EgressScope, EgressSession, InboundResponse, OutboundRequest,
};
use keyferry::ports::plugin::{ConnectionView, InspectFailure, Inspected, PluginCall, PluginRunner};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The credential that the vendor accepts.
pub const RIGHT: &str = "right-credential";
/// The credential that the vendor knows, and that may do nothing.
pub const LIMITED: &str = "limited-credential";

/// See the module.
#[derive(Default)]
pub struct FakePlugins {
    /// Where sessions were opened to, and with what.
    scopes: Mutex<Vec<EgressScope>>,
    /// What plugins were told of the connection.
    views: Mutex<Vec<ConnectionView>>,
    loads: Mutex<Vec<Digest>>,
    failure: Mutex<Option<fn() -> CallFailure>>,
    lies: AtomicBool,
}

impl FakePlugins {
    /// Plugins and a network.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// From now on every call traps.
    pub fn trap(&self) {
        self.fail(|| CallFailure::Trapped { reason: "unreachable".to_owned() });
    }

    /// From now on every call fails like this.
    pub fn fail(&self, failure: fn() -> CallFailure) {
        *self.failure.lock().expect("no test panics while it holds this") = Some(failure);
    }

    /// From now on `verify` claims success without sending anything.
    pub fn lie(&self) {
        self.lies.store(true, Ordering::SeqCst);
    }

    /// How many sessions were opened.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.scopes.lock().expect("no test panics while it holds this").len()
    }

    /// The scope of the last session.
    #[must_use]
    pub fn last_scope(&self) -> EgressScope {
        self.scopes.lock().expect("no test panics while it holds this").last().expect("a session was opened").clone()
    }

    /// What the last call was told of its connection.
    #[must_use]
    pub fn last_view(&self) -> ConnectionView {
        self.views.lock().expect("no test panics while it holds this").last().expect("a call was made").clone()
    }

    /// The components that were loaded, each as often as it was.
    #[must_use]
    pub fn loads(&self) -> Vec<Digest> {
        self.loads.lock().expect("no test panics while it holds this").clone()
    }

    fn called(&self, call: &PluginCall) -> Result<(), CallFailure> {
        self.views.lock().expect("no test panics while it holds this").push(call.connection.clone());
        let failure = *self.failure.lock().expect("no test panics while it holds this");
        failure.map_or(Ok(()), |failure| Err(failure()))
    }
}

/// What a plugin reports with the vendor's status.
#[must_use]
pub fn reported(kind: ReportedKind, message: &str, status: u16) -> CallFailure {
    CallFailure::Reported(Reported {
        kind,
        message: message.to_owned(),
        field: None,
        http_status: Some(status),
        retry_after_ms: None,
        request_id: None,
    })
}

fn unused() -> CallFailure {
    CallFailure::ContractBroken { reason: "no test calls this".to_owned() }
}

#[async_trait]
impl PluginRunner for FakePlugins {
    async fn inspect(&self, component: Vec<u8>) -> Result<Inspected, InspectFailure> {
        let text =
            String::from_utf8(component).map_err(|_| InspectFailure::Rejected("it is no component".to_owned()))?;
        let metadata: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(Inspected {
            digest: Digest::from_bytes(Sha256::digest(text.as_bytes()).into()),
            component_bytes: text.len() as u64,
            has_destination: metadata.get("sync").is_some(),
            imports: vec!["keyferry:integration/http@1.0.0".to_owned()],
            metadata: text,
        })
    }

    async fn load(&self, digest: Digest, component: Vec<u8>) -> Result<(), InspectFailure> {
        assert_eq!(Digest::from_bytes(Sha256::digest(&component).into()), digest);
        self.loads.lock().expect("no test panics while it holds this").push(digest);
        Ok(())
    }

    fn unload(&self, _: Digest) {}

    async fn verify(&self, call: PluginCall) -> Result<Account, CallFailure> {
        self.called(&call)?;
        let account = Account { id: "account-1".to_owned(), ..Account::default() };
        if self.lies.load(Ordering::SeqCst) {
            return Ok(account);
        }
        let request = OutboundRequest {
            method: "GET".to_owned(),
            url: "https://vendor.example/whoami".to_owned(),
            headers: Vec::new(),
            body: None,
            entry: "api".to_owned(),
            authenticate: true,
            timeout: None,
        };
        let answer = call.egress.send(request).await;
        match answer.map_err(|failure| CallFailure::Denied { reason: failure.to_string() })?.status {
            200 => Ok(account),
            403 => Err(reported(ReportedKind::PermissionDenied, "the key may not read", 403)),
            _ => Err(reported(ReportedKind::Unauthenticated, "the vendor does not know the key", 401)),
        }
    }

    async fn choices(
        &self,
        call: PluginCall,
        scope: &str,
        parameter: &str,
        known: &Map<String, Value>,
        cursor: Option<&str>,
    ) -> Result<ChoicePage, CallFailure> {
        self.called(&call)?;
        let label = format!("{scope} {parameter} {} {}", Value::Object(known.clone()), cursor.unwrap_or("-"));
        let choice = Choice { value: "eu-west-1".to_owned(), label, description: None };
        Ok(ChoicePage { choices: vec![choice], next: Some("more".to_owned()) })
    }

    async fn check(&self, _: PluginCall, _: &Map<String, Value>) -> Result<Account, CallFailure> {
        Err(unused())
    }

    async fn identify(&self, _: PluginCall, _: &Map<String, Value>) -> Result<DestinationIdentity, CallFailure> {
        Err(unused())
    }

    async fn observe(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &Scope,
        _: Option<&str>,
    ) -> Result<Observation, CallFailure> {
        Err(unused())
    }

    async fn apply(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &[Change],
        _: Option<&str>,
        _: Option<&OpaqueContext>,
    ) -> Result<Application, CallFailure> {
        Err(unused())
    }

    async fn finish(
        &self,
        _: PluginCall,
        _: &Map<String, Value>,
        _: &[String],
        _: Option<&OpaqueContext>,
    ) -> Result<(), CallFailure> {
        Err(unused())
    }
}

impl Egress for FakePlugins {
    fn open(&self, scope: EgressScope, _: Option<Instant>) -> Arc<dyn EgressSession> {
        self.scopes.lock().expect("no test panics while it holds this").push(scope.clone());
        Arc::new(FakeSession { scope, successes: AtomicU32::new(0) })
    }
}

struct FakeSession {
    scope: EgressScope,
    successes: AtomicU32,
}

#[async_trait]
impl EgressSession for FakeSession {
    async fn send(&self, _: OutboundRequest) -> Result<InboundResponse, EgressFailure> {
        if self.scope.entries.is_empty() {
            return Err(EgressFailure::Denied("no entry is open".to_owned()));
        }
        let has = |wanted: &str| self.scope.auth.credentials.values().any(|value| value.expose() == wanted);
        let status = if has(RIGHT) {
            200
        } else if has(LIMITED) {
            403
        } else {
            401
        };
        if status == 200 {
            self.successes.fetch_add(1, Ordering::SeqCst);
        }
        Ok(InboundResponse { status, headers: Vec::new(), body: Vec::new() })
    }

    fn observed(&self) -> EgressObserved {
        EgressObserved {
            sent: 1,
            authenticated_successes: self.successes.load(Ordering::SeqCst),
            ..EgressObserved::default()
        }
    }
}

/// The metadata of a plugin that executes CUSTOM integrations, by the schema of the bundled one.
#[must_use]
pub fn http() -> Value {
    let schema: Value = serde_json::from_str(include_str!("../../plugins/http/custom-settings.schema.json"))
        .expect("the bundled plugin's schema is JSON");
    json!({
        "id": "http", "version": "1.0.0", "displayName": "HTTP", "description": "Any HTTP API.", "tags": ["generic"],
        "configMetadata": {
            "parametersMetadata": [
                {"name": "baseUrl", "displayName": "Base URL", "typeName": "origin", "required": true}],
            "authMetadata": [
                {"id": "api-key", "type": "API_KEY", "configTestSupported": true,
                 "parametersMetadata": [{"name": "apiKey", "secret": true, "required": true}]},
                {"id": "bearer", "type": "BEARER_TOKEN", "configTestSupported": true,
                 "parametersMetadata": [{"name": "token", "secret": true, "required": true}]},
                {"id": "basic", "type": "BASIC_AUTH", "configTestSupported": true,
                 "parametersMetadata": [{"name": "username", "required": true},
                                        {"name": "password", "secret": true, "required": true}]}]},
        "sync": {"reads": "VALUES", "deletes": true, "batchSize": 10, "concurrency": 4, "emptyValues": true},
        "egress": [{"id": "api", "host": "{baseUrl}", "methods": ["GET", "PUT", "POST", "DELETE"]}],
        "customSettingsMetadata": schema})
}

/// The metadata of a plugin with regions, an endpoint and a destination.
#[must_use]
pub fn parameter_store() -> Value {
    json!({
        "id": "aws-parameter-store", "version": "1.0.0", "displayName": "AWS Parameter Store", "tags": ["aws", "cloud"],
        "configMetadata": {
            "parametersMetadata": [
                {"name": "region", "typeName": "label", "required": true, "dynamic": true},
                {"name": "endpoint", "typeName": "origin"},
                {"name": "retries", "type": "Integer", "integerRange": {"min": 0, "max": 9}, "defaultValue": "3"},
                {"name": "proxyPassword", "secret": true}],
            "authMetadata": [
                {"id": "access-key", "type": "AWS_SIGV4", "configTestSupported": true,
                 "supportedLevels": ["APPLICATION"],
                 "parametersMetadata": [{"name": "accessKeyId", "required": true},
                                        {"name": "secretAccessKey", "secret": true, "required": true}]},
                {"id": "untestable", "type": "API_KEY",
                 "parametersMetadata": [{"name": "apiKey", "secret": true, "required": true}]},
                {"id": "plain", "type": "CUSTOM", "configTestSupported": true,
                 "parametersMetadata": [{"name": "password", "secret": true, "required": true}]}]},
        "destinationMetadata": [{"name": "path", "required": true, "pattern": "^/([A-Za-z0-9_.-]+/)*$"},
                                {"name": "tier", "type": "Option", "options": [{"value": "Standard"}],
                                 "defaultValue": "Standard"}],
        "sync": {"reads": "VALUES", "deletes": true, "batchSize": 10},
        "egress": [
            {"id": "ssm", "host": "ssm.{region}.amazonaws.com", "methods": ["POST"],
             "signing": {"service": "ssm", "region": "{region}"}},
            {"id": "ssm-custom", "host": "{endpoint}", "methods": ["POST"],
             "signing": {"service": "ssm", "region": "{region}"}}]})
}
