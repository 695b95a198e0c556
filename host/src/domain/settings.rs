//! Settings that a person enters, checked against the metadata that asks for them.
//!
//! Nothing here knows where the metadata came from: connections, auth methods, destinations and auth settings are all lists
//! of parameters. Everything wrong is told at once, by name and never by value.

mod given;
pub mod host;
pub mod pattern;
mod rule;
pub mod schema;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use keyferry_contract::Parameter;
use serde_json::{Map, Value};

use super::error::violation;
use super::pointer::{Pointer, Violations};
use super::suggestion;
use super::{Secret, Violation};

pub use given::Given;
pub use value::{from_text, to_text};

/// What stands in a response in place of a stored secret. It says nothing of the secret, not even its length.
pub const MASK: &str = "********";

/// Settings that hold to their metadata.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Typed and normalised, defaults filled in; no secret among them.
    pub values: Map<String, Value>,
    /// The secret ones, as text whatever their type.
    pub secrets: BTreeMap<String, Secret<String>>,
    /// Names of those secrets that were not entered now but kept from what is stored.
    pub kept: BTreeSet<String>,
}

/// What surrounds a set of settings while it is checked.
#[derive(Clone, Debug, Default)]
pub struct Surroundings<'a> {
    /// Where the settings stand in the request.
    pub pointer: Pointer,
    /// Settings of a wider scope, which rules may look at.
    pub wider: Option<&'a Map<String, Value>>,
    /// Values stored already, as text: a secret whose mask is sent back is kept.
    pub stored: Option<&'a BTreeMap<String, Secret<String>>>,
    /// Names of those that were no secrets when they were entered. No other is ever shown, whatever the metadata says by now.
    pub open: Option<&'a BTreeSet<String>>,
    /// Whether a stored value is also kept when it is not sent at all.
    pub keeps_omitted: bool,
}

impl Surroundings<'_> {
    /// Settings that stand at `pointer`, with nothing stored and nothing around them.
    #[must_use]
    pub fn at(pointer: Pointer) -> Self {
        Self { pointer, ..Self::default() }
    }
}

/// Checks what was given against `parameters`.
///
/// # Errors
/// All violations, each with a pointer below that of `surroundings`.
pub fn validate(
    parameters: &[Parameter],
    given: Given,
    surroundings: &Surroundings<'_>,
) -> Result<Settings, Vec<Violation>> {
    let mut violations = Violations::default();
    let mut given = given.into_entries();
    for name in given.iter().map(|(name, _)| name).filter(|name| !parameters.iter().any(|p| p.name == **name)) {
        let hint = suggestion::hint(name, parameters.iter().map(|p| p.name.as_str()));
        let detail = format!("there is no parameter of this name{hint}");
        violations.add(&surroundings.pointer.member(name), violation::UNKNOWN_MEMBER, detail);
    }
    let states = rule::evaluate(parameters, &given, surroundings);
    let mut settings = Settings::default();
    for (parameter, state) in parameters.iter().zip(states) {
        let entered = given.remove(&parameter.name).filter(|value| value::is_set(parameter, value));
        let check = Check { parameter, state, surroundings };
        check.settle(entered, &mut settings, &mut violations);
    }
    violations.into_result(settings)
}

/// One parameter on its way into the settings.
struct Check<'a> {
    parameter: &'a Parameter,
    state: rule::State,
    surroundings: &'a Surroundings<'a>,
}

impl Check<'_> {
    fn settle(&self, entered: Option<Value>, settings: &mut Settings, violations: &mut Violations) {
        let pointer = self.surroundings.pointer.member(&self.parameter.name);
        if self.state.forbidden && entered.is_some() {
            wipe(entered);
            violations.add(&pointer, violation::FORBIDDEN, "is not allowed with the other settings given");
            return;
        }
        match entered {
            Some(value) if self.parameter.secret => self.settle_secret(value, &pointer, settings, violations),
            Some(value) => {
                if let Some(value) = value::check(self.parameter, value, &pointer, violations) {
                    settings.values.insert(self.parameter.name.clone(), value);
                }
            }
            None => self.settle_absent(&pointer, settings, violations),
        }
    }

    fn settle_secret(&self, value: Value, pointer: &Pointer, settings: &mut Settings, violations: &mut Violations) {
        if value.as_str() == Some(MASK) {
            if !self.keep_stored(settings) {
                let detail = "the mask stands for a stored value, and none is stored: enter the value";
                violations.add(pointer, violation::MALFORMED, detail);
            }
            return;
        }
        if let Some(value) = value::check(self.parameter, value, pointer, violations) {
            settings.secrets.insert(self.parameter.name.clone(), into_secret(value));
        }
    }

    fn settle_absent(&self, pointer: &Pointer, settings: &mut Settings, violations: &mut Violations) {
        if self.surroundings.keeps_omitted && self.parameter.secret && self.keep_stored(settings) {
            return;
        }
        if let Some(value) = rule::kept_value(self.parameter, self.surroundings) {
            if let Some(value) = value::check(self.parameter, value, pointer, violations) {
                settings.values.insert(self.parameter.name.clone(), value);
            }
            return;
        }
        let default = self.parameter.default_value.as_deref().filter(|_| self.state.takes_default());
        let default = default.and_then(|text| from_text(self.parameter, text));
        match default.filter(|value| value::is_set(self.parameter, value)) {
            // The default was checked with the metadata; checking it again normalises it.
            Some(value) => {
                if let Some(value) = value::check(self.parameter, value, pointer, violations) {
                    self.insert(value, settings);
                }
            }
            None if self.state.required => violations.add(pointer, violation::REQUIRED, "is required"),
            None => {}
        }
    }

    fn insert(&self, value: Value, settings: &mut Settings) {
        let name = self.parameter.name.clone();
        if self.parameter.secret {
            settings.secrets.insert(name, into_secret(value));
        } else {
            settings.values.insert(name, value);
        }
    }

    fn keep_stored(&self, settings: &mut Settings) -> bool {
        let name = &self.parameter.name;
        let Some(secret) = self.surroundings.stored.and_then(|stored| stored.get(name)) else { return false };
        settings.secrets.insert(name.clone(), secret.clone());
        settings.kept.insert(name.clone());
        true
    }
}

fn into_secret(value: Value) -> Secret<String> {
    match value {
        Value::String(text) => Secret::new(text),
        other => Secret::new(other.to_string()),
    }
}

fn wipe(value: Option<Value>) {
    if let Some(value) = value {
        drop(Given::from(Map::from_iter([(String::new(), value)])));
    }
}

#[cfg(test)]
mod tests;
