//! A destination whose values cannot be read gives none.

use keyferry_tests::api::Answer;
use serde_json::json;

use super::{SYNCS, World, message, pairs, path_of, shelf};

const IMPORTING: [&str; 2] = ["import-prioritize-source", "import-prioritize-destination"];

/// A world with a shelf that tells the names of what stands on it, and no value.
async fn write_only() -> World {
    let mut metadata = shelf();
    metadata["sync"]["reads"] = json!("NAMES");
    let world = World::of(&metadata).await;
    world.shelf.hide_values();
    world.set("A", "ours").await;
    world.shelf.put("THEIRS", "hidden");
    world
}

#[track_caller]
fn assert_told(refused: &Answer) {
    assert!(message(refused).contains("the values of this destination cannot be read"), "{}", refused.text);
}

#[tokio::test]
async fn what_cannot_be_read_is_offered_without_imports() {
    let world = write_only().await;
    let options = world.api.admin().get("/api/v1/secret-syncs/options?projectId=acme").await.expect(200);
    let all = options.json["secretSyncOptions"].as_array().expect("a list");
    let offered = all.iter().find(|one| one["destination"] == "shelf-store").expect("it is offered");
    assert_eq!(offered["canImportSecrets"], false);
}

#[tokio::test]
async fn a_sync_that_would_import_is_not_made() {
    let world = write_only().await;
    for word in IMPORTING {
        let mut request = world.sync("app");
        request["syncOptions"]["initialSyncBehavior"] = json!(word);
        assert_told(&world.api.admin().post(SYNCS, &request).await.infisical_error(400, "BadRequest"));
    }
    let listed = world.api.admin().get(&format!("{SYNCS}?projectId=acme")).await.expect(200);
    assert_eq!(listed.json["secretSyncs"], json!([]));
}

#[tokio::test]
async fn a_sync_that_only_writes_is_made_and_never_imports() {
    let world = write_only().await;
    let made = world.create(&world.sync("app")).await;
    world.settle().await;
    let synced = world.read(&made).await;
    assert_eq!(synced["syncStatus"], "succeeded", "{synced:#}");
    for word in IMPORTING {
        let options = json!({"syncOptions": {"initialSyncBehavior": word}});
        assert_told(&world.api.admin().patch(&path_of(&made), &options).await.infisical_error(400, "BadRequest"));
    }
    for word in ["prioritize-source", "prioritize-destination"] {
        let job = format!("import-secrets?importBehavior={word}");
        assert_told(&world.job(&made, &job).await.infisical_error(400, "BadRequest"));
    }
    world.settle().await;
    assert_eq!(world.read(&made).await, synced, "nothing was noted");
    assert_eq!(world.source().await, pairs(&[("A", "ours")]));
    assert_eq!(world.items(), pairs(&[("A", "ours"), ("THEIRS", "hidden")]));
}
