//! How the generic members of the Infisical dialect's native integrations map onto one integration's settings, as its plugin
//! declares (`legacyFields`), and back.

use std::collections::BTreeSet;

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{AuthMethod, ConfigMetadata, LegacyField, LegacyScope, Parameter};
use serde_json::{Map, Value};

use crate::domain::settings::host::{normalise_label, normalise_origin};
use crate::domain::settings::{from_text, to_text};

/// Members that are said with a credential, and so hold for the whole connection; all others are said with each sync.
const WITH_THE_CREDENTIAL: [&str; 2] = ["url", "namespace"];

/// The declarations of one integration.
#[derive(Clone, Debug)]
pub struct LegacyMap {
    fields: Vec<LegacyField>,
    config: ConfigMetadata,
    destination: Vec<Parameter>,
}

impl LegacyMap {
    /// What `fields` declare of these settings; those that lead nowhere, as in a CUSTOM integration with settings of its own,
    /// are left out.
    #[must_use]
    pub fn new(fields: &[LegacyField], config: ConfigMetadata, destination: Vec<Parameter>) -> Self {
        let unchecked = Self { fields: fields.to_vec(), config, destination };
        let fields = fields.iter().filter(|field| unchecked.leads_somewhere(field)).cloned().collect();
        Self { fields, ..unchecked }
    }

    fn leads_somewhere(&self, field: &LegacyField) -> bool {
        field.scope == LegacyScope::Label || self.parameter(field).is_some()
    }

    fn parameter(&self, field: &LegacyField) -> Option<&Parameter> {
        let parameters = match field.scope {
            LegacyScope::Connection => &self.config.parameters_metadata,
            LegacyScope::Destination => &self.destination,
            LegacyScope::Auth => &self.method(field.method.as_deref()?)?.parameters_metadata,
            LegacyScope::Label => return None,
        };
        parameters.iter().find(|parameter| parameter.name == field.parameter)
    }

    fn method(&self, id: &str) -> Option<&AuthMethod> {
        self.config.auth_metadata.iter().find(|method| method.id == id)
    }

    fn scoped(&self, scope: LegacyScope) -> impl Iterator<Item = &LegacyField> {
        self.fields.iter().filter(move |field| field.scope == scope)
    }

    /// Whether the dialect can make connections of this integration.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.scoped(LegacyScope::Auth).next().is_some()
    }

    /// Makes `settings` of `scope` what `members` come to. Where they are all there are, one that is left out has its declared
    /// default; else it stays as it is, and only one that is named as null or empty has its default.
    pub fn settle(
        &self,
        scope: LegacyScope,
        members: &Map<String, Value>,
        are_all: bool,
        settings: &mut Map<String, Value>,
    ) {
        for field in self.scoped(scope).filter(|field| are_all || named(members, &field.field).is_some()) {
            match self.setting(field, member(members, &field.field)) {
                Some(setting) => settings.insert(field.parameter.clone(), setting),
                None => settings.remove(&field.parameter),
            };
        }
    }

    /// The setting that a member comes to, or its default.
    #[must_use]
    pub fn setting_of(&self, scope: LegacyScope, name: &str, value: Option<&Value>) -> Option<Value> {
        let field = self.scoped(scope).find(|field| field.field == name)?;
        self.setting(field, value.filter(|value| says_something(value)))
    }

    fn setting(&self, field: &LegacyField, value: Option<&Value>) -> Option<Value> {
        let default = || field.default_value.clone().map(Value::String);
        let Value::String(text) = value.cloned().or_else(default)? else { return value.cloned() };
        let text = match field.normalise.as_deref() {
            Some("surroundWithSlashes") => surrounded_with_slashes(&text),
            _ => text,
        };
        let Some(parameter) = self.parameter(field) else { return Some(Value::String(text)) };
        let spelled = match parameter.type_name.as_deref() {
            Some(type_name::ORIGIN) => normalise_origin(&text),
            Some(type_name::LABEL) => normalise_label(&text),
            _ => None,
        };
        let text = spelled.unwrap_or(text);
        // What is none of the parameter's type is told by whoever checks the settings.
        Some(from_text(parameter, &text).unwrap_or(Value::String(text)))
    }

    /// The parameter of `scope` that a member goes to.
    #[must_use]
    pub fn parameter_of(&self, scope: LegacyScope, member: &str) -> Option<&Parameter> {
        self.scoped(scope).find(|field| field.field == member).and_then(|field| self.parameter(field))
    }

    /// The parameter of the connection that takes a whole origin from a member, and what it takes.
    #[must_use]
    pub fn origin_of(&self, member: &str, value: &str) -> Option<(&str, String)> {
        let parameter = self.parameter_of(LegacyScope::Connection, member)?;
        let is_origin = parameter.type_name.as_deref() == Some(type_name::ORIGIN);
        Some((parameter.name.as_str(), normalise_origin(value).filter(|_| is_origin)?))
    }

    /// The member that says a parameter.
    #[must_use]
    pub fn member_of(&self, scope: LegacyScope, parameter: &str) -> Option<&str> {
        self.scoped(scope).find(|field| field.parameter == parameter).map(|field| field.field.as_str())
    }

    /// Members of `metadata` that go to the destination.
    pub fn metadata_members(&self) -> impl Iterator<Item = &str> {
        self.scoped(LegacyScope::Destination).filter_map(|field| field.field.strip_prefix("metadata."))
    }

    /// The member that is a name for people.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.scoped(LegacyScope::Label).next().map(|field| field.field.as_str())
    }

    /// The auth method that takes all of these members, and the fewest besides. Where none does, the one that lacks the fewest
    /// of them.
    #[must_use]
    pub fn auth_method(&self, given: &BTreeSet<&str>) -> Option<&str> {
        let taken = |id: &str| -> BTreeSet<&str> {
            let fields = self.scoped(LegacyScope::Auth).filter(|field| field.method.as_deref() == Some(id));
            fields.map(|field| field.field.as_str()).collect()
        };
        let offered = self.config.auth_metadata.iter().map(|method| (method.id.as_str(), taken(&method.id)));
        let rated = offered.filter(|(_, taken)| !taken.is_empty()).map(|(id, taken)| {
            let (refused, besides) = (given.difference(&taken).count(), taken.difference(given).count());
            (id, (refused, besides))
        });
        rated.min_by_key(|(_, rating)| *rating).map(|(id, _)| id)
    }

    /// The members that an auth method takes, each with the parameter that it says.
    pub fn credential_members(&self, method: &str) -> impl Iterator<Item = (&str, &str)> {
        let of_method = self.scoped(LegacyScope::Auth).filter(move |field| field.method.as_deref() == Some(method));
        of_method.map(|field| (field.field.as_str(), field.parameter.as_str()))
    }

    /// Names of the connection's parameters that the dialect says with each sync. One that takes the credential to a host of
    /// anybody's choice is never among them, nor is a secret.
    #[must_use]
    pub fn open_parameters(&self) -> BTreeSet<String> {
        let fields = self.scoped(LegacyScope::Connection);
        let late = fields.filter(|field| !WITH_THE_CREDENTIAL.contains(&field.field.as_str()));
        let may_be_any =
            |parameter: &&Parameter| !parameter.secret && parameter.type_name.as_deref() != Some(type_name::ORIGIN);
        late.filter_map(|field| self.parameter(field)).filter(may_be_any).map(|p| p.name.clone()).collect()
    }
}

/// The member behind a name, which is dotted for one of `metadata`; null and the empty text are nothing.
#[must_use]
pub fn member<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    named(members, name).filter(|value| says_something(value))
}

fn named<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    match name.strip_prefix("metadata.") {
        Some(name) => members.get("metadata").and_then(|metadata| metadata.get(name)),
        None => members.get(name),
    }
}

fn says_something(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// A setting as a member of the dialect, which knows no numbers beside texts.
#[must_use]
pub fn as_member(setting: &Value) -> Value {
    match setting {
        Value::Number(_) => Value::String(to_text(setting)),
        other => other.clone(),
    }
}

fn surrounded_with_slashes(text: &str) -> String {
    match text.trim_matches('/') {
        "" => "/".to_owned(),
        inside => format!("/{inside}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map() -> LegacyMap {
        let parameters = |names: Value| -> Vec<Parameter> { serde_json::from_value(names).expect("parameters") };
        let methods = json!([
            {"id": "key", "parametersMetadata": [{"name": "id"}, {"name": "secret", "secret": true}]},
            {"id": "role", "parametersMetadata": [{"name": "id"}, {"name": "secret", "secret": true}, {"name": "arn"}]}]);
        let fields = json!([
            {"field": "accessId", "scope": "AUTH", "method": "key", "parameter": "id"},
            {"field": "accessToken", "scope": "AUTH", "method": "key", "parameter": "secret"},
            {"field": "accessId", "scope": "AUTH", "method": "role", "parameter": "id"},
            {"field": "accessToken", "scope": "AUTH", "method": "role", "parameter": "secret"},
            {"field": "awsAssumeIamRoleArn", "scope": "AUTH", "method": "role", "parameter": "arn"},
            {"field": "region", "scope": "CONNECTION", "parameter": "region"},
            {"field": "url", "scope": "CONNECTION", "parameter": "endpoint"},
            {"field": "owner", "scope": "CONNECTION", "parameter": "home"},
            {"field": "path", "scope": "DESTINATION", "parameter": "path", "normalise": "surroundWithSlashes",
             "defaultValue": "/"},
            {"field": "appId", "scope": "DESTINATION", "parameter": "retries"},
            {"field": "metadata.secretAWSTag", "scope": "DESTINATION", "parameter": "tags"},
            {"field": "scope", "scope": "DESTINATION", "parameter": "gone"},
            {"field": "app", "scope": "LABEL", "parameter": ""}]);
        let fields: Vec<LegacyField> = serde_json::from_value(fields).expect("fields");
        let config = ConfigMetadata {
            parameters_metadata: parameters(json!([{"name": "region", "typeName": "label"},
                {"name": "endpoint", "typeName": "origin"}, {"name": "home", "typeName": "origin"}])),
            auth_metadata: serde_json::from_value(methods).expect("methods"),
        };
        let destination = parameters(
            json!([{"name": "path"}, {"name": "retries", "type": "Integer"}, {"name": "tags", "type": "Json"}]),
        );
        LegacyMap::new(&fields, config, destination)
    }

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn settled(scope: LegacyScope, sent: &Map<String, Value>, are_all: bool, before: Value) -> Value {
        let mut settings = members(before);
        map().settle(scope, sent, are_all, &mut settings);
        Value::Object(settings)
    }

    #[test]
    fn members_become_settings_of_the_right_type() {
        let sent = members(json!({"region": "eu-west-1", "path": "app//", "appId": "3", "scope": "x", "app": "label",
            "metadata": {"secretAWSTag": [{"key": "a", "value": "b"}], "other": 1}}));
        assert_eq!(settled(LegacyScope::Connection, &sent, true, json!({})), json!({"region": "eu-west-1"}));
        let expected = json!({"path": "/app/", "retries": 3, "tags": [{"key": "a", "value": "b"}]});
        assert_eq!(settled(LegacyScope::Destination, &sent, true, json!({})), expected);
    }

    #[test]
    fn what_a_change_leaves_out_stays_and_what_it_empties_has_its_default() {
        let before = || json!({"path": "/app/", "retries": 3});
        for (sent, are_all, expected) in [
            (json!({}), false, before()),
            (json!({}), true, json!({"path": "/"})),
            (json!({"path": ""}), false, json!({"path": "/", "retries": 3})),
            (json!({"appId": null}), false, json!({"path": "/app/"})),
            (json!({"path": "b"}), false, json!({"path": "/b/", "retries": 3})),
        ] {
            assert_eq!(
                settled(LegacyScope::Destination, &members(sent.clone()), are_all, before()),
                expected,
                "{sent}"
            );
        }
    }

    #[test]
    fn hosts_are_spelled_one_way() {
        let sent = members(json!({"region": "EU-West-1", "url": "http://127.0.0.1:5000/"}));
        let expected = json!({"region": "eu-west-1", "endpoint": "http://127.0.0.1:5000"});
        assert_eq!(settled(LegacyScope::Connection, &sent, true, json!({})), expected);
    }

    #[test]
    fn a_path_begins_and_ends_with_one_slash() {
        for (sent, expected) in [("/", "/"), ("app", "/app/"), ("/app/db", "/app/db/"), ("//app//", "/app/")] {
            assert_eq!(surrounded_with_slashes(sent), expected);
        }
    }

    #[test]
    fn what_is_no_number_is_left_for_the_check_of_settings() {
        let sent = members(json!({"appId": "three"}));
        assert_eq!(settled(LegacyScope::Destination, &sent, false, json!({})), json!({"retries": "three"}));
    }

    #[test]
    fn the_auth_method_is_the_one_that_takes_what_is_given() {
        let map = map();
        for (given, method) in [
            (&["accessId", "accessToken"][..], "key"),
            (&["accessId"][..], "key"),
            (&[][..], "key"),
            (&["awsAssumeIamRoleArn"][..], "role"),
            (&["accessId", "accessToken", "awsAssumeIamRoleArn"][..], "role"),
            (&["refreshToken"][..], "key"),
        ] {
            assert_eq!(map.auth_method(&given.iter().copied().collect()), Some(method), "{given:?}");
        }
        let taken: Vec<_> = map.credential_members("key").collect();
        assert_eq!(taken, [("accessId", "id"), ("accessToken", "secret")]);
    }

    #[test]
    fn syncs_say_what_is_no_part_of_the_credential_and_names_no_other_host() {
        assert_eq!(map().open_parameters(), BTreeSet::from(["region".to_owned()]));
    }

    #[test]
    fn settings_are_found_back() {
        let map = map();
        assert_eq!(map.member_of(LegacyScope::Destination, "tags"), Some("metadata.secretAWSTag"));
        assert_eq!(map.member_of(LegacyScope::Destination, "gone"), None, "it leads nowhere");
        assert_eq!(map.metadata_members().collect::<Vec<_>>(), ["secretAWSTag"]);
        assert_eq!((map.label(), map.is_offered()), (Some("app"), true));
    }
}
