//! What a first run does to both ends, by what `initialSyncBehavior` says.

use std::sync::Arc;

use keyferry::ports::fake::NoNetwork;
use serde_json::{Value, json};

use super::super::project::owned;
use super::{INTEGRATION, World, metadata};

/// What is said, whose value of `A` wins, and whether what only the destination had comes in.
fn words() -> [(Value, &'static str, bool); 5] {
    [
        (json!("overwrite-target"), "1", false),
        (json!("prefer-source"), "1", true),
        (json!("prefer-target"), "theirs", true),
        (json!(""), "1", false),
        (Value::Null, "1", false),
    ]
}

/// An integration of a folder and a destination that share one name and have one each to themselves.
async fn met(world: &World, word: &Value) -> String {
    world.shelf.put("A", "theirs");
    world.shelf.put("THEIRS", "only there");
    let mut request = world.documented().await;
    request["metadata"] = json!({"initialSyncBehavior": word});
    world.post(INTEGRATION, &request).await.expect(200).text_at("/integration/id")
}

#[tokio::test]
async fn a_first_run_leaves_both_ends_as_its_word_says() {
    for (word, winner, imports) in words() {
        let world = World::new().await;
        let id = met(&world, &word).await;
        world.run().await;
        let shown = world.read(&id).await;
        assert_eq!((&shown["isSynced"], &shown["syncMessage"]), (&json!(true), &json!("")), "{word}");
        let own = [("A", winner), ("B", "2")];
        let all = [own.as_slice(), &[("THEIRS", "only there")]].concat();
        assert_eq!(world.items(), owned(&all), "{word}");
        let at_source: &[(&str, &str)] = if imports { &all } else { &own };
        assert_eq!(world.source().await, owned(at_source), "{word}");
    }
}

#[tokio::test]
async fn later_runs_import_nothing() {
    for (word, winner, _) in words() {
        let world = World::new().await;
        let id = met(&world, &word).await;
        world.settle().await;
        let source = world.source().await;
        world.shelf.put("A", "changed by somebody");
        world.shelf.put("LATER", "theirs");
        world.post(&format!("{INTEGRATION}/{id}/sync"), &json!({})).await.expect(200);
        world.settle().await;
        assert_eq!(world.source().await, source, "{word}");
        let items = world.shelf.items().clone();
        assert_eq!((items["A"].as_str(), items["LATER"].as_str()), (winner, "theirs"), "{word}");
    }
}

#[tokio::test]
async fn a_destination_that_cannot_be_read_is_only_overwritten() {
    let mut write_only = metadata();
    write_only["sync"]["reads"] = json!("NAMES");
    let world = World::of(&write_only, Arc::new(NoNetwork)).await;
    world.shelf.hide_values();
    let mut request = world.documented().await;
    for word in ["prefer-source", "prefer-target"] {
        request["metadata"] = json!({"initialSyncBehavior": word});
        let refused = world.post(INTEGRATION, &request).await.infisical_error(400, "BadRequest");
        assert!(refused.text.contains("the values of this destination cannot be read"), "{}", refused.text);
    }
    request["metadata"] = json!({"initialSyncBehavior": "overwrite-target"});
    world.post(INTEGRATION, &request).await.expect(200);
    world.run().await;
    assert_eq!(world.items(), owned(&[("A", "1"), ("B", "2")]));
}
