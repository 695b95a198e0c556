//! App connections, with plugins that are nothing but their metadata and a vendor that knows one key.

use std::sync::Arc;

use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::{self, FakePlugins, LIMITED, RIGHT};
use serde_json::{Value, json};

const AWS: &str = "/api/v1/app-connections/aws";

/// Parameter Store under the names that clients know.
pub(super) fn aws() -> Value {
    let mut metadata = fake_plugins::parameter_store();
    metadata["destinationMetadata"]
        .as_array_mut()
        .expect("it has parameters")
        .push(json!({"name": "kmsKeyId", "dynamic": true}));
    metadata["infisical"] = json!({"app": "aws", "appName": "AWS",
        "methods": [{"name": "access-key", "auth": "access-key", "credentials": [
            {"field": "accessKeyId", "scope": "AUTH", "parameter": "accessKeyId"},
            {"field": "secretAccessKey", "scope": "AUTH", "parameter": "secretAccessKey"},
            {"field": "endpoint", "scope": "CONNECTION", "parameter": "endpoint"},
            {"field": "region", "scope": "CONNECTION", "parameter": "region", "defaultValue": "us-east-1"}]}],
        "destination": {"slug": "aws-parameter-store", "name": "AWS Parameter Store",
            "config": [{"field": "region", "scope": "CONNECTION", "parameter": "region"},
                {"field": "path", "scope": "DESTINATION", "parameter": "path"}],
            "options": [{"field": "keyId", "scope": "DESTINATION", "parameter": "kmsKeyId"}]},
        "choices": [{"path": "kms-keys", "scope": "DESTINATION", "parameter": "kmsKeyId", "list": "kmsKeys", "value": "id",
            "label": "alias", "query": [{"field": "region", "scope": "CONNECTION", "parameter": "region"}]}]});
    metadata
}

async fn start() -> (TestApi, Arc<FakePlugins>) {
    let plugins = FakePlugins::new();
    let api = TestApi::with_plugins(&plugins).await;
    api.tenant("acme").await;
    api.plugin(&aws()).await;
    (api, plugins)
}

fn connection(name: &str, key: &str) -> Value {
    json!({"name": name, "method": "access-key", "projectId": "acme", "description": "for tests",
        "credentials": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": key}})
}

async fn connected(api: &TestApi, name: &str) -> Value {
    api.admin().post(AWS, &connection(name, RIGHT)).await.expect(200).json["appConnection"].clone()
}

fn path_of(connection: &Value) -> String {
    format!("{AWS}/{}", connection["id"].as_str().expect("it has an id"))
}

async fn project(api: &TestApi) -> String {
    api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid")
}

fn message(answer: &Answer) -> &str {
    answer.json["message"].as_str().expect("a refusal is a sentence")
}

#[tokio::test]
async fn a_connection_is_tested_stored_and_shown_without_its_secret() {
    let (api, plugins) = start().await;
    let made = api.admin().post(AWS, &connection("production", RIGHT)).await.expect(200);
    assert_eq!(plugins.sessions(), 1, "the vendor was asked");
    assert!(!made.text.contains(RIGHT));
    let mut shown = made.json["appConnection"].clone();
    let (id, hash) = (shown["id"].clone(), shown["credentialsHash"].clone());
    assert_eq!(hash.as_str().map(str::len), Some(64));
    assert!(shown["createdAt"].as_str().expect("a time").ends_with('Z'));
    for member in ["id", "credentialsHash", "createdAt", "updatedAt"] {
        shown.as_object_mut().expect("an object").remove(member);
    }
    let project = project(&api).await;
    let expected = json!({"name": "production", "description": "for tests", "version": 1, "orgId": project,
        "projectId": project, "app": "aws", "method": "access-key", "gatewayId": null,
        "isPlatformManagedCredentials": false, "credentials": {"accessKeyId": "AKIAEXAMPLE"}});
    assert_eq!(shown, expected);

    for path in [path_of(&made.json["appConnection"]), format!("{AWS}/connection-name/production?projectId=acme")] {
        let read = api.admin().get(&path).await.expect(200);
        assert_eq!(read.json, made.json, "{path}");
    }
    for path in [AWS, "/api/v1/app-connections"] {
        let listed = api.admin().get(&format!("{path}?projectId=acme")).await.expect(200);
        assert_eq!(listed.json, json!({"appConnections": [made.json["appConnection"]]}), "{path}");
    }
    let available = api.admin().get(&format!("{AWS}/available?workspaceId=acme")).await.expect(200);
    let expected = json!({"id": id, "name": "production", "app": "aws", "projectId": project});
    assert_eq!(available.json, json!({"appConnections": [expected]}));
}

/// More than the snapshots that any request here takes.
const SNAPSHOTS_MAX: usize = 100;

#[tokio::test]
async fn a_connection_that_is_deleted_while_connections_are_read_is_there_or_not() {
    let (api, _) = start().await;
    for statuses in [[200, 200], [200, 404]] {
        for at in 0..=SNAPSHOTS_MAX {
            assert!(at < SNAPSHOTS_MAX, "a moment at which the request is over must come");
            let path = path_of(&connected(&api, &format!("{at}-{}", statuses[1])).await);
            let target = if statuses[1] == 404 { path.clone() } else { format!("{AWS}?projectId=acme") };
            let other = api.clone();
            api.store.after_snapshots(at, async move {
                other.admin().delete(&path).await.expect(200);
            });
            let read = api.admin().get(&target).await;
            assert!(statuses.contains(&read.status.as_u16()), "{target}: {}", read.text);
            if api.store.forget_interlude() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn apps_are_offered_by_what_plugins_declare() {
    let (api, _) = start().await;
    api.plugin(&fake_plugins::http()).await;
    let crm = json!({"id": "custom_crm", "displayName": "CRM", "configMetadata": {"authMetadata": [
        {"id": "key", "type": "API_KEY", "parametersMetadata": [{"name": "apiKey", "secret": true}]}]}});
    api.admin().post("/v1/tenants/acme/integrations", &crm).await.expect(201);
    let options = api.admin().get("/api/v1/app-connections/options?projectId=acme").await.expect(200);
    let expected = json!([{"name": "AWS", "app": "aws", "methods": ["access-key"]},
        {"name": "HTTP", "app": "http", "methods": ["api-key", "bearer", "basic"]},
        {"name": "CRM", "app": "custom_crm", "methods": ["key"]}]);
    assert_eq!(options.json["appConnectionOptions"], expected);
    api.admin().get("/api/v1/app-connections/gcp?projectId=acme").await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn credentials_that_do_not_work_are_refused_and_not_stored() {
    let (api, plugins) = start().await;
    for (key, reason) in [("wrong", "the vendor does not know the key"), (LIMITED, "the key may not read")] {
        let refused = api.admin().post(AWS, &connection("broken", key)).await.infisical_error(400, "BadRequest");
        assert_eq!(message(&refused), format!("unable to validate connection: {reason}"));
    }
    plugins.trap();
    let refused = api.admin().post(AWS, &connection("broken", RIGHT)).await.infisical_error(400, "BadRequest");
    assert!(message(&refused).starts_with("unable to validate connection: "));
    let listed = api.admin().get(&format!("{AWS}?projectId=acme")).await.expect(200);
    assert_eq!(listed.json["appConnections"], json!([]));
}

#[tokio::test]
async fn the_hash_changes_with_the_credential_and_with_nothing_else() {
    let (api, plugins) = start().await;
    let made = connected(&api, "production").await;
    let path = path_of(&made);
    let renamed = json!({"name": "renamed", "description": null});
    let renamed = api.admin().patch(&path, &renamed).await.expect(200).json["appConnection"].clone();
    assert_eq!((&renamed["name"], &renamed["description"]), (&json!("renamed"), &Value::Null));
    assert_eq!((&renamed["credentialsHash"], &renamed["version"]), (&made["credentialsHash"], &json!(1)));
    assert_eq!(plugins.sessions(), 1, "a name needs no test");

    let wrong = json!({"credentials": {"accessKeyId": "AKIAOTHER", "secretAccessKey": "wrong"}});
    let refused = api.admin().patch(&path, &wrong).await.infisical_error(400, "BadRequest");
    assert!(message(&refused).starts_with("unable to validate connection: "));
    assert_eq!(api.admin().get(&path).await.json["appConnection"], renamed, "nothing was stored");

    let other = json!({"credentials": {"accessKeyId": "AKIAOTHER", "secretAccessKey": RIGHT}});
    let changed = api.admin().patch(&path, &other).await.expect(200).json["appConnection"].clone();
    assert_eq!((&changed["credentials"], &changed["version"]), (&json!({"accessKeyId": "AKIAOTHER"}), &json!(2)));
    assert_ne!(changed["credentialsHash"], made["credentialsHash"]);
    let again = connected(&api, "again").await;
    assert_ne!(again["credentialsHash"], changed["credentialsHash"], "it tells nothing of the credential");
}

#[tokio::test]
async fn credentials_are_given_whole() {
    let (api, _) = start().await;
    let path = path_of(&connected(&api, "production").await);
    let half = json!({"credentials": {"accessKeyId": "AKIAOTHER"}});
    let refused = api.admin().patch(&path, &half).await.infisical_error(422, "ValidationFailure");
    assert_eq!(refused.json["message"][0]["path"], json!(["credentials", "secretAccessKey"]));
}

#[tokio::test]
async fn everything_wrong_with_a_request_is_told_at_its_member() {
    let (api, plugins) = start().await;
    let empty = api.admin().post(AWS, &json!({"projectId": "acme"})).await.infisical_error(422, "ValidationFailure");
    let paths: Vec<&Value> = empty.json["message"].as_array().expect("issues").iter().map(|one| &one["path"]).collect();
    assert_eq!(paths, [&json!(["name"]), &json!(["method"]), &json!(["credentials"])]);
    for (member, value, at) in [
        ("method", json!("acess-key"), json!(["method"])),
        ("credentials", json!({"accessKeyId": "a"}), json!(["credentials", "secretAccessKey"])),
        (
            "credentials",
            json!({"accessKeyId": "a", "secretAccessKey": RIGHT, "region": "a.b"}),
            json!(["credentials", "region"]),
        ),
        ("name", json!("two words"), json!(["name"])),
        ("description", json!("x".repeat(257)), json!(["description"])),
        ("gatewayId", json!("g"), json!(["gatewayId"])),
        ("isPlatformManagedCredentials", json!(true), json!(["isPlatformManagedCredentials"])),
    ] {
        let mut request = connection("production", RIGHT);
        request[member] = value;
        let refused = api.admin().post(AWS, &request).await.infisical_error(422, "ValidationFailure");
        assert_eq!(refused.json["message"][0]["path"], at, "{}", refused.text);
    }
    assert_eq!(plugins.sessions(), 0, "the vendor is not asked about what is wrong already");
    let mut tidied = connection(" production ", &format!(" {RIGHT}\n"));
    tidied["surprise"] = json!(1);
    tidied["gatewayId"] = Value::Null;
    assert_eq!(api.admin().post(AWS, &tidied).await.expect(200).text_at("/appConnection/name"), "production");
}

#[tokio::test]
async fn names_are_one_of_their_kind_and_apps_are_held_apart() {
    let (api, _) = start().await;
    api.plugin(&fake_plugins::http()).await;
    let made = connected(&api, "production").await;
    let taken = api.admin().post(AWS, &connection("production", RIGHT)).await.infisical_error(400, "BadRequest");
    assert!(message(&taken).contains("`production` exists"));
    let other = path_of(&connected(&api, "other").await);
    api.admin().patch(&other, &json!({"name": "production"})).await.infisical_error(400, "BadRequest");
    api.admin().patch(&other, &json!({"name": "other"})).await.expect(200);

    let elsewhere = path_of(&made).replace("/aws/", "/http/");
    api.admin().get(&elsewhere).await.infisical_error(400, "BadRequest");
    let unknown = format!("{AWS}/0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20");
    api.admin().get(&unknown).await.infisical_error(404, "NotFound");
    api.admin().get(&format!("{AWS}/connection-name/nobody?projectId=acme")).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn a_connection_belongs_to_its_project() {
    let (api, _) = start().await;
    let path = path_of(&connected(&api, "production").await);
    api.tenant("other").await;
    let (_, stranger) = api.member("other", "stranger", "OWNER").await;
    api.bearer(&stranger).get(&path).await.infisical_error(404, "NotFound");
    api.bearer(&stranger).delete(&path).await.infisical_error(404, "NotFound");
    let (_, reader) = api.member("acme", "reader", "READER").await;
    api.bearer(&reader).get(&path).await.expect(200);
    api.bearer(&reader).post(AWS, &connection("mine", RIGHT)).await.infisical_error(403, "PermissionDenied");
    api.bearer(&reader).delete(&path).await.infisical_error(403, "PermissionDenied");

    // Made without naming a project, it belongs to the caller's home, and says so by null.
    let (_, owner) = api.member("acme", "owner", "OWNER").await;
    let mut request = connection("at-home", RIGHT);
    request.as_object_mut().expect("an object").remove("projectId");
    let made = api.bearer(&owner).post(AWS, &request).await.expect(200);
    assert_eq!(made.json["appConnection"]["projectId"], Value::Null);
    let listed = api.bearer(&owner).get("/api/v1/app-connections").await.expect(200);
    assert_eq!(listed.json["appConnections"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn live_options_have_the_shape_that_clients_expect() {
    let (api, plugins) = start().await;
    let path = path_of(&connected(&api, "production").await);
    let keys = api.admin().get(&format!("{path}/kms-keys?region=eu-west-1")).await.expect(200);
    let first = &keys.json["kmsKeys"][0];
    assert_eq!((first["id"].as_str(), first.as_object().map(|item| item.len())), (Some("eu-west-1"), Some(2)));
    assert!(first["alias"].as_str().expect("a label").starts_with("destination kmsKeyId"));
    assert_eq!(plugins.last_view().settings["region"], "eu-west-1", "the region of the query is asked");
    api.admin().get(&format!("{path}/kms-keys?region=a.b")).await.infisical_error(422, "ValidationFailure");
    api.admin().get(&format!("{path}/buckets")).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn both_dialects_see_one_connection() {
    let (api, _) = start().await;
    let made = connected(&api, "production").await;
    let configs = "/v1/tenants/acme/integrations/aws-parameter-store/configs";
    let config = format!("{configs}/{}", made["id"].as_str().expect("an id"));
    let native = api.admin().get(&config).await.expect(200);
    assert_eq!((&native.json["displayName"], &native.json["hasAuth"]), (&json!("production"), &json!(true)));
    assert_eq!(native.json["lastVerification"]["success"], true, "{}", native.text);
    assert_eq!(native.json["publishedVersion"], 1, "{}", native.text);
    api.admin().patch(&config, &json!({"displayName": "renamed"})).await.expect(200);
    let read = api.admin().get(&path_of(&made)).await.expect(200);
    assert_eq!(read.json["appConnection"]["name"], "renamed");
    assert_eq!(read.json["appConnection"]["credentialsHash"], made["credentialsHash"]);

    let auth = json!({"integrationAuthMetadataId": "access-key",
        "parameters": {"accessKeyId": "AKIANATIVE", "secretAccessKey": RIGHT}});
    let draft = json!({"displayName": "native", "parameters": {"region": "eu-west-1", "retries": 5, "proxyPassword": "pw"}, "auth": auth});
    let id = api.admin().post(configs, &draft).await.expect(201).text_at("/id");
    api.admin().get(&format!("{AWS}/{id}")).await.infisical_error(404, "NotFound");
    api.admin().post(&format!("{configs}/{id}:publish"), &json!({})).await.expect(200);
    let shown = api.admin().get(&format!("{AWS}/{id}")).await.expect(200).json["appConnection"].clone();
    assert_eq!((&shown["name"], &shown["method"]), (&json!("native"), &json!("access-key")));
    assert_eq!(shown["credentials"], json!({"accessKeyId": "AKIANATIVE", "region": "eu-west-1"}));

    let credentials = json!({"credentials": {"accessKeyId": "AKIANEW", "secretAccessKey": RIGHT}});
    api.admin().patch(&format!("{AWS}/{id}"), &credentials).await.expect(200);
    let native = api.admin().get(&format!("{configs}/{id}")).await.expect(200);
    let kept = json!({"region": "eu-west-1", "retries": 5, "proxyPassword": "********"});
    assert_eq!(native.json["parameters"], kept, "what credentials do not say stays");

    let deleted = api.admin().delete(&path_of(&made)).await.expect(200);
    assert_eq!(deleted.json["appConnection"]["id"], made["id"]);
    api.admin().get(&config).await.problem(404, "not_found");
    api.admin().get(&path_of(&made)).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn a_connection_that_goes_natively_is_gone_here() {
    let (api, _) = start().await;
    let made = connected(&api, "production").await;
    let config = made["id"].as_str().expect("an id");
    let native = format!("/v1/tenants/acme/integrations/aws-parameter-store/configs/{config}");
    api.admin().delete(&native).await.expect(204);
    api.admin().get(&path_of(&made)).await.infisical_error(404, "NotFound");
    let by_name = format!("{AWS}/connection-name/production?projectId=acme");
    api.admin().get(&by_name).await.infisical_error(404, "NotFound");
    let listed = api.admin().get(&format!("{AWS}?projectId=acme")).await.expect(200);
    assert_eq!(listed.json["appConnections"], json!([]));
}
