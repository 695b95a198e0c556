//! Declarations, connections and changes that the tests share.

use keyferry_plugin_http::config::{Api, Target};
use keyferry_sdk::{Change, Connection, Delete, Entry, ObservedValue, Precondition, Put, Settings};
use serde_json::{Value, json};

/// The documented example of an integration of one's own.
pub(super) fn crm() -> Value {
    serde_json::from_str(include_str!("../fixtures/crm.json")).expect("the fixture is JSON")
}

/// The example with members replaced; null takes one away.
pub(super) fn crm_with(members: Value) -> Value {
    let mut declaration = crm();
    let object = declaration.as_object_mut().expect("an object");
    object.extend(members.as_object().expect("an object").clone());
    object.retain(|_, member| !member.is_null());
    declaration
}

/// One operation of the example with members replaced.
pub(super) fn crm_operation(name: &str, members: Value) -> Value {
    let mut operation = crm()[name].clone();
    operation.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    crm_with(json!({name: operation}))
}

pub(super) fn connection(declaration: Value) -> Connection<Api> {
    connection_with(json!({}), declaration)
}

/// A connection as the host would open it, with further parameters.
pub(super) fn connection_with(parameters: Value, declaration: Value) -> Connection<Api> {
    let mut settings = json!({"baseUrl": "https://crm.example.com"});
    let object = settings.as_object_mut().expect("an object");
    object.extend(parameters.as_object().expect("an object").clone());
    let plugin_settings = declaration.as_object().expect("an object").clone();
    Connection::new(Api::from_object(object).expect("valid")).with_plugin_settings(plugin_settings)
}

pub(super) fn target(parameters: Value) -> Target {
    Target::from_object(parameters.as_object().expect("an object")).expect("valid")
}

pub(super) fn put(key: &str, value: &str, precondition: Precondition) -> Change {
    put_to(None, key, value, precondition)
}

pub(super) fn put_to(reference: Option<&str>, key: &str, value: &str, precondition: Precondition) -> Change {
    let reference = reference.map(str::to_owned);
    Change::Put(Put { key: key.into(), value: value.into(), reference, attributes: Vec::new(), precondition })
}

pub(super) fn delete(key: &str, precondition: Precondition) -> Change {
    Change::Delete(Delete { key: key.into(), reference: None, precondition })
}

pub(super) fn matches(version: &str) -> Precondition {
    Precondition::Matches(version.into())
}

/// Key, value and version of an entry; a value that cannot be read is `None`.
pub(super) fn summary(entry: &Entry) -> (&str, Option<&str>, Option<&str>) {
    let value = match &entry.value {
        ObservedValue::Readable(value) => Some(value.as_str()),
        ObservedValue::Digest(_) | ObservedValue::Hidden => None,
    };
    (&entry.key, value, entry.version.as_deref())
}
