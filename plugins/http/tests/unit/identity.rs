//! Equal places have equal names, others have others.

use keyferry_plugin_http::GenericHttp;
use keyferry_sdk::Destination;
use serde_json::{Value, json};

use super::scene::*;

fn namespace(parameters: Value, destination: Value, put: Value) -> String {
    let connection = connection_with(parameters, json!({"put": put}));
    let identity = GenericHttp.identify(&connection, &target(destination)).expect("identified");
    assert_eq!(identity.prefix, "");
    identity.namespace
}

#[test]
fn the_place_is_the_origin_and_the_shape_of_the_url() {
    let put = json!({"url": "{{baseUrl}}/v1/variables/{{key}}", "json": {"value": "{{value}}"}});
    assert_eq!(namespace(json!({}), json!({}), put), "http:https://crm.example.com/v1/variables/{key}");
}

#[test]
fn spelling_does_not_tell_places_apart() {
    let put = json!({"url": "{{baseUrl}}/v1/{{key}}?b=2&a={{space}}"});
    let other = json!({"url": "{{baseUrl}}/{{api}}/{{key}}?a={{space}}&none={{none}}&b=2", "headers": {"X-A": "1"}});
    let upper = json!({"baseUrl": "HTTPS://CRM.example.com:443/"});
    let one = namespace(json!({}), json!({"space": "x y"}), put);
    assert_eq!(one, "http:https://crm.example.com/v1/{key}?a=x%20y&b=2");
    let mut parameters = upper;
    parameters["api"] = json!("v1");
    assert_eq!(namespace(parameters, json!({"space": "x y", "none": ""}), other), one);
}

#[test]
fn parameters_tell_places_apart_wherever_they_stand() {
    let in_url = json!({"url": "{{baseUrl}}/{{space}}/{{key}}"});
    let in_body = json!({"url": "{{baseUrl}}/{{key}}", "json": {"space": "{{space}}", "value": "{{value}}"}});
    let in_header = json!({"url": "{{baseUrl}}/{{key}}", "headers": {"X-Space": "{{space}}"}});
    for put in [in_url, in_body, in_header] {
        let [a, b] = ["a", "b"].map(|space| namespace(json!({}), json!({"space": space}), put.clone()));
        assert_ne!(a, b);
    }
}

#[test]
fn a_document_is_the_place_itself() {
    let declaration = json!({"replace": {"url": "{{baseUrl}}/v1/apps/{{app}}/env"}, "sync": {"document": true}});
    let connection = connection(declaration);
    let identity = GenericHttp.identify(&connection, &target(json!({"app": "web"}))).expect("identified");
    assert_eq!(identity.namespace, "http:https://crm.example.com/v1/apps/web/env");
}
