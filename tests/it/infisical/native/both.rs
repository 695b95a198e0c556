//! One object, two dialects.

use super::{AUTH, INTEGRATION, World};
use serde_json::{Value, json};

#[tokio::test]
async fn a_sync_of_the_native_dialect_is_an_integration() {
    let world = World::new().await;
    let configs = "/v1/tenants/acme/integrations/cloud-parameters/configs";
    let auth = json!({"integrationAuthMetadataId": "access-key",
        "parameters": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "x"}});
    let body = json!({"displayName": "native", "parameters": {"region": "eu-west-1"}, "auth": auth});
    let config = world.post(configs, &body).await.expect(201).text_at("/id");
    world.post(&format!("{configs}/{config}:publish"), &json!({})).await.expect(200);
    let sync = json!({"id": "native", "displayName": "Native", "integration": "cloud-parameters", "config": config,
        "source": {"environment": "dev", "path": "/app"}, "destination": {"path": "/x/"},
        "options": {"keyPrefix": "P_", "deletion": "NEVER"}});
    let uid = world.post("/v1/tenants/acme/syncs", &sync).await.expect(201).text_at("/uid");

    let listed = world.get(&format!("/api/v1/workspace/{}/integrations", world.project)).await.expect(200);
    let shown = &listed.json["integrations"][0];
    assert_eq!(*shown, world.read(&uid).await);
    for (name, expected) in [
        ("id", json!(uid)),
        ("integrationAuthId", json!(config)),
        ("region", json!("eu-west-1")),
        ("path", json!("/x/")),
        ("app", json!("Native")),
        ("secretPath", json!("/app")),
        ("integration", json!("cloud-parameter")),
        ("metadata", json!({"secretPrefix": "P_", "shouldDisableDelete": true})),
        ("isActive", json!(true)),
        ("isSynced", Value::Null),
    ] {
        assert_eq!(shown[name], expected, "{name}");
    }
    let changed = world.patch(&format!("{INTEGRATION}/{uid}"), &json!({"owner": "me", "path": "y"})).await.expect(200);
    let shown = &changed.json["integration"];
    assert_eq!((&shown["owner"], &shown["path"], &shown["region"]), (&json!("me"), &json!("y"), &json!("eu-west-1")));
    assert_eq!(world.native(&uid).await["destination"], json!({"path": "/y/"}));
    assert_eq!(world.native(&uid).await["options"]["keyPrefix"], "P_", "what is not said stays");
}

#[tokio::test]
async fn a_change_in_the_native_dialect_is_seen_and_what_it_leaves_stays_as_sent() {
    let world = World::new().await;
    let mut body = world.documented().await;
    body["path"] = json!("team");
    body["owner"] = json!("me");
    body["metadata"] = json!({"secretPrefix": "P_", "mine": "kept"});
    let id = world.post(INTEGRATION, &body).await.expect(200).text_at("/integration/id");
    let slug = world.native(&id).await["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/tenants/acme/syncs/{slug}");
    let change = json!({"destination": {"path": "/native/"}, "displayName": "renamed",
        "options": {"keyPrefix": "", "keySuffix": "_N", "deletion": "NEVER"}});
    world.patch(&path, &change).await.expect(200);
    let shown = world.read(&id).await;
    assert_eq!((&shown["path"], &shown["app"]), (&json!("/native/"), &json!("renamed")));
    assert_eq!((&shown["owner"], &shown["region"]), (&json!("me"), &json!("us-east-1")));
    let metadata = json!({"mine": "kept", "secretPrefix": "", "secretSuffix": "_N", "shouldDisableDelete": true});
    assert_eq!(shown["metadata"], metadata);
    // And what was read natively can be sent back natively.
    let native = world.get(&path).await.expect(200).json;
    world.patch(&path, &native).await.expect(200);
    assert_eq!(world.read(&id).await["metadata"], metadata);

    world.post(&format!("{path}:pause"), &json!({})).await.expect(200);
    assert_eq!(world.read(&id).await["isActive"], false);
    world.api.admin().delete(&path).await.expect(204);
    world.get(&format!("{INTEGRATION}/{id}")).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn a_folder_that_is_renamed_takes_its_integration_along() {
    let world = World::new().await;
    let id = world.integration().await;
    let folder = "/v1/tenants/acme/environments/dev/folders?path=/app";
    world.patch(folder, &json!({"name": "renamed"})).await.expect(200);
    assert_eq!(world.read(&id).await["secretPath"], "/renamed");
}

#[tokio::test]
async fn an_integration_whose_folder_is_gone_goes_on_only_with_a_folder_that_is_named() {
    let world = World::new().await;
    let id = world.integration().await;
    world.settle().await;
    let folders = "/v1/tenants/acme/environments/dev/folders";
    world.patch(&format!("{folders}?path=/app"), &json!({"name": "renamed"})).await.expect(200);
    world.post(folders, &json!({"path": "/app"})).await.expect(201);
    for name in ["A", "B"] {
        let secret = format!("/v1/tenants/acme/environments/dev/secrets/renamed/{name}");
        world.api.admin().delete(&secret).await.expect(204);
    }
    world.api.admin().delete(&format!("{folders}?path=/renamed")).await.expect(204);
    world.settle().await;
    let path = format!("{INTEGRATION}/{id}");
    world.patch(&path, &json!({"isActive": true})).await.infisical_error(404, "NotFound");
    world.patch(&path, &json!({"owner": "me"})).await.infisical_error(404, "NotFound");
    world.patch(&path, &json!({"secretPath": "/app"})).await.expect(200);
}

#[tokio::test]
async fn what_goes_in_one_dialect_is_gone_in_the_other() {
    let world = World::new().await;
    let configs = "/v1/tenants/acme/integrations/cloud-parameters/configs";
    let id = world.integration().await;
    world.run().await;
    let auth = world.read(&id).await["integrationAuthId"].as_str().expect("an id").to_owned();
    let native = format!("/v1/tenants/acme/syncs/{}", world.native(&id).await["id"].as_str().expect("an id"));
    world.get(&native).await.expect(200);
    world.get(&format!("{configs}/{auth}")).await.expect(200);
    world.api.admin().delete(&format!("{INTEGRATION}/{id}")).await.expect(200);
    world.get(&native).await.problem(404, "not_found");
    world.api.admin().delete(&format!("{AUTH}/{auth}")).await.expect(200);
    world.get(&format!("{configs}/{auth}")).await.problem(404, "not_found");

    let other = world.auth().await;
    world.api.admin().delete(&format!("{configs}/{other}")).await.expect(204);
    world.get(&format!("{AUTH}/{other}")).await.infisical_error(404, "NotFound");
}
