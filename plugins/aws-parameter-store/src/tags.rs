//! Tags of parameters, as people enter them and as SSM has them.

use std::collections::{BTreeMap, BTreeSet};

use keyferry_sdk::settings::{Json, Parameter, ParameterType, SettingValue, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// SSM's own limits: tags per parameter, characters of a name and of a value.
const TAGS_MAX: usize = 50;
const NAME_CHARACTERS_MAX: usize = 128;
const VALUE_CHARACTERS_MAX: usize = 256;

/// Names of tags that only AWS itself sets.
const AWS_PREFIX: &str = "aws:";

/// Names and values, as an object (`{"team": "web"}`) or as a list of `key` and `value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

/// One tag, in SSM's spelling or in that of the Infisical dialect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    #[serde(rename = "Key", alias = "key")]
    key: String,
    #[serde(rename = "Value", alias = "value", default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entered {
    Object(BTreeMap<String, String>),
    List(Vec<Tag>),
}

/// What makes a parameter's tags the wanted ones.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    pub add: Vec<Tag>,
    pub remove: Vec<String>,
}

impl Tags {
    /// In SSM's form.
    pub fn to_list(&self) -> Vec<Tag> {
        self.0.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
    }

    /// What to add and to remove. Tags of AWS itself are left alone.
    pub fn difference(&self, present: &[Tag]) -> Difference {
        let present = present.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect::<BTreeMap<_, _>>();
        let is_missing = |tag: &Tag| present.get(tag.key.as_str()) != Some(&tag.value.as_str());
        let is_surplus = |key: &&str| !self.0.contains_key(*key) && !key.starts_with(AWS_PREFIX);
        Difference {
            add: self.to_list().into_iter().filter(is_missing).collect(),
            remove: present.into_keys().filter(is_surplus).map(str::to_owned).collect(),
        }
    }

    fn problem(&self) -> Option<String> {
        let is_long = |text: &str, max: usize| text.chars().count() > max;
        if self.0.len() > TAGS_MAX {
            return Some(format!("has more than {TAGS_MAX} tags"));
        }
        if self.0.keys().any(|key| key.is_empty() || is_long(key, NAME_CHARACTERS_MAX)) {
            return Some(format!("has a tag whose name is empty or longer than {NAME_CHARACTERS_MAX} characters"));
        }
        if self.0.keys().any(|key| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(AWS_PREFIX))) {
            return Some("has a tag that begins with `aws:`, which only AWS sets".to_owned());
        }
        let is_long_value = |value: &String| is_long(value, VALUE_CHARACTERS_MAX);
        self.0.values().any(is_long_value).then(|| format!("has a value longer than {VALUE_CHARACTERS_MAX} characters"))
    }
}

impl SettingValue for Tags {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::Json;
        parameter.json_schema = Some(json!({
            "oneOf": [
                {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": TAGS_MAX},
                {
                    "type": "array",
                    "maxItems": TAGS_MAX,
                    "items": {
                        "type": "object",
                        "required": ["key"],
                        "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
                        "additionalProperties": false
                    }
                }
            ]
        }));
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let shape = "is neither an object of texts nor a list of `key` and `value`".to_owned();
        let Json(entered) = Json::from_value(value).map_err(|_| shape)?;
        let tags = match entered {
            Entered::Object(tags) => Self(tags),
            Entered::List(list) => {
                let mut names = BTreeSet::new();
                if !list.iter().all(|tag| names.insert(&tag.key)) {
                    return Err("names a tag twice".to_owned());
                }
                Self(list.into_iter().map(|tag| (tag.key, tag.value)).collect())
            }
        };
        tags.problem().map_or(Ok(tags), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(value: Value) -> Result<Tags, String> {
        Tags::from_value(value)
    }

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn both_forms_are_read() {
        let expected = vec![tag("env", "prod"), tag("team", "web")];
        assert_eq!(tags(json!({"team": "web", "env": "prod"})).map(|tags| tags.to_list()), Ok(expected.clone()));
        let list = json!([{"key": "team", "value": "web"}, {"Key": "env", "Value": "prod"}]);
        assert_eq!(tags(list).map(|tags| tags.to_list()), Ok(expected));
    }

    #[test]
    fn what_ssm_refuses_is_refused_before() {
        let many = (0..51).map(|number| (format!("t{number}"), "v".to_owned())).collect::<BTreeMap<_, _>>();
        for (value, problem) in [
            (json!(5), "is neither"),
            (json!({"a": 1}), "is neither"),
            (json!({"": "v"}), "name is empty"),
            (json!({"AWS:x": "v"}), "only AWS sets"),
            (json!({"a": "x".repeat(257)}), "a value longer"),
            (json!([{"key": "a"}, {"key": "a"}]), "twice"),
            (json!(many), "more than 50"),
        ] {
            let found = tags(value.clone()).expect_err("refused");
            assert!(found.contains(problem), "{value}: {found}");
        }
    }

    #[test]
    fn the_difference_spares_the_tags_of_aws() {
        let wanted = tags(json!({"same": "1", "changed": "2", "new": "3"})).expect("valid");
        let present = [tag("same", "1"), tag("changed", "0"), tag("old", "x"), tag("aws:cloudformation:stack", "y")];
        let expected = Difference { add: vec![tag("changed", "2"), tag("new", "3")], remove: vec!["old".to_owned()] };
        assert_eq!(wanted.difference(&present), expected);
    }
}
