//! Holds `metadata.schema.json` equal to the types. `KEYFERRY_BLESS=1` writes it anew.

use keyferry_contract::{Metadata, WIT_VERSION};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/metadata.schema.json");

fn generated() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Metadata>().to_value();
    schema["$id"] = format!("urn:keyferry:plugin-metadata:{WIT_VERSION}").into();
    schema["title"] = "Keyferry plugin metadata".into();
    schema
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let generated = generated();
    if std::env::var_os("KEYFERRY_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&generated).expect("a schema is JSON");
        std::fs::write(PUBLISHED, text + "\n").expect("the repository can be written to");
    }
    let published = std::fs::read_to_string(PUBLISHED).expect("the schema is published");
    let published: Value = serde_json::from_str(&published).expect("the published schema is JSON");
    assert_eq!(published, generated, "run with KEYFERRY_BLESS=1 and review the difference");
}

#[test]
fn the_schema_knows_the_members_by_their_wire_names() {
    let schema = generated();
    let members = schema["properties"].as_object().expect("an object has members");
    for name in ["configMetadata", "destinationMetadata", "legacyFields", "customSettingsMetadata", "sync", "egress"] {
        assert!(members.contains_key(name), "{name}");
    }
    assert_eq!(schema["required"], json!(["id", "version", "displayName"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert!(schema["$defs"]["Parameter"]["properties"].get("type").is_some());
}
