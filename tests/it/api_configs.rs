//! Configs: drafts, publication, masks, and credentials bound to where they were entered for.

use std::sync::Arc;

use keyferry::domain::id::ConnectionUid;
use keyferry::ports::kv::{KeyRange, KvStore as _};
use keyferry::service::destinations::{Destinations as _, OpenDestination, Target};
use keyferry_tests::api::{Answer, TestApi};
use keyferry_tests::fake_plugins::{FakePlugins, RIGHT, parameter_store};
use serde_json::{Map, Value, json};

const CONFIGS: &str = "/v1/tenants/acme/integrations/aws-parameter-store/configs";
/// What stands in place of every secret.
const MASK: &str = "********";
const REFUSED: &str = "credential_rebind_refused";

async fn start() -> (TestApi, Arc<FakePlugins>) {
    let plugins = FakePlugins::new();
    let api = TestApi::with_plugins(&plugins).await;
    api.tenant("acme").await;
    api.plugin(&parameter_store()).await;
    (api, plugins)
}

fn staging() -> Value {
    json!({"displayName": "staging account",
        "parameters": {"region": "us-east-1", "endpoint": "http://127.0.0.1:5000"},
        "auth": {"integrationAuthMetadataId": "access-key", "level": "APPLICATION",
            "parameters": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": RIGHT}}})
}

async fn made(api: &TestApi) -> (Answer, String) {
    let made = api.admin().post(CONFIGS, &staging()).await.expect(201);
    let path = made.header("location").to_owned();
    (made, path)
}

async fn opened(api: &TestApi, config: &str) -> keyferry::domain::Result<OpenDestination> {
    let tenant = api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid");
    let integration = "aws-parameter-store".parse().expect("a slug");
    let destination = json!({"path": "/app/"});
    let target = Target {
        integration: &integration,
        config: Some(config.parse::<ConnectionUid>().expect("a uid")),
        parameters: &Map::new(),
        destination: destination.as_object().expect("an object"),
    };
    api.services.connections.open(tenant.parse().expect("a uid"), target).await
}

#[tokio::test]
async fn a_config_is_made_as_printed_and_shows_no_credential() {
    let (api, _) = start().await;
    let (made, path) = made(&api).await;
    assert!(!made.text.contains(RIGHT) && !made.text.contains("AKIAEXAMPLE"), "{}", made.text);
    let id = made.text_at("/id");
    assert_eq!(path, format!("{CONFIGS}/{id}"));
    let identity = made.text_at("/createdBy");
    assert_eq!(
        made.json,
        json!({"id": id, "integrationId": "aws-parameter-store", "displayName": "staging account",
            "parameters": {"region": "us-east-1", "endpoint": "http://127.0.0.1:5000", "retries": 3},
            "hasAuth": true, "hasAuthMap": false, "authMethodId": "access-key",
            "auth": {"integrationAuthMetadataId": "access-key", "level": "APPLICATION", "grantedScopes": []},
            "authMapEntries": [], "caBundle": null, "sandboxMode": "NONE", "sandboxVariant": null,
            "publishedRevisionId": null, "publishedVersion": null, "lastVerification": null, "createdBy": identity,
            "createdAt": 1_800_000_000_000_i64, "openParameters": [],
            "modifiedAt": 1_800_000_000_000_i64})
    );
    let read = api.admin().get(&path).await.expect(200);
    assert_eq!(read.json, made.json);
    assert_eq!(read.header("etag"), made.header("etag"));
    let list = api.admin().get(CONFIGS).await.expect(200);
    assert_eq!(list.json["items"], json!([made.json]));
    let back = api.admin().patch(&path, &read.json).await.expect(200);
    assert_eq!(back.json, read.json);
}

#[tokio::test]
async fn a_draft_may_be_incomplete_but_not_wrong_and_is_published_only_when_complete() {
    let (api, _) = start().await;
    let draft = api.admin().post(CONFIGS, &json!({"displayName": "later"})).await.expect(201);
    let path = draft.header("location").to_owned();
    let missing = api.admin().post(&format!("{path}:publish"), &json!({})).await.problem(400, "invalid_request");
    let pointers: Vec<&str> =
        missing.json["errors"].as_array().expect("a list").iter().filter_map(|e| e["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/parameters/region", "/auth"]);

    let wrong = json!({"parameters": {"retries": 10, "regoin": "x"}, "auth": {"integrationAuthMetadataId": "access-key",
        "level": "USER", "parameters": {"accessKeyId": 7}}});
    let refused = api.admin().post(CONFIGS, &wrong).await.problem(400, "invalid_request");
    let pointers: Vec<&str> =
        refused.json["errors"].as_array().expect("a list").iter().filter_map(|e| e["pointer"].as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/parameters/regoin",
            "/parameters/region",
            "/parameters/retries",
            "/auth/level",
            "/auth/parameters/accessKeyId",
            "/auth/parameters/secretAccessKey"
        ]
    );

    let whole = json!({"parameters": staging()["parameters"], "auth": staging()["auth"]});
    let updated = api.admin().patch(&path, &whole).await.expect(200);
    assert_eq!(updated.json["displayName"], "later");
    let published = api.admin().post(&format!("{path}:publish"), &json!({"note": "first"})).await.expect(200);
    assert_eq!((&published.json["version"], &published.json["note"]), (&json!(1), &json!("first")));
    assert_eq!(published.json["auth"]["parameters"], json!({}));
    assert!(!published.text.contains(RIGHT) && !published.text.contains("AKIA"), "{}", published.text);
    let read = api.admin().get(&path).await.expect(200);
    assert_eq!(read.json["publishedRevisionId"], published.json["id"]);
    assert_eq!(read.json["publishedVersion"], 1);
}

#[tokio::test]
async fn documented_members_that_are_not_built_are_refused_not_dropped() {
    let (api, _) = start().await;
    let body = json!({"displayName": "a", "authMap": [{}], "sandboxVariant": {}, "oAuthCredentialKey": "k"});
    let refused = api.admin().post(CONFIGS, &body).await.problem(400, "invalid_request");
    for error in refused.json["errors"].as_array().expect("a list") {
        assert_eq!(error["code"], "not_supported");
    }
    assert_eq!(refused.json["errors"].as_array().map(Vec::len), Some(3));
    let body = json!({"displayName": "a", "authMap": null, "sandboxVariant": null, "sandboxMode": "VENDOR",
        "integrationId": "another"});
    let made = api.admin().post(CONFIGS, &body).await.expect(201);
    assert_eq!(
        (&made.json["sandboxMode"], &made.json["integrationId"]),
        (&json!("VENDOR"), &json!("aws-parameter-store"))
    );
}

#[tokio::test]
async fn secrets_show_as_a_fixed_mask_that_keeps_them_when_sent_back() {
    let (api, plugins) = start().await;
    let mut body = staging();
    body["parameters"]["proxyPassword"] = json!("hunter2");
    let made = api.admin().post(CONFIGS, &body).await.expect(201);
    let path = made.header("location").to_owned();
    assert_eq!(made.json["parameters"]["proxyPassword"], MASK);
    assert!(!made.text.contains("hunter2"));

    let mut parameters = made.json["parameters"].clone();
    parameters["retries"] = json!(5);
    let kept = api.admin().patch(&path, &json!({"parameters": parameters})).await.expect(200);
    assert_eq!(kept.json["parameters"]["proxyPassword"], MASK);
    let verified = api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.expect(200);
    assert_eq!(verified.json["success"], true);
    let view = plugins.last_view();
    assert_eq!(view.settings["retries"], 5);
    assert!(!view.settings.contains_key("proxyPassword"), "a secret is no setting");

    parameters.as_object_mut().expect("an object").remove("proxyPassword");
    let dropped = api.admin().patch(&path, &json!({"parameters": parameters})).await.expect(200);
    assert_eq!(dropped.json["parameters"].get("proxyPassword"), None);
    let fresh = json!({"displayName": "x", "parameters": {"region": "eu-west-1", "proxyPassword": MASK}});
    let refused = api.admin().post(CONFIGS, &fresh).await.problem(400, "invalid_request");
    assert_eq!(refused.json["errors"][0]["pointer"], "/parameters/proxyPassword");
}

#[tokio::test]
async fn a_credential_goes_only_where_it_was_entered_for() {
    let (api, plugins) = start().await;
    let (_, path) = made(&api).await;
    let parameters = |region: &str, endpoint: Value| json!({"parameters": {"region": region, "endpoint": endpoint}});
    for (region, endpoint) in [
        ("us-east-1", json!("http://127.0.0.1:5001")),
        ("us-east-1", json!("https://evil.example")),
        ("eu-west-1", json!("http://127.0.0.1:5000")),
    ] {
        api.admin().patch(&path, &parameters(region, endpoint)).await.problem(400, REFUSED);
    }
    let ca = rcgen::generate_simple_self_signed(vec!["evil.example".to_owned()]).expect("a certificate");
    let with_ca = json!({"caBundle": ca.cert.pem()});
    api.admin().patch(&path, &with_ca).await.problem(400, REFUSED);
    api.admin().patch(&path, &json!({"caBundle": "no certificate"})).await.problem(400, "invalid_request");
    let same = json!({"parameters": {"region": "US-EAST-1", "endpoint": "HTTP://127.0.0.1:5000/", "retries": 1}});
    api.admin().patch(&path, &same).await.expect(200);
    api.admin().patch(&path, &parameters("us-east-1", Value::Null)).await.expect(200);
    api.admin().patch(&path, &parameters("us-east-1", json!("https://evil.example"))).await.problem(400, REFUSED);
    assert_eq!(plugins.sessions(), 0);

    let mut entered = parameters("us-east-1", json!("https://other.example"));
    entered["auth"] = staging()["auth"].clone();
    entered["caBundle"] = with_ca["caBundle"].clone();
    api.admin().patch(&path, &entered).await.expect(200);
    api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.expect(200);
    let scope = plugins.last_scope();
    assert_eq!(scope.settings["endpoint"], "https://other.example");
    assert_eq!(scope.ca_bundle, Some(ca.cert.pem()));
}

/// More than the snapshots that any request here takes.
const SNAPSHOTS_MAX: usize = 100;

#[tokio::test]
async fn a_credential_that_is_replaced_while_a_request_is_answered_is_never_missed() {
    let (api, _) = start().await;
    let (_, path) = made(&api).await;
    let settings = json!({"parameters": staging()["parameters"]});
    let verify = format!("{path}:verifyAuth");
    for (method, target, body) in [("PATCH", &path, &settings), ("POST", &verify, &json!({}))] {
        for at in 0..=SNAPSHOTS_MAX {
            assert!(at < SNAPSHOTS_MAX, "a moment at which the request is over must come");
            let (other, path) = (api.clone(), path.clone());
            api.store.after_snapshots(at, async move {
                other.admin().patch(&path, &json!({"auth": staging()["auth"]})).await.expect(200);
            });
            api.admin().call(method.parse().expect("a method"), target, Some(body)).await.expect(200);
            if api.store.forget_interlude() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_verification_is_kept_until_the_connection_changes() {
    let (api, plugins) = start().await;
    let (made, path) = made(&api).await;
    let verified = api.admin().call(http::Method::POST, &format!("{path}:verifyAuth"), None).await.expect(200);
    assert_eq!(verified.json["success"], true);
    let scope = plugins.last_scope();
    assert_eq!(scope.connection.expect("it is stored").to_string(), made.text_at("/id"));
    assert_eq!(scope.auth.credentials["accessKeyId"].expose(), "AKIAEXAMPLE");
    assert!(scope.external_id.is_some());
    let read = api.admin().get(&path).await.expect(200);
    assert_eq!(read.json["lastVerification"]["account"]["id"], "account-1");
    assert_eq!(read.json["lastVerification"]["verifiedAt"], 1_800_000_000_000_i64);
    assert_ne!(read.header("etag"), made.header("etag"));
    let renamed = api.admin().patch(&path, &json!({"displayName": "b"})).await.expect(200);
    assert_eq!(renamed.json["lastVerification"]["success"], true);
    let mut auth = staging()["auth"].clone();
    auth["parameters"]["secretAccessKey"] = json!("wrong");
    let changed = api.admin().patch(&path, &json!({"auth": auth})).await.expect(200);
    assert_eq!(changed.json["lastVerification"], Value::Null);
    let verified = api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.expect(200);
    assert_eq!((&verified.json["success"], &verified.json["code"]), (&json!(false), &json!("credentials_rejected")));
    let indexed = api.admin().post(&format!("{path}:verifyAuth?authMapIndex=0"), &json!({})).await;
    assert_eq!(indexed.problem(400, "invalid_request").json["errors"][0]["code"], "not_supported");
}

#[tokio::test]
async fn syncs_use_the_published_revision_and_never_the_draft() {
    let (api, _) = start().await;
    let (made, path) = made(&api).await;
    let id = made.text_at("/id");
    let unpublished = opened(&api, &id).await.err().expect("a draft is not used");
    assert_eq!(unpublished.violations()[0].pointer, "/config");
    api.admin().post(&format!("{path}:publish"), &json!({})).await.expect(200);
    let first = opened(&api, &id).await.expect("it is published");
    assert_eq!(first.egress.auth.credentials["secretAccessKey"].expose(), RIGHT);
    assert_eq!(Value::Object(first.destination.clone()), json!({"path": "/app/", "tier": "Standard"}));
    assert_eq!(first.rules.batch_size, 10);

    let mut auth = staging()["auth"].clone();
    auth["parameters"]["secretAccessKey"] = json!("newer");
    let body = json!({"auth": auth, "parameters": {"region": "us-east-1", "endpoint": "https://other.example"}});
    api.admin().patch(&path, &body).await.expect(200);
    let still = opened(&api, &id).await.expect("the revision stands");
    assert_eq!(still.egress.auth.credentials["secretAccessKey"].expose(), RIGHT);
    assert_eq!(still.egress.settings["endpoint"], "http://127.0.0.1:5000");
    assert_eq!(still.revision, first.revision);

    api.admin().post(&format!("{path}:publish"), &json!({"note": "second"})).await.expect(200);
    let second = opened(&api, &id).await.expect("it is published");
    assert_eq!(second.egress.auth.credentials["secretAccessKey"].expose(), "newer");
    assert_ne!(second.revision, first.revision);
    let revisions = api.admin().get(&format!("{path}/revisions")).await.expect(200);
    let versions: Vec<&Value> =
        revisions.json["items"].as_array().expect("a list").iter().map(|r| &r["version"]).collect();
    assert_eq!(versions, [2, 1]);
    assert!(!revisions.text.contains(RIGHT) && !revisions.text.contains("newer"));
}

#[tokio::test]
async fn an_earlier_revision_is_used_again_with_its_own_credential() {
    let (api, _) = start().await;
    let (made, path) = made(&api).await;
    let id = made.text_at("/id");
    let used = async || {
        let opened = opened(&api, &id).await.expect("it is published");
        opened.egress.auth.credentials["secretAccessKey"].expose().clone()
    };
    let publish = async || api.admin().post(&format!("{path}:publish"), &json!({})).await.expect(200);
    let first = publish().await.text_at("/id");
    let mut auth = staging()["auth"].clone();
    auth["parameters"]["secretAccessKey"] = json!("newer");
    api.admin().patch(&path, &json!({"auth": auth})).await.expect(200);
    publish().await;
    assert_eq!(used().await, "newer");

    let rollback = format!("{path}:rollback");
    let body = json!({"revisionId": first});
    api.admin().with("if-match", "\"00\"").post(&rollback, &body).await.problem(412, "precondition_failed");
    for unknown in [id.as_str(), "no-uuid"] {
        api.admin().post(&rollback, &json!({"revisionId": unknown})).await.problem(404, "not_found");
    }
    assert_eq!(used().await, "newer", "nothing was changed so far");
    let back = api.admin().post(&rollback, &body).await.expect(200);
    assert_eq!((&back.json["id"], &back.json["version"]), (&json!(first), &json!(1)));
    assert!(!back.text.contains(RIGHT) && !back.text.contains("newer"));
    assert_eq!(used().await, RIGHT);
    let read = api.admin().get(&path).await.expect(200);
    assert_eq!((&read.json["publishedRevisionId"], &read.json["publishedVersion"]), (&json!(first), &json!(1)));

    // The draft stayed, and is the next revision.
    assert_eq!(publish().await.json["version"], 3);
    assert_eq!(used().await, "newer");
}

#[tokio::test]
async fn a_deleted_config_leaves_nothing_behind() {
    let (api, _) = start().await;
    let before = rows(&api).await;
    let (_, path) = made(&api).await;
    api.admin().post(&format!("{path}:publish"), &json!({})).await.expect(200);
    api.admin().patch(&path, &json!({"auth": staging()["auth"]})).await.expect(200);
    let mut auth = staging()["auth"].clone();
    auth["parameters"]["secretAccessKey"] = json!("newer");
    api.admin().patch(&path, &json!({"auth": auth})).await.expect(200);
    api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.expect(200);
    api.admin().delete(&path).await.expect(204);
    api.admin().get(&path).await.problem(404, "not_found");
    api.admin().delete(&path).await.problem(404, "not_found");
    assert_eq!(rows(&api).await, before);
}

/// How many rows there are, the audit log aside.
async fn rows(api: &TestApi) -> usize {
    let snapshot = api.store.snapshot().await.expect("the store works");
    let rows = snapshot.scan(KeyRange { start: Vec::new(), end: None }, usize::MAX).await.expect("the store works");
    rows.iter().filter(|row| row.key.get(16) != Some(&0x60)).count()
}

#[tokio::test]
async fn a_config_belongs_to_one_integration_and_one_tenant() {
    let (api, _) = start().await;
    api.tenant("other").await;
    let (made, path) = made(&api).await;
    let id = made.text_at("/id");
    api.admin().post("/v1/tenants/acme/integrations", &json!({"id": "mine"})).await.expect(201);
    for path in [
        format!("/v1/tenants/acme/integrations/mine/configs/{id}"),
        format!("/v1/tenants/other/integrations/aws-parameter-store/configs/{id}"),
        format!("{CONFIGS}/not-a-uuid"),
    ] {
        api.admin().get(&path).await.problem(404, "not_found");
        api.admin().patch(&path, &json!({"displayName": "x"})).await.problem(404, "not_found");
        api.admin().delete(&path).await.problem(404, "not_found");
    }
    let etag = made.header("etag").to_owned();
    api.admin().patch(&path, &json!({"displayName": "x"})).await.expect(200);
    for path in [path.clone(), format!("{path}:publish")] {
        let method = if path.ends_with("publish") { http::Method::POST } else { http::Method::PATCH };
        let answer = api.admin().with("if-match", &etag).call(method, &path, Some(&json!({}))).await;
        answer.problem(412, "precondition_failed");
    }
    let page = api.admin().get(&format!("{CONFIGS}?pageSize=1")).await.expect(200);
    assert_eq!(page.text_at("/nextPageToken"), "");
}

#[tokio::test]
async fn every_use_of_a_credential_is_audited() {
    let (api, _) = start().await;
    let (_, path) = made(&api).await;
    api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.expect(200);
    let asked = json!({"scope": "CONNECTION", "parameter": "region"});
    api.admin().post(&format!("{path}:choices"), &asked).await.expect(200);
    let (_, auditor) = api.member("acme", "auditor", "AUDITOR").await;
    let log = api.bearer(&auditor).get("/v1/tenants/acme/auditEvents").await.expect(200);
    for action in ["configs.create", "configs.verifyAuth", "configs.choices"] {
        assert!(log.text.contains(action), "{action}: {}", log.text);
    }
    assert!(!log.text.contains(RIGHT) && !log.text.contains("AKIAEXAMPLE"));
}

#[tokio::test]
async fn live_options_are_asked_with_the_drafts_credentials() {
    let (api, plugins) = start().await;
    let (_, path) = made(&api).await;
    let asked = json!({"scope": "connection", "parameter": "region"});
    let found = api.admin().post(&format!("{path}:choices"), &asked).await.expect(200);
    assert_eq!(found.json["choices"][0]["value"], "eu-west-1");
    assert_eq!(plugins.last_scope().auth.credentials["secretAccessKey"].expose(), RIGHT);
}

#[tokio::test]
async fn a_credential_reaches_a_plugin_in_plain_only_by_grant() {
    let (api, plugins) = start().await;
    let body = json!({"displayName": "p", "parameters": {"region": "us-east-1"},
        "auth": {"integrationAuthMetadataId": "plain", "parameters": {"password": RIGHT}}});
    let path = api.admin().post(CONFIGS, &body).await.expect(201).header("location").to_owned();
    api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.problem(409, "grant_missing");
    assert_eq!(plugins.sessions(), 0);
    let grants = json!({"egress": ["ssm"], "plaintext": true});
    api.admin().put("/v1/plugins/aws-parameter-store/grants", &grants).await.expect(200);
    api.admin().post(&format!("{path}:verifyAuth"), &json!({})).await.expect(200);
    let plain = plugins.last_view().plaintext_credentials.expect("it was granted");
    assert_eq!(plain["password"].expose(), RIGHT);
    assert!(plugins.last_scope().auth.credentials.is_empty(), "the broker has nothing to apply");
    let open: Vec<String> = plugins.last_scope().entries.into_iter().map(|entry| entry.id).collect();
    assert_eq!(open, ["ssm"]);
}
