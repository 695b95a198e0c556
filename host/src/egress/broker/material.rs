//! Reads an auth method's settings and a connection's credentials.

use std::collections::BTreeMap;

use keyferry_contract::AuthMethod;
use serde_json::Value;

use crate::domain::Secret;

/// Why a credential cannot be applied. Names parameters, never values.
pub(super) type Reason = String;

/// What a scheme is read from.
pub(super) struct Material<'a> {
    pub(super) method: &'a AuthMethod,
    pub(super) credentials: &'a BTreeMap<String, Secret<String>>,
}

impl<'a> Material<'a> {
    /// A setting of the method, as text.
    pub(super) fn setting(&self, name: &str) -> Option<&'a str> {
        let value = self.method.auth_settings.parameters.get(name)?.as_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// Whether a setting of the method is true, as a boolean or as text.
    pub(super) fn is_set(&self, name: &str) -> bool {
        match self.method.auth_settings.parameters.get(name) {
            Some(Value::Bool(is_set)) => *is_set,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// The credential of this name, when it was entered.
    pub(super) fn credential(&self, name: &str) -> Option<&'a Secret<String>> {
        self.credentials.get(name).filter(|value| !value.expose().is_empty())
    }

    /// The credential of this name.
    pub(super) fn required(&self, name: &str) -> Result<&'a Secret<String>, Reason> {
        self.credential(name).ok_or_else(|| format!("the credential `{name}` is missing"))
    }

    /// The credential of this name, empty where the method does not ask for one.
    pub(super) fn required_if_declared(&self, name: &str) -> Result<Secret<String>, Reason> {
        let is_declared = self.method.parameters_metadata.iter().any(|parameter| parameter.name == name);
        match self.credential(name) {
            Some(value) => Ok(value.clone()),
            None if is_declared => Err(format!("the credential `{name}` is missing")),
            None => Ok(Secret::default()),
        }
    }

    /// The value of the method's first secret parameter.
    pub(super) fn first_secret(&self) -> Result<&'a Secret<String>, Reason> {
        let parameter = self.method.parameters_metadata.iter().find(|parameter| parameter.secret);
        let parameter = parameter.ok_or("the auth method declares no secret parameter")?;
        self.required(&parameter.name)
    }
}
