//! Integration auths: credentials that go in and never come out.

use super::{AUTH, INTEGRATION, SECRET, World};
use serde_json::{Value, json};

#[tokio::test]
async fn credentials_are_live_at_once_and_never_come_back() {
    let world = World::new().await;
    let mut credentials = world.credentials();
    credentials["namespace"] = json!("team");
    let made = world.post(&format!("{AUTH}/access-token/"), &credentials).await.expect(200);
    let id = made.text_at("/integrationAuth/id");
    let shown = &made.json["integrationAuth"];
    let expected = json!({"id": id, "projectId": world.project, "integration": "cloud-parameters", "teamId": null,
        "url": null, "namespace": "team", "accountId": null, "metadata": null, "createdAt": shown["createdAt"],
        "updatedAt": shown["updatedAt"]});
    assert_eq!(*shown, expected);
    let read = world.get(&format!("{AUTH}/{id}")).await.expect(200);
    assert_eq!(read.json["integrationAuth"], expected);
    let config = format!("/v1/tenants/acme/integrations/cloud-parameters/configs/{id}");
    let native = world.get(&config).await.expect(200);
    assert_eq!((&native.json["publishedVersion"], &native.json["hasAuth"]), (&json!(1), &json!(true)));
    assert_eq!(native.json["authMethodId"], "access-key");
    assert_eq!((&native.json["parameters"], &native.json["openParameters"]), (&json!({}), &json!(["region"])));
    // And what was read natively can be sent back natively.
    world.patch(&config, &native.json).await.expect(200);
    for answer in [made, read, native] {
        assert!(!answer.text.contains(SECRET) && !answer.text.contains("AKIAEXAMPLE"), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_given_tells_the_auth_method() {
    let world = World::new().await;
    let mut role = world.credentials();
    role["awsAssumeIamRoleArn"] = json!("arn:aws:iam::111122223333:role/sync");
    let id = world.post(&format!("{AUTH}/access-token"), &role).await.expect(200).text_at("/integrationAuth/id");
    let config = format!("/v1/tenants/acme/integrations/cloud-parameters/configs/{id}");
    assert_eq!(world.get(&config).await.expect(200).json["authMethodId"], "assume-role");

    for (member, value, path) in [
        ("accessToken", Value::Null, "accessToken"),
        ("accessId", json!(""), "accessId"),
        ("refreshToken", json!("r"), "refreshToken"),
        ("url", json!("not an address"), "url"),
        ("workspaceId", Value::Null, "projectId"),
        ("integration", Value::Null, "integration"),
    ] {
        let mut wrong = world.credentials();
        wrong[member] = value;
        let refused = world.post(&format!("{AUTH}/access-token"), &wrong).await;
        let refused = refused.infisical_error(422, "ValidationFailure");
        assert_eq!(refused.json["message"][0]["path"], json!([path]), "{}", refused.text);
        assert!(!refused.text.contains(SECRET));
    }
    let mut unknown = world.credentials();
    unknown["integration"] = json!("unheard-of");
    world.post(&format!("{AUTH}/access-token"), &unknown).await.infisical_error(404, "NotFound");
}

#[tokio::test]
async fn a_role_alone_is_told_what_else_it_takes() {
    let world = World::new().await;
    let role = json!({"workspaceId": "acme", "integration": "cloud-parameters",
        "awsAssumeIamRoleArn": "arn:aws:iam::111122223333:role/sync"});
    let refused = world.post(&format!("{AUTH}/access-token"), &role).await.infisical_error(422, "ValidationFailure");
    let paths: Vec<&Value> = refused.json["message"].as_array().into_iter().flatten().map(|i| &i["path"][0]).collect();
    assert_eq!(paths, ["accessId", "accessToken"]);
}

#[tokio::test]
async fn an_integration_has_its_other_names_and_is_offered() {
    let world = World::new().await;
    let mut credentials = world.credentials();
    credentials["integration"] = json!("cloud-parameter");
    let made = world.post(&format!("{AUTH}/access-token"), &credentials).await.expect(200);
    assert_eq!(made.json["integrationAuth"]["integration"], "cloud-parameter", "as it was sent");
    let options = world.get(&format!("{AUTH}/integration-options")).await.expect(200);
    let expected = json!([{"name": "Cloud Parameters", "slug": "cloud-parameter", "image": "cloud", "isAvailable": true,
        "type": "aws", "clientId": "", "docsLink": "https://docs.example.com/parameters"}]);
    assert_eq!(options.json["integrationOptions"], expected);
}

#[tokio::test]
async fn a_credential_is_replaced_and_another_address_needs_it_again() {
    let world = World::new().await;
    let id = world.integration().await;
    let auth = world.read(&id).await["integrationAuthId"].as_str().expect("an id").to_owned();
    world.run().await;
    let path = format!("{AUTH}/{auth}");
    world.patch(&path, &json!({"url": "https://evil.example.com"})).await.infisical_error(400, "BadRequest");
    assert_eq!(world.get(&path).await.json["integrationAuth"]["url"], Value::Null);
    let refused = world.patch(&path, &json!({"accessToken": "alone"})).await.infisical_error(422, "ValidationFailure");
    assert_eq!(refused.json["message"][0]["path"], json!(["accessId"]));

    let again = json!({"accessId": "AKIAOTHER", "accessToken": SECRET, "url": "https://parameters.example.com"});
    let changed = world.patch(&path, &again).await.expect(200);
    assert_eq!(changed.json["integrationAuth"]["url"], "https://parameters.example.com");
    assert!(!changed.text.contains(SECRET));
    let native = world.get(&format!("/v1/tenants/acme/integrations/cloud-parameters/configs/{auth}")).await.expect(200);
    assert_eq!(native.json["publishedVersion"], 2);
    assert_eq!(world.native(&id).await["state"], "PENDING", "its syncs run with it");
}

#[tokio::test]
async fn its_integrations_go_with_it_and_destinations_stay() {
    let world = World::new().await;
    let id = world.integration().await;
    world.run().await;
    let auth = world.read(&id).await["integrationAuthId"].as_str().expect("an id").to_owned();
    let gone = world.api.admin().delete(&format!("{AUTH}/{auth}")).await.expect(200);
    assert_eq!(gone.json["integrationAuth"]["id"], auth);
    for path in [format!("{AUTH}/{auth}"), format!("{INTEGRATION}/{id}")] {
        world.get(&path).await.infisical_error(404, "NotFound");
    }
    world.settle().await;
    assert_eq!(world.shelf.items().len(), 2, "the destination is left alone");
    assert!(world.get("/v1/tenants/acme/syncs").await.json["items"].as_array().is_some_and(Vec::is_empty));
}

#[tokio::test]
async fn all_of_an_integration_go_at_once() {
    let world = World::new().await;
    let auths = [world.auth().await, world.auth().await];
    let query = format!("{AUTH}?integration=cloud-parameters&projectId={}", world.project);
    let gone = world.api.admin().delete(&query).await.expect(200);
    let gone: Vec<&Value> = gone.json["integrationAuth"].as_array().into_iter().flatten().map(|a| &a["id"]).collect();
    assert_eq!(gone, auths.each_ref());
    let refused = world.api.admin().delete(AUTH).await.infisical_error(422, "ValidationFailure");
    assert_eq!(refused.json["message"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn strangers_find_nothing_and_readers_change_nothing() {
    let world = World::new().await;
    let id = world.integration().await;
    let auth = world.read(&id).await["integrationAuthId"].as_str().expect("an id").to_owned();
    world.api.tenant("other").await;
    let (_, stranger) = world.api.member("other", "stranger", "OWNER").await;
    let (_, reader) = world.api.member("acme", "reader", "READER").await;
    let (stranger, reader) = (world.api.bearer(&stranger), world.api.bearer(&reader));
    let paths = [format!("{AUTH}/{auth}"), format!("{INTEGRATION}/{id}")];
    for path in &paths {
        stranger.get(path).await.infisical_error(404, "NotFound");
        stranger.delete(path).await.infisical_error(404, "NotFound");
        reader.get(path).await.expect(200);
        reader.delete(path).await.infisical_error(403, "PermissionDenied");
        reader.patch(path, &json!({})).await.infisical_error(403, "PermissionDenied");
    }
    let documented = world.documented().await;
    reader.post(INTEGRATION, &documented).await.infisical_error(403, "PermissionDenied");
    stranger.post(INTEGRATION, &documented).await.infisical_error(404, "NotFound");
    reader.post(&format!("{INTEGRATION}/{id}/sync"), &json!({})).await.infisical_error(403, "PermissionDenied");
    stranger.get(&format!("/api/v1/workspace/{}/integrations", world.project)).await.infisical_error(404, "NotFound");
}
