//! What is found lacking before the first run.

use keyferry_plugin_aws_parameter_store::ParameterStore;
use keyferry_sdk::scripted::{Expect, Reply, Script};
use keyferry_sdk::{Destination, ErrorKind};
use serde_json::{Value, json};

use super::scene::*;

fn probe() -> Expect {
    let input = json!({"Path": "/app/", "Recursive": false, "WithDecryption": true, "MaxResults": 1});
    ssm("GetParametersByPath", input)
}

fn describe_probe() -> Expect {
    let filter = json!({"Key": "Path", "Option": "OneLevel", "Values": ["/app/"]});
    ssm("DescribeParameters", json!({"ParameterFilters": [filter], "MaxResults": 1}))
}

fn denied(action: &str) -> Reply {
    let message = format!("User: arn:aws:iam::1:user/u is not authorized to perform: {action} on resource: x");
    Reply::json(400, json!({"__type": "AccessDeniedException", "Message": message}))
}

fn key_answer(metadata: Value) -> Reply {
    Reply::json(200, json!({"KeyMetadata": metadata}))
}

#[test]
fn a_default_target_takes_two_calls_and_lacks_nothing() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    script.on(probe()).reply(Reply::json(200, json!({"Parameters": []})));
    let account = ParameterStore.check(&connection(), &target(json!({}))).expect("all is there");
    assert_eq!(account.missing_permissions, Vec::<String>::new());
}

#[test]
fn every_lacking_permission_is_named_at_once() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    script.on(probe()).reply(denied("kms:Decrypt"));
    script.on(describe_probe()).reply(fault("AccessDeniedException"));
    script.on(kms("DescribeKey", json!({"KeyId": "alias/own"}))).reply(denied("kms:DescribeKey"));
    let target = target(json!({"kmsKeyId": "alias/own", "tags": {"a": "b"}}));
    let account = ParameterStore.check(&connection(), &target).expect("the credentials are good");
    assert_eq!(account.missing_permissions, ["kms:Decrypt", "ssm:DescribeParameters", "kms:DescribeKey"]);
}

#[test]
fn tags_are_probed_where_there_is_a_parameter_to_ask_about() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    script.on(probe()).reply(Reply::json(200, json!({"Parameters": [parameter("/app/A", "v", 1)]})));
    script
        .on(ssm("ListTagsForResource", json!({"ResourceType": "Parameter", "ResourceId": "/app/A"})))
        .reply(denied("ssm:ListTagsForResource"));
    let account = ParameterStore.check(&connection(), &target(json!({"tags": {"a": "b"}}))).expect("checked");
    assert_eq!(account.missing_permissions, ["ssm:ListTagsForResource"]);
}

#[test]
fn a_key_that_cannot_encrypt_is_a_wrong_setting() {
    for key in [
        json!({"KeyState": "Disabled", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT"}),
        json!({"KeyState": "Enabled", "KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"}),
        json!({"KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "RSA_2048"}),
    ] {
        let script = Script::new();
        script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
        script.on(probe()).reply(Reply::json(200, json!({"Parameters": []})));
        script.on(describe_probe()).reply(Reply::json(200, json!({"Parameters": []})));
        script.on(kms("DescribeKey", json!({"KeyId": "alias/own"}))).reply(key_answer(key));
        let error = ParameterStore.check(&connection(), &target(json!({"kmsKeyId": "alias/own"})));
        let error = error.expect_err("the key does not do");
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidSetting, Some("kmsKeyId")));
    }
}

#[test]
fn a_missing_key_is_a_wrong_setting() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    script.on(probe()).reply(Reply::json(200, json!({"Parameters": []})));
    script.on(describe_probe()).reply(Reply::json(200, json!({"Parameters": []})));
    script.on(kms("DescribeKey", json!({"KeyId": "alias/own"}))).reply(fault("NotFoundException"));
    let error = ParameterStore.check(&connection(), &target(json!({"kmsKeyId": "alias/own"}))).expect_err("missing");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidSetting, Some("kmsKeyId")));
}

#[test]
fn a_reserved_path_is_refused_without_a_call() {
    let _script = Script::new();
    let error = ParameterStore.check(&connection(), &target(json!({"path": "/aws/x/"}))).expect_err("reserved");
    assert_eq!(error.field(), Some("path"));
}

#[test]
fn what_an_emulator_does_not_know_is_not_lacking() {
    let script = Script::new();
    script.on(caller_identity()).reply(Reply::text(200, CALLER_IDENTITY));
    script.on(probe()).reply(Reply::json(200, json!({"Parameters": []})));
    script.on(describe_probe()).reply(fault("UnknownOperationException"));
    let account = ParameterStore.check(&connection(), &target(json!({"tier": "Advanced"}))).expect("checked");
    assert_eq!(account.missing_permissions, Vec::<String>::new());
}
