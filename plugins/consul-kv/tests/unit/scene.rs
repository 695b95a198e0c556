//! Connections, targets, changes and answers that the tests share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyferry_plugin_consul_kv::config::{Cluster, Target};
use keyferry_sdk::scripted::Reply;
use keyferry_sdk::{Change, Connection, Delete, Precondition, Put};
use serde_json::{Value, json};

pub(super) const KV: &str = "https://consul.example/v1/kv";
pub(super) const TXN: &str = "https://consul.example/v1/txn";
pub(super) const SELF: &str = "https://consul.example/v1/acl/token/self";

pub(super) fn connection() -> Connection<Cluster> {
    Connection::new(Cluster { address: "https://consul.example".into(), datacenter: None })
}

pub(super) fn connection_to(address: &str, datacenter: &str) -> Connection<Cluster> {
    Connection::new(Cluster { address: address.into(), datacenter: Some(datacenter.into()) })
}

pub(super) fn target(path: &str) -> Target {
    Target { path: path.into() }
}

pub(super) fn put(key: &str, value: &str, precondition: Precondition) -> Change {
    Change::Put(Put { key: key.into(), value: value.into(), reference: None, attributes: Vec::new(), precondition })
}

pub(super) fn delete(key: &str, precondition: Precondition) -> Change {
    Change::Delete(Delete { key: key.into(), reference: None, precondition })
}

pub(super) fn matches(version: &str) -> Precondition {
    Precondition::Matches(version.into())
}

pub(super) fn base64(text: impl AsRef<[u8]>) -> String {
    STANDARD.encode(text)
}

/// A key as Consul lists it.
pub(super) fn pair(name: &str, value: impl AsRef<[u8]>, index: u64) -> Value {
    json!({
        "LockIndex": 0, "Key": name, "Flags": 0, "Value": base64(value), "CreateIndex": 1, "ModifyIndex": index
    })
}

pub(super) fn token() -> Reply {
    Reply::json(
        200,
        json!({
            "AccessorID": "6a1253d2-1785-24fd-91c2-f8e78c745511", "SecretID": "top-secret", "Description": "sync",
            "Policies": [{"ID": "p", "Name": "app"}], "Local": false
        }),
    )
}

pub(super) fn denied() -> Reply {
    Reply::text(403, "Permission denied: token with AccessorID '6a12' lacks permission 'key:read' on \"app/\"")
}
