//! Secrets that can hide in metadata: the default of a secret parameter, and settings of an auth method.
//!
//! A setting that its scheme does not declare may be anything, so it counts as secret.

use keyferry_contract::{AuthMethod, ConfigMetadata, Parameter};

use super::auth::auth_settings_parameters;

/// The metadata as anyone may see it.
#[must_use]
pub fn redacted(metadata: &ConfigMetadata) -> ConfigMetadata {
    let mut shown = metadata.clone();
    shown.parameters_metadata.iter_mut().for_each(hide_default);
    for method in &mut shown.auth_metadata {
        method.parameters_metadata.iter_mut().for_each(hide_default);
        method.auth_map.parameters_metadata.iter_mut().for_each(hide_default);
        let declared = auth_settings_parameters(method.scheme);
        method.auth_settings.parameters.retain(|name, _| is_shown(&declared, name));
    }
    shown
}

fn hide_default(parameter: &mut Parameter) {
    if parameter.secret {
        parameter.default_value = None;
    }
}

fn is_shown(declared: &[Parameter], name: &str) -> bool {
    declared.iter().any(|parameter| parameter.name == name && !parameter.secret)
}

/// Gives `new` back the secrets of `old` that a caller could not have seen, and so could not have sent back.
pub fn keep_secrets(new: &mut ConfigMetadata, old: &ConfigMetadata) {
    keep_defaults(&mut new.parameters_metadata, &old.parameters_metadata);
    for method in &mut new.auth_metadata {
        if let Some(before) = old.auth_metadata.iter().find(|before| before.id == method.id) {
            keep_defaults(&mut method.parameters_metadata, &before.parameters_metadata);
            keep_defaults(&mut method.auth_map.parameters_metadata, &before.auth_map.parameters_metadata);
            keep_settings(method, before);
        }
    }
}

fn keep_defaults(new: &mut [Parameter], old: &[Parameter]) {
    for parameter in new.iter_mut().filter(|parameter| parameter.secret && parameter.default_value.is_none()) {
        let before = old.iter().find(|before| before.name == parameter.name && before.secret);
        parameter.default_value = before.and_then(|before| before.default_value.clone());
    }
}

fn keep_settings(method: &mut AuthMethod, before: &AuthMethod) {
    if method.scheme != before.scheme {
        return;
    }
    let declared = auth_settings_parameters(before.scheme);
    for (name, value) in before.auth_settings.parameters.iter().filter(|(name, _)| !is_shown(&declared, name)) {
        method.auth_settings.parameters.entry(name.clone()).or_insert_with(|| value.clone());
    }
}
