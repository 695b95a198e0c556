//! Settings as they came in: unchecked, possibly secret, wiped when they are dropped.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::Zeroize;

/// A map of settings that nobody has looked at yet. Shows names, never values.
#[derive(Clone, Default, PartialEq)]
pub struct Given(Map<String, Value>);

impl Given {
    /// The entries, for whoever checks them; secrets among them are from now on the caller's to wipe.
    #[must_use]
    pub(super) fn into_entries(mut self) -> Map<String, Value> {
        std::mem::take(&mut self.0)
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names that were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl From<Map<String, Value>> for Given {
    fn from(entries: Map<String, Value>) -> Self {
        Self(entries)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_no_values() {
        let given: Given = serde_json::from_str(r#"{"password":"hunter2","n":{"deep":"hunter2"}}"#).unwrap();
        let shown = format!("{given:?}");
        assert!(shown.contains("password") && !shown.contains("hunter2"), "{shown}");
    }
}
