//! Plugins: installed, reviewed, switched, rolled back and disabled while the host serves.

use std::sync::Arc;
use std::time::Duration;

use keyferry_contract::Metadata;
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::{FakePlugins, RIGHT, http, parameter_store};
use serde_json::{Value, json};

const HTTP: &str = "/v1/plugins/http";

async fn start() -> (TestApi, Arc<FakePlugins>) {
    let plugins = FakePlugins::new();
    let api = TestApi::with_plugins(&plugins).await;
    api.tenant("acme").await;
    (api, plugins)
}

fn version(version: &str) -> Value {
    let mut metadata = http();
    metadata["version"] = json!(version);
    metadata
}

async fn upload(api: &TestApi, metadata: &Value) -> Answer {
    api.upload(metadata.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_plugin_is_installed_reviewed_and_activated() {
    let (api, plugins) = start().await;
    let installed = upload(&api, &http()).await.expect(201);
    assert_eq!(installed.header("location"), HTTP);
    assert_eq!((&installed.json["state"], &installed.json["activeVersion"]), (&json!("INSTALLED"), &Value::Null));
    let shown = &installed.json["versions"][0];
    assert_eq!(shown["grants"], Value::Null);
    assert_eq!(shown["capabilityDiff"], json!({"egressAdded": ["api"], "egressRemoved": [], "plaintextAdded": false}));
    assert_eq!((&shown["hasDestination"], &shown["executesCustom"]), (&json!(true), &json!(true)));
    api.admin().get("/v1/tenants/acme/integrations/http").await.problem(404, "not_found");

    api.admin().post(&format!("{HTTP}:activate"), &json!({})).await.problem(409, "grant_missing");
    let digest = installed.text_at("/versions/0/digest");
    let grants = json!({"digest": digest, "egress": ["api"], "limits": {"memoryBytes": 134_217_728}});
    let reviewed = api.admin().put(&format!("{HTTP}/grants"), &grants).await.expect(200);
    assert_eq!(reviewed.json["versions"][0]["grants"]["limits"]["memoryBytes"], 134_217_728);
    assert_eq!(reviewed.json["state"], "INSTALLED");
    let active = api.admin().post(&format!("{HTTP}:activate"), &json!({"digest": digest})).await.expect(200);
    assert_eq!((&active.json["state"], &active.json["activeVersion"]), (&json!("ACTIVE"), &json!("1.0.0")));
    assert_eq!(plugins.loads().len(), 1);
    api.admin().get("/v1/tenants/acme/integrations/http").await.expect(200);
    let list = api.admin().get("/v1/plugins").await.expect(200);
    assert_eq!(list.json["items"], json!([active.json]));
    let versions = api.admin().get(&format!("{HTTP}/versions")).await.expect(200);
    assert_eq!(versions.json["items"], active.json["versions"]);
}

#[tokio::test]
async fn a_version_never_becomes_another_component() {
    let (api, _) = start().await;
    let first = upload(&api, &http()).await.expect(201);
    let again = upload(&api, &http()).await.expect(201);
    assert_eq!(again.json, first.json);
    assert_eq!(again.header("etag"), first.header("etag"));
    let mut other = http();
    other["description"] = json!("Something else.");
    upload(&api, &other).await.problem(409, "already_exists");
    assert_eq!(api.admin().get(HTTP).await.expect(200).json, first.json);
}

#[tokio::test]
async fn a_component_that_makes_no_sense_is_refused_with_everything_that_is_wrong() {
    let (api, _) = start().await;
    let mut metadata = http();
    metadata["version"] = json!("1");
    metadata["egress"][0]["host"] = json!("{nothing}");
    let refused = upload(&api, &metadata).await.problem(400, "component_rejected");
    let pointers: Vec<&str> =
        refused.json["errors"].as_array().expect("a list").iter().filter_map(|e| e["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/version", "/egress/0/host"]);
    api.upload(b"\xff\xfe").await.problem(400, "component_rejected");
    api.upload(&vec![b' '; (32 << 20) + 1]).await.problem(413, "component_too_large");
    api.admin().post("/v1/plugins", &http()).await.problem(415, "unsupported_media_type");
    assert_eq!(api.admin().get("/v1/plugins").await.expect(200).json["items"], json!([]));
}

#[tokio::test]
async fn a_version_that_asks_for_nothing_more_inherits_its_grants() {
    let (api, _) = start().await;
    api.plugin(&http()).await;
    let second = upload(&api, &version("1.1.0")).await.expect(201);
    assert_eq!(second.json["versions"][1]["grants"]["egress"], json!(["api"]));
    assert_eq!(second.json["activeVersion"], "1.0.0");
    let active = api.admin().post(&format!("{HTTP}:activate"), &json!({"version": "1.1.0"})).await.expect(200);
    assert_eq!(active.json["activeVersion"], "1.1.0");

    let mut more = version("1.2.0");
    more["egress"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"id": "extra", "host": "extra.example.com", "methods": ["GET"]}));
    let third = upload(&api, &more).await.expect(201);
    let shown = &third.json["versions"][2];
    assert_eq!((&shown["grants"], &shown["capabilityDiff"]["egressAdded"]), (&Value::Null, &json!(["extra"])));
    api.admin().post(&format!("{HTTP}:activate"), &json!({})).await.problem(409, "grant_missing");
    let nonsense = json!({"grants": {"egress": ["api", "nothing"]}});
    let refused = api.admin().post(&format!("{HTTP}:activate"), &nonsense).await.problem(400, "invalid_request");
    assert_eq!(refused.json["errors"][0]["pointer"], "/grants/egress/1");
    let both = json!({"grants": {"egress": ["api", "extra"]}});
    api.admin().post(&format!("{HTTP}:activate"), &both).await.expect(200);
}

#[tokio::test]
async fn a_rollback_goes_back_one_activation_and_three_versions_are_kept() {
    let (api, _) = start().await;
    api.plugin(&http()).await;
    api.admin().post(&format!("{HTTP}:rollback"), &json!({})).await.problem(409, "wrong_state");
    for number in ["1.1.0", "1.2.0", "1.3.0"] {
        upload(&api, &version(number)).await.expect(201);
        api.admin().post(&format!("{HTTP}:activate"), &json!({"version": number})).await.expect(200);
    }
    let shown = api.admin().get(HTTP).await.expect(200);
    let kept: Vec<&Value> = shown.json["versions"].as_array().expect("a list").iter().map(|v| &v["version"]).collect();
    assert_eq!(kept, ["1.1.0", "1.2.0", "1.3.0"]);
    let back = api.admin().post(&format!("{HTTP}:rollback"), &json!({})).await.expect(200);
    assert_eq!(back.json["activeVersion"], "1.2.0");
    let back = api.admin().post(&format!("{HTTP}:rollback"), &json!({})).await.expect(200);
    assert_eq!(back.json["activeVersion"], "1.1.0");
    api.admin().post(&format!("{HTTP}:rollback"), &json!({})).await.problem(409, "wrong_state");
    api.admin().post(&format!("{HTTP}:activate"), &json!({"version": "1.0.0"})).await.problem(404, "not_found");
    let mut other = http();
    other["description"] = json!("Something else.");
    upload(&api, &other).await.problem(409, "already_exists");
    upload(&api, &http()).await.expect(201);
    api.admin().post(&format!("{HTTP}:activate"), &json!({"version": "1.0.0"})).await.expect(200);
}

#[tokio::test]
async fn a_disabled_plugin_is_called_no_more_until_it_is_activated() {
    let (api, plugins) = start().await;
    api.plugin(&parameter_store()).await;
    let system = "/v1/tenants/acme/integrations/aws-parameter-store";
    let body = json!({"displayName": "a", "parameters": {"region": "eu-west-1"}, "auth":
        {"integrationAuthMetadataId": "access-key", "parameters": {"accessKeyId": "AKIA", "secretAccessKey": RIGHT}}});
    let config = api.admin().post(&format!("{system}/configs"), &body).await.expect(201).header("location").to_owned();
    let disabled = api.admin().post("/v1/plugins/aws-parameter-store:disable", &json!({})).await.expect(200);
    assert_eq!(disabled.json["state"], "DISABLED");
    api.admin().get(system).await.problem(404, "not_found");
    api.admin().get(&config).await.expect(200);
    api.admin().get(&format!("{system}/configs")).await.expect(200);
    api.admin().post(&format!("{config}:verifyAuth"), &json!({})).await.problem(404, "not_found");
    assert_eq!(plugins.sessions(), 0);
    api.admin().post("/v1/plugins/aws-parameter-store:activate", &json!({})).await.expect(200);
    let verified = api.admin().post(&format!("{config}:verifyAuth"), &json!({})).await.expect(200);
    assert_eq!(verified.json["success"], true);
}

#[tokio::test]
async fn five_breakdowns_in_ten_minutes_mark_a_plugin_as_degraded() {
    let (api, plugins) = start().await;
    api.plugin(&parameter_store()).await;
    plugins.trap();
    let path = "/v1/tenants/acme/integrations/aws-parameter-store:choices";
    let asked = json!({"scope": "CONNECTION", "parameter": "region"});
    let degraded = async || {
        api.admin().get("/v1/plugins/aws-parameter-store").await.expect(200).json["versions"][0]["degradedSince"]
            .clone()
    };
    for _ in 0..4 {
        api.admin().post(path, &asked).await.problem(502, "plugin_trapped");
    }
    api.clock.advance(Duration::from_secs(601));
    api.admin().post(path, &asked).await.problem(502, "plugin_trapped");
    assert_eq!(degraded().await, Value::Null, "the first four are too long ago");
    for _ in 0..4 {
        api.admin().post(path, &asked).await.problem(502, "plugin_trapped");
    }
    assert_eq!(degraded().await, json!(1_800_000_601_000_i64));
}

#[tokio::test]
async fn metadata_is_that_of_the_running_version() {
    let (api, _) = start().await;
    let path = format!("{HTTP}/metadata");
    api.admin().get(&path).await.problem(404, "not_found");
    api.plugin(&http()).await;
    upload(&api, &version("1.1.0")).await.expect(201);

    let answered: Metadata = serde_json::from_value(api.admin().get(&path).await.expect(200).json).expect("metadata");
    let installed: Metadata = serde_json::from_value(http()).expect("metadata");
    assert_eq!(answered, installed);
    api.admin().post(&format!("{HTTP}:activate"), &json!({})).await.expect(200);
    assert_eq!(api.admin().get(&path).await.expect(200).json["version"], "1.1.0");
}

#[tokio::test]
async fn only_administrators_manage_plugins() {
    let (api, _) = start().await;
    let (_, owner) = api.member("acme", "owner", "OWNER").await;
    for (method, path) in [
        ("GET", "/v1/plugins"),
        ("GET", HTTP),
        ("GET", "/v1/plugins/http/metadata"),
        ("POST", "/v1/plugins/http:activate"),
    ] {
        let answer = api.bearer(&owner).call(method.parse().expect("a method"), path, None).await;
        answer.problem(403, "scope_missing");
    }
}

#[tokio::test]
async fn active_plugins_are_loaded_at_the_start() {
    let (api, plugins) = start().await;
    let active = api.plugin(&http()).await;
    let other =
        keyferry::service::Services::open(api.services.core.clone(), Default::default()).await.expect("it opens");
    let before = plugins.loads().len();
    let failed = other.plugins.load_active().await.expect("the store works");
    assert!(failed.is_empty());
    let loaded = plugins.loads();
    assert_eq!(loaded.len(), before + 1);
    assert_eq!(
        loaded.last().map(ToString::to_string),
        active.json["versions"][0]["digest"].as_str().map(str::to_owned)
    );
}
