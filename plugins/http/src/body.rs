//! The template of a body: JSON, a form, or plain text.

use serde_json::{Map, Value};

use crate::parameters::Values;
use crate::template::{Problem, Template};

/// What a request carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    None,
    Json(Json),
    /// Values stand in it as they are.
    Text(Template),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, Template)>),
}

/// JSON in which every text is a template, names of members included. What is filled in is always part of a text, so no
/// value can change the structure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Text(Template),
    List(Vec<Json>),
    Object(Vec<(Template, Json)>),
    Other(Value),
}

impl Json {
    pub(crate) fn parse(value: &Value) -> Result<Self, Problem> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Array(items) => Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| Ok((Template::parse(name)?, Self::parse(value)?));
                Self::Object(members.iter().map(member).collect::<Result<_, Problem>>()?)
            }
            other => Self::Other(other.clone()),
        })
    }

    pub(crate) fn fill(&self, values: &Values<'_>) -> Value {
        let text = |template: &Template| template.expand(|name| values.get(name).to_owned());
        match self {
            Self::Text(template) => Value::String(text(template)),
            Self::List(items) => items.iter().map(|item| item.fill(values)).collect(),
            Self::Object(members) => {
                let member = |(name, value): &(Template, Self)| (text(name), value.fill(values));
                Value::Object(members.iter().map(member).collect::<Map<_, _>>())
            }
            Self::Other(value) => value.clone(),
        }
    }

    fn add_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Text(template) => names.extend(template.names()),
            Self::List(items) => items.iter().for_each(|item| item.add_names(names)),
            Self::Object(members) => {
                for (name, value) in members {
                    names.extend(name.names());
                    value.add_names(names);
                }
            }
            Self::Other(_) => {}
        }
    }
}

impl Body {
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        match self {
            Self::None => {}
            Self::Json(json) => json.add_names(&mut names),
            Self::Text(template) => names.extend(template.names()),
            Self::Form(fields) => names.extend(fields.iter().flat_map(|(_, template)| template.names())),
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parameters::Parameters;

    #[test]
    fn a_value_stays_a_json_string_whatever_it_holds() {
        let template = json!({"{{key}}": "{{value}}", "fixed": [1, null, true, "x{{key}}y"], "n": {"v": "{{value}}"}});
        let json = Json::parse(&template).expect("templates");
        let nasty = "\"},\n{\"a\": {{key}} \\ \u{0} ü";
        let parameters = Parameters::default();
        let filled = json.fill(&Values { parameters: &parameters, item: &[("key", "K"), ("value", nasty)] });
        assert_eq!(filled, json!({"K": nasty, "fixed": [1, null, true, "xKy"], "n": {"v": nasty}}));
    }

    #[test]
    fn a_broken_template_is_found_at_any_depth() {
        for template in [json!("{{"), json!([["{{ a }}"]]), json!({"a": {"{{": 1}})] {
            assert!(Json::parse(&template).is_err(), "{template}");
        }
    }
}
