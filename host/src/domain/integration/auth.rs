//! Auth methods: what each scheme needs, and which settings say how its credential is applied.

use std::collections::BTreeSet;

use keyferry_contract::{AuthMethod, AuthScheme, ConfigMetadata, Parameter, ParameterType};
use serde_json::{Map, Value};

use super::parameter::{check_list, check_names_for_people, check_text};
use crate::domain::error::violation;
use crate::domain::name::Slug;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::{self, Given, Surroundings};

const METHODS_MAX: usize = 20;
const SCOPES_MAX: usize = 200;
const SCOPE_CHARS_MAX: usize = 500;
const WORD_CHARS_MAX: usize = 100;
const AUTH_SETTINGS_MAX: usize = 50;
const KEY_TEMPLATE_CHARS_MAX: usize = 500;
/// Where an API key stands when its method does not say.
const API_KEY_HEADER: &str = "X-Api-Key";

/// Every scheme that an auth method may name, in the order in which they are shown.
pub const AUTH_SCHEMES: [AuthScheme; 8] = [
    AuthScheme::Unspecified,
    AuthScheme::None,
    AuthScheme::ApiKey,
    AuthScheme::BearerToken,
    AuthScheme::BasicAuth,
    AuthScheme::OAuth2,
    AuthScheme::AwsSigv4,
    AuthScheme::Custom,
];

pub(super) fn check_methods(metadata: &ConfigMetadata, pointer: &Pointer, violations: &mut Violations) {
    if metadata.auth_metadata.len() > METHODS_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {METHODS_MAX} methods"));
        return;
    }
    let mut ids = BTreeSet::new();
    for (index, method) in metadata.auth_metadata.iter().enumerate() {
        let place = pointer.index(index);
        check_id(&method.id, &place.member("id"), violations);
        if !method.id.is_empty() && !ids.insert(method.id.as_str()) {
            violations.add(&place.member("id"), violation::DUPLICATE, "stands twice among the methods");
        }
        check_method(method, &metadata.parameters_metadata, &place, violations);
    }
}

fn check_id(id: &str, pointer: &Pointer, violations: &mut Violations) {
    if id.is_empty() {
        violations.add(pointer, violation::REQUIRED, "is required");
    } else if id.parse::<Slug>().is_err() {
        violations.add(pointer, violation::MALFORMED, format!("must be {}", Slug::RULE));
    }
}

fn check_method(method: &AuthMethod, connection: &[Parameter], pointer: &Pointer, violations: &mut Violations) {
    check_names_for_people(method.display_name.as_deref(), method.description.as_deref(), pointer, violations);
    check_text(Some(&method.sensitivity), WORD_CHARS_MAX, &pointer.member("sensitivity"), violations);
    check_text(method.auth_provider_name.as_deref(), WORD_CHARS_MAX, &pointer.member("authProviderName"), violations);
    check_list(&method.parameters_metadata, connection, &pointer.member("parametersMetadata"), violations);
    check_auth_map(method, connection, &pointer.member("authMap"), violations);
    check_scopes(&method.available_scopes, &pointer.member("availableScopes"), violations);
    check_settings(method, &pointer.member("authSettings").member("parameters"), violations);
    check_credential(method, &pointer.member("parametersMetadata"), violations);
}

fn check_auth_map(method: &AuthMethod, connection: &[Parameter], pointer: &Pointer, violations: &mut Violations) {
    let map = &method.auth_map;
    check_text(map.key_template.as_deref(), KEY_TEMPLATE_CHARS_MAX, &pointer.member("keyTemplate"), violations);
    check_list(&map.parameters_metadata, connection, &pointer.member("parametersMetadata"), violations);
}

fn check_scopes(scopes: &[String], pointer: &Pointer, violations: &mut Violations) {
    if scopes.len() > SCOPES_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {SCOPES_MAX} scopes"));
    }
    for (index, scope) in scopes.iter().enumerate().take(SCOPES_MAX) {
        check_text(Some(scope), SCOPE_CHARS_MAX, &pointer.index(index), violations);
    }
}

/// Declared settings are held to their types; others are kept as they are, and treated as secrets.
fn check_settings(method: &AuthMethod, pointer: &Pointer, violations: &mut Violations) {
    let given = &method.auth_settings.parameters;
    if given.len() > AUTH_SETTINGS_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {AUTH_SETTINGS_MAX} settings"));
        return;
    }
    let declared = auth_settings_parameters(method.scheme);
    let known = given.iter().filter(|(name, value)| !value.is_null() && declared.iter().any(|p| p.name == **name));
    let known: Map<String, Value> = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Err(found) = settings::validate(&declared, Given::from(known), &Surroundings::at(pointer.clone())) {
        violations.extend(found);
    }
    if method.scheme == AuthScheme::ApiKey && given.contains_key("header") && given.contains_key("query") {
        violations.add(&pointer.member("query"), violation::FORBIDDEN, "is not allowed beside `header`");
    }
}

/// A scheme without the parameters that its credential is made of could never authenticate.
fn check_credential(method: &AuthMethod, pointer: &Pointer, violations: &mut Violations) {
    let parameters = &method.parameters_metadata;
    match method.scheme {
        AuthScheme::ApiKey | AuthScheme::BearerToken if !parameters.iter().any(|parameter| parameter.secret) => {
            violations.add(pointer, violation::REQUIRED, "must have a secret parameter: the credential");
        }
        _ => {}
    }
    for (name, secret) in credential_parameters(method) {
        match parameters.iter().position(|parameter| parameter.name == name) {
            None => {
                let detail = format!("must have a parameter `{name}`, of which the credential is made");
                violations.add(pointer, violation::REQUIRED, detail);
            }
            Some(index) if secret && !parameters[index].secret => {
                let detail = "must be true: this parameter is a credential";
                violations.add(&pointer.index(index).member("secret"), violation::FORBIDDEN, detail);
            }
            Some(_) => {}
        }
    }
}

/// The parameters, by name, that the scheme takes its credential from, and whether each has to be secret.
#[must_use]
pub fn credential_parameters(method: &AuthMethod) -> Vec<(String, bool)> {
    let settings = &method.auth_settings.parameters;
    let named =
        |setting: &str, default: &str| settings.get(setting).and_then(Value::as_str).unwrap_or(default).to_owned();
    match method.scheme {
        AuthScheme::BasicAuth => {
            vec![(named("usernameParameter", "username"), false), (named("passwordParameter", "password"), true)]
        }
        AuthScheme::AwsSigv4 => {
            let mut names = vec![("accessKeyId".to_owned(), false), ("secretAccessKey".to_owned(), true)];
            if is_true(settings.get("assumeRole")) {
                names.push(("roleArn".to_owned(), false));
            }
            names
        }
        _ => Vec::new(),
    }
}

pub(super) fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
}

/// Which settings say how a scheme applies its credential. None of them is a credential, except where marked secret.
#[must_use]
pub fn auth_settings_parameters(scheme: AuthScheme) -> Vec<Parameter> {
    let parameters = match scheme {
        AuthScheme::ApiKey => vec![
            header_setting(
                "header",
                "The header that carries the key. `X-Api-Key` when neither this nor `query` is set.",
            ),
            setting("query", "The query parameter that carries the key, instead of a header."),
            setting("prefix", "Text before the key, a space included where one is wanted."),
        ],
        AuthScheme::BearerToken => vec![defaulted("scheme", "The word before the token in `Authorization`.", "Bearer")],
        AuthScheme::BasicAuth => vec![
            defaulted("usernameParameter", "The parameter that holds the user name.", "username"),
            defaulted("passwordParameter", "The parameter that holds the password.", "password"),
        ],
        AuthScheme::AwsSigv4 => vec![
            Parameter {
                kind: ParameterType::Boolean,
                max_length: None,
                ..defaulted("assumeRole", "Whether `roleArn` is assumed with the given keys.", "false")
            },
            setting(
                "exchangeEntry",
                "The egress entries through which the role may be assumed, separated by commas; the first open one is used.",
            ),
        ],
        AuthScheme::OAuth2 => oauth2_settings(),
        _ => Vec::new(),
    };
    let numbered = parameters.into_iter().zip(0..);
    numbered.map(|(parameter, index)| Parameter { index, ..parameter }).collect()
}

fn oauth2_settings() -> Vec<Parameter> {
    vec![
        setting("authorizationUrl", "Where a person gives consent."),
        setting("tokenUrl", "Where a code is exchanged for tokens."),
        setting("clientId", "The client registered with the provider."),
        Parameter { secret: true, ..setting("clientSecret", "The client's secret.") },
        setting("defaultScopes", "Scopes asked for when none are chosen, separated by spaces."),
    ]
}

fn setting(name: &str, description: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        display_name: Some(name.to_owned()),
        description: Some(description.to_owned()),
        max_length: Some(2048),
        ..Parameter::default()
    }
}

fn defaulted(name: &str, description: &str, default: &str) -> Parameter {
    Parameter { default_value: Some(default.to_owned()), ..setting(name, description) }
}

fn header_setting(name: &str, description: &str) -> Parameter {
    // RFC 9110, 5.6.2: a header's name is a token.
    Parameter {
        pattern: Some("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}".to_owned()),
        max_length: None,
        ..setting(name, description)
    }
}

/// The method with the settings filled in that its scheme takes when none are given.
#[must_use]
pub fn filled_auth_settings(method: &AuthMethod) -> AuthMethod {
    let mut filled = method.clone();
    let given = &mut filled.auth_settings.parameters;
    given.retain(|_, value| !value.is_null());
    for parameter in auth_settings_parameters(method.scheme) {
        let default = parameter.default_value.as_deref().and_then(|text| settings::from_text(&parameter, text));
        if let Some(default) = default {
            given.entry(parameter.name).or_insert(default);
        }
    }
    if method.scheme == AuthScheme::ApiKey && !given.contains_key("query") {
        given.entry("header").or_insert_with(|| Value::from(API_KEY_HEADER));
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_numbered_and_none_must_be_given() {
        for scheme in AUTH_SCHEMES {
            for (setting, index) in auth_settings_parameters(scheme).into_iter().zip(0..) {
                assert!(!setting.required && setting.index == index, "{scheme:?} {}", setting.name);
            }
        }
    }

    #[test]
    fn a_method_is_filled_with_what_its_scheme_takes_by_default() {
        for (scheme, given, expect) in [
            (AuthScheme::ApiKey, json!({}), json!({"header": "X-Api-Key"})),
            (AuthScheme::ApiKey, json!({"query": "k"}), json!({"query": "k"})),
            (AuthScheme::ApiKey, json!({"header": null}), json!({"header": "X-Api-Key"})),
            (AuthScheme::BearerToken, json!({"scheme": "Bot"}), json!({"scheme": "Bot"})),
            (AuthScheme::AwsSigv4, json!({}), json!({"assumeRole": false})),
            (AuthScheme::None, json!({"x": 1}), json!({"x": 1})),
        ] {
            let mut method = AuthMethod { scheme, ..AuthMethod::default() };
            method.auth_settings.parameters = given.as_object().expect("an object").clone();
            let filled = filled_auth_settings(&method).auth_settings.parameters;
            assert_eq!(Value::Object(filled), expect);
        }
    }
}
