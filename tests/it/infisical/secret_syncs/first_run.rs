//! What a first run does to both ends, by the three words for it.

use serde_json::{Value, json};

use super::{World, pairs};

/// A word, whose value of `A` wins, whether the import is told, and whether what only the destination had comes in.
const WORDS: [(&str, &str, bool); 3] = [
    ("overwrite-destination", "ours", false),
    ("import-prioritize-source", "ours", true),
    ("import-prioritize-destination", "theirs", true),
];

/// A sync of a folder to a shelf that share one name, have one each to themselves, and one that says the same.
async fn met(world: &World, word: &str) -> Value {
    for (name, value) in [("A", "ours"), ("EQUAL", "same"), ("OURS", "only here")] {
        world.set(name, value).await;
    }
    for (key, value) in [("A", "theirs"), ("EQUAL", "same"), ("THEIRS", "only there")] {
        world.shelf.put(key, value);
    }
    let mut request = world.sync("app");
    request["syncOptions"]["initialSyncBehavior"] = json!(word);
    world.create(&request).await
}

#[tokio::test]
async fn a_first_run_leaves_both_ends_as_its_word_says() {
    for (word, winner, imports) in WORDS {
        let world = World::new().await;
        let made = met(&world, word).await;
        world.settle().await;
        let synced = world.read(&made).await;
        let statuses = (&synced["syncStatus"], &synced["importStatus"]);
        let told = if imports { json!("succeeded") } else { Value::Null };
        assert_eq!(statuses, (&json!("succeeded"), &told), "{word}: {synced:#}");
        let own = [("A", winner), ("EQUAL", "same"), ("OURS", "only here")];
        let all = [own.as_slice(), &[("THEIRS", "only there")]].concat();
        assert_eq!(world.items(), pairs(&all), "{word}");
        let at_source: &[(&str, &str)] = if imports { &all } else { &own };
        assert_eq!(world.source().await, pairs(at_source), "{word}");
    }
}

#[tokio::test]
async fn later_runs_import_nothing() {
    for (word, winner, _) in WORDS {
        let world = World::new().await;
        let made = met(&world, word).await;
        world.settle().await;
        let source = world.source().await;
        world.shelf.put("A", "changed by somebody");
        world.shelf.put("LATER", "theirs");
        world.job(&made, "sync-secrets").await.expect(200);
        world.settle().await;
        assert_eq!(world.source().await, source, "{word}");
        let items = world.shelf.items().clone();
        assert_eq!((items["A"].as_str(), items["LATER"].as_str()), (winner, "theirs"), "{word}");
    }
}
