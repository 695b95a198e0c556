//! Changing integrations, running them, and what is told of a run.

use super::{INTEGRATION, World};
use serde_json::json;

#[tokio::test]
async fn what_a_change_leaves_out_stays_and_metadata_is_merged() {
    let world = World::new().await;
    let mut body = world.documented().await;
    body["owner"] = json!("me");
    body["path"] = json!("/one/");
    body["metadata"] = json!({"secretPrefix": "P_", "kmsKeyId": "alias/own", "mine": 1});
    let id = world.post(INTEGRATION, &body).await.expect(200).text_at("/integration/id");
    let change = json!({"path": "/two/", "metadata": {"secretPrefix": "Q_", "kmsKeyId": null, "more": 2}});
    let path = format!("{INTEGRATION}/{id}");
    let changed = world.patch(&path, &change).await.expect(200).json["integration"].clone();
    assert_eq!((&changed["path"], &changed["owner"]), (&json!("/two/"), &json!("me")));
    assert_eq!((&changed["region"], &changed["secretPath"]), (&json!("us-east-1"), &json!("/app")));
    assert_eq!(changed["metadata"], json!({"secretPrefix": "Q_", "mine": 1, "more": 2}));
    assert_eq!(world.native(&id).await["destination"], json!({"path": "/two/"}));
    world.settle().await;
    assert_eq!(world.shelf.items().keys().collect::<Vec<_>>(), ["Q_A", "Q_B"]);

    let refused = world.patch(&path, &json!({"region": "nowhere"})).await.infisical_error(422, "ValidationFailure");
    assert_eq!(refused.json["message"][0]["path"], json!(["region"]));
    world.patch(&path, &json!({"environment": "nowhere"})).await.infisical_error(404, "NotFound");
    assert_eq!(world.read(&id).await["region"], "us-east-1");
}

#[tokio::test]
async fn two_members_forbid_deletion_and_either_is_enough() {
    let world = World::new().await;
    let mut body = world.documented().await;
    for (number, (before, change, expect)) in [
        (json!({"shouldDisableDelete": true}), json!({"shouldEnableDelete": true}), "NEVER"),
        (json!({"shouldEnableDelete": false}), json!({"shouldDisableDelete": false}), "NEVER"),
        (json!({"shouldDisableDelete": true}), json!({"secretPrefix": "P_"}), "NEVER"),
        (json!({"shouldDisableDelete": true}), json!({"shouldDisableDelete": false}), "OWNED"),
        (json!({"shouldEnableDelete": false}), json!({"shouldEnableDelete": true}), "OWNED"),
        (json!({}), json!({"shouldEnableDelete": false}), "NEVER"),
    ]
    .into_iter()
    .enumerate()
    {
        body["metadata"] = before.clone();
        body["path"] = json!(format!("/of-{number}/"));
        let id = world.post(INTEGRATION, &body).await.expect(200).text_at("/integration/id");
        let changed = world.patch(&format!("{INTEGRATION}/{id}"), &json!({"metadata": change})).await.expect(200);
        assert_eq!(world.native(&id).await["options"]["deletion"], expect, "{before} {change}");
        let mut merged = before.as_object().unwrap().clone();
        merged.extend(change.as_object().unwrap().clone());
        assert_eq!(changed.json["integration"]["metadata"], json!(merged), "{before} {change}");
    }
}

#[tokio::test]
async fn an_integration_follows_its_new_source_and_runs_again() {
    let world = World::new().await;
    let id = world.integration().await;
    world.run().await;
    let staging = json!({"slug": "staging"});
    world.post("/v1/tenants/acme/environments", &staging).await.expect(201);
    let secret = "/v1/tenants/acme/environments/staging/secrets/A";
    world.api.admin().put(secret, &json!({"value": "staged"})).await.expect(201);
    let change = json!({"environment": "staging", "secretPath": "/", "isActive": true});
    let changed = world.patch(&format!("{INTEGRATION}/{id}"), &change).await.expect(200).json["integration"].clone();
    assert_eq!((&changed["environment"]["slug"], &changed["secretPath"]), (&json!("staging"), &json!("/")));
    assert_eq!(changed["envId"], changed["environment"]["id"]);
    world.settle().await;
    assert_eq!(world.shelf.items()["A"], "staged");
    assert_eq!(world.read(&id).await["isSynced"], true);
}

#[tokio::test]
async fn a_sync_that_is_asked_for_runs_now() {
    let world = World::new().await;
    let id = world.integration().await;
    world.run().await;
    let before = world.read(&id).await["lastSyncJobId"].clone();
    let asked = world.post(&format!("{INTEGRATION}/{id}/sync"), &json!({})).await.expect(200);
    assert_eq!(asked.json["integration"]["id"], id);
    world.run().await;
    let after = world.read(&id).await["lastSyncJobId"].clone();
    assert!(before.is_string() && after.is_string() && before != after, "{before} {after}");
}

#[tokio::test]
async fn a_plan_that_is_stopped_shows_as_failed_and_says_how_to_approve_it() {
    let world = World::new().await;
    for name in ["C", "D", "E", "F", "G", "H"] {
        world.set(name, "x").await;
    }
    let id = world.integration().await;
    world.run().await;
    for name in ["A", "B", "C", "D", "E", "F"] {
        let path = format!("/v1/tenants/acme/environments/dev/secrets/app/{name}");
        world.api.admin().delete(&path).await.expect(204);
    }
    world.settle().await;
    assert_eq!(world.shelf.items().len(), 8, "nothing is deleted unasked");
    let shown = world.read(&id).await;
    assert_eq!(shown["isSynced"], false);
    let message = shown["syncMessage"].as_str().expect("a text");
    let native = world.native(&id).await;
    let runs = format!("/v1/tenants/acme/syncs/{}/runs", native["id"].as_str().expect("an id"));
    let hash = native["lastRun"]["planHash"].as_str().expect("a hash");
    assert!(message.contains(&format!("POST {runs} with {{\"planHash\": \"{hash}\"}}")), "{message}");

    world.post(&runs, &json!({"planHash": hash})).await.expect(202);
    world.run().await;
    assert_eq!(world.shelf.items().keys().collect::<Vec<_>>(), ["G", "H"]);
    let shown = world.read(&id).await;
    assert_eq!((&shown["isSynced"], &shown["syncMessage"]), (&json!(true), &json!("")));
}

#[tokio::test]
async fn what_is_there_already_is_overwritten_and_what_is_not_ours_is_never_deleted() {
    let world = World::new().await;
    world.shelf.put("A", "theirs");
    world.shelf.put("FOREIGN", "theirs");
    world.integration().await;
    world.run().await;
    let items = world.shelf.items().clone();
    assert_eq!((items["A"].as_str(), items["FOREIGN"].as_str()), ("1", "theirs"));
}

#[tokio::test]
async fn refused_change_changes_nothing_not_even_whether_it_runs() {
    let world = World::new().await;
    let id = world.integration().await;
    let refused = json!({"isActive": false, "region": "nowhere"});
    world.patch(&format!("{INTEGRATION}/{id}"), &refused).await.infisical_error(422, "ValidationFailure");
    assert_eq!(world.read(&id).await["isActive"], true);
}

#[tokio::test]
async fn what_the_destination_does_not_take_is_left_out_and_told() {
    let world = World::new().await;
    world.set("EMPTY", "").await;
    let id = world.integration().await;
    world.run().await;
    assert_eq!(world.shelf.items().len(), 2, "the others are written");
    let shown = world.read(&id).await;
    let message = "1 key is left out: `EMPTY`: the value is empty, which the destination cannot store";
    assert_eq!((&shown["isSynced"], &shown["syncMessage"]), (&json!(true), &json!(message)));
    world.set("BAD", &"x".repeat(101)).await;
    world.settle().await;
    let shown = world.read(&id).await;
    assert_eq!(
        (&shown["isSynced"], shown["syncMessage"].as_str()),
        (
            &json!(false),
            Some(
                "2 keys are left out: `BAD`: the value is longer than the 100 bytes that are allowed; `EMPTY`: the value is empty, which \
         the destination cannot store"
            )
        )
    );
    assert!(!world.shelf.items().contains_key("BAD"));
}

#[tokio::test]
async fn destructive_switch_needs_a_word() {
    let world = World::new().await;
    let id = world.integration().await;
    world.run().await;
    let path = format!("{INTEGRATION}/{id}?shouldDeleteIntegrationSecrets=");
    world.api.admin().delete(&path).await.expect(200);
    world.settle().await;
    assert_eq!(world.shelf.items().len(), 2);
}
