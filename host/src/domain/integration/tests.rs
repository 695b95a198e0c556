use super::*;
use keyferry_contract::SyncReads;
use serde_json::{Map, json};

/// Finds what is wrong with a `configMetadata`.
#[track_caller]
fn config(value: Value, expect: &[(&str, &str)]) {
    let found = parse_config_metadata(value, &Pointer::root()).err().unwrap_or_default();
    let seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
    assert_eq!(seen, expect, "{found:?}");
}

/// Finds what is wrong with one parameter `p`.
#[track_caller]
fn parameter(mut members: Value, expect: &[(&str, &str)]) {
    if members["name"].is_null() {
        members["name"] = json!("p");
    }
    let found =
        parse_config_metadata(json!({"parametersMetadata": [members]}), &Pointer::root()).err().unwrap_or_default();
    let seen: Vec<_> = found.iter().map(|v| (v.pointer.trim_start_matches("/parametersMetadata/0"), v.code)).collect();
    assert_eq!(seen, expect, "{found:?}");
}

#[test]
fn parameters_that_make_no_sense_are_told() {
    parameter(json!({"name": ""}), &[("/name", "required")]);
    parameter(json!({"name": "a b"}), &[("/name", "malformed")]);
    parameter(json!({"name": "x".repeat(101)}), &[("/name", "malformed")]);
    parameter(
        json!({"displayName": "x".repeat(101), "description": "x".repeat(501)}),
        &[("/displayName", "too_long"), ("/description", "too_long")],
    );
    parameter(json!({"displayName": "ü".repeat(100)}), &[]);
    parameter(json!({"type": "Integer", "integerRange": {"min": 2, "max": 1}}), &[("/integerRange", "out_of_range")]);
    parameter(json!({"type": "Float", "floatRange": {"min": 2.0, "max": 1.0}}), &[("/floatRange", "out_of_range")]);
    parameter(json!({"minLength": 2, "maxLength": 1}), &[("/minLength", "out_of_range")]);
    parameter(json!({"minLength": -1}), &[("", "malformed")]);
    parameter(json!({"integerRange": {"min": 1}}), &[("/integerRange", "forbidden")]);
    parameter(json!({"integerRange": {"min": null, "max": null}, "options": []}), &[]);
    parameter(json!({"type": "Integer", "pattern": "a"}), &[("/pattern", "forbidden")]);
    parameter(json!({"pattern": "("}), &[("/pattern", "malformed")]);
    parameter(json!({"type": "Option"}), &[("/options", "required")]);
    parameter(json!({"type": "option", "dynamic": true}), &[]);
    parameter(
        json!({"type": "OPTION", "options": [{"value": "a"}, {"value": "a"}]}),
        &[("/options/1/value", "duplicate")],
    );
    parameter(json!({"type": "Option", "options": [{"label": "a"}]}), &[("/options/0/value", "required")]);
    parameter(json!({"type": "Json", "jsonSchema": {"$ref": "https://a.example/s"}}), &[("/jsonSchema", "malformed")]);
    parameter(json!({"type": "Integer", "typeName": "label"}), &[("/typeName", "forbidden")]);
    parameter(json!({"typeName": "origin", "secret": true}), &[("/secret", "forbidden")]);
    parameter(json!({"type": "Integer", "defaultValue": "x"}), &[("/defaultValue", "wrong_type")]);
    parameter(json!({"pattern": "a+", "defaultValue": "b"}), &[("/defaultValue", "pattern_mismatch")]);
    parameter(json!({"typeName": "origin", "defaultValue": "https://a.example"}), &[]);
    parameter(json!({"type": "Text"}), &[("/type", "not_an_option")]);
}

#[test]
fn rules_refer_to_what_is_there() {
    let rule = |condition: Value| json!({"parametersMetadata": [{"name": "p", "rules": [{"effect": "SHOW", "all": [condition]}]}, {"name": "q"}, {"name": "s", "secret": true}]});
    let place = "/parametersMetadata/0/rules/0/all/0";
    for (condition, expect) in [
        (json!({"sourceParam": "q", "operator": "EQUALS", "values": ["1"]}), None),
        (
            json!({"sourceParam": "r", "operator": "EQUALS", "values": ["1"]}),
            Some(("/sourceParam", "unknown_reference")),
        ),
        (json!({"sourceParam": "p", "operator": "IS_SET"}), Some(("/sourceParam", "unknown_reference"))),
        (json!({"sourceParam": "s", "operator": "IS_SET"}), None),
        (json!({"sourceParam": "s", "operator": "EQUALS", "values": ["1"]}), Some(("/operator", "forbidden"))),
        (json!({"sourceParam": "q", "operator": "EQUALS", "values": []}), Some(("/values", "out_of_range"))),
        (json!({"sourceParam": "q", "operator": "IS_SET", "values": ["1"]}), Some(("/values", "out_of_range"))),
        (json!({"sourceParam": "", "operator": "UNSPECIFIED", "values": []}), None),
    ] {
        let expect: Vec<(String, &str)> =
            expect.into_iter().map(|(p, c): (&str, _)| (format!("{place}{p}"), c)).collect();
        let expect: Vec<(&str, &str)> = expect.iter().map(|(p, c)| (p.as_str(), *c)).collect();
        config(rule(condition), &expect);
    }
    // The rules of an auth method's parameters may look at the connection's.
    config(
        json!({"parametersMetadata": [{"name": "q"}], "authMetadata": [{"id": "m", "parametersMetadata": [
        {"name": "p", "rules": [{"effect": "HIDE", "all": [{"sourceParam": "q", "operator": "IS_SET"}]}]}]}]}),
        &[],
    );
}

#[test]
fn names_and_ids_are_unique() {
    config(
        json!({"parametersMetadata": [{"name": "p"}, {"name": "p"}], "authMetadata": [{"id": "m"}, {"id": "m"}, {"id": ""}, {"id": "a b"}]}),
        &[
            ("/parametersMetadata/1/name", "duplicate"),
            ("/authMetadata/1/id", "duplicate"),
            ("/authMetadata/2/id", "required"),
            ("/authMetadata/3/id", "malformed"),
        ],
    );
}

#[test]
fn schemes_have_the_parameters_that_they_need() {
    let method = |scheme: &str, settings: Value, parameters: Value| json!({"authMetadata": [{"id": "m", "type": scheme, "authSettings": {"parameters": settings}, "parametersMetadata": parameters}]});
    let (parameters, settings) = ("/authMetadata/0/parametersMetadata", "/authMetadata/0/authSettings/parameters");
    let at = |place: &str, member: &str| format!("{place}{member}");
    for (metadata, expect) in [
        (method("API_KEY", json!({"header": "X-Api-Key"}), json!([{"name": "k", "secret": true}])), vec![]),
        (method("API_KEY", json!({}), json!([{"name": "k"}])), vec![(at(parameters, ""), "required")]),
        (
            method("API_KEY", json!({"header": "X: y"}), json!([{"name": "k", "secret": true}])),
            vec![(at(settings, "/header"), "pattern_mismatch")],
        ),
        (
            method("API_KEY", json!({"header": "X", "query": "k"}), json!([{"name": "k", "secret": true}])),
            vec![(at(settings, "/query"), "forbidden")],
        ),
        (method("BEARER_TOKEN", json!({}), json!([])), vec![(at(parameters, ""), "required")]),
        (method("BASIC_AUTH", json!({}), json!([{"name": "username"}, {"name": "password", "secret": true}])), vec![]),
        (
            method(
                "BASIC_AUTH",
                json!({"usernameParameter": "u"}),
                json!([{"name": "username"}, {"name": "password"}]),
            ),
            vec![(at(parameters, ""), "required"), (at(parameters, "/1/secret"), "forbidden")],
        ),
        (
            method(
                "AWS_SIGV4",
                json!({}),
                json!([{"name": "accessKeyId"}, {"name": "secretAccessKey", "secret": true}]),
            ),
            vec![],
        ),
        (
            method(
                "AWS_SIGV4",
                json!({"assumeRole": true}),
                json!([{"name": "accessKeyId"}, {"name": "secretAccessKey", "secret": true}]),
            ),
            vec![(at(parameters, ""), "required")],
        ),
        (method("NONE", json!({}), json!([])), vec![]),
        (method("UNSPECIFIED", json!({}), json!([])), vec![]),
        (method("O_AUTH2", json!({"anything": {"goes": 1}}), json!([])), vec![]),
        (method("API_KEYS", json!({}), json!([])), vec![("/authMetadata/0/type".to_owned(), "not_an_option")]),
    ] {
        let expect: Vec<(&str, &str)> = expect.iter().map(|(p, c)| (p.as_str(), *c)).collect();
        config(metadata, &expect);
    }
}

#[test]
fn the_documented_example_is_accepted_and_echoed() {
    let documented = json!({
        "parametersMetadata": [{"name": "string", "index": 0, "type": "String", "typeName": "string", "integerRange": null,
            "floatRange": null, "options": null, "asset": null, "displayName": "string", "description": "string",
            "required": false, "secret": false, "defaultValue": "string", "jsonSchema": null, "uiHint": null, "rules": []}],
        "authMetadata": [{"id": "string", "displayName": "string", "description": "string", "type": "UNSPECIFIED",
            "sensitivity": "UNSPECIFIED", "authProviderName": "string", "configTestSupported": false,
            "supportedLevels": ["APPLICATION", "USER"], "authMap": {"useMap": false, "keyTemplate": null, "parametersMetadata": []},
            "authSettings": {"parameters": {}}, "parametersMetadata": [], "availableScopes": []}]});
    let metadata = parse_config_metadata(documented.clone(), &Pointer::root()).unwrap();
    assert_eq!(serde_json::to_value(redacted(&metadata)).unwrap(), documented);
}

#[test]
fn secrets_in_metadata_are_hidden_and_come_back() {
    let before = parse_config_metadata(json!({
        "parametersMetadata": [{"name": "a", "secret": true, "defaultValue": "hunter2"}, {"name": "b", "defaultValue": "shown"}],
        "authMetadata": [{"id": "m", "type": "API_KEY", "authSettings": {"parameters": {"header": "X-Key", "extra": "hunter2"}},
            "parametersMetadata": [{"name": "k", "secret": true, "defaultValue": "hunter2"}]}]}), &Pointer::root()).unwrap();
    let shown = redacted(&before);
    let text = serde_json::to_string(&shown).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("extra"), "{text}");
    assert!(text.contains("shown") && text.contains("X-Key"), "{text}");

    let mut sent_back = shown;
    keep_secrets(&mut sent_back, &before);
    assert_eq!(sent_back, before);

    let mut another_scheme = redacted(&before);
    another_scheme.auth_metadata[0].scheme = keyferry_contract::AuthScheme::BearerToken;
    keep_secrets(&mut another_scheme, &before);
    assert!(!another_scheme.auth_metadata[0].auth_settings.parameters.contains_key("extra"));
}

fn plugin_document() -> Value {
    json!({
        "id": "http", "version": "1.0.0", "displayName": "HTTP", "tags": ["generic"],
        "configMetadata": {
            "parametersMetadata": [{"name": "baseUrl", "typeName": "origin", "required": true}, {"name": "region", "typeName": "label"}],
            "authMetadata": [{"id": "key", "type": "API_KEY", "parametersMetadata": [{"name": "k", "secret": true}]},
                {"id": "none", "type": "NONE"}]},
        "destinationMetadata": [{"name": "path"}],
        "sync": {"reads": "VALUES", "deletes": true, "batchSize": 10, "concurrency": 4, "valueBytesMax": 1000,
            "attributes": [{"name": "path", "source": {"destination": {"parameter": "path"}}}]},
        "egress": [{"id": "api", "host": "{baseUrl}", "methods": ["GET", "PUT"]}],
        "infisical": {"app": "web", "appName": "Web",
            "methods": [{"name": "open", "auth": "none", "credentials": [
                {"field": "url", "scope": "CONNECTION", "parameter": "baseUrl"}]}],
            "destination": {"slug": "web", "name": "Web", "config": [{"field": "path", "scope": "DESTINATION", "parameter": "path"}]}},
        "legacyFields": [{"field": "path", "scope": "DESTINATION", "parameter": "path", "normalise": "surroundWithSlashes"}],
        "customSettingsMetadata": {"type": "object", "required": ["verify"], "properties": {"verify": {"type": "object"}}, "additionalProperties": false}})
}

/// Changes one member of the good document and tells what is found.
#[track_caller]
fn document(pointer: &str, value: Value, expect: &[(&str, &str)]) {
    let mut document = plugin_document();
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
        parent => parent[member] = value,
    }
    let found = ValidMetadata::parse(&document.to_string()).err().unwrap_or_default();
    let seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
    assert_eq!(seen, expect, "{found:?}");
}

#[test]
fn a_good_document_is_accepted() {
    let metadata = ValidMetadata::parse(&plugin_document().to_string()).unwrap();
    assert_eq!(metadata.version().major(), 1);
    assert!(metadata.executes_custom());
}

#[test]
fn documents_that_make_no_sense_are_told() {
    document("/id", json!("a b"), &[("/id", "malformed")]);
    document("/version", json!("1.0"), &[("/version", "malformed")]);
    document("/version", json!(null), &[("/version", "required")]);
    document("/displayName", json!(" "), &[("/displayName", "required")]);
    document("/description", json!("x".repeat(501)), &[("/description", "too_long")]);
    document("/docsUrl", json!("http://docs.example"), &[("/docsUrl", "malformed")]);
    document("/icon", json!("<svg/>"), &[("/icon", "malformed")]);
    document("/tags", json!(["a", "a", "a b"]), &[("/tags/1", "duplicate"), ("/tags/2", "malformed")]);
    document("/surprise", json!(1), &[("/surprise", "unknown_member")]);
    document("/destinationMetadata/0/secret", json!(true), &[("/destinationMetadata/0/secret", "forbidden")]);
    document(
        "/destinationMetadata/0/name",
        json!("other"),
        &[
            ("/sync/attributes/0/source", "unknown_reference"),
            ("/legacyFields/0/parameter", "unknown_reference"),
            ("/infisical/destination/config/0/parameter", "unknown_reference"),
        ],
    );
    document("/sync/batchSize", json!(0), &[("/sync/batchSize", "out_of_range")]);
    document("/sync/concurrency", json!(65), &[("/sync/concurrency", "out_of_range")]);
    document("/sync/requestsPerSecond", json!(0), &[("/sync/requestsPerSecond", "out_of_range")]);
    document("/sync/namePattern", json!("["), &[("/sync/namePattern", "malformed")]);
    document("/sync/reservedNames", json!([""]), &[("/sync/reservedNames", "out_of_range")]);
    document("/egress/0/host", json!("{region}"), &[("/egress/0/host", "unknown_reference")]);
    document("/egress/0/host", json!("{baseUrl}.example.com"), &[("/egress/0/host", "unknown_reference")]);
    document("/egress/0/host", json!("api.{region}.example.com"), &[]);
    document("/egress/0/host", json!("*.example.com"), &[("/egress/0/host", "malformed")]);
    document("/egress/0/methods", json!(["GET", "TRACE"]), &[("/egress/0/methods", "not_an_option")]);
    document("/egress/0/methods", json!([]), &[("/egress/0/methods", "not_an_option")]);
    document("/egress/0/ports", json!([443]), &[("/egress/0/ports", "forbidden")]);
    document(
        "/egress/0/signing",
        json!({"service": "ssm", "region": "{region}"}),
        &[("/egress/0/signing", "forbidden")],
    );
    document(
        "/egress/0/signing",
        json!({"service": "S!", "region": "{baseUrl}"}),
        &[
            ("/egress/0/signing/service", "malformed"),
            ("/egress/0/signing/region", "unknown_reference"),
            ("/egress/0/signing", "forbidden"),
        ],
    );
    document(
        "/configMetadata/authMetadata/1/type",
        json!("UNSPECIFIED"),
        &[("/configMetadata/authMetadata/1/type", "required")],
    );
    document("/legacyFields/0/normalise", json!("upper"), &[("/legacyFields/0/normalise", "not_an_option")]);
    for (method, expect) in [
        (json!("key"), ("/legacyFields/0/parameter", "unknown_reference")),
        (json!("other"), ("/legacyFields/0/method", "unknown_reference")),
        (json!(null), ("/legacyFields/0/method", "unknown_reference")),
    ] {
        let field = json!({"field": "accessToken", "scope": "AUTH", "method": method, "parameter": "other"});
        document("/legacyFields/0", field, &[expect]);
    }
    document("/legacyNames", json!(["good", "not good"]), &[("/legacyNames/1", "malformed")]);
    document("/customSettingsMetadata", json!("text"), &[("/customSettingsMetadata", "malformed")]);
}

#[test]
fn signing_needs_entries_that_sign() {
    let method = json!({"id": "key", "type": "AWS_SIGV4", "authSettings": {"parameters": {"assumeRole": true, "exchangeEntry": "sts"}},
        "parametersMetadata": [{"name": "accessKeyId"}, {"name": "secretAccessKey", "secret": true}, {"name": "roleArn"}]});
    let place = "/configMetadata/authMetadata/0";
    document(
        place,
        method,
        &[
            (&format!("{place}/type"), "required"),
            (&format!("{place}/authSettings/parameters/exchangeEntry"), "unknown_reference"),
        ],
    );
}

#[test]
fn what_is_no_document_is_refused_in_one_sentence() {
    for (text, code) in [
        ("", "malformed"),
        ("[1", "malformed"),
        ("[]", "wrong_type"),
        (&" ".repeat(DOCUMENT_BYTES_MAX + 1), "too_long"),
    ] {
        let found = ValidMetadata::parse(text).unwrap_err();
        assert_eq!(found.iter().map(|v| v.code).collect::<Vec<_>>(), [code]);
    }
}

#[track_caller]
fn custom(config_metadata: Value, plugin_settings: Value) -> Result<CustomBehaviour, Vec<(String, &'static str)>> {
    let plugin = ValidMetadata::parse(&plugin_document().to_string()).unwrap();
    let metadata = parse_config_metadata(config_metadata, &Pointer::root()).unwrap();
    let settings: Map<String, Value> = plugin_settings.as_object().unwrap().clone();
    check_custom(&metadata, &plugin, &settings)
        .map_err(|found| found.into_iter().map(|v| (v.pointer, v.code)).collect())
}

fn crm() -> Value {
    json!({"parametersMetadata": [{"name": "baseUrl", "typeName": "origin"}],
        "authMetadata": [{"id": "key", "type": "API_KEY", "parametersMetadata": [{"name": "apiKey", "secret": true}]}]})
}

#[test]
fn a_custom_integration_takes_its_behaviour_from_plugin_and_settings() {
    let settings = json!({"verify": {"url": "x"}, "sync": {"reads": "NAMES", "batchSize": 1},
        "destinationMetadata": [{"name": "space"}]});
    let behaviour = custom(crm(), settings).unwrap();
    assert_eq!(Value::Object(behaviour.plugin_settings), json!({"verify": {"url": "x"}}));
    assert_eq!(behaviour.destination_metadata[0].name, "space");
    let sync = behaviour.sync.unwrap();
    assert_eq!((sync.reads, sync.batch_size, sync.concurrency, sync.deletes), (SyncReads::Names, 1, 4, true));

    let plain = custom(crm(), json!({"verify": {}})).unwrap();
    assert_eq!(plain.destination_metadata[0].name, "path");
    assert_eq!(plain.sync.unwrap().batch_size, 10);
}

#[test]
fn a_custom_integration_may_only_narrow() {
    for (sync, member) in [
        (json!({"deletes": true, "batchSize": 11}), Some("batchSize")),
        (json!({"valueBytesMax": 1001}), Some("valueBytesMax")),
        (json!({"valueBytesMax": 999, "itemsMax": 5, "requestsPerSecond": 1.0, "namePattern": "[a-z]+"}), None),
        (json!({"emptyValues": true}), Some("emptyValues")),
        (json!({"document": true, "deletes": false}), None),
        (json!({"attributes": [{"name": "x", "source": "tags"}]}), Some("attributes")),
        (json!({"reads": "NOTHING", "reservedNames": ["A_*"]}), None),
    ] {
        let found = custom(crm(), json!({"verify": {}, "sync": sync})).err().unwrap_or_default();
        let expect: Vec<_> =
            member.into_iter().map(|member| (format!("/pluginSettings/sync/{member}"), "forbidden")).collect();
        assert_eq!(found, expect);
    }
}

#[test]
fn a_custom_integration_that_its_plugin_cannot_execute_is_refused() {
    let no_origin = json!({"parametersMetadata": [{"name": "baseUrl"}]});
    assert_eq!(
        custom(no_origin, json!({"verify": {}})).unwrap_err(),
        [("/configMetadata/parametersMetadata".to_owned(), "required")]
    );

    let basic = json!({"parametersMetadata": [{"name": "baseUrl", "typeName": "origin"}, {"name": "key"}, {"name": "path"}],
        "authMetadata": [{"id": "b", "type": "BEARER_TOKEN", "parametersMetadata": [{"name": "t", "secret": true}]}]});
    assert_eq!(
        custom(basic, json!({"verfy": {}, "destinationMetadata": [{"nmae": 1}]})).unwrap_err(),
        [
            ("/configMetadata/authMetadata/0/type".to_owned(), "not_supported"),
            ("/pluginSettings".to_owned(), "schema_mismatch"),
            ("/pluginSettings".to_owned(), "schema_mismatch"),
            ("/pluginSettings/destinationMetadata/0/nmae".to_owned(), "unknown_member"),
            ("/configMetadata/parametersMetadata/1/name".to_owned(), "reserved"),
        ]
    );

    let both = json!({"parametersMetadata": [{"name": "baseUrl", "typeName": "origin"}, {"name": "path"}]});
    assert_eq!(
        custom(both, json!({"verify": {}})).unwrap_err(),
        [("/configMetadata/parametersMetadata/1/name".to_owned(), "duplicate")]
    );
}

#[test]
fn names_of_the_infisical_dialect_lead_somewhere() {
    document("/infisical/app", json!("a b"), &[("/infisical/app", "malformed")]);
    document("/infisical/appName", json!(" "), &[("/infisical/appName", "malformed")]);
    let method = "/infisical/methods/0";
    document(&format!("{method}/auth"), json!("other"), &[("/infisical/methods/0/auth", "unknown_reference")]);
    let field = json!([{"field": "k", "scope": "DESTINATION", "parameter": "path"}]);
    document(&format!("{method}/credentials"), field, &[("/infisical/methods/0/credentials/0/scope", "forbidden")]);
    let field = json!([{"field": "k", "scope": "AUTH", "parameter": "other"}]);
    let unknown = [("/infisical/methods/0/credentials/0/parameter", "unknown_reference")];
    document(&format!("{method}/credentials"), field, &unknown);
    let field = json!([{"field": "k", "scope": "AUTH", "parameter": "k"}]);
    let scope = [("/infisical/destination/options/0/scope", "forbidden")];
    document("/infisical/destination/options", field, &scope);
    let choices = |path: &str| json!([{"path": path, "scope": "DESTINATION", "parameter": "path", "list": "l", "value": "v", "label": "n"}]);
    let (path, parameter) = ("/infisical/choices/0/path", "/infisical/choices/0/parameter");
    document("/infisical/choices", choices("available"), &[(path, "reserved"), (parameter, "unknown_reference")]);
    document("/sync", json!(null), &[("/infisical/destination", "forbidden")]);
}
