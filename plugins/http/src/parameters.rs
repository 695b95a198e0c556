//! What templates know: the parameters of connection and destination, and the item at hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::template::ITEM_NAMES;

/// The parameters, as texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    texts: BTreeMap<String, String>,
    known_twice: BTreeSet<String>,
}

impl Parameters {
    /// `declared` are the names of destination parameters that may have no value.
    pub(crate) fn new(connection: &Map<String, Value>, destination: &Map<String, Value>, declared: &[String]) -> Self {
        let texts_of = |parameters: &Map<String, Value>| {
            parameters.iter().map(|(name, value)| (name.clone(), text(value))).collect::<BTreeMap<_, _>>()
        };
        let mut texts = texts_of(connection);
        let mut own = declared.iter().map(|name| (name.clone(), String::new())).collect::<BTreeMap<_, _>>();
        own.extend(texts_of(destination));
        let known_twice = own.keys().filter(|name| texts.contains_key(*name)).cloned().collect();
        texts.extend(own);
        Self { texts, known_twice }
    }

    /// What is wrong with a name in a template that knows these names of the item.
    pub(crate) fn problem(&self, name: &str, item_names: &[&str]) -> Option<String> {
        let is_parameter = self.texts.contains_key(name);
        let is_of_item = ITEM_NAMES.contains(&name);
        if self.known_twice.contains(name) || (is_parameter && is_of_item) {
            return Some(format!("`{{{{{name}}}}}` has two meanings; rename the parameter"));
        }
        if is_of_item && !item_names.contains(&name) {
            return Some(format!("`{{{{{name}}}}}` has no meaning here"));
        }
        (!is_of_item && !is_parameter).then(|| {
            format!("`{{{{{name}}}}}` names no parameter of the connection or the destination that has a value")
        })
    }

    fn get(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }
}

/// Texts stand as they are, everything else as JSON writes it, nothing as nothing.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What one request is filled with. Holds values, so it has no `Debug`.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) parameters: &'a Parameters,
    /// Names of the item with their texts; what is absent is empty.
    pub(crate) item: &'a [(&'static str, &'a str)],
}

impl Values<'_> {
    pub(crate) fn get(&self, name: &str) -> &str {
        let of_item = self.item.iter().find(|(known, _)| *known == name);
        of_item.map_or_else(|| self.parameters.get(name), |(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn a_name_must_have_exactly_one_meaning() {
        let connection = object(json!({"baseUrl": "https://h", "both": 1, "version": "v2"}));
        let parameters = Parameters::new(&connection, &object(json!({"both": 2})), &["space".to_owned()]);
        for (name, is_fine) in [
            ("baseUrl", true),
            ("space", true),
            ("key", true),
            ("both", false),
            ("version", false),
            ("cursor", false),
            ("unheard", false),
        ] {
            assert_eq!(parameters.problem(name, &["key", "version"]).is_none(), is_fine, "{name}");
        }
    }

    #[test]
    fn values_of_every_type_become_text() {
        let connection = object(json!({"n": 7, "b": true, "o": {"a": [1]}, "z": null, "t": "x y"}));
        let parameters = Parameters::new(&connection, &Map::new(), &[]);
        let values = Values { parameters: &parameters, item: &[("key", "K")] };
        let texts = ["n", "b", "o", "z", "t", "key", "absent"].map(|name| values.get(name).to_owned());
        assert_eq!(texts, ["7", "true", "{\"a\":[1]}", "", "x y", "K", ""]);
    }
}
