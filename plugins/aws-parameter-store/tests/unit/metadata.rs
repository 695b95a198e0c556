//! What the plugin says of itself.

use keyferry_plugin_aws_parameter_store::ParameterStore;
use keyferry_sdk::{AuthScheme, Metadata, plugin_metadata};
use serde_json::{Value, json};

fn metadata() -> Metadata {
    plugin_metadata(&ParameterStore)
}

fn document() -> Value {
    serde_json::to_value(metadata()).expect("metadata is JSON")
}

#[test]
fn a_connection_asks_region_and_endpoint() {
    let parameters = metadata().config_metadata.parameters_metadata;
    let summary = parameters.iter().map(|p| (p.name.as_str(), p.type_name.as_deref(), p.required, p.dynamic));
    let expected = [("region", Some("label"), true, true), ("endpoint", Some("origin"), false, false)];
    assert_eq!(summary.collect::<Vec<_>>(), expected);
}

#[test]
fn both_auth_methods_are_signed_and_keep_their_secrets() {
    let methods = metadata().config_metadata.auth_metadata;
    assert_eq!(methods.iter().map(|method| method.id.as_str()).collect::<Vec<_>>(), ["access-key", "assume-role"]);
    for method in &methods {
        assert_eq!(method.scheme, AuthScheme::AwsSigv4);
        assert!(method.config_test_supported);
        let secrets = method.parameters_metadata.iter().filter(|p| p.secret).map(|p| p.name.as_str());
        assert_eq!(secrets.collect::<Vec<_>>(), ["secretAccessKey", "sessionToken"]);
    }
    let settings = Value::Object(methods[1].auth_settings.parameters.clone());
    assert_eq!(settings, json!({"assumeRole": true, "exchangeEntry": "sts-custom,sts"}));
    assert!(methods[1].parameters_metadata.iter().any(|p| p.name == "roleArn" && p.required && !p.secret));
}

#[test]
fn every_service_is_reached_at_aws_and_at_the_endpoint_and_only_by_post() {
    let entries = metadata().egress;
    let summary = entries.iter().map(|entry| {
        let signing = entry.signing.as_ref().expect("every entry is signed");
        assert_eq!((entry.methods.as_slice(), signing.region.as_str()), (["POST".to_owned()].as_slice(), "{region}"));
        (entry.id.as_str(), entry.host.as_str(), signing.service.as_str())
    });
    let expected = [
        ("ssm", "ssm.{region}.amazonaws.com", "ssm"),
        ("ssm-custom", "{endpoint}", "ssm"),
        ("sts", "sts.{region}.amazonaws.com", "sts"),
        ("sts-custom", "{endpoint}", "sts"),
        ("kms", "kms.{region}.amazonaws.com", "kms"),
        ("kms-custom", "{endpoint}", "kms"),
    ];
    assert_eq!(summary.collect::<Vec<_>>(), expected);
}

#[test]
fn the_rules_are_those_of_parameter_store() {
    let sync = &document()["sync"];
    for (member, expected) in [
        ("reads", json!("VALUES")),
        ("deletes", json!(true)),
        ("document", json!(false)),
        ("batchSize", json!(10)),
        ("emptyValues", json!(false)),
        ("valueBytesMax", json!(8192)),
        ("nameBytesMax", json!(1011)),
        ("namePattern", json!("[A-Za-z0-9_.-]+")),
    ] {
        assert_eq!(sync[member], expected, "{member}");
    }
    assert_eq!(sync["attributes"][0], json!({"name": "keyId", "source": {"destination": {"parameter": "kmsKeyId"}}}));
}

#[test]
fn the_generic_members_of_the_infisical_dialect_have_a_place() {
    let fields = metadata().legacy_fields;
    let summary = fields.iter().map(|field| (field.field.as_str(), field.parameter.as_str()));
    let expected = [
        ("accessId", "accessKeyId"),
        ("accessToken", "secretAccessKey"),
        ("accessId", "accessKeyId"),
        ("accessToken", "secretAccessKey"),
        ("awsAssumeIamRoleArn", "roleArn"),
        ("region", "region"),
        ("url", "endpoint"),
        ("path", "path"),
        ("metadata.kmsKeyId", "kmsKeyId"),
        ("metadata.secretAWSTag", "tags"),
        ("metadata.otherAWSTags", "otherTags"),
        ("app", ""),
    ];
    assert_eq!(summary.collect::<Vec<_>>(), expected);
    let methods: Vec<_> = fields.iter().filter_map(|field| field.method.as_deref()).collect();
    assert_eq!(methods, ["access-key", "access-key", "assume-role", "assume-role", "assume-role"]);
    assert_eq!(fields[7].normalise.as_deref(), Some("surroundWithSlashes"));
    assert_eq!(fields[7].default_value.as_deref(), Some("/"));
}

#[test]
fn clients_of_infisical_find_their_members() {
    let names = metadata().infisical.expect("it has names there");
    let destination = names.destination.as_ref().expect("it is a destination");
    assert_eq!((names.app.as_str(), destination.slug.as_str()), ("aws", "aws-parameter-store"));
    let methods: Vec<_> = names.methods.iter().map(|method| method.name.as_str()).collect();
    assert_eq!(methods, ["access-key", "assume-role"]);
    let config: Vec<_> = destination.config.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(config, ["region", "path"]);
    let options: Vec<_> = destination.options.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(options, ["keyId", "tags"]);
    assert!(names.methods[1].credentials.iter().any(|field| field.field == "roleArn"));
}
