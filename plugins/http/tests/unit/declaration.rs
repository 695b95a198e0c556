//! What is wrong with a declaration is found before anything is sent.

use keyferry_plugin_http::GenericHttp;
use keyferry_sdk::{Destination, Error, ErrorKind};
use serde_json::{Value, json};

use super::scene::*;

fn refused(declaration: Value) -> Error {
    let error = GenericHttp.identify(&connection(declaration), &target(json!({}))).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidSetting, "{error}");
    error
}

#[test]
fn the_template_at_fault_is_named() {
    for (declaration, field) in [
        (crm_operation("put", json!({"url": "https://crm.example.com/v1/{{key}}"})), "pluginSettings.put.url"),
        (crm_operation("put", json!({"url": "{{baseUrl}}/v1/{{value}}"})), "pluginSettings.put.url"),
        (crm_operation("put", json!({"url": "{{baseUrl}}.evil.example/{{key}}"})), "pluginSettings.put.url"),
        (crm_operation("put", json!({"url": "{{baseUrl}}/{{unheard}}"})), "pluginSettings.put.url"),
        (crm_operation("put", json!({"url": "{{baseUrl}}/{{cursor}}"})), "pluginSettings.put.url"),
        (crm_operation("put", json!({"json": {"a": ["{{unheard}}"]}})), "pluginSettings.put.json"),
        (crm_operation("put", json!({"json": {"a": "{{"}})), "pluginSettings.put.json"),
        (crm_operation("put", json!({"headers": {"X-A": "{{unheard}}"}})), "pluginSettings.put.headers.X-A"),
        (crm_operation("put", json!({"body": "x"})), "pluginSettings.put"),
        (crm_operation("put", json!({"method": "TRACE"})), "pluginSettings.put.method"),
        (crm_operation("delete", json!({"json": "{{value}}"})), "pluginSettings.delete.json"),
        (crm_operation("list", json!({"url": "{{baseUrl}}/v1/{{key}}?cursor={{cursor}}"})), "pluginSettings.list.url"),
        (crm_operation("list", json!({"key": "name"})), "pluginSettings.list.key"),
        (crm_operation("list", json!({"url": "{{baseUrl}}/v1/variables"})), "pluginSettings.list.url"),
        (crm_operation("list", json!({"paging": {"type": "link"}})), "pluginSettings.list.paging"),
        (crm_operation("verify", json!({"url": "{{baseUrl}}/{{key}}"})), "pluginSettings.verify.url"),
        (crm_with(json!({"replace": {"url": "{{baseUrl}}/all"}})), "pluginSettings.list"),
        (crm_with(json!({"putt": {}})), "pluginSettings"),
        (json!({"verify": {"url": "{{baseUrl}}/me"}}), "pluginSettings.put"),
        (json!({"replace": {"url": "{{baseUrl}}/all"}}), "pluginSettings.sync.document"),
    ] {
        assert_eq!(refused(declaration).field(), Some(field));
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let declaration = crm_with(json!({"put": {"url": "/x", "json": "{{"}, "delete": {"url": "{{baseUrl}}x"}}));
    let error = refused(declaration);
    for field in ["pluginSettings.put.url", "pluginSettings.put.json", "pluginSettings.delete.url"] {
        assert!(error.message().contains(field), "{error}");
    }
}

#[test]
fn a_name_known_twice_is_refused() {
    let declaration = crm_operation("put", json!({"url": "{{baseUrl}}/{{space}}/{{key}}"}));
    let both = connection_with(json!({"space": "a"}), declaration.clone());
    let error = GenericHttp.identify(&both, &target(json!({"space": "b"}))).expect_err("two meanings");
    assert_eq!(error.field(), Some("pluginSettings.put.url"));

    let reserved = connection_with(json!({"key": "a"}), crm());
    let error = GenericHttp.identify(&reserved, &target(json!({}))).expect_err("two meanings");
    assert!(error.message().contains("two meanings"), "{error}");
}

#[test]
fn a_declared_destination_parameter_without_a_value_is_empty() {
    let mut declaration = crm_operation("put", json!({"url": "{{baseUrl}}/v1/{{key}}?space={{space}}"}));
    declaration["destinationMetadata"] = json!([{"name": "space", "displayName": "Space"}]);
    let connection = connection(declaration);
    let identity = GenericHttp.identify(&connection, &target(json!({}))).expect("identified");
    assert_eq!(identity.namespace, "http:https://crm.example.com/v1/{key}");
}
