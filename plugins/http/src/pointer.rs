//! JSON pointers (RFC 6901) into answers.

use serde_json::Value;

use crate::template::Problem;

/// A place in a JSON document; the empty one is the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(String);

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() || text.starts_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no JSON pointer: it is empty or begins with `/`")
        }
    }

    pub(crate) fn root() -> Self {
        Self(String::new())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        document.pointer(&self.0)
    }

    /// The text, number or truth value there; `None` for everything else and for empty text.
    pub(crate) fn text(&self, document: &Value) -> Option<String> {
        scalar(self.find(document)?).filter(|text| !text.is_empty())
    }

    /// The member names on the way.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.0.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
    }
}

/// A text, or a number or truth value as JSON writes it.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
