//! The outline of the documents that people and plugins write, so that everything wrong with one is told at once, by name,
//! and without repeating what stands in it. What passes is then read by serde.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::suggestion;

/// What may stand somewhere.
pub(super) enum Kind {
    Text,
    Boolean,
    Integer,
    Number,
    /// Any object.
    Map,
    /// Anything at all.
    Anything,
    /// One of these words; with `AnyCase` the given one is rewritten as it stands here.
    Word(&'static [&'static str]),
    WordInAnyCase(&'static [&'static str]),
    List(&'static Kind),
    Object(&'static [Member]),
    /// An outline that stands elsewhere.
    Outline(&'static Kind),
}

/// One member of an object.
pub(super) struct Member {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn may(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: false }
}

const fn must(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: true }
}

/// Checks `value` against the outline and reads it. Members that are null count as left out.
pub(super) fn read<T: DeserializeOwned>(
    value: Value,
    kind: &'static Kind,
    pointer: &Pointer,
    violations: &mut Violations,
) -> Option<T> {
    let before = violations.len();
    let value = normalise(value, kind, pointer, violations)?;
    if violations.len() > before {
        return None;
    }
    let read = serde_json::from_value(value).ok();
    if read.is_none() {
        violations.add(pointer, violation::MALFORMED, "is not of the documented shape");
    }
    read
}

fn normalise(value: Value, kind: &'static Kind, pointer: &Pointer, violations: &mut Violations) -> Option<Value> {
    match (kind, value) {
        (Kind::Outline(kind), value) => normalise(value, kind, pointer, violations),
        (Kind::Anything, value) => Some(value),
        (Kind::Text, value @ Value::String(_))
        | (Kind::Boolean, value @ Value::Bool(_))
        | (Kind::Number, value @ Value::Number(_))
        | (Kind::Map, value @ Value::Object(_)) => Some(value),
        (Kind::Integer, value) if value.is_i64() => Some(value),
        (Kind::Word(words), Value::String(text)) => word(&text, words, |a, b| a == b, pointer, violations),
        (Kind::WordInAnyCase(words), Value::String(text)) => {
            word(&text, words, str::eq_ignore_ascii_case, pointer, violations)
        }
        (Kind::List(item), Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            let items = items.filter_map(|(i, value)| normalise(value, item, &pointer.index(i), violations));
            Some(Value::Array(items.collect()))
        }
        (Kind::Object(members), Value::Object(given)) => Some(object(given, members, pointer, violations)),
        (kind, _) => {
            violations.add(pointer, violation::WRONG_TYPE, format!("must be {}", expected(kind)));
            None
        }
    }
}

fn word(
    text: &str,
    words: &'static [&'static str],
    is_same: fn(&str, &str) -> bool,
    pointer: &Pointer,
    violations: &mut Violations,
) -> Option<Value> {
    let known = words.iter().find(|word| is_same(word, text));
    if known.is_none() {
        let hint = suggestion::hint(text, words.iter().copied());
        let detail = format!("must be one of `{}`{hint}", words.join("`, `"));
        violations.add(pointer, violation::NOT_AN_OPTION, detail);
    }
    known.map(|word| Value::from(*word))
}

fn object(
    given: Map<String, Value>,
    members: &'static [Member],
    pointer: &Pointer,
    violations: &mut Violations,
) -> Value {
    let mut normal = Map::new();
    for (name, value) in given {
        let place = pointer.member(&name);
        match members.iter().find(|member| member.name == name) {
            None => {
                let hint = suggestion::hint(&name, members.iter().map(|member| member.name));
                violations.add(&place, violation::UNKNOWN_MEMBER, format!("there is no member of this name{hint}"));
            }
            Some(_) if value.is_null() => {}
            Some(member) => {
                normal.extend(normalise(value, &member.kind, &place, violations).map(|value| (name, value)));
            }
        }
    }
    for member in members.iter().filter(|member| member.required && !normal.contains_key(member.name)) {
        let place = pointer.member(member.name);
        if !violations.mentions(&place) {
            violations.add(&place, violation::REQUIRED, "is required");
        }
    }
    Value::Object(normal)
}

const fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Word(_) | Kind::WordInAnyCase(_) => "text",
        Kind::Boolean => "true or false",
        Kind::Integer => "a whole number",
        Kind::Number => "a number",
        Kind::Map | Kind::Object(_) => "an object",
        Kind::List(_) => "a list",
        Kind::Anything | Kind::Outline(_) => "any value",
    }
}

const PARAMETER_TYPE: Kind =
    Kind::WordInAnyCase(&["String", "Integer", "Float", "Boolean", "Option", "Json", "UNSPECIFIED"]);
const EFFECT: Kind = Kind::Word(&["UNSPECIFIED", "SHOW", "HIDE", "REQUIRE", "FORBID"]);
const OPERATOR: Kind = Kind::Word(&["UNSPECIFIED", "EQUALS", "NOT_EQUALS", "IN", "NOT_IN", "IS_SET", "IS_NOT_SET"]);
const SCHEME: Kind =
    Kind::Word(&["UNSPECIFIED", "NONE", "API_KEY", "BEARER_TOKEN", "BASIC_AUTH", "O_AUTH2", "AWS_SIGV4", "CUSTOM"]);
const LEVEL: Kind = Kind::Word(&["UNSPECIFIED", "APPLICATION", "USER"]);
const READS: Kind = Kind::Word(&["VALUES", "DIGESTS", "NAMES", "NOTHING"]);
const LEGACY_SCOPE: Kind = Kind::Word(&["CONNECTION", "AUTH", "DESTINATION", "LABEL"]);

const CONDITION: Kind =
    Kind::Object(&[may("sourceParam", Kind::Text), may("operator", OPERATOR), may("values", Kind::List(&Kind::Text))]);
const RULE: Kind = Kind::Object(&[may("effect", EFFECT), may("all", Kind::List(&CONDITION))]);
const CHOICE: Kind =
    Kind::Object(&[must("value", Kind::Text), may("label", Kind::Text), may("description", Kind::Text)]);
const ASSET: Kind = Kind::Object(&[
    may("providers", Kind::List(&Kind::Text)),
    may("contentTypes", Kind::List(&Kind::Text)),
    may("vectorized", Kind::Boolean),
]);

pub(super) static PARAMETER: Kind = Kind::Object(&[
    may("name", Kind::Text),
    may("index", Kind::Integer),
    may("type", PARAMETER_TYPE),
    may("typeName", Kind::Text),
    may("integerRange", Kind::Object(&[may("min", Kind::Integer), may("max", Kind::Integer)])),
    may("floatRange", Kind::Object(&[may("min", Kind::Number), may("max", Kind::Number)])),
    may("options", Kind::List(&CHOICE)),
    may("asset", ASSET),
    may("displayName", Kind::Text),
    may("description", Kind::Text),
    may("required", Kind::Boolean),
    may("secret", Kind::Boolean),
    may("defaultValue", Kind::Text),
    may("jsonSchema", Kind::Anything),
    may("uiHint", Kind::Text),
    may("rules", Kind::List(&RULE)),
    may("pattern", Kind::Text),
    may("minLength", Kind::Integer),
    may("maxLength", Kind::Integer),
    may("dynamic", Kind::Boolean),
]);

/// A list of parameters.
pub(super) static PARAMETERS: Kind = Kind::List(&PARAMETER);

static AUTH_MAP: Kind = Kind::Object(&[
    may("useMap", Kind::Boolean),
    may("keyTemplate", Kind::Text),
    may("parametersMetadata", Kind::List(&PARAMETER)),
]);

static AUTH_METHOD: Kind = Kind::Object(&[
    may("id", Kind::Text),
    may("displayName", Kind::Text),
    may("description", Kind::Text),
    may("type", SCHEME),
    may("sensitivity", Kind::Text),
    may("authProviderName", Kind::Text),
    may("configTestSupported", Kind::Boolean),
    may("supportedLevels", Kind::List(&LEVEL)),
    may("authMap", Kind::Outline(&AUTH_MAP)),
    may("authSettings", Kind::Object(&[may("parameters", Kind::Map)])),
    may("parametersMetadata", Kind::List(&PARAMETER)),
    may("availableScopes", Kind::List(&Kind::Text)),
]);

/// What a connection asks.
pub(super) static CONFIG_METADATA: Kind =
    Kind::Object(&[may("parametersMetadata", Kind::List(&PARAMETER)), may("authMetadata", Kind::List(&AUTH_METHOD))]);

const SYNC: &[Member] = &[
    may("attributes", Kind::List(&Kind::Anything)),
    may("reads", READS),
    may("deletes", Kind::Boolean),
    may("document", Kind::Boolean),
    may("batchSize", Kind::Integer),
    may("concurrency", Kind::Integer),
    may("requestsPerSecond", Kind::Number),
    may("namePattern", Kind::Text),
    may("nameBytesMax", Kind::Integer),
    may("valueBytesMax", Kind::Integer),
    may("itemsMax", Kind::Integer),
    may("emptyValues", Kind::Boolean),
    may("reservedNames", Kind::List(&Kind::Text)),
];

/// The rules of a destination, whole or in part.
pub(super) static SYNC_RULES: Kind = Kind::Object(SYNC);

const SIGNING: Kind = Kind::Object(&[must("service", Kind::Text), must("region", Kind::Text)]);
const EGRESS_ENTRY: Kind = Kind::Object(&[
    must("id", Kind::Text),
    must("host", Kind::Text),
    must("methods", Kind::List(&Kind::Text)),
    may("ports", Kind::List(&Kind::Integer)),
    may("signing", SIGNING),
]);
const LEGACY_FIELD: Kind = Kind::Object(&[
    must("field", Kind::Text),
    must("scope", LEGACY_SCOPE),
    must("parameter", Kind::Text),
    may("method", Kind::Text),
    may("normalise", Kind::Text),
    may("defaultValue", Kind::Text),
]);

const LEGACY_FIELDS: Kind = Kind::List(&LEGACY_FIELD);
const INFISICAL_METHOD: Kind =
    Kind::Object(&[must("name", Kind::Text), must("auth", Kind::Text), must("credentials", LEGACY_FIELDS)]);
const INFISICAL_DESTINATION: Kind = Kind::Object(&[
    must("slug", Kind::Text),
    must("name", Kind::Text),
    must("config", LEGACY_FIELDS),
    may("options", LEGACY_FIELDS),
    may("unsupportedOptions", Kind::List(&Kind::Text)),
]);
const INFISICAL_CHOICES: Kind = Kind::Object(&[
    must("path", Kind::Text),
    must("scope", LEGACY_SCOPE),
    must("parameter", Kind::Text),
    must("list", Kind::Text),
    must("value", Kind::Text),
    must("label", Kind::Text),
    may("query", LEGACY_FIELDS),
]);
const INFISICAL: Kind = Kind::Object(&[
    must("app", Kind::Text),
    must("appName", Kind::Text),
    must("methods", Kind::List(&INFISICAL_METHOD)),
    may("destination", INFISICAL_DESTINATION),
    may("choices", Kind::List(&INFISICAL_CHOICES)),
]);

/// A plugin's whole document.
pub(super) static DOCUMENT: Kind = Kind::Object(&[
    must("id", Kind::Text),
    must("version", Kind::Text),
    must("displayName", Kind::Text),
    may("description", Kind::Text),
    may("docsUrl", Kind::Text),
    may("icon", Kind::Text),
    may("tags", Kind::List(&Kind::Text)),
    may("configMetadata", Kind::Outline(&CONFIG_METADATA)),
    may("destinationMetadata", Kind::List(&PARAMETER)),
    may("sync", Kind::Object(SYNC)),
    may("egress", Kind::List(&EGRESS_ENTRY)),
    may("legacyFields", LEGACY_FIELDS),
    may("legacyNames", Kind::List(&Kind::Text)),
    may("infisical", INFISICAL),
    may("customSettingsMetadata", Kind::Anything),
]);

#[cfg(test)]
mod tests {
    use super::*;
    use keyferry_contract::{Metadata, SyncRules};
    use serde_json::json;

    /// A document in which every member is given, as serde writes it.
    fn full() -> Value {
        let parameter = json!({
            "name": "p", "index": 1, "type": "String", "typeName": "label", "integerRange": {"min": 1, "max": 2},
            "floatRange": {"min": 1.0, "max": 2.0}, "options": [{"value": "a", "label": "A", "description": "d"}],
            "asset": {"providers": [], "contentTypes": [], "vectorized": true}, "displayName": "P", "description": "d",
            "required": true, "secret": true, "defaultValue": "x", "jsonSchema": {}, "uiHint": "CODE",
            "rules": [{"effect": "SHOW", "all": [{"sourceParam": "q", "operator": "EQUALS", "values": ["1"]}]}],
            "pattern": "a", "minLength": 1, "maxLength": 2, "dynamic": true});
        let method = json!({
            "id": "m", "displayName": "M", "description": "d", "type": "API_KEY", "sensitivity": "UNSPECIFIED",
            "authProviderName": "n", "configTestSupported": true, "supportedLevels": ["USER"],
            "authMap": {"useMap": true, "keyTemplate": "k", "parametersMetadata": [parameter]},
            "authSettings": {"parameters": {"header": "X"}}, "parametersMetadata": [parameter],
            "availableScopes": ["s"]});
        json!({
            "id": "i", "version": "1.0.0", "displayName": "I", "description": "d", "docsUrl": "https://d.example",
            "icon": "i", "tags": ["t"],
            "configMetadata": {"parametersMetadata": [parameter], "authMetadata": [method]},
            "destinationMetadata": [parameter],
            "sync": {"attributes": [{"name": "a", "source": "tags"}], "reads": "VALUES", "deletes": true, "document": true, "batchSize": 2,
                "concurrency": 2, "requestsPerSecond": 1.5, "namePattern": "a", "nameBytesMax": 1, "valueBytesMax": 1,
                "itemsMax": 1, "emptyValues": true, "reservedNames": ["r"]},
            "egress": [{"id": "e", "host": "h", "methods": ["GET"], "ports": [1],
                "signing": {"service": "s", "region": "r"}}],
            "legacyFields": [{"field": "app", "scope": "LABEL", "parameter": "p", "method": "m", "normalise": "n",
                "defaultValue": "d"}],
            "legacyNames": ["n"],
            "infisical": {"app": "a", "appName": "A",
                "methods": [{"name": "m", "auth": "m", "credentials": [{"field": "f", "scope": "AUTH", "parameter": "p"}]}],
                "destination": {"slug": "s", "name": "S", "config": [{"field": "f", "scope": "LABEL", "parameter": "p"}],
                    "options": [{"field": "g", "scope": "DESTINATION", "parameter": "p"}], "unsupportedOptions": ["u"]},
                "choices": [{"path": "k", "scope": "DESTINATION", "parameter": "p", "list": "l", "value": "v",
                    "label": "n", "query": [{"field": "q", "scope": "CONNECTION", "parameter": "p"}]}]},
            "customSettingsMetadata": {}})
    }

    #[test]
    fn the_outline_and_the_types_know_the_same_members() {
        let mut violations = Violations::default();
        let metadata: Option<Metadata> = read(full(), &DOCUMENT, &Pointer::root(), &mut violations);
        assert!(violations.is_empty(), "{:?}", violations.into_vec());
        let written = serde_json::to_value(metadata.expect("it was read")).unwrap();
        assert_eq!(written, full(), "a member of the types is not in the document above");
    }

    #[test]
    fn sync_rules_are_read_in_part() {
        let mut violations = Violations::default();
        let rules: Option<SyncRules> = read(json!({"reads": null}), &SYNC_RULES, &Pointer::root(), &mut violations);
        assert_eq!(rules, Some(SyncRules { batch_size: 1, concurrency: 1, ..SyncRules::default() }));
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_nothing_is_repeated() {
        let value = json!({"parametersMetadata": [{"nmae": "hunter2", "type": "hunter2", "secret": "hunter2"}, 7],
            "authMetadata": {"a": "hunter2"}, "hunter3": 1});
        let mut violations = Violations::default();
        let pointer = Pointer::root().member("configMetadata");
        assert!(read::<Value>(value, &CONFIG_METADATA, &pointer, &mut violations).is_none());
        let found = violations.into_vec();
        let mut seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("/configMetadata/authMetadata", "wrong_type"),
                ("/configMetadata/hunter3", "unknown_member"),
                ("/configMetadata/parametersMetadata/0/nmae", "unknown_member"),
                ("/configMetadata/parametersMetadata/0/secret", "wrong_type"),
                ("/configMetadata/parametersMetadata/0/type", "not_an_option"),
                ("/configMetadata/parametersMetadata/1", "wrong_type"),
            ]
        );
        assert!(found.iter().all(|v| !v.detail.contains("hunter2")), "{found:?}");
        assert!(found.iter().any(|v| v.detail.ends_with("did you mean `name`?")), "{found:?}");
    }
}
