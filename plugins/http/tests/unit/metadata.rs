//! What the plugin says of itself.

use std::collections::BTreeSet;

use keyferry_plugin_http::GenericHttp;
use keyferry_sdk::{AuthScheme, Metadata, plugin_metadata};
use serde_json::{Value, json};

fn metadata() -> Metadata {
    plugin_metadata(&GenericHttp)
}

#[test]
fn there_is_one_way_out_to_the_origin_that_the_connection_names() {
    let entry = serde_json::to_value(metadata().egress).expect("JSON");
    let methods = json!(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
    assert_eq!(entry, json!([{"id": "api", "host": "{baseUrl}", "methods": methods}]));
    let parameters = metadata().config_metadata.parameters_metadata;
    assert_eq!((parameters[0].name.as_str(), parameters[0].type_name.as_deref()), ("baseUrl", Some("origin")));
    assert!(parameters[0].required);
}

#[test]
fn every_credential_is_placed_by_the_host() {
    let methods = metadata().config_metadata.auth_metadata;
    let summary = methods.iter().map(|method| (method.id.as_str(), method.scheme)).collect::<Vec<_>>();
    let expected = [
        ("api-key", AuthScheme::ApiKey),
        ("bearer", AuthScheme::BearerToken),
        ("basic", AuthScheme::BasicAuth),
        ("none", AuthScheme::None),
    ];
    assert_eq!(summary, expected);
    let secrets = methods.iter().flat_map(|method| &method.parameters_metadata).filter(|parameter| parameter.secret);
    assert_eq!(secrets.map(|parameter| parameter.name.as_str()).collect::<Vec<_>>(), ["apiKey", "token", "password"]);
}

#[test]
fn the_rules_are_the_widest_that_an_integration_can_narrow() {
    let sync = serde_json::to_value(metadata().sync).expect("JSON");
    for (member, expected) in [
        ("reads", json!("VALUES")),
        ("deletes", json!(true)),
        ("document", json!(false)),
        ("emptyValues", json!(true)),
        ("batchSize", json!(20)),
        ("namePattern", Value::Null),
        ("valueBytesMax", Value::Null),
    ] {
        assert_eq!(sync[member], expected, "{member}");
    }
}

#[test]
fn the_schema_of_plugin_settings_is_closed_and_knows_what_the_host_needs() {
    let schema = metadata().custom_settings_metadata.expect("integrations of one's own are executed");
    let names =
        schema["properties"].as_object().expect("properties").keys().map(String::as_str).collect::<BTreeSet<_>>();
    let expected = ["verify", "list", "create", "put", "delete", "replace", "sync", "destinationMetadata"];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(schema["additionalProperties"], false);
    for name in ["verify", "list", "write", "delete", "replace", "sync"] {
        assert_eq!(schema["$defs"][name]["additionalProperties"], false, "{name}");
    }
}

#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let schema = metadata().custom_settings_metadata.expect("a schema");
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("references stay in the schema");
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
}
