//! What the bundled plugins say of themselves, held to the host's own rules and to the published schema.

use std::fs;

use keyferry::domain::integration::ValidMetadata;
use keyferry::domain::pointer::{Pointer, Violations};
use keyferry::domain::settings::schema::Schema;
use keyferry::ports::plugin::{Inspected, PluginRunner as _};
use keyferry_tests::guests::runner;
use keyferry_tests::plugins::bundled_plugins;
use serde_json::{Value, json};

/// Every bundled plugin: its package's name, and what the host finds out about it.
async fn inspected() -> Vec<(&'static str, Inspected)> {
    let mut all = Vec::new();
    for plugin in bundled_plugins().await {
        let found = runner().inspect(fs::read(&plugin.path).unwrap()).await;
        all.push((plugin.name.as_str(), found.unwrap_or_else(|error| panic!("{}: {error}", plugin.name))));
    }
    assert!(all.len() >= 3, "the bundled plugins lie elsewhere");
    all
}

fn published_schema() -> Schema {
    let schema: Value = serde_json::from_str(include_str!("../../wit/metadata.schema.json")).expect("it is JSON");
    Schema::compile(&schema).expect("the published schema is one")
}

#[tokio::test]
async fn host_accepts_every_bundled_plugin_under_its_own_id() {
    for (name, found) in inspected().await {
        let metadata = ValidMetadata::parse(&found.metadata);
        let metadata = metadata.unwrap_or_else(|violations| panic!("{name}: {violations:#?}"));
        assert_eq!(format!("keyferry-plugin-{}", metadata.id), name);
        assert_eq!(metadata.sync.is_some(), found.has_destination, "{name}");
        assert!(!metadata.description.is_empty(), "{name} does not say what it is for");
    }
}

#[tokio::test]
async fn published_schema_describes_every_bundled_plugin() {
    let schema = published_schema();
    for (name, found) in inspected().await {
        let document: Value = serde_json::from_str(&found.metadata).unwrap();
        let mut violations = Violations::default();
        schema.check(&document, &Pointer::root(), &mut violations);
        let violations = violations.into_vec();
        assert!(violations.is_empty(), "{name}: {violations:#?}");

        let mut misspelt = document.clone();
        misspelt["displayNaem"] = json!("x");
        assert!(!schema.accepts(&misspelt), "{name}: a member that nobody knows is no metadata");
    }
}
