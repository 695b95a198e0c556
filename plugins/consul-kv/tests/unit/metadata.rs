//! What the plugin says of itself.

use keyferry_plugin_consul_kv::ConsulKv;
use keyferry_sdk::{AuthScheme, Metadata, plugin_metadata};
use serde_json::{Value, json};

fn metadata() -> Metadata {
    plugin_metadata(&ConsulKv)
}

#[test]
fn a_connection_asks_address_and_datacenter_and_a_sync_its_path() {
    let summary = |parameters: &[keyferry_sdk::settings::Parameter]| {
        let one = |p: &keyferry_sdk::settings::Parameter| (p.name.clone(), p.type_name.clone(), p.required);
        parameters.iter().map(one).collect::<Vec<_>>()
    };
    let expected = [("address".into(), Some("origin".into()), true), ("datacenter".into(), None, false)];
    assert_eq!(summary(&metadata().config_metadata.parameters_metadata), expected);
    assert_eq!(summary(&metadata().destination_metadata), [("path".to_owned(), None, true)]);
}

#[test]
fn the_host_places_the_token_in_consuls_own_header() {
    let methods = metadata().config_metadata.auth_metadata;
    assert_eq!(methods.len(), 1);
    assert_eq!((methods[0].id.as_str(), methods[0].scheme), ("acl-token", AuthScheme::ApiKey));
    assert_eq!(Value::Object(methods[0].auth_settings.parameters.clone()), json!({"header": "X-Consul-Token"}));
    assert!(methods[0].parameters_metadata.iter().all(|parameter| parameter.secret && parameter.required));
}

#[test]
fn requests_go_to_the_address_and_only_read_or_put() {
    let egress = serde_json::to_value(metadata().egress).expect("JSON");
    assert_eq!(egress, json!([{"id": "api", "host": "{address}", "methods": ["GET", "PUT"]}]));
}

#[test]
fn the_rules_are_those_of_the_store() {
    let sync = serde_json::to_value(metadata().sync).expect("JSON");
    for (member, expected) in [
        ("reads", json!("VALUES")),
        ("deletes", json!(true)),
        ("document", json!(false)),
        ("batchSize", json!(64)),
        ("emptyValues", json!(true)),
        ("valueBytesMax", json!(524_288)),
    ] {
        assert_eq!(sync[member], expected, "{member}");
    }
}
