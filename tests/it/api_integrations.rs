//! Integrations: CUSTOM ones made, changed and deleted by a tenant, SYSTEM ones from plugins, and credentials that go in and
//! never come out.

use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::{FakePlugins, LIMITED, RIGHT, http, parameter_store};
use serde_json::{Value, json};

const INTEGRATIONS: &str = "/v1/tenants/acme/integrations";
const CRM: &str = "/v1/tenants/acme/integrations/custom_crm";

async fn start() -> (TestApi, std::sync::Arc<FakePlugins>) {
    let plugins = FakePlugins::new();
    let api = TestApi::with_plugins(&plugins).await;
    api.tenant("acme").await;
    (api, plugins)
}

async fn with_http() -> (TestApi, std::sync::Arc<FakePlugins>) {
    let (api, plugins) = start().await;
    api.plugin(&http()).await;
    (api, plugins)
}

/// The documented example of a CUSTOM integration, whole.
fn crm() -> Value {
    json!({"id": "custom_crm", "displayName": "CRM", "plugin": "http",
        "configMetadata": {
            "parametersMetadata": [{"name": "baseUrl", "displayName": "Base URL", "type": "String", "typeName": "origin",
                "required": true, "defaultValue": "https://crm.example.com"}],
            "authMetadata": [{"id": "key", "displayName": "API key", "type": "API_KEY", "configTestSupported": true,
                "authSettings": {"parameters": {"header": "X-Api-Key"}},
                "parametersMetadata": [{"name": "apiKey", "displayName": "API key", "secret": true, "required": true}]}]},
        "pluginSettings": {
            "verify": {"method": "GET", "url": "{{baseUrl}}/v1/me", "account": {"id": "/id", "displayName": "/name"}},
            "list": {"method": "GET", "url": "{{baseUrl}}/v1/variables?cursor={{cursor}}", "items": "/items", "key": "/name",
                "value": "/value", "version": "/etag", "next": "/next"},
            "put": {"method": "PUT", "url": "{{baseUrl}}/v1/variables/{{key}}", "json": {"value": "{{value}}"}},
            "delete": {"method": "DELETE", "url": "{{baseUrl}}/v1/variables/{{key}}"}},
        "parameters": {"baseUrl": "https://crm.example.com"},
        "auth": {"integrationAuthMetadataId": "key", "level": "APPLICATION", "parameters": {"apiKey": RIGHT}}})
}

/// Pointers and codes of the violations, sorted.
fn violations(answer: &Answer) -> Vec<(String, String)> {
    let errors = answer.json["errors"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<(String, String)> = errors
        .iter()
        .map(|error| {
            let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
            (text("pointer"), text("code"))
        })
        .collect();
    found.sort();
    found
}

#[track_caller]
fn assert_violations(answer: Answer, expect: &[(&str, &str)]) {
    let answer = answer.problem(400, "invalid_request");
    let found = violations(&answer);
    let found: Vec<(&str, &str)> = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
    assert_eq!(found, expect, "{}", answer.text);
}

#[tokio::test]
async fn nothing_is_required_and_every_member_is_present() {
    let (api, _) = start().await;
    let made = api.admin().post(INTEGRATIONS, &json!({})).await.expect(201);
    let id = made.text_at("/id");
    assert_eq!(made.header("location"), format!("{INTEGRATIONS}/{id}"));
    assert_eq!(
        made.json,
        json!({"id": id, "displayName": id, "description": null, "type": "CUSTOM",
            "configMetadata": {"parametersMetadata": [], "authMetadata": []}, "tags": [], "isInternal": false,
            "createdAt": 1_800_000_000_000_i64, "modifiedAt": 1_800_000_000_000_i64, "plugin": "http",
            "pluginSettings": null, "parameters": {}, "hasAuth": false, "authMethodId": null, "auth": null,
            "lastVerification": null})
    );
    let read = api.admin().get(&format!("{INTEGRATIONS}/{id}")).await.expect(200);
    assert_eq!(read.json, made.json);
    assert_eq!(read.header("etag"), made.header("etag"));
    api.admin().put(&format!("{INTEGRATIONS}/{id}"), &read.json).await.expect(200);
}

#[tokio::test]
async fn the_documented_object_can_be_posted_read_and_put_back() {
    let (api, _) = start().await;
    let documented = json!({
        "id": "string", "displayName": "string", "description": "string", "type": "SYSTEM",
        "configMetadata": {
            "parametersMetadata": [{"name": "string", "index": 0, "type": "String", "typeName": "string",
                "integerRange": null, "floatRange": null, "options": null, "asset": null, "displayName": "string",
                "description": "string", "required": false, "secret": false, "defaultValue": "string",
                "jsonSchema": null, "uiHint": null, "rules": []}],
            "authMetadata": [{"id": "string", "displayName": "string", "description": "string", "type": "UNSPECIFIED",
                "sensitivity": "UNSPECIFIED", "authProviderName": "string", "configTestSupported": false,
                "supportedLevels": ["APPLICATION", "USER"],
                "authMap": {"useMap": false, "keyTemplate": null, "parametersMetadata": []},
                "authSettings": {"parameters": {}}, "parametersMetadata": [], "availableScopes": []}]},
        "tags": ["string"], "isInternal": false, "createdAt": 0, "modifiedAt": 0});
    let made = api.admin().post(INTEGRATIONS, &documented).await.expect(201);
    assert_eq!(made.json["type"], "CUSTOM");
    for member in ["id", "displayName", "description", "configMetadata", "tags", "isInternal"] {
        assert_eq!(made.json[member], documented[member], "{member}");
    }
    let path = format!("{INTEGRATIONS}/string");
    let read = api.admin().get(&path).await.expect(200);
    let put = api.admin().put(&path, &read.json).await.expect(200);
    assert_eq!(put.json, read.json);
}

#[tokio::test]
async fn a_custom_integration_works_as_printed() {
    let (api, plugins) = with_http().await;
    let made = api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    assert!(!made.text.contains(RIGHT), "{}", made.text);
    assert_eq!(made.json["hasAuth"], true);
    assert_eq!(
        made.json["auth"],
        json!({"integrationAuthMetadataId": "key", "level": "APPLICATION", "grantedScopes": []})
    );
    assert_eq!(made.json["parameters"], json!({"baseUrl": "https://crm.example.com"}));
    assert_eq!(made.json["pluginSettings"], crm()["pluginSettings"]);

    let verified = api.admin().call(http::Method::POST, &format!("{CRM}:verifyConfig"), None).await.expect(200);
    assert_eq!(verified.json["success"], true);
    assert_eq!(verified.json["error"], Value::Null);
    assert_eq!(verified.json["authorizationUrl"], Value::Null);
    assert_eq!(verified.json["authMapResults"], json!([]));
    assert_eq!(verified.json["account"]["id"], "account-1");

    let scope = plugins.last_scope();
    assert_eq!(scope.settings["baseUrl"], "https://crm.example.com");
    assert_eq!(scope.auth.method.expect("a method").auth_settings.parameters["header"], "X-Api-Key");
    let view = plugins.last_view();
    assert_eq!(Value::Object(view.plugin_settings), crm()["pluginSettings"]);
    assert!(view.plaintext_credentials.is_none());
    assert!(!view.settings.contains_key("apiKey"));

    let read = api.admin().get(CRM).await.expect(200);
    assert_eq!(read.json["lastVerification"]["success"], true);
    assert_ne!(read.header("etag"), made.header("etag"));
}

#[tokio::test]
async fn an_id_is_unique_in_its_tenant_and_free_in_another() {
    let (api, _) = with_http().await;
    api.tenant("other").await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    api.admin().post(INTEGRATIONS, &crm()).await.problem(409, "already_exists");
    api.admin().post(INTEGRATIONS, &json!({"id": "crm"})).await.expect(201);
    api.admin().post(INTEGRATIONS, &json!({"id": "CRM"})).await.expect(201);
    api.admin().post("/v1/tenants/other/integrations", &crm()).await.expect(201);
    api.admin().post(INTEGRATIONS, &json!({"id": "http"})).await.problem(409, "already_exists");
    api.admin().post("/v1/plugins/http:disable", &json!({})).await.expect(200);
    api.admin().post(INTEGRATIONS, &json!({"id": "http"})).await.problem(409, "already_exists");
    api.admin().post(INTEGRATIONS, &json!({"id": "x".repeat(150)})).await.expect(201);
    assert_violations(api.admin().post(INTEGRATIONS, &json!({"id": "x".repeat(151)})).await, &[("/id", "malformed")]);
}

#[tokio::test]
async fn a_secret_stays_one_whatever_is_declared_of_it_later() {
    let (api, _) = with_http().await;
    let made = api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    assert!(!made.text.contains(RIGHT));
    let one = format!("{INTEGRATIONS}/custom_crm");
    let config =
        json!({"displayName": "own", "parameters": {"baseUrl": "https://crm.example.com"}, "auth": crm()["auth"]});
    api.admin().post(&format!("{one}/configs"), &config).await.expect(201);
    let configs = api.admin().get(&format!("{one}/configs")).await.expect(200);
    let config = configs.text_at("/items/0/id");
    api.admin().post(&format!("{one}/configs/{config}:publish"), &json!({})).await.expect(200);
    let mut metadata = crm()["configMetadata"].clone();
    metadata["authMetadata"][0]["parametersMetadata"] = json!([{"name": "apiKey"}, {"name": "other", "secret": true}]);
    let change = json!({"configMetadata": metadata});
    let changed = api.admin().call(http::Method::PUT, &one, Some(&change)).await;
    let shown = [
        changed.text,
        api.admin().get(&one).await.text,
        api.admin().get(&format!("{one}/configs/{config}")).await.text,
        api.admin().get("/api/v1/app-connections?projectId=acme").await.text,
        api.admin().get(&format!("/api/v1/app-connections/custom_crm/{config}")).await.text,
    ];
    for text in shown {
        assert!(!text.contains(RIGHT), "{text}");
    }
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let (api, _) = with_http().await;
    let body = json!({"id": "a b", "displayName": "x".repeat(101), "description": "x".repeat(501), "dispalyName": "x",
        "plugin": "", "tags": ["a b"],
        "configMetadata": {"parametersMetadata": [{"name": "p", "type": "Text"}, {"nmae": "q", "required": "yes"}],
            "authMetadata": 7}});
    let answer = api.admin().post(INTEGRATIONS, &body).await;
    assert!(answer.text.contains("`displayName`"), "{}", answer.text);
    assert_violations(
        answer,
        &[
            ("/configMetadata/authMetadata", "wrong_type"),
            ("/configMetadata/parametersMetadata/0/type", "not_an_option"),
            ("/configMetadata/parametersMetadata/1/nmae", "unknown_member"),
            ("/configMetadata/parametersMetadata/1/required", "wrong_type"),
            ("/description", "too_long"),
            ("/dispalyName", "unknown_member"),
            ("/displayName", "too_long"),
            ("/id", "malformed"),
            ("/plugin", "malformed"),
            ("/tags/0", "malformed"),
        ],
    );
}

#[tokio::test]
async fn settings_and_credentials_are_held_to_the_metadata() {
    let (api, _) = with_http().await;
    let mut body = crm();
    body["parameters"] = json!({"baseUrl": "not an origin", "baseUlr": "hunter2"});
    body["auth"] = json!({"integrationAuthMetadataId": "key", "parameters": {"apikey": "hunter2"}});
    let answer = api.admin().post(INTEGRATIONS, &body).await;
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    assert_violations(
        answer,
        &[
            ("/auth/parameters/apiKey", "required"),
            ("/auth/parameters/apikey", "unknown_member"),
            ("/parameters/baseUlr", "unknown_member"),
            ("/parameters/baseUrl", "malformed"),
        ],
    );
    body = crm();
    body["auth"]["integrationAuthMetadataId"] = json!("kye");
    let answer = api.admin().post(INTEGRATIONS, &body).await;
    assert_violations(answer, &[("/auth/integrationAuthMetadataId", "unknown_reference")]);
}

#[tokio::test]
async fn a_plugin_that_cannot_execute_it_is_refused_at_creation() {
    let (api, _) = with_http().await;
    api.plugin(&parameter_store()).await;
    let mut body = crm();
    body["plugin"] = json!("no-such-plugin");
    assert_violations(api.admin().post(INTEGRATIONS, &body).await, &[("/plugin", "unknown_reference")]);
    body["plugin"] = json!("aws-parameter-store");
    assert_violations(api.admin().post(INTEGRATIONS, &body).await, &[("/plugin", "not_supported")]);
    body = crm();
    body["pluginSettings"]["surprise"] = json!({});
    body["pluginSettings"]["sync"] = json!({"batchSize": 11});
    body["configMetadata"]["parametersMetadata"][0]["typeName"] = Value::Null;
    assert_violations(
        api.admin().post(INTEGRATIONS, &body).await,
        &[
            ("/configMetadata/parametersMetadata", "required"),
            ("/pluginSettings", "schema_mismatch"),
            ("/pluginSettings/sync/batchSize", "forbidden"),
        ],
    );
}

#[tokio::test]
async fn naming_a_plugin_without_metadata_copies_the_plugins_own() {
    let (api, _) = with_http().await;
    let made = api.admin().post(INTEGRATIONS, &json!({"id": "copy", "plugin": "http"})).await.expect(201);
    let system = api.admin().get(&format!("{INTEGRATIONS}/http")).await.expect(200);
    assert_eq!(made.json["configMetadata"], system.json["configMetadata"]);
}

#[tokio::test]
async fn put_keeps_what_is_omitted_and_null_clears_what_may_be_cleared() {
    let (api, plugins) = with_http().await;
    let mut body = crm();
    body["description"] = json!("about");
    body["tags"] = json!(["sales"]);
    api.admin().post(INTEGRATIONS, &body).await.expect(201);

    let renamed = api.admin().put(CRM, &json!({"displayName": "CRM 2"})).await.expect(200);
    assert_eq!(renamed.json["displayName"], "CRM 2");
    for (member, value) in [("description", json!("about")), ("tags", json!(["sales"])), ("hasAuth", json!(true))] {
        assert_eq!(renamed.json[member], value, "{member}");
    }
    let cleared = json!({"description": null, "tags": null, "displayName": null});
    let cleared = api.admin().patch(CRM, &cleared).await.expect(200);
    assert_eq!(cleared.json["description"], Value::Null);
    assert_eq!(cleared.json["tags"], json!([]));
    assert_eq!(cleared.json["displayName"], "CRM 2");

    let verified = api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!(verified.json["success"], true);
    let without = api.admin().put(CRM, &json!({"auth": null})).await.expect(200);
    assert_eq!((&without.json["hasAuth"], &without.json["auth"]), (&json!(false), &Value::Null));
    let sessions = plugins.sessions();
    api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.problem(400, "config_test_unsupported");
    assert_eq!(plugins.sessions(), sessions);
}

#[tokio::test]
async fn a_get_can_be_put_back_and_changes_nothing() {
    let (api, _) = with_http().await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.expect(200);
    let read = api.admin().get(CRM).await.expect(200);
    let put = api.admin().put(CRM, &read.json).await.expect(200);
    assert_eq!(put.json, read.json);
    let verified = api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!(verified.json["success"], true, "the credential was kept");
}

#[tokio::test]
async fn replaced_metadata_keeps_credentials_by_method_and_name() {
    let (api, plugins) = with_http().await;
    let mut body = crm();
    body["configMetadata"]["authMetadata"][0]["parametersMetadata"][0]["defaultValue"] = json!("hunter2-default");
    body["configMetadata"]["authMetadata"][0]["authSettings"]["parameters"]["extra"] = json!("hunter2-extra");
    api.admin().post(INTEGRATIONS, &body).await.expect(201);
    let shown = api.admin().get(CRM).await.expect(200);
    assert!(!shown.text.contains("hunter2"), "{}", shown.text);

    let mut metadata = shown.json["configMetadata"].clone();
    metadata["authMetadata"][0]["displayName"] = json!("Key");
    metadata["parametersMetadata"][0]["description"] = json!("Where it is");
    let put = api.admin().put(CRM, &json!({"configMetadata": metadata})).await.expect(200);
    assert_eq!(put.json["configMetadata"]["authMetadata"][0]["displayName"], "Key");
    let verified = api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!(verified.json["success"], true);
    let settings = plugins.last_scope().auth.method.expect("a method").auth_settings.parameters;
    assert_eq!(settings["extra"], "hunter2-extra", "what could not be seen could not be sent back, and was kept");

    metadata["authMetadata"][0]["id"] = json!("another");
    let put = api.admin().put(CRM, &json!({"configMetadata": metadata})).await.expect(200);
    assert_eq!(put.json["hasAuth"], false);
}

#[tokio::test]
async fn a_stored_credential_is_never_sent_elsewhere() {
    let (api, plugins) = with_http().await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    let elsewhere = json!({"baseUrl": "https://evil.example"});
    let refused = "credential_rebind_refused";
    api.admin().put(CRM, &json!({"parameters": elsewhere})).await.problem(400, refused);
    let kept = json!({"parameters": elsewhere, "auth": {"integrationAuthMetadataId": "key"}});
    api.admin().put(CRM, &kept).await.problem(400, refused);
    let masked = json!({"configParameters": elsewhere,
        "authConfig": {"integrationAuthMetadataId": "key", "parameters": {"apiKey": "********"}}});
    api.admin().post(&format!("{CRM}:verifyConfig"), &masked).await.problem(400, refused);
    let mut metadata = crm()["configMetadata"].clone();
    metadata["parametersMetadata"][0]["defaultValue"] = json!("https://evil.example");
    api.admin().put(CRM, &json!({"configMetadata": metadata})).await.expect(200);
    api.admin().put(CRM, &json!({"parameters": {}})).await.problem(400, refused);
    assert_eq!(plugins.sessions(), 0);

    let entered = json!({"parameters": elsewhere,
        "auth": {"integrationAuthMetadataId": "key", "parameters": {"apiKey": "another"}}});
    api.admin().put(CRM, &entered).await.expect(200);
    let verified = api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!(verified.json["success"], false);
    assert_eq!(plugins.last_scope().settings["baseUrl"], "https://evil.example");
}

#[tokio::test]
async fn rejected_credentials_are_a_result_and_nothing_is_stored() {
    let (api, plugins) = with_http().await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    let test = |key: &str| {
        json!({"authMetadataId": "key",
            "authConfig": {"integrationAuthMetadataId": "key", "level": "APPLICATION", "parameters": {"apiKey": key}},
            "configParameters": {"baseUrl": "https://other.example.com"}})
    };
    let path = format!("{CRM}:verifyConfig");
    for (key, success, code) in [
        (RIGHT, true, Value::Null),
        ("wrong", false, json!("credentials_rejected")),
        (LIMITED, false, json!("permission_denied")),
    ] {
        let verified = api.admin().post(&path, &test(key)).await.expect(200);
        assert_eq!((&verified.json["success"], &verified.json["code"]), (&json!(success), &code), "{}", verified.text);
        assert_eq!(verified.json["error"].is_null(), success);
        assert_eq!(plugins.last_scope().settings["baseUrl"], "https://other.example.com");
        assert!(plugins.last_scope().connection.is_none());
    }
    let read = api.admin().get(CRM).await.expect(200);
    assert_eq!(read.json["lastVerification"], Value::Null);
    assert_eq!(read.json["parameters"]["baseUrl"], "https://crm.example.com");
}

#[tokio::test]
async fn a_verification_without_an_authenticated_request_is_worth_nothing() {
    let (api, plugins) = with_http().await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    plugins.lie();
    let verified = api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.expect(200);
    assert_eq!((&verified.json["success"], &verified.json["account"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn what_cannot_be_tested_says_why() {
    let (api, plugins) = with_http().await;
    api.plugin(&parameter_store()).await;
    let system = format!("{INTEGRATIONS}/aws-parameter-store:verifyConfig");
    let untestable = json!({"authMetadataId": "untestable", "authConfig": {"parameters": {"apiKey": "k"}},
        "configParameters": {"region": "eu-west-1"}});
    api.admin().post(&system, &untestable).await.problem(400, "config_test_unsupported");
    api.admin().post(&system, &json!({})).await.problem(400, "config_test_unsupported");
    let plain = json!({"authMetadataId": "plain", "authConfig": {"parameters": {"password": "p"}},
        "configParameters": {"region": "eu-west-1"}});
    api.admin().post(&system, &plain).await.problem(409, "grant_missing");
    assert_violations(
        api.admin().post(&system, &json!({"authMetadataId": "nope", "configParameters": {"regoin": "x"}})).await,
        &[
            ("/authConfig/integrationAuthMetadataId", "unknown_reference"),
            ("/configParameters/region", "required"),
            ("/configParameters/regoin", "unknown_member"),
        ],
    );
    let two = json!({"authMetadataId": "plain", "authConfig": {"integrationAuthMetadataId": "access-key"}});
    assert_violations(api.admin().post(&system, &two).await, &[("/authConfig/integrationAuthMetadataId", "forbidden")]);

    let mut bare = crm();
    bare.as_object_mut().expect("an object").remove("pluginSettings");
    api.admin().post(INTEGRATIONS, &bare).await.expect(201);
    let answer = api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await;
    assert!(answer.problem(400, "plugin_settings_missing").text.contains("`pluginSettings`"));
    assert_eq!(plugins.sessions(), 0);

    api.admin().post("/v1/plugins/http:disable", &json!({})).await.expect(200);
    api.admin().post(&format!("{CRM}:verifyConfig"), &json!({})).await.problem(409, "plugin_inactive");
    plugins.trap();
    let right = json!({"authMetadataId": "access-key", "configParameters": {"region": "eu-west-1"},
        "authConfig": {"parameters": {"accessKeyId": "AKIA", "secretAccessKey": RIGHT}}});
    api.admin().post(&system, &right).await.problem(502, "plugin_trapped");
}

#[tokio::test]
async fn a_plugin_is_an_integration_that_no_tenant_can_change() {
    let (api, _) = with_http().await;
    api.plugin(&parameter_store()).await;
    let path = format!("{INTEGRATIONS}/aws-parameter-store");
    let read = api.admin().get(&path).await.expect(200);
    assert_eq!((&read.json["type"], &read.json["plugin"]), (&json!("SYSTEM"), &json!("aws-parameter-store")));
    assert_eq!(read.json["tags"], json!(["aws", "cloud"]));
    let members: Vec<&String> = read.json.as_object().expect("an object").keys().collect();
    assert_eq!(members.len(), 16);
    let parameter = &read.json["configMetadata"]["parametersMetadata"][0];
    for member in [
        "name",
        "index",
        "type",
        "typeName",
        "integerRange",
        "floatRange",
        "options",
        "asset",
        "displayName",
        "description",
        "required",
        "secret",
        "defaultValue",
        "jsonSchema",
        "uiHint",
        "rules",
    ] {
        assert!(parameter.get(member).is_some(), "{member}");
    }
    let method = &read.json["configMetadata"]["authMetadata"][0];
    for member in [
        "id",
        "displayName",
        "description",
        "type",
        "sensitivity",
        "authProviderName",
        "configTestSupported",
        "supportedLevels",
        "authMap",
        "authSettings",
        "parametersMetadata",
        "availableScopes",
    ] {
        assert!(method.get(member).is_some(), "{member}");
    }
    api.admin().put(&path, &json!({"displayName": "mine"})).await.problem(404, "not_found");
    api.admin().delete(&path).await.problem(404, "not_found");
    api.admin().post("/v1/plugins/aws-parameter-store:disable", &json!({})).await.expect(200);
    api.admin().get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn an_integration_goes_with_its_connection_but_not_while_configs_exist() {
    let (api, _) = with_http().await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    let config = api.admin().post(&format!("{CRM}/configs"), &json!({"displayName": "a"})).await.expect(201);
    api.admin().delete(CRM).await.problem(409, "in_use");
    api.admin().delete(config.header("location")).await.expect(204);
    let etag = api.admin().get(CRM).await.expect(200).header("etag").to_owned();
    api.admin().put(CRM, &json!({"displayName": "b"})).await.expect(200);
    api.admin().with("if-match", &etag).delete(CRM).await.problem(412, "precondition_failed");
    api.admin().delete(CRM).await.expect(204);
    api.admin().get(CRM).await.problem(404, "not_found");
    api.admin().delete(CRM).await.problem(404, "not_found");
    let again = api.admin().post(INTEGRATIONS, &json!({"id": "custom_crm"})).await.expect(201);
    assert_eq!(again.json["hasAuth"], false);
}

#[tokio::test]
async fn lists_are_filtered_paged_and_counted() {
    let (api, _) = with_http().await;
    api.plugin(&parameter_store()).await;
    for (id, tags) in [("alpha", json!(["a", "b"])), ("beta", json!(["a"])), ("gamma", json!([]))] {
        let body = json!({"id": id, "displayName": format!("The {id}"), "tags": tags});
        api.admin().post(INTEGRATIONS, &body).await.expect(201);
    }
    api.admin().post(&format!("{INTEGRATIONS}/beta/configs"), &json!({"displayName": "c"})).await.expect(201);
    for (query, expect) in [
        ("", vec!["alpha", "aws-parameter-store", "beta", "gamma", "http"]),
        ("?types=CUSTOM", vec!["alpha", "beta", "gamma"]),
        ("?types=SYSTEM&types=CUSTOM", vec!["alpha", "aws-parameter-store", "beta", "gamma", "http"]),
        ("?Types=SYSTEM", vec!["aws-parameter-store", "http"]),
        ("?tags=a", vec!["alpha", "beta"]),
        ("?tags=a&tags=b", vec!["alpha"]),
        ("?query=BETA", vec!["beta"]),
        ("?search=the", vec!["alpha", "beta", "gamma"]),
        ("?has_configs=true", vec!["beta"]),
        ("?query=zzz", vec![]),
    ] {
        let found = api.admin().get(&format!("{INTEGRATIONS}{query}")).await.expect(200);
        let ids: Vec<&str> =
            found.json["items"].as_array().expect("a list").iter().filter_map(|item| item["id"].as_str()).collect();
        assert_eq!(ids, expect, "{query}");
        assert_eq!(found.json["totalCount"], expect.len(), "{query}");
    }

    let mut ids = Vec::new();
    let mut token = String::new();
    loop {
        let page = api.admin().get(&format!("{INTEGRATIONS}?pageSize=2&pageToken={token}")).await.expect(200);
        ids.extend(page.json["items"].as_array().expect("a list").iter().map(|item| item["id"].clone()));
        token = page.text_at("/nextPageToken");
        if token.is_empty() {
            break;
        }
        let other = api.admin().get(&format!("{INTEGRATIONS}?pageSize=2&tags=a&pageToken={token}")).await;
        other.problem(400, "invalid_page_token");
    }
    assert_eq!(ids, ["alpha", "aws-parameter-store", "beta", "gamma", "http"]);
}

#[tokio::test]
async fn live_options_are_asked_of_the_plugin() {
    let (api, plugins) = with_http().await;
    api.plugin(&parameter_store()).await;
    let path = format!("{INTEGRATIONS}/aws-parameter-store:choices");
    let asked = json!({"scope": "CONNECTION", "parameter": "region", "known": {"endpoint": "https://a.example"}, "cursor": "c"});
    let found = api.admin().post(&path, &asked).await.expect(200);
    assert_eq!(found.json["next"], "more");
    assert_eq!(found.json["choices"][0]["label"], r#"connection region {"endpoint":"https://a.example"} c"#);
    assert!(plugins.last_scope().auth.method.is_none());
    assert_eq!(plugins.last_scope().settings["endpoint"], "https://a.example");
    for (scope, parameter, code) in
        [("CONNECTION", "regoin", "unknown_reference"), ("DESTINATION", "path", "not_supported")]
    {
        let answer = api.admin().post(&path, &json!({"scope": scope, "parameter": parameter})).await;
        assert_violations(answer, &[("/parameter", code)]);
    }
}

#[tokio::test]
async fn strangers_and_readers_change_nothing() {
    let (api, _) = with_http().await;
    api.tenant("other").await;
    api.admin().post(INTEGRATIONS, &crm()).await.expect(201);
    let (_, stranger) = api.member("other", "stranger", "OWNER").await;
    let (_, reader) = api.member("acme", "reader", "READER").await;
    for path in [INTEGRATIONS.to_owned(), CRM.to_owned(), format!("{CRM}/configs")] {
        api.bearer(&stranger).get(&path).await.problem(404, "not_found");
        api.bearer(&reader).get(&path).await.expect(200);
    }
    api.bearer(&stranger).get("/v1/tenants/other/integrations/custom_crm").await.problem(404, "not_found");
    api.bearer(&reader).post(INTEGRATIONS, &json!({})).await.problem(403, "scope_missing");
    api.bearer(&reader).put(CRM, &json!({})).await.problem(403, "scope_missing");
    api.bearer(&reader).delete(CRM).await.problem(403, "scope_missing");
    api.bearer(&reader).post(&format!("{CRM}:verifyConfig"), &json!({})).await.problem(403, "scope_missing");
}

#[tokio::test]
async fn a_custom_integration_outlives_a_plugin_of_the_same_id() {
    let (api, _) = with_http().await;
    api.admin().post(INTEGRATIONS, &json!({"id": "aws-parameter-store", "displayName": "mine"})).await.expect(201);
    api.plugin(&parameter_store()).await;
    let read = api.admin().get(&format!("{INTEGRATIONS}/aws-parameter-store")).await.expect(200);
    assert_eq!((&read.json["type"], &read.json["displayName"]), (&json!("CUSTOM"), &json!("mine")));
    let all = api.admin().get(INTEGRATIONS).await.expect(200);
    assert_eq!(all.json["totalCount"], 2);
}
