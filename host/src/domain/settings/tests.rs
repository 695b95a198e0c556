use super::*;
use serde_json::json;

fn parameters(metadata: Value) -> Vec<Parameter> {
    serde_json::from_value(metadata).expect("the test's metadata is well-formed")
}

fn given(value: Value) -> Given {
    serde_json::from_value(value).expect("an object")
}

fn at_parameters() -> Surroundings<'static> {
    Surroundings::at(Pointer::root().member("parameters"))
}

#[track_caller]
fn check(metadata: Value, value: Value, expect: Result<Value, &[(&str, &str)]>) {
    let found = validate(&parameters(metadata), given(value), &at_parameters());
    let found = found
        .map(|settings| Value::Object(settings.values))
        .map_err(|violations| violations.iter().map(|v| (v.pointer.clone(), v.code)).collect::<Vec<_>>());
    let expect = expect.map_err(|list| list.iter().map(|(p, c)| ((*p).to_owned(), *c)).collect::<Vec<_>>());
    let codes = |list: Vec<(String, &str)>| list.into_iter().map(|(p, c)| (p, c.to_owned())).collect::<Vec<_>>();
    assert_eq!(found.map_err(codes), expect.map_err(codes));
}

/// One parameter `p` with these members, given one value.
#[track_caller]
fn one(mut parameter: Value, value: Value, expect: Result<Value, &str>) {
    parameter["name"] = json!("p");
    let expect = expect.map(|value| json!({"p": value}));
    match expect {
        Ok(expect) => check(json!([parameter]), json!({"p": value}), Ok(expect)),
        Err(code) => check(json!([parameter]), json!({"p": value}), Err(&[("/parameters/p", code)])),
    }
}

#[test]
fn values_hold_to_their_type() {
    for (kind, value, good) in [
        ("String", json!("a"), true),
        ("String", json!(1), false),
        ("String", json!(["a"]), false),
        ("Integer", json!(-3), true),
        ("Integer", json!("3"), false),
        ("Integer", json!(3.5), false),
        ("Float", json!(3.5), true),
        ("Float", json!(3), true),
        ("Float", json!("3.5"), false),
        ("Boolean", json!(false), true),
        ("Boolean", json!("true"), false),
        ("Boolean", json!(0), false),
        ("Json", json!({"any": ["thing", 1]}), true),
        ("Json", json!("text"), true),
    ] {
        let expect = if good { Ok(value.clone()) } else { Err("wrong_type") };
        one(json!({"type": kind}), value, expect);
    }
}

#[test]
fn ranges_and_lengths_are_inclusive_and_count_characters() {
    for (parameter, value, expect) in [
        (json!({"type": "Integer", "integerRange": {"min": 1, "max": 3}}), json!(1), None),
        (json!({"type": "Integer", "integerRange": {"min": 1, "max": 3}}), json!(3), None),
        (json!({"type": "Integer", "integerRange": {"min": 1, "max": 3}}), json!(0), Some("out_of_range")),
        (json!({"type": "Integer", "integerRange": {"min": 1}}), json!(u64::MAX), Some("out_of_range")),
        (json!({"type": "Float", "floatRange": {"max": 0.5}}), json!(0.5), None),
        (json!({"type": "Float", "floatRange": {"max": 0.5}}), json!(0.51), Some("out_of_range")),
        (json!({"type": "String", "maxLength": 3}), json!("äöü"), None),
        (json!({"type": "String", "maxLength": 3}), json!("äöüß"), Some("too_long")),
        (json!({"type": "String", "minLength": 2}), json!("🔑🔑"), None),
        (json!({"type": "String", "minLength": 2}), json!("🔑"), Some("too_short")),
        (json!({"type": "String", "pattern": "[a-z]+"}), json!("abc"), None),
        (json!({"type": "String", "pattern": "[a-z]+"}), json!("abc1"), Some("pattern_mismatch")),
        (json!({"type": "String"}), json!("x".repeat(65_537)), Some("too_long")),
    ] {
        one(parameter, value.clone(), expect.map_or(Ok(value), Err));
    }
}

#[test]
fn options_are_closed_unless_they_are_live() {
    let options = json!([{"value": "advanced"}, {"value": "standard"}]);
    one(json!({"type": "Option", "options": options}), json!("standard"), Ok(json!("standard")));
    one(json!({"type": "Option", "options": options}), json!("Standard"), Err("not_an_option"));
    one(json!({"type": "Option", "options": options, "dynamic": true}), json!("other"), Ok(json!("other")));
}

#[test]
fn an_option_that_is_nearly_right_is_suggested() {
    let metadata = parameters(json!([{"name": "tier", "type": "Option", "options": [{"value": "advanced"}]}]));
    let found = validate(&metadata, given(json!({"tier": "advnaced"})), &at_parameters()).unwrap_err();
    assert_eq!(found[0].detail, "must be one of `advanced`; did you mean `advanced`?");
}

#[test]
fn labels_and_origins_come_out_normalised() {
    one(json!({"typeName": "label"}), json!("EU-West-1"), Ok(json!("eu-west-1")));
    one(json!({"typeName": "label"}), json!("a.b"), Err("malformed"));
    one(json!({"typeName": "origin"}), json!("https://CRM.example.com/"), Ok(json!("https://crm.example.com")));
    one(json!({"typeName": "origin"}), json!("https://crm.example.com/v1"), Err("malformed"));
    check(json!([{"name": "p", "typeName": "origin"}]), json!({"p": ""}), Ok(json!({})));
}

#[test]
fn a_schema_is_held_to_at_its_own_pointers() {
    let metadata = json!([{"name": "p", "type": "Json", "jsonSchema": {"properties": {"n": {"type": "integer"}}}}]);
    check(metadata.clone(), json!({"p": {"n": 1}}), Ok(json!({"p": {"n": 1}})));
    check(metadata, json!({"p": {"n": "x"}}), Err(&[("/parameters/p/n", "schema_mismatch")]));
}

#[test]
fn everything_wrong_is_told_at_once() {
    check(
        json!([{"name": "region", "required": true}, {"name": "count", "type": "Integer"}, {"name": "ok"}]),
        json!({"regoin": "x", "count": "many", "ok": "fine"}),
        Err(&[
            ("/parameters/regoin", "unknown_member"),
            ("/parameters/region", "required"),
            ("/parameters/count", "wrong_type"),
        ]),
    );
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let metadata = parameters(json!([{"name": "region"}, {"name": "endpoint"}]));
    let found = validate(&metadata, given(json!({"regoin": "hunter2"})), &at_parameters()).unwrap_err();
    assert_eq!(found[0].detail, "there is no parameter of this name; did you mean `region`?");
}

#[test]
fn defaults_fill_what_is_missing_and_null_counts_as_missing() {
    let metadata = json!([
        {"name": "a", "required": true, "defaultValue": "x"},
        {"name": "b", "type": "Integer", "defaultValue": "3"},
        {"name": "c", "type": "Boolean", "defaultValue": "TRUE"},
        {"name": "d", "type": "Json", "defaultValue": "{\"k\":1}"},
        {"name": "e", "type": "Float", "defaultValue": "0.5"},
        {"name": "f", "typeName": "origin", "defaultValue": "https://CRM.example.com"},
        {"name": "g"},
    ]);
    let filled = json!({"a": "x", "b": 3, "c": true, "d": {"k": 1}, "e": 0.5, "f": "https://crm.example.com"});
    check(metadata.clone(), json!({}), Ok(filled.clone()));
    check(metadata, json!({"a": null, "g": null}), Ok(filled));
    check(json!([{"name": "a", "required": true}]), json!({"a": ""}), Err(&[("/parameters/a", "required")]));
    check(json!([{"name": "a"}]), json!({"a": ""}), Ok(json!({"a": ""})));
}

#[test]
fn rules_show_hide_require_and_forbid() {
    let rule = |effect: &str, operator: &str, values: Value| json!([{"effect": effect, "all": [{"sourceParam": "mode", "operator": operator, "values": values}]}]);
    let metadata = |required: bool, default: Value, rules: Value| {
        json!([{"name": "mode", "defaultValue": "a"},
            {"name": "p", "required": required, "defaultValue": default, "rules": rules}])
    };
    let missing: &[(&str, &str)] = &[("/parameters/p", "required")];
    let forbidden: &[(&str, &str)] = &[("/parameters/p", "forbidden")];
    let (a, b) = (json!({"mode": "a"}), json!({"mode": "b"}));
    for (metadata, value, expect) in [
        // The source's default counts.
        (metadata(false, json!(null), rule("REQUIRE", "EQUALS", json!(["a"]))), json!({}), Err(missing)),
        (metadata(false, json!(null), rule("REQUIRE", "EQUALS", json!(["a"]))), b.clone(), Ok(b.clone())),
        (metadata(false, json!(null), rule("REQUIRE", "NOT_EQUALS", json!(["a"]))), b.clone(), Err(missing)),
        (metadata(false, json!(null), rule("REQUIRE", "IN", json!(["a", "c"]))), a.clone(), Err(missing)),
        (metadata(false, json!(null), rule("REQUIRE", "NOT_IN", json!(["a", "c"]))), b.clone(), Err(missing)),
        (metadata(false, json!(null), rule("REQUIRE", "IS_SET", json!([]))), a.clone(), Err(missing)),
        (metadata(false, json!(null), rule("REQUIRE", "IS_NOT_SET", json!([]))), a.clone(), Ok(a.clone())),
        (
            metadata(false, json!(null), rule("FORBID", "EQUALS", json!(["b"]))),
            json!({"mode": "b", "p": "x"}),
            Err(forbidden),
        ),
        (metadata(true, json!("d"), rule("FORBID", "EQUALS", json!(["b"]))), b.clone(), Ok(b.clone())),
        (metadata(true, json!(null), rule("HIDE", "EQUALS", json!(["b"]))), b.clone(), Ok(b.clone())),
        (metadata(true, json!(null), rule("HIDE", "EQUALS", json!(["b"]))), a.clone(), Err(missing)),
        (metadata(true, json!(null), rule("SHOW", "EQUALS", json!(["b"]))), a.clone(), Ok(a.clone())),
        (metadata(true, json!(null), rule("SHOW", "EQUALS", json!(["b"]))), b.clone(), Err(missing)),
        (metadata(false, json!("d"), rule("SHOW", "EQUALS", json!(["b"]))), a.clone(), Ok(a.clone())),
        (
            metadata(false, json!("d"), rule("SHOW", "EQUALS", json!(["b"]))),
            b.clone(),
            Ok(json!({"mode": "b", "p": "d"})),
        ),
        // What is not specified has no effect.
        (metadata(true, json!(null), rule("UNSPECIFIED", "EQUALS", json!(["b"]))), b.clone(), Err(missing)),
        (
            metadata(false, json!("d"), rule("SHOW", "UNSPECIFIED", json!(["b"]))),
            a.clone(),
            Ok(json!({"mode": "a", "p": "d"})),
        ),
    ] {
        check(metadata, value, expect);
    }
}

#[test]
fn rules_see_wider_settings_and_whether_a_secret_is_there() {
    let metadata = parameters(
        json!([{"name": "key", "secret": true}, {"name": "p", "rules": [{"effect": "REQUIRE", "all": [
        {"sourceParam": "region", "operator": "EQUALS", "values": ["eu"]}, {"sourceParam": "key", "operator": "IS_SET"}]}]}]),
    );
    let wider = json!({"region": "eu"}).as_object().unwrap().clone();
    let surroundings = Surroundings { wider: Some(&wider), ..at_parameters() };
    assert!(validate(&metadata, given(json!({})), &surroundings).is_ok());
    let found = validate(&metadata, given(json!({"key": "k"})), &surroundings).unwrap_err();
    assert_eq!((found[0].pointer.as_str(), found[0].code), ("/parameters/p", "required"));
}

#[test]
fn secrets_are_set_apart() {
    let metadata = parameters(
        json!([{"name": "user"}, {"name": "password", "secret": true}, {"name": "pin", "type": "Integer", "secret": true}]),
    );
    let settings =
        validate(&metadata, given(json!({"user": "u", "password": "hunter2", "pin": 7})), &at_parameters()).unwrap();
    assert_eq!(Value::Object(settings.values), json!({"user": "u"}));
    assert_eq!(settings.secrets["password"].expose(), "hunter2");
    assert_eq!(settings.secrets["pin"].expose(), "7");
    assert!(settings.kept.is_empty());
}

#[test]
fn a_mask_keeps_what_is_stored_and_nothing_else() {
    let metadata = parameters(json!([{"name": "key", "secret": true, "required": true}]));
    let stored = BTreeMap::from([("key".to_owned(), Secret::from("hunter2"))]);
    let with_stored = |keeps_omitted| Surroundings { stored: Some(&stored), keeps_omitted, ..at_parameters() };
    for (value, surroundings, expect) in [
        (json!({"key": MASK}), with_stored(false), Ok(("hunter2", true))),
        (json!({"key": "new"}), with_stored(false), Ok(("new", false))),
        (json!({}), with_stored(true), Ok(("hunter2", true))),
        (json!({}), with_stored(false), Err("required")),
        (json!({"key": MASK}), at_parameters(), Err("malformed")),
    ] {
        let found = validate(&metadata, given(value), &surroundings);
        let found = found.map(|s| (s.secrets["key"].expose().clone(), s.kept.contains("key"))).map_err(|v| v[0].code);
        assert_eq!(found, expect.map(|(text, kept)| (text.to_owned(), kept)));
    }
}

#[test]
fn what_is_omitted_is_kept_only_where_that_is_asked_for() {
    let metadata = parameters(json!([{"name": "user", "required": true}, {"name": "port", "type": "Integer"}]));
    let text = |text: &str| Secret::from(text);
    let stored = BTreeMap::from([
        ("user".to_owned(), text("u")),
        ("port".to_owned(), text("7")),
        ("gone".to_owned(), text("x")),
    ]);
    let open = BTreeSet::from(["user", "port"].map(str::to_owned));
    let kept = Surroundings { stored: Some(&stored), open: Some(&open), keeps_omitted: true, ..at_parameters() };
    let settings = validate(&metadata, given(json!({})), &kept).unwrap();
    assert_eq!(Value::Object(settings.values), json!({"user": "u", "port": 7}));
    let was_secret = Surroundings { open: None, ..kept.clone() };
    assert_eq!(validate(&metadata, given(json!({})), &was_secret).unwrap_err()[0].code, "required");
    let replaced = Surroundings { keeps_omitted: false, ..kept };
    assert_eq!(validate(&metadata, given(json!({})), &replaced).unwrap_err()[0].code, "required");
}

#[test]
fn no_violation_repeats_a_value() {
    let metadata = parameters(json!([
        {"name": "a", "type": "Integer", "secret": true}, {"name": "b", "pattern": "x", "secret": true},
        {"name": "c", "typeName": "origin"}, {"name": "d", "maxLength": 1},
        {"name": "e", "type": "Option", "options": [{"value": "on"}], "secret": true},
        {"name": "f", "type": "Json", "secret": true, "jsonSchema": {"properties": {"hunter2": {"type": "null"}}}}]));
    let value =
        json!({"a": "hunter2", "b": "hunter2", "c": "hunter2", "d": "hunter2", "e": "hunter2", "f": {"hunter2": 1}});
    let found = validate(&metadata, given(value), &at_parameters()).unwrap_err();
    assert_eq!(found.len(), 6);
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is given comes out as a value of the declared type, or not at all.
        #[test]
        fn what_passes_passes_again(text in ".{0,40}", number in any::<i64>(), flag in any::<bool>()) {
            let metadata = parameters(json!([
                {"name": "s", "maxLength": 20}, {"name": "l", "typeName": "label"}, {"name": "o", "typeName": "origin"},
                {"name": "i", "type": "Integer", "integerRange": {"min": -1000}}, {"name": "b", "type": "Boolean"}]));
            for value in [json!(text), json!(format!("https://{text}")), json!(number), json!(flag)] {
                for name in ["s", "l", "o", "i", "b"] {
                    if let Ok(settings) = validate(&metadata, given(json!({name: value})), &at_parameters()) {
                        let again = validate(&metadata, Given::from(settings.values.clone()), &at_parameters());
                        prop_assert_eq!(again.unwrap().values, settings.values);
                    }
                }
            }
        }
    }
}
