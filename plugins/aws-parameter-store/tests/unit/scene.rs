//! Connections, targets, changes and expected calls that the tests share.

use keyferry_plugin_aws_parameter_store::config::{Region, Target};
use keyferry_sdk::scripted::{Expect, Reply};
use keyferry_sdk::{Change, Connection, Delete, Precondition, Put, Settings};
use serde_json::{Value, json};

pub(super) const SSM: &str = "https://ssm.eu-west-1.amazonaws.com/";
pub(super) const STS: &str = "https://sts.eu-west-1.amazonaws.com/";
pub(super) const KMS: &str = "https://kms.eu-west-1.amazonaws.com/";
pub(super) const CALLER_IDENTITY: &str = include_str!("../fixtures/caller-identity.xml");

pub(super) fn connection() -> Connection<Region> {
    Connection::new(Region { region: "eu-west-1".into(), endpoint: None })
}

pub(super) fn connection_to(endpoint: &str) -> Connection<Region> {
    Connection::new(Region { region: "eu-west-1".into(), endpoint: Some(endpoint.into()) })
}

/// A target as the host would send it: `/app/`, with these members added.
pub(super) fn target(members: Value) -> Target {
    let mut settings = json!({"path": "/app/"});
    let object = settings.as_object_mut().expect("an object");
    object.extend(members.as_object().expect("an object").clone());
    Target::from_object(object).expect("valid settings")
}

pub(super) fn ssm(operation: &str, input: Value) -> Expect {
    Expect::post(SSM)
        .egress("ssm")
        .header("X-Amz-Target", &format!("AmazonSSM.{operation}"))
        .header("Content-Type", "application/x-amz-json-1.1")
        .json(input)
}

pub(super) fn kms(operation: &str, input: Value) -> Expect {
    Expect::post(KMS).egress("kms").header("X-Amz-Target", &format!("TrentService.{operation}")).json(input)
}

pub(super) fn caller_identity() -> Expect {
    Expect::post(STS)
        .egress("sts")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .text("Action=GetCallerIdentity&Version=2011-06-15")
}

pub(super) fn by_path(next_token: Option<&str>) -> Expect {
    let mut input = json!({"Path": "/app/", "Recursive": false, "WithDecryption": true, "MaxResults": 10});
    if let Some(next_token) = next_token {
        input["NextToken"] = next_token.into();
    }
    ssm("GetParametersByPath", input)
}

pub(super) fn parameter(name: &str, value: &str, version: u64) -> Value {
    json!({
        "Name": name, "Type": "SecureString", "Value": value, "Version": version, "DataType": "text",
        "ARN": format!("arn:aws:ssm:eu-west-1:111122223333:parameter{name}"), "LastModifiedDate": 1.7e9
    })
}

pub(super) fn put(key: &str, value: &str, precondition: Precondition) -> Change {
    Change::Put(Put { key: key.into(), value: value.into(), reference: None, attributes: Vec::new(), precondition })
}

pub(super) fn create(key: &str) -> Change {
    put(key, "v", Precondition::MustNotExist)
}

pub(super) fn update(key: &str) -> Change {
    put(key, "v", Precondition::Matches("1".into()))
}

pub(super) fn delete(key: &str, precondition: Precondition) -> Change {
    Change::Delete(Delete { key: key.into(), reference: None, precondition })
}

/// An error in the form of AWS's JSON protocol.
pub(super) fn fault(code: &str) -> Reply {
    Reply::json(400, json!({"__type": code})).header("x-amzn-RequestId", "request-1")
}
