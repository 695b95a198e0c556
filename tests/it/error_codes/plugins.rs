//! Plugins: what keeps a call from being made, and how a call can end.

use std::sync::Arc;
use std::time::Duration;

use keyferry::domain::plugin::{CallFailure, Operation, ReportedKind};
use keyferry_tests::api::TestApi;
use keyferry_tests::fake_plugins::{FakePlugins, RIGHT, http, parameter_store, reported};
use serde_json::{Value, json};

use super::Told;

const STORE: &str = "/v1/tenants/acme/integrations/aws-parameter-store";
const ACTIVATE: &str = "/v1/plugins/aws-parameter-store:activate";

async fn start() -> (TestApi, Arc<FakePlugins>) {
    let plugins = FakePlugins::new();
    let api = TestApi::with_plugins(&plugins).await;
    api.tenant("acme").await;
    (api, plugins)
}

async fn with_store() -> (TestApi, Arc<FakePlugins>) {
    let (api, plugins) = start().await;
    api.plugin(&parameter_store()).await;
    (api, plugins)
}

async fn asked(api: &TestApi) -> Told {
    let query = json!({"scope": "CONNECTION", "parameter": "region"});
    Told::Problem(api.admin().post(&format!("{STORE}:choices"), &query).await)
}

async fn ended(failure: fn() -> CallFailure) -> Told {
    let (api, plugins) = with_store().await;
    plugins.fail(failure);
    asked(&api).await
}

pub(super) async fn no_component() -> Told {
    Told::Problem(start().await.0.upload(b"\xff\xfe").await)
}

pub(super) async fn large_component() -> Told {
    Told::Problem(start().await.0.upload(&vec![b' '; (32 << 20) + 1]).await)
}

pub(super) async fn not_granted() -> Told {
    let (api, _) = start().await;
    api.upload(parameter_store().to_string().as_bytes()).await.expect(201);
    Told::Problem(api.admin().post(ACTIVATE, &json!({})).await)
}

pub(super) async fn user_level() -> Told {
    let (api, _) = start().await;
    let mut metadata = parameter_store();
    for method in metadata["configMetadata"]["authMetadata"].as_array_mut().expect("it has methods") {
        method["supportedLevels"] = json!(["APPLICATION", "USER"]);
    }
    api.plugin(&metadata).await;
    let config = json!({"parameters": {"region": "us-east-1"}, "auth": {"integrationAuthMetadataId": "access-key",
        "level": "USER", "parameters": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": RIGHT}}});
    let made = api.admin().post(&format!("{STORE}/configs"), &config).await.expect(201);
    let query = json!({"scope": "CONNECTION", "parameter": "region"});
    Told::Problem(api.admin().post(&format!("{STORE}/configs/{}:choices", made.text_at("/id")), &query).await)
}

pub(super) async fn untestable() -> Told {
    let (api, _) = with_store().await;
    Told::Problem(api.admin().post(&format!("{STORE}:verifyConfig"), &json!({})).await)
}

/// An integration of the tenant's own that a plugin for any API executes.
async fn with_crm(settings: &Value) -> TestApi {
    let (api, _) = start().await;
    api.plugin(&http()).await;
    let method = json!({"id": "key", "type": "API_KEY", "configTestSupported": true,
        "authSettings": {"parameters": {"header": "X-Api-Key"}},
        "parametersMetadata": [{"name": "apiKey", "secret": true, "required": true}]});
    let base_url = json!({"name": "baseUrl", "typeName": "origin", "required": true});
    let mut body = json!({"id": "crm", "plugin": "http", "parameters": {"baseUrl": "https://crm.example.com"},
        "configMetadata": {"parametersMetadata": [base_url], "authMetadata": [method]},
        "auth": {"integrationAuthMetadataId": "key", "level": "APPLICATION", "parameters": {"apiKey": RIGHT}}});
    if !settings.is_null() {
        body["pluginSettings"] = settings.clone();
    }
    api.admin().post("/v1/tenants/acme/integrations", &body).await.expect(201);
    api
}

async fn verified(api: &TestApi) -> Told {
    Told::Problem(api.admin().post("/v1/tenants/acme/integrations/crm:verifyConfig", &json!({})).await)
}

pub(super) async fn without_settings() -> Told {
    verified(&with_crm(&Value::Null).await).await
}

pub(super) async fn disabled() -> Told {
    let api = with_crm(&json!({"verify": {"method": "GET", "url": "{{baseUrl}}/v1/me"}})).await;
    api.admin().post("/v1/plugins/http:disable", &json!({})).await.expect(200);
    verified(&api).await
}

pub(super) async fn rebound() -> Told {
    let (api, _) = with_store().await;
    let body = json!({"parameters": {"region": "us-east-1", "endpoint": "http://127.0.0.1:5000"},
        "auth": {"integrationAuthMetadataId": "access-key", "level": "APPLICATION",
            "parameters": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": RIGHT}}});
    let made = api.admin().post(&format!("{STORE}/configs"), &body).await.expect(201);
    let elsewhere = json!({"parameters": {"region": "us-east-1", "endpoint": "https://evil.example"}});
    Told::Problem(api.admin().patch(made.header("location"), &elsewhere).await)
}

pub(super) async fn unknown_to_the_vendor() -> Told {
    ended(|| reported(ReportedKind::Unauthenticated, "who is that?", 401)).await
}

pub(super) async fn refused_by_the_vendor() -> Told {
    ended(|| reported(ReportedKind::PermissionDenied, "not that", 403)).await
}

pub(super) async fn throttled() -> Told {
    ended(|| reported(ReportedKind::RateLimited, "not so fast", 429)).await
}

pub(super) async fn other_report() -> Told {
    ended(|| reported(ReportedKind::Other, "no", 422)).await
}

pub(super) async fn trapped() -> Told {
    ended(|| CallFailure::Trapped { reason: "unreachable".to_owned() }).await
}

pub(super) async fn timed_out() -> Told {
    const LIMIT: Duration = Duration::from_secs(15);
    ended(|| CallFailure::TimedOut { operation: Operation::Choices, clock: "wall", limit: LIMIT }).await
}

pub(super) async fn limit_exceeded() -> Told {
    ended(|| CallFailure::LimitExceeded { what: "memory" }).await
}

pub(super) async fn contract_broken() -> Told {
    ended(|| CallFailure::ContractBroken { reason: "too few outcomes".to_owned() }).await
}

pub(super) async fn egress_denied() -> Told {
    ended(|| CallFailure::Denied { reason: "the entry is not granted".to_owned() }).await
}

pub(super) async fn no_slot() -> Told {
    ended(|| CallFailure::Busy).await
}

pub(super) async fn host_at_fault() -> Told {
    ended(|| CallFailure::Internal("a private cause".into())).await
}
