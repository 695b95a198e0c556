//! An integration as the Infisical dialect's app connections and secret syncs know it: by the names that its plugin
//! declares, else by its own.

use std::collections::BTreeSet;

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{
    AuthMethod, ConfigMetadata, Infisical, InfisicalChoices, InfisicalDestination, InfisicalMethod, LegacyField,
    LegacyScope, Parameter,
};
use serde_json::{Map, Value};

use super::legacy::{LegacyMap, member};
use crate::domain::settings::from_text;

/// The names of one integration, and what they lead to.
#[derive(Clone, Debug)]
pub struct Facade {
    names: Infisical,
    config: ConfigMetadata,
    destination: Vec<Parameter>,
}

/// What a client's credentials come to.
#[derive(Clone, Debug, Default)]
pub struct MappedCredentials {
    /// Parameters of the connection, secrets among them.
    pub parameters: Map<String, Value>,
    /// Parameters of the auth method, secrets among them.
    pub auth: Map<String, Value>,
}

/// What a client's `destinationConfig` and `syncOptions` come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappedDestination {
    /// What the sync chooses of the connection's parameters.
    pub parameters: Map<String, Value>,
    pub destination: Map<String, Value>,
}

impl Facade {
    /// The facade that a plugin declares.
    #[must_use]
    pub const fn declared(names: Infisical, config: ConfigMetadata, destination: Vec<Parameter>) -> Self {
        Self { names, config, destination }
    }

    /// The facade of an integration that declares none; `destination` where secrets can be synced to it.
    #[must_use]
    pub fn own_names(id: &str, name: &str, config: ConfigMetadata, destination: Option<Vec<Parameter>>) -> Self {
        let connection =
            || config.parameters_metadata.iter().map(|parameter| field(LegacyScope::Connection, parameter));
        let method = |method: &AuthMethod| InfisicalMethod {
            name: method.id.clone(),
            auth: method.id.clone(),
            credentials: method
                .parameters_metadata
                .iter()
                .map(|parameter| field(LegacyScope::Auth, parameter))
                .chain(connection())
                .collect(),
        };
        let names = Infisical {
            app: id.to_owned(),
            app_name: name.to_owned(),
            methods: config.auth_metadata.iter().map(method).collect(),
            destination: destination.as_ref().map(|parameters| InfisicalDestination {
                slug: id.to_owned(),
                name: name.to_owned(),
                config: parameters.iter().map(|parameter| field(LegacyScope::Destination, parameter)).collect(),
                options: Vec::new(),
                unsupported_options: Vec::new(),
            }),
            choices: Vec::new(),
        };
        Self { names, config, destination: destination.unwrap_or_default() }
    }

    /// The names.
    #[must_use]
    pub const fn names(&self) -> &Infisical {
        &self.names
    }

    /// The way to connect of that name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&InfisicalMethod> {
        self.names.methods.iter().find(|method| method.name == name)
    }

    /// The way to connect that stands for an auth method.
    #[must_use]
    pub fn method_of_auth(&self, auth: &str) -> Option<&InfisicalMethod> {
        self.names.methods.iter().find(|method| method.auth == auth)
    }

    /// What credentials come to, over the parameters that the connection has, if it is there already: what no member says stays,
    /// and so does what would only have its default. Members that the method does not know are left out.
    #[must_use]
    pub fn credentials(
        &self,
        method: &InfisicalMethod,
        mut sent: Map<String, Value>,
        standing: Map<String, Value>,
    ) -> MappedCredentials {
        let map = self.credential_map(method);
        let mut parameters = standing.clone();
        map.settle(LegacyScope::Connection, &sent, true, &mut parameters);
        let defaulted = method.credentials.iter().filter(|field| {
            let said = member(&sent, &field.field).is_some();
            field.scope == LegacyScope::Connection && field.default_value.is_some() && !said
        });
        let kept = defaulted.filter_map(|field| standing.get_key_value(&field.parameter));
        parameters.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        let members = map.credential_members(&method.auth);
        let auth = members.filter_map(|(member, said)| Some((said.to_owned(), sent.remove(member)?))).collect();
        MappedCredentials { parameters, auth }
    }

    /// The members of credentials that are no secret, as they would be sent; `auth` are all parameters of the auth method, as
    /// text. What holds by default alone is left out.
    #[must_use]
    pub fn shown_credentials<'a>(
        &self,
        method: &InfisicalMethod,
        parameters: &Map<String, Value>,
        auth: impl Fn(&str) -> Option<&'a str>,
    ) -> Map<String, Value> {
        let shown = method.credentials.iter().filter_map(|field| {
            let declared = self.declaration(method, field).filter(|parameter| !parameter.secret)?;
            let value = match field.scope {
                LegacyScope::Auth => auth(&field.parameter).and_then(|text| from_text(declared, text)),
                _ => parameters.get(&field.parameter).cloned(),
            };
            let is_default = |value: &Value| field.default_value.as_deref() == value.as_str();
            let value = value.filter(|value| field.default_value.is_none() || !is_default(value))?;
            Some((field.field.clone(), value))
        });
        shown.collect()
    }

    fn credential_map(&self, method: &InfisicalMethod) -> LegacyMap {
        let fields = method.credentials.iter().cloned();
        let fields: Vec<LegacyField> =
            fields.map(|field| LegacyField { method: Some(method.auth.clone()), ..field }).collect();
        LegacyMap::new(&fields, self.config.clone(), Vec::new())
    }

    fn declaration(&self, method: &InfisicalMethod, field: &LegacyField) -> Option<&Parameter> {
        let parameters = match field.scope {
            LegacyScope::Auth => {
                let auth = self.config.auth_metadata.iter().find(|auth| auth.id == method.auth)?;
                &auth.parameters_metadata
            }
            LegacyScope::Connection => &self.config.parameters_metadata,
            LegacyScope::Destination => &self.destination,
            LegacyScope::Label => return None,
        };
        parameters.iter().find(|parameter| parameter.name == field.parameter)
    }

    /// The member of `credentials` behind a setting's place, as in `/auth/parameters/accessKeyId` or `/parameters/region`.
    #[must_use]
    pub fn credential_member<'m>(method: &'m InfisicalMethod, place: &str) -> Option<&'m str> {
        let (scope, parameter) = match place.strip_prefix("/auth/parameters/") {
            Some(parameter) => (LegacyScope::Auth, parameter),
            None => (LegacyScope::Connection, place.strip_prefix("/parameters/")?),
        };
        let parameter = parameter.split('/').next()?;
        let said = |field: &&LegacyField| field.scope == scope && field.parameter == parameter;
        method.credentials.iter().find(said).map(|field| field.field.as_str())
    }

    /// Names of connection parameters that syncs say. A secret is never among them, nor one that takes the credential to a
    /// host of anybody's choice.
    #[must_use]
    pub fn open_parameters(&self) -> BTreeSet<String> {
        let may_be_any =
            |parameter: &&Parameter| !parameter.secret && parameter.type_name.as_deref() != Some(type_name::ORIGIN);
        let said = self.config_and_options().filter(|field| field.scope == LegacyScope::Connection);
        let found = said.filter_map(|field| self.config.parameters_metadata.iter().find(|p| p.name == field.parameter));
        found.filter(may_be_any).map(|parameter| parameter.name.clone()).collect()
    }

    fn config_and_options(&self) -> impl Iterator<Item = &LegacyField> {
        self.names.destination.iter().flat_map(|destination| destination.config.iter().chain(&destination.options))
    }

    /// What a destination's members come to.
    #[must_use]
    pub fn destination(&self, config: &Map<String, Value>, options: &Map<String, Value>) -> MappedDestination {
        let mut mapped = MappedDestination::default();
        self.settle(config, options, (&mut mapped.parameters, &mut mapped.destination));
        mapped
    }

    /// Makes the settings of a sync what a destination's members come to; those that have no member stay.
    pub fn settle(
        &self,
        config: &Map<String, Value>,
        options: &Map<String, Value>,
        (parameters, destination): (&mut Map<String, Value>, &mut Map<String, Value>),
    ) {
        let Some(names) = &self.names.destination else { return };
        for (fields, sent) in [(&names.config, config), (&names.options, options)] {
            let map = LegacyMap::new(fields, self.config.clone(), self.destination.clone());
            map.settle(LegacyScope::Connection, sent, true, parameters);
            map.settle(LegacyScope::Destination, sent, true, destination);
        }
    }

    /// What the query for live options comes to.
    #[must_use]
    pub fn query(&self, choices: &InfisicalChoices, sent: &Map<String, Value>) -> MappedDestination {
        let map = LegacyMap::new(&choices.query, self.config.clone(), self.destination.clone());
        let mut mapped = MappedDestination::default();
        map.settle(LegacyScope::Connection, sent, true, &mut mapped.parameters);
        map.settle(LegacyScope::Destination, sent, true, &mut mapped.destination);
        mapped
    }

    /// The members that `destinationConfig` and `syncOptions` would have for a sync that says this.
    #[must_use]
    pub fn shown_destination(&self, said: &MappedDestination) -> (Map<String, Value>, Map<String, Value>) {
        let shown = |fields: &[LegacyField]| -> Map<String, Value> {
            let members = fields.iter().filter_map(|field| {
                let settings = match field.scope {
                    LegacyScope::Connection => &said.parameters,
                    LegacyScope::Destination => &said.destination,
                    LegacyScope::Auth | LegacyScope::Label => return None,
                };
                Some((field.field.clone(), settings.get(&field.parameter)?.clone()))
            });
            members.collect()
        };
        match &self.names.destination {
            Some(names) => (shown(&names.config), shown(&names.options)),
            None => (Map::new(), Map::new()),
        }
    }

    /// The declared ones among the members of a `destinationConfig`.
    #[must_use]
    pub fn known_config(&self, sent: &Map<String, Value>) -> Map<String, Value> {
        known(self.names.destination.as_ref().map_or(&[], |names| names.config.as_slice()), sent)
    }

    /// A member that `destinationConfig` must have and has not: one that stands for a required parameter of the connection,
    /// which each destination says for itself.
    #[must_use]
    pub fn missing_config(&self, sent: &Map<String, Value>) -> Option<&str> {
        let fields = self.names.destination.as_ref().map_or(&[][..], |names| names.config.as_slice()).iter();
        let mut required = fields.filter(|field| {
            let is_declared = |parameter: &Parameter| parameter.name == field.parameter && parameter.required;
            field.scope == LegacyScope::Connection
                && field.default_value.is_none()
                && self.config.parameters_metadata.iter().any(is_declared)
        });
        required.find(|field| member(sent, &field.field).is_none()).map(|field| field.field.as_str())
    }

    /// The declared ones among the members of `syncOptions`.
    #[must_use]
    pub fn known_options(&self, sent: &Map<String, Value>) -> Map<String, Value> {
        let Some(names) = &self.names.destination else { return Map::new() };
        let mut members = known(&names.options, sent);
        let unsupported = names.unsupported_options.iter();
        members.extend(unsupported.filter_map(|name| Some((name.clone(), sent.get(name)?.clone()))));
        members
    }

    /// A member of `syncOptions` that asks for what the plugin does not have.
    #[must_use]
    pub fn unsupported_option(&self, sent: &Map<String, Value>) -> Option<&str> {
        let asks = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        let names = self.names.destination.as_ref()?.unsupported_options.iter();
        names.map(String::as_str).find(|name| sent.get(*name).is_some_and(asks))
    }

    /// Where a setting's place, as in `/destination/path` or `/parameters/region`, stands in a secret sync.
    #[must_use]
    pub fn destination_place(&self, place: &str) -> Option<String> {
        let (scope, parameter) = match place.strip_prefix("/destination/") {
            Some(parameter) => (LegacyScope::Destination, parameter),
            None => (LegacyScope::Connection, place.strip_prefix("/parameters/")?),
        };
        let parameter = parameter.split('/').next()?;
        let names = self.names.destination.as_ref()?;
        let holders = [("destinationConfig", &names.config), ("syncOptions", &names.options)];
        holders.into_iter().find_map(|(holder, fields)| {
            let field = fields.iter().find(|field| field.scope == scope && field.parameter == parameter)?;
            Some(format!("/{holder}/{}", field.field))
        })
    }
}

/// A parameter under its own name.
fn field(scope: LegacyScope, parameter: &Parameter) -> LegacyField {
    LegacyField {
        field: parameter.name.clone(),
        scope,
        parameter: parameter.name.clone(),
        method: None,
        normalise: None,
        default_value: None,
    }
}

fn known(fields: &[LegacyField], sent: &Map<String, Value>) -> Map<String, Value> {
    let members = fields.iter().filter_map(|field| sent.get_key_value(&field.field));
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn config() -> ConfigMetadata {
        serde_json::from_value(json!({
            "parametersMetadata": [{"name": "region", "typeName": "label", "required": true},
                {"name": "endpoint", "typeName": "origin"}, {"name": "proxyPassword", "secret": true}],
            "authMetadata": [{"id": "key", "parametersMetadata": [{"name": "id"}, {"name": "secret", "secret": true}]}]}))
        .expect("metadata")
    }

    fn destination() -> Vec<Parameter> {
        serde_json::from_value(json!([{"name": "path"}, {"name": "keyId"}])).expect("parameters")
    }

    fn declared() -> Facade {
        let names = json!({"app": "aws", "appName": "AWS",
            "methods": [{"name": "access-key", "auth": "key", "credentials": [
                {"field": "accessKeyId", "scope": "AUTH", "parameter": "id"},
                {"field": "secretAccessKey", "scope": "AUTH", "parameter": "secret"},
                {"field": "endpoint", "scope": "CONNECTION", "parameter": "endpoint"},
                {"field": "region", "scope": "CONNECTION", "parameter": "region", "defaultValue": "us-east-1"}]}],
            "destination": {"slug": "ssm", "name": "SSM",
                "config": [{"field": "region", "scope": "CONNECTION", "parameter": "region"},
                    {"field": "endpoint", "scope": "CONNECTION", "parameter": "endpoint"},
                    {"field": "path", "scope": "DESTINATION", "parameter": "path"}],
                "options": [{"field": "kms", "scope": "DESTINATION", "parameter": "keyId"}],
                "unsupportedOptions": ["asTags"]}});
        Facade::declared(serde_json::from_value(names).expect("names"), config(), destination())
    }

    #[test]
    fn credentials_go_where_they_are_declared_to_and_come_back_without_secrets() {
        let facade = declared();
        let method = facade.method("access-key").expect("it is declared");
        let sent = object(json!({"accessKeyId": "AK", "secretAccessKey": "s3cret", "surprise": 1}));
        let mapped = facade.credentials(method, sent, Map::new());
        assert_eq!(Value::Object(mapped.auth), json!({"id": "AK", "secret": "s3cret"}));
        assert_eq!(Value::Object(mapped.parameters.clone()), json!({"region": "us-east-1"}));
        let auth = |name: &str| Some(if name == "id" { "AK" } else { "s3cret" });
        let shown = facade.shown_credentials(method, &mapped.parameters, auth);
        assert_eq!(Value::Object(shown), json!({"accessKeyId": "AK"}), "a default was not sent");
        let elsewhere = object(json!({"region": "eu-west-1"}));
        let shown = facade.shown_credentials(method, &elsewhere, auth);
        assert_eq!(Value::Object(shown), json!({"accessKeyId": "AK", "region": "eu-west-1"}));
        assert_eq!(Facade::credential_member(method, "/auth/parameters/secret"), Some("secretAccessKey"));
        assert_eq!(Facade::credential_member(method, "/parameters/endpoint"), Some("endpoint"));
    }

    #[test]
    fn credentials_given_anew_leave_what_they_do_not_say() {
        let facade = declared();
        let method = facade.method("access-key").expect("it is declared");
        let standing = json!({"region": "eu-west-1", "endpoint": "https://e.example", "retries": 5});
        for (sent, expected) in [
            (json!({}), json!({"region": "eu-west-1", "retries": 5})),
            (json!({"region": "eu-west-2"}), json!({"region": "eu-west-2", "retries": 5})),
            (
                json!({"endpoint": "https://f.example"}),
                json!({"region": "eu-west-1", "endpoint": "https://f.example", "retries": 5}),
            ),
        ] {
            let mapped = facade.credentials(method, object(sent), object(standing.clone()));
            assert_eq!(Value::Object(mapped.parameters), expected);
        }
    }

    #[test]
    fn syncs_choose_neither_secrets_nor_other_hosts() {
        assert_eq!(declared().open_parameters(), BTreeSet::from(["region".to_owned()]));
    }

    #[test]
    fn a_destination_goes_where_it_is_declared_to_and_comes_back() {
        let facade = declared();
        let (sent, options) =
            (object(json!({"region": "eu-west-1", "path": "/a/"})), object(json!({"kms": "alias/a"})));
        let mapped = facade.destination(&sent, &options);
        assert_eq!(Value::Object(mapped.parameters.clone()), json!({"region": "eu-west-1"}));
        assert_eq!(Value::Object(mapped.destination.clone()), json!({"path": "/a/", "keyId": "alias/a"}));
        assert_eq!(facade.shown_destination(&mapped), (sent, options));
        assert_eq!(facade.destination_place("/destination/keyId").as_deref(), Some("/syncOptions/kms"));
        assert_eq!(facade.destination_place("/parameters/region").as_deref(), Some("/destinationConfig/region"));
        assert_eq!(facade.destination_place("/source"), None);
    }

    #[test]
    fn only_what_is_declared_is_kept_and_what_is_not_offered_is_told() {
        let facade = declared();
        let sent = object(json!({"kms": "", "asTags": false, "surprise": true}));
        assert_eq!(Value::Object(facade.known_options(&sent)), json!({"kms": "", "asTags": false}));
        assert_eq!(facade.unsupported_option(&sent), None);
        assert_eq!(facade.unsupported_option(&object(json!({"asTags": true}))), Some("asTags"));
        assert_eq!(Value::Object(facade.known_config(&object(json!({"path": "/", "x": 1})))), json!({"path": "/"}));
    }

    #[test]
    fn an_integration_that_declares_nothing_has_its_own_names() {
        let facade = Facade::own_names("crm", "CRM", config(), Some(destination()));
        assert_eq!((facade.names().app.as_str(), facade.open_parameters().len()), ("crm", 0));
        let method = facade.method("key").expect("it has the id of the auth method");
        let mapped = facade.credentials(method, object(json!({"id": "i", "region": "eu-west-1"})), Map::new());
        assert_eq!(Value::Object(mapped.auth), json!({"id": "i"}));
        assert_eq!(Value::Object(mapped.parameters), json!({"region": "eu-west-1"}));
        let mapped = facade.destination(&object(json!({"path": "/a/"})), &Map::new());
        assert_eq!(Value::Object(mapped.destination), json!({"path": "/a/"}));
        assert!(Facade::own_names("crm", "CRM", config(), None).names().destination.is_none());
    }
}
