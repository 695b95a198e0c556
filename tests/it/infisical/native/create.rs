//! Making integrations.

use super::{AUTH, INTEGRATION, World};
use serde_json::{Value, json};

/// The members of the documented response, in its order.
const DOCUMENTED: [&str; 25] = [
    "id",
    "isActive",
    "url",
    "app",
    "appId",
    "targetEnvironment",
    "targetEnvironmentId",
    "targetService",
    "targetServiceId",
    "owner",
    "path",
    "region",
    "scope",
    "integration",
    "metadata",
    "integrationAuthId",
    "envId",
    "secretPath",
    "createdAt",
    "updatedAt",
    "lastUsed",
    "isSynced",
    "syncMessage",
    "lastSyncJobId",
    "environment",
];

fn names(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_five_documented_members_are_enough_and_the_answer_is_as_documented() {
    let world = World::new().await;
    let documented = world.documented().await;
    let made = world.post(INTEGRATION, &documented).await.expect(200);
    let shown = &made.json["integration"];
    let mut expected = DOCUMENTED;
    expected.sort_unstable();
    let mut found = names(shown);
    found.sort_unstable();
    assert_eq!(found, expected);
    let environments = world.get("/v1/tenants/acme/environments").await.expect(200);
    let environment = &environments.json["items"][0]["uid"];
    let fixed = json!({
        "id": shown["id"], "isActive": true, "url": null, "app": "my app", "appId": null, "targetEnvironment": null,
        "targetEnvironmentId": null, "targetService": null, "targetServiceId": null, "owner": null, "path": null,
        "region": "us-east-1", "scope": null, "integration": "cloud-parameters", "metadata": {},
        "integrationAuthId": documented["integrationAuthId"], "envId": environment, "secretPath": "/app",
        "createdAt": shown["createdAt"], "updatedAt": shown["updatedAt"], "lastUsed": null, "isSynced": null,
        "syncMessage": null, "lastSyncJobId": null,
        "environment": {"slug": "dev", "name": "Development", "id": environment}});
    assert_eq!(*shown, fixed);
    assert!(made.text_at("/integration/createdAt").ends_with('Z'));
}

#[tokio::test]
async fn a_sync_begins_at_once_and_its_outcome_is_told() {
    let world = World::new().await;
    let id = world.integration().await;
    world.run().await;
    assert_eq!(*world.shelf.items(), [("A", "1"), ("B", "2")].map(|(key, value)| (key.into(), value.into())).into());
    let shown = world.read(&id).await;
    assert_eq!((&shown["isSynced"], &shown["syncMessage"]), (&json!(true), &json!("")));
    let native = world.native(&id).await;
    assert_eq!(shown["lastSyncJobId"], native["lastRun"]["id"]);
    assert!(shown["lastUsed"].as_str().is_some_and(|at| at.ends_with('Z')), "{shown:#}");
    assert_eq!((&native["displayName"], &native["parameters"]), (&json!("my app"), &json!({"region": "us-east-1"})));
}

#[tokio::test]
async fn everything_that_is_sent_comes_back_as_it_was_sent() {
    let world = World::new().await;
    let mut sent = world.documented().await;
    let metadata = json!({"secretPrefix": "P_", "secretSuffix": "_S", "initialSyncBehavior": "overwrite-target",
        "mappingBehavior": "one-to-one", "shouldAutoRedeploy": true, "secretAWSTag": [{"key": "team", "value": "web"}],
        "kmsKeyId": "alias/own", "shouldDisableDelete": true, "metadataSyncMode": "custom",
        "githubVisibilityRepoIds": ["1"], "never-heard-of": {"deep": [1, null]}});
    for (name, value) in [
        ("isActive", json!(true)),
        ("secretPath", json!("/app/")),
        ("appId", json!("app-1")),
        ("targetEnvironment", json!("production")),
        ("targetEnvironmentId", json!("e-1")),
        ("targetService", json!("api")),
        ("targetServiceId", json!("s-1")),
        ("owner", json!("me")),
        ("path", json!("team/app")),
        ("scope", json!("whole")),
        ("metadata", metadata),
    ] {
        sent[name] = value;
    }
    let made = world.post(INTEGRATION, &sent).await.expect(200);
    let id = made.text_at("/integration/id");
    let shown = world.read(&id).await;
    for name in
        ["app", "appId", "targetEnvironment", "targetEnvironmentId", "targetService", "targetServiceId", "owner"]
    {
        assert_eq!(shown[name], sent[name], "{name}");
    }
    for name in ["path", "region", "scope", "metadata", "isActive", "integrationAuthId"] {
        assert_eq!(shown[name], sent[name], "{name}");
    }
    assert_eq!(shown["secretPath"], "/app", "a slash at the end is not kept");
    let native = world.native(&id).await;
    let tags = json!([{"key": "team", "value": "web"}]);
    assert_eq!(native["destination"], json!({"path": "/team/app/", "kmsKeyId": "alias/own", "tags": tags}));
    let options = &native["options"];
    assert_eq!((&options["keyPrefix"], &options["keySuffix"]), (&json!("P_"), &json!("_S")));
    assert_eq!((&options["deletion"], &options["onConflict"]), (&json!("NEVER"), &json!("OVERWRITE")));
    world.run().await;
    assert_eq!(world.shelf.items().keys().collect::<Vec<_>>(), ["P_A_S", "P_B_S"]);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    let world = World::new().await;
    let documented = world.documented().await;
    let without = |name: &str| {
        let mut body = documented.clone();
        body.as_object_mut().expect("an object").remove(name);
        body
    };
    let with = |name: &str, value: Value| {
        let mut body = documented.clone();
        body[name] = value;
        body
    };
    for (body, path) in [
        (without("region"), json!(["region"])),
        (with("region", json!("")), json!(["region"])),
        (with("region", json!("nowhere")), json!(["region"])),
        (without("integrationAuthId"), json!(["integrationAuthId"])),
        (without("sourceEnvironment"), json!(["sourceEnvironment"])),
        (with("path", json!("/no spaces/")), json!(["path"])),
        (with("secretPath", json!("app")), json!(["secretPath"])),
        (with("metadata", json!({"initialSyncBehavior": "sideways"})), json!(["metadata", "initialSyncBehavior"])),
        (with("metadata", json!({"secretPrefix": 7})), json!(["metadata", "secretPrefix"])),
        (with("metadata", json!("text")), json!(["metadata"])),
        (with("app", json!(["x"])), json!(["app"])),
    ] {
        let refused = world.post(INTEGRATION, &body).await.infisical_error(422, "ValidationFailure");
        assert_eq!(refused.json["message"][0]["path"], path, "{}", refused.text);
    }
    for body in [
        with("integrationAuthId", json!("0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")),
        with("integrationAuthId", json!("no uuid")),
        with("sourceEnvironment", json!("nowhere")),
        with("secretPath", json!("/nowhere")),
    ] {
        world.post(INTEGRATION, &body).await.infisical_error(404, "NotFound");
    }
    assert!(world.get("/v1/tenants/acme/syncs").await.json["items"].as_array().is_some_and(Vec::is_empty));
    world.post(INTEGRATION, &without("app")).await.expect(200);
    let root = world.post(INTEGRATION, &without("secretPath")).await.expect(200);
    assert_eq!(root.json["integration"]["secretPath"], "/");
}

#[tokio::test]
async fn an_inactive_integration_does_not_run_until_it_is_activated() {
    let world = World::new().await;
    let mut body = world.documented().await;
    body["isActive"] = json!(false);
    let made = world.post(INTEGRATION, &body).await.expect(200);
    assert_eq!(made.json["integration"]["isActive"], false);
    let id = made.text_at("/integration/id");
    world.set("A", "changed").await;
    world.settle().await;
    assert!(world.shelf.items().is_empty());
    assert_eq!(world.native(&id).await["state"], "PAUSED");
    world.post(&format!("{INTEGRATION}/{id}/sync"), &json!({})).await.infisical_error(400, "BadRequest");
    let activated = world.patch(&format!("{INTEGRATION}/{id}"), &json!({"isActive": true})).await.expect(200);
    assert_eq!(activated.json["integration"]["isActive"], true);
    world.settle().await;
    assert_eq!(world.shelf.items()["A"], "changed");
}

#[tokio::test]
async fn whoever_entered_a_credential_says_with_the_first_integration_where_it_leads() {
    let world = World::new().await;
    let mut body = world.documented().await;
    body["url"] = json!("https://parameters.example.com/");
    let (_, other) = world.api.member("acme", "other", "OWNER").await;
    let refused = world.api.bearer(&other).post(INTEGRATION, &body).await.infisical_error(422, "ValidationFailure");
    assert_eq!(refused.json["message"][0]["path"], json!(["url"]), "somebody else does not");

    let made = world.post(INTEGRATION, &body).await.expect(200);
    assert_eq!(made.json["integration"]["url"], "https://parameters.example.com/");
    let auth = format!("{AUTH}/{}", body["integrationAuthId"].as_str().expect("an id"));
    let shown = world.get(&auth).await.expect(200);
    assert_eq!(shown.json["integrationAuth"]["url"], "https://parameters.example.com");
    world.run().await;
    assert_eq!(world.read(&made.text_at("/integration/id")).await["isSynced"], true);

    body["url"] = json!("https://elsewhere.example.com");
    world.post(INTEGRATION, &body).await.infisical_error(422, "ValidationFailure");
    let mut later = world.documented().await;
    world.post(INTEGRATION, &later).await.expect(200);
    later["url"] = json!("https://parameters.example.com");
    world.post(INTEGRATION, &later).await.infisical_error(422, "ValidationFailure");
}

#[tokio::test]
async fn who_made_a_connection_does_not_lead_a_credential_astray_that_another_entered() {
    let world = World::new().await;
    let body = world.documented().await;
    let auth = format!("{AUTH}/{}", body["integrationAuthId"].as_str().expect("an id"));
    let (_, other) = world.api.member("acme", "other", "OWNER").await;
    let other = world.api.bearer(&other);
    let theirs = json!({"accessId": "AKIATHEIRS", "accessToken": "theirs"});
    other.patch(&auth, &theirs).await.expect(200);
    let mut astray = body.clone();
    astray["url"] = json!("https://evil.example.com");
    world.post(INTEGRATION, &astray).await.infisical_error(422, "ValidationFailure");
    assert_eq!(world.get(&auth).await.expect(200).json["integrationAuth"]["url"], Value::Null);
    astray["url"] = json!("https://parameters.example.com");
    other.post(INTEGRATION, &astray).await.expect(200);
}

#[tokio::test]
async fn an_address_is_the_connections_or_none() {
    let world = World::new().await;
    let mut credentials = world.credentials();
    credentials["url"] = json!("https://parameters.example.com/");
    let auth = world.post(&format!("{AUTH}/access-token"), &credentials).await.expect(200);
    assert_eq!(auth.json["integrationAuth"]["url"], "https://parameters.example.com/");
    let mut body = world.documented().await;
    body["integrationAuthId"] = auth.json["integrationAuth"]["id"].clone();
    body["url"] = json!("https://elsewhere.example.com");
    let refused = world.post(INTEGRATION, &body).await.infisical_error(422, "ValidationFailure");
    assert_eq!(refused.json["message"][0]["path"], json!(["url"]));
    body["url"] = json!("https://PARAMETERS.example.com");
    let made = world.post(INTEGRATION, &body).await.expect(200);
    assert_eq!(made.json["integration"]["url"], "https://PARAMETERS.example.com");
}
