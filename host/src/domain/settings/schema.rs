//! JSON Schema from metadata: nothing is fetched, no expression backtracks, and no value is repeated.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};

/// The most that is told of one value.
const REPORTED_MAX: usize = 20;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema(Validator);

/// Why a schema is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no JSON Schema (draft 2020-12) that stands by itself: references may only point into it")]
pub struct MalformedSchema;

impl Schema {
    /// Compiles `schema`.
    ///
    /// # Errors
    /// [`MalformedSchema`] when it is none, or refers to something outside itself.
    pub fn compile(schema: &Value) -> Result<Self, MalformedSchema> {
        if !schema.is_object() && !schema.is_boolean() {
            return Err(MalformedSchema);
        }
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map(Self)
            .map_err(|_| MalformedSchema)
    }

    /// Adds to `violations` what keeps `value`, which stands at `pointer`, from holding to the schema.
    pub fn check(&self, value: &Value, pointer: &Pointer, violations: &mut Violations) {
        for error in self.0.iter_errors(value).take(REPORTED_MAX) {
            let place = error.instance_path().as_str().split('/').skip(1);
            let place = place.fold(pointer.clone(), |place, part| place.member(&unescape(part)));
            let detail = format!("does not hold to `{}` of the schema", error.kind().keyword());
            violations.add(&place, violation::SCHEMA_MISMATCH, detail);
        }
    }

    /// Whether `value` holds to the schema.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_mismatch_is_told_without_its_value() {
        let schema = Schema::compile(&json!({"type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"type": "integer"}, "b": {"pattern": "^x$"}, "c/d": {"maxLength": 1}}}))
        .unwrap();
        let mut violations = Violations::default();
        let value = json!({"a": "hunter2", "b": "hunter2", "c/d": "hunter2"});
        schema.check(&value, &Pointer::root().member("s"), &mut violations);
        let found = violations.into_vec();
        let pointers: Vec<_> = found.iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/s/a", "/s/b", "/s/c~1d"]);
        assert!(found.iter().all(|v| !v.detail.contains("hunter2")), "{found:?}");
    }

    #[test]
    fn schemas_that_reach_outside_or_backtrack_are_refused() {
        for schema in [
            json!({"$ref": "https://schemas.example.com/s.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"type": "no such type"}),
            json!({"pattern": "(a)\\1"}),
            json!("text"),
        ] {
            assert!(Schema::compile(&schema).is_err(), "{schema}");
        }
    }
}
