//! One value against one parameter.

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{Parameter, ParameterType};
use serde_json::Value;

use super::host::{normalise_label, normalise_origin};
use super::pattern::WholePattern;
use super::schema::Schema;
use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::suggestion;

/// The greatest value, in bytes of its JSON or its text.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// The most options that are named in an answer.
const OPTIONS_NAMED_MAX: usize = 20;

/// Whether a value counts as given: null does not, nor does empty text where empty text cannot be meant.
pub(super) fn is_set(parameter: &Parameter, value: &Value) -> bool {
    let empty_is_nothing = parameter.required
        || parameter.kind != ParameterType::String
        || matches!(parameter.type_name.as_deref(), Some(type_name::LABEL | type_name::ORIGIN));
    match value {
        Value::Null => false,
        Value::String(text) if parameter.kind != ParameterType::Json => !(text.is_empty() && empty_is_nothing),
        _ => true,
    }
}

/// The value that `text` stands for: how defaults, and members of dialects that know only text, become settings.
/// Returns `None` when it stands for none of the parameter's type.
#[must_use]
pub fn from_text(parameter: &Parameter, text: &str) -> Option<Value> {
    match parameter.kind {
        ParameterType::Integer => text.parse::<i64>().ok().map(Value::from),
        ParameterType::Float => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
        ParameterType::Boolean if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        ParameterType::Boolean if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        ParameterType::Boolean => None,
        ParameterType::Json => serde_json::from_str(text).ok(),
        _ => Some(Value::from(text)),
    }
}

/// The value as text, as rules compare it and host patterns take it.
#[must_use]
pub fn to_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value in its normal form, or `None` when something is wrong with it.
pub(super) fn check(
    parameter: &Parameter,
    value: Value,
    pointer: &Pointer,
    violations: &mut Violations,
) -> Option<Value> {
    let before = violations.len();
    let checked = match parameter.kind {
        ParameterType::Integer => check_integer(parameter, value, pointer, violations),
        ParameterType::Float => check_float(parameter, value, pointer, violations),
        ParameterType::Boolean => of_type(value, Value::is_boolean, "true or false", pointer, violations),
        ParameterType::Option => check_option(parameter, value, pointer, violations),
        ParameterType::Json => check_json(parameter, value, pointer, violations),
        _ => check_text(parameter, value, pointer, violations),
    };
    checked.filter(|_| violations.len() == before)
}

fn of_type(
    value: Value,
    is_type: fn(&Value) -> bool,
    expected: &str,
    pointer: &Pointer,
    violations: &mut Violations,
) -> Option<Value> {
    if is_type(&value) {
        return Some(value);
    }
    violations.add(pointer, violation::WRONG_TYPE, format!("must be {expected}"));
    None
}

fn check_integer(parameter: &Parameter, value: Value, pointer: &Pointer, violations: &mut Violations) -> Option<Value> {
    let is_integer = |value: &Value| value.is_i64() || value.is_u64();
    let value = of_type(value, is_integer, "a whole number", pointer, violations)?;
    let range = parameter.integer_range.unwrap_or_default();
    let inside =
        value.as_i64().is_some_and(|n| range.min.is_none_or(|min| n >= min) && range.max.is_none_or(|max| n <= max));
    if !inside {
        let bounds = (range.min.unwrap_or(i64::MIN), range.max.unwrap_or(i64::MAX));
        violations.add(pointer, violation::OUT_OF_RANGE, format!("must be from {} to {}", bounds.0, bounds.1));
    }
    Some(value)
}

fn check_float(parameter: &Parameter, value: Value, pointer: &Pointer, violations: &mut Violations) -> Option<Value> {
    let value = of_type(value, Value::is_number, "a number", pointer, violations)?;
    let range = parameter.float_range.unwrap_or_default();
    let number = value.as_f64().unwrap_or(f64::NAN);
    let above = range.min.is_none_or(|min| number >= min);
    let below = range.max.is_none_or(|max| number <= max);
    if !(above && below && number.is_finite()) {
        let bound = |bound: Option<f64>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
        let detail = format!("must be from {} to {}", bound(range.min), bound(range.max));
        violations.add(pointer, violation::OUT_OF_RANGE, detail);
    }
    Some(value)
}

fn check_option(parameter: &Parameter, value: Value, pointer: &Pointer, violations: &mut Violations) -> Option<Value> {
    let value = of_type(value, Value::is_string, "text", pointer, violations)?;
    let text = value.as_str().unwrap_or_default();
    let options = parameter.options.as_deref().unwrap_or_default();
    // Live options cannot be known here; the listed ones are then only the usual ones.
    if !parameter.dynamic && !options.iter().any(|option| option.value == text) {
        let named: Vec<String> =
            options.iter().take(OPTIONS_NAMED_MAX).map(|option| format!("`{}`", option.value)).collect();
        let more = if options.len() > OPTIONS_NAMED_MAX { " or another listed option" } else { "" };
        let hint = suggestion::hint(text, options.iter().map(|option| option.value.as_str()));
        let hint = if parameter.secret { String::new() } else { hint };
        violations.add(pointer, violation::NOT_AN_OPTION, format!("must be one of {}{more}{hint}", named.join(", ")));
    }
    within_size(text.len(), pointer, violations);
    Some(value)
}

fn check_json(parameter: &Parameter, value: Value, pointer: &Pointer, violations: &mut Violations) -> Option<Value> {
    within_size(value.to_string().len(), pointer, violations);
    if let Some(Ok(schema)) = parameter.json_schema.as_ref().map(Schema::compile) {
        if parameter.secret && !schema.accepts(&value) {
            // Where in a secret it fails would already tell of its content.
            violations.add(pointer, violation::SCHEMA_MISMATCH, "does not hold to its schema");
        } else if !parameter.secret {
            schema.check(&value, pointer, violations);
        }
    }
    Some(value)
}

fn check_text(parameter: &Parameter, value: Value, pointer: &Pointer, violations: &mut Violations) -> Option<Value> {
    let value = of_type(value, Value::is_string, "text", pointer, violations)?;
    let text = value.as_str().unwrap_or_default();
    let normal = match parameter.type_name.as_deref() {
        Some(type_name::LABEL) => normalise_label(text).ok_or("one host label: letters, digits and inner hyphens"),
        Some(type_name::ORIGIN) => {
            normalise_origin(text).ok_or("scheme, host and port alone, such as `https://api.example.com`")
        }
        _ => Ok(text.to_owned()),
    };
    match &normal {
        Ok(text) => check_form(parameter, text, pointer, violations),
        Err(expected) => violations.add(pointer, violation::MALFORMED, format!("must be {expected}")),
    }
    normal.ok().map(Value::String)
}

fn check_form(parameter: &Parameter, text: &str, pointer: &Pointer, violations: &mut Violations) {
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if let Some(min) = parameter.min_length.filter(|min| length < *min) {
        violations.add(pointer, violation::TOO_SHORT, format!("must have at least {min} characters"));
    }
    if let Some(max) = parameter.max_length.filter(|max| length > *max) {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {max} characters"));
    }
    within_size(text.len(), pointer, violations);
    if let Some(source) = &parameter.pattern {
        let matches = WholePattern::compile(source).is_ok_and(|pattern| pattern.matches(text));
        if !matches {
            violations.add(pointer, violation::PATTERN_MISMATCH, format!("must match `{source}` as a whole"));
        }
    }
}

fn within_size(bytes: usize, pointer: &Pointer, violations: &mut Violations) {
    if bytes > VALUE_BYTES_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {VALUE_BYTES_MAX} bytes"));
    }
}
