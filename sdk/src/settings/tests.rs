//! The derive macros, from the struct to its metadata and back from JSON.

use keyferry_contract::{ParameterType, RuleEffect, RuleOperator};
use serde_json::{Value, json};

use super::*;
use crate::{ErrorKind, Options, Settings};

/// How much a parameter may hold.
#[derive(Clone, Copy, Debug, PartialEq, Options)]
enum Tier {
    /// Up to 4 KB.
    Standard,
    #[option(value = "Intelligent-Tiering", label = "As needed")]
    Intelligent,
}

#[derive(Debug, PartialEq, Settings)]
struct Everything {
    /// The path that parameters
    /// are written under.
    #[setting(display_name = "Path", pattern = "^/.*/$", min_length = 1, max_length = 10)]
    path: String,
    #[setting(label, dynamic)]
    region: Option<String>,
    #[setting(origin)]
    endpoint: Option<String>,
    #[setting(default = "Standard")]
    tier: Tier,
    #[setting(min = 1, max = 50, default = 10)]
    batch_size: u32,
    #[setting(min = -0.5)]
    ratio: Option<f64>,
    #[setting(default = false)]
    is_masked: bool,
    #[setting(options("repository", "organization"), default = "repository")]
    scope: String,
    #[setting(name = "extra-json", json_schema = r#"{"type": "object"}"#)]
    extra: Option<Value>,
    #[setting(secret, show_when(scope = "repository", region), require_when(tier = ["Standard", "x"], not(endpoint)))]
    token: Option<String>,
}

fn parameter(name: &str) -> Parameter {
    Everything::parameters().into_iter().find(|parameter| parameter.name == name).expect("declared above")
}

fn read(object: Value) -> Result<Everything, Error> {
    Everything::from_json(&object.to_string())
}

#[test]
fn fields_become_parameters_in_order() {
    let names = Everything::parameters().into_iter().map(|parameter| (parameter.index, parameter.name));
    let expected =
        ["path", "region", "endpoint", "tier", "batchSize", "ratio", "isMasked", "scope", "extra-json", "token"];
    assert_eq!(names.collect::<Vec<_>>(), (0..).zip(expected.map(str::to_owned)).collect::<Vec<_>>());
}

#[test]
fn a_field_says_all_of_its_parameter() {
    let path = parameter("path");
    assert_eq!(path.display_name.as_deref(), Some("Path"));
    assert_eq!(path.description.as_deref(), Some("The path that parameters are written under."));
    assert_eq!(path.pattern.as_deref(), Some("^/.*/$"));
    assert_eq!((path.min_length, path.max_length), (Some(1), Some(10)));
    assert!(path.required);
    assert!(!path.secret);
    assert_eq!(parameter("batchSize").display_name.as_deref(), Some("Batch size"));
}

#[test]
fn types_follow_from_the_rust_types() {
    let kinds = [
        ("path", ParameterType::String),
        ("region", ParameterType::String),
        ("tier", ParameterType::Option),
        ("batchSize", ParameterType::Integer),
        ("ratio", ParameterType::Float),
        ("isMasked", ParameterType::Boolean),
        ("scope", ParameterType::Option),
        ("extra-json", ParameterType::Json),
    ];
    for (name, kind) in kinds {
        assert_eq!(parameter(name).kind, kind, "{name}");
    }
    assert_eq!(parameter("region").type_name.as_deref(), Some("label"));
    assert_eq!(parameter("endpoint").type_name.as_deref(), Some("origin"));
    assert!(parameter("region").dynamic);
    assert!(parameter("token").secret);
    assert!(!parameter("region").required);
    assert_eq!(parameter("isMasked").default_value.as_deref(), Some("false"));
    assert_eq!(parameter("batchSize").integer_range, Some(IntegerRange { min: Some(1), max: Some(50) }));
    assert_eq!(parameter("ratio").float_range, Some(FloatRange { min: Some(-0.5), max: None }));
    assert_eq!(parameter("extra-json").json_schema, Some(json!({"type": "object"})));
}

#[test]
fn options_have_values_labels_and_descriptions() {
    let options = parameter("tier").options.expect("an enum has options");
    assert_eq!(options[0].value, "Standard");
    assert_eq!(options[0].description.as_deref(), Some("Up to 4 KB."));
    assert_eq!(options[1].value, "Intelligent-Tiering");
    assert_eq!(options[1].label.as_deref(), Some("As needed"));
    assert_eq!(Tier::Intelligent.as_str(), "Intelligent-Tiering");
}

#[test]
fn rules_name_parameters_by_their_wire_names() {
    let rules = parameter("token").rules;
    assert_eq!(rules[0].effect, RuleEffect::Show);
    assert_eq!(rules[0].all[0].operator, RuleOperator::Equals);
    assert_eq!(rules[0].all[0].values, ["repository"]);
    assert_eq!(rules[0].all[1].operator, RuleOperator::IsSet);
    assert_eq!(rules[1].effect, RuleEffect::Require);
    assert_eq!(rules[1].all[0].operator, RuleOperator::In);
    assert_eq!(rules[1].all[1].operator, RuleOperator::IsNotSet);
    assert_eq!(rules[1].all[1].source_param, "endpoint");
}

#[test]
fn values_are_read_and_defaults_filled_in() {
    let settings = read(json!({"path": "/a/", "region": "", "ratio": 0.5, "extra-json": {"a": 1}})).expect("valid");
    let expected = Everything {
        path: "/a/".into(),
        region: None,
        endpoint: None,
        tier: Tier::Standard,
        batch_size: 10,
        ratio: Some(0.5),
        is_masked: false,
        scope: "repository".into(),
        extra: Some(json!({"a": 1})),
        token: None,
    };
    assert_eq!(settings, expected);
}

#[test]
fn numbers_and_flags_are_read_from_text_too() {
    let settings = read(json!({"path": "/a/", "batchSize": "7", "isMasked": "true", "ratio": "1.5"})).expect("valid");
    assert_eq!((settings.batch_size, settings.is_masked, settings.ratio), (7, true, Some(1.5)));
}

#[test]
fn every_problem_is_told_at_once_and_no_value_with_it() {
    let error = read(json!({"path": 5, "tier": "hidden-1", "batchSize": 51, "ratio": -1.0, "scope": "hidden-2"}))
        .expect_err("nothing of it is valid");
    assert_eq!(error.kind(), ErrorKind::InvalidSetting);
    assert_eq!(error.field(), Some("path"));
    for expected in [
        "`path` is no text",
        "`tier` is none of the options",
        "`batchSize` is out of range",
        "`ratio` is out of range",
        "`scope` is none of the options",
    ] {
        assert!(error.message().contains(expected), "{error}");
    }
    assert!(!error.message().contains("hidden"), "{error}");
}

#[test]
fn what_is_required_and_absent_is_named() {
    let error = read(json!({"path": null})).expect_err("the path is required");
    assert_eq!((error.field(), error.message()), (Some("path"), "`path` is required"));
}

#[test]
fn lengths_count_characters() {
    assert!(read(json!({"path": "äöüäöüäöüä"})).is_ok());
    assert!(read(json!({"path": "äöüäöüäöüäö"})).is_err());
    assert!(read(json!({"path": ""})).is_err());
}

#[test]
fn integers_are_bounded_by_their_rust_type() {
    assert_eq!(u32::from_value(json!(-1)), Err("is out of range".to_owned()));
    assert_eq!(u32::from_value(json!(4_294_967_295_u64)), Ok(u32::MAX));
    assert_eq!(u32::from_value(json!(1.5)), Err("is no whole number".to_owned()));
    assert_eq!(i64::from_value(json!("x")), Err("is no whole number".to_owned()));
}

#[test]
fn json_is_read_from_text_as_a_default_is_always_text() {
    assert_eq!(Json::<Vec<u8>>::from_value(json!("[1, 2]")), Ok(Json(vec![1, 2])));
    assert!(Json::<Vec<u8>>::from_value(json!({"a": 1})).is_err());
    assert_eq!(BTreeMap::from_value(json!({"a": "b"})), Ok(BTreeMap::from([("a".to_owned(), "b".to_owned())])));
    assert!(BTreeMap::from_value(json!({"a": 1})).is_err());
}

#[test]
fn settings_that_are_no_object_are_the_hosts_fault() {
    assert_eq!(Everything::from_json("[]").expect_err("a list").kind(), ErrorKind::Other);
}
