//! Settings as structs: what `#[derive(Settings)]` stands on.
//!
//! A field's Rust type is its parameter's type; `Option` makes it optional. The host has checked everything before a
//! plugin is called; parsing checks it once more where that is cheap (not patterns), so that native tests see the same
//! errors.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Map;

use crate::Error;
pub use keyferry_contract::{
    Condition, FloatRange, IntegerRange, OptionChoice, Parameter, ParameterType, Rule, RuleEffect, RuleOperator,
};
pub use serde_json::Value;

/// A struct whose fields are parameters. Derived.
pub trait Settings: Sized {
    /// The parameters, in the order of the fields.
    fn parameters() -> Vec<Parameter>;

    /// Takes every field from `fields`, noting each problem there; `None` if there was one.
    fn take(fields: &mut Fields<'_>) -> Option<Self>;

    /// Reads a JSON object.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSetting`](crate::ErrorKind::InvalidSetting), whose field is the first one at fault and whose
    /// message tells every one.
    fn from_object(object: &Map<String, Value>) -> Result<Self, Error> {
        let parameters = Self::parameters();
        let mut fields = Fields { object, parameters: &parameters, problems: Vec::new() };
        let taken = Self::take(&mut fields);
        match (taken, fields.into_error()) {
            (Some(settings), None) => Ok(settings),
            (_, Some(error)) => Err(error),
            (None, None) => Err(Error::other("the settings could not be read")),
        }
    }

    /// Reads a JSON object from its text, as it crosses the boundary.
    ///
    /// # Errors
    /// As [`from_object`](Self::from_object); [`ErrorKind::Other`](crate::ErrorKind::Other) if the text is no JSON object.
    fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_object(&object_from_json(text)?)
    }
}

/// No settings at all.
impl Settings for () {
    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }

    fn take(_: &mut Fields<'_>) -> Option<Self> {
        Some(())
    }
}

pub(crate) fn object_from_json(text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|_| Error::other("the host sent settings that are no JSON object"))
}

/// The values that a [`Settings`] takes its fields from, and the problems found on the way.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    parameters: &'a [Parameter],
    problems: Vec<(String, String)>,
}

impl Fields<'_> {
    /// Takes one field by its wire name; a problem is noted and gives `None`.
    pub fn take<T: SettingValue>(&mut self, name: &str) -> Option<T> {
        let default = Parameter::default();
        let parameter = self.parameters.iter().find(|parameter| parameter.name == name).unwrap_or(&default);
        let fallback = || parameter.default_value.clone().map(Value::String);
        let given = self.object.get(name).filter(|value| !value.is_null()).cloned().or_else(fallback);
        let read = match given {
            Some(value) => T::from_value(value).and_then(|read| check_bounds(parameter, self.object.get(name), read)),
            None => T::absent().ok_or_else(|| "is required".to_owned()),
        };
        read.map_err(|problem| self.problems.push((name.to_owned(), problem))).ok()
    }

    fn into_error(self) -> Option<Error> {
        let (first, _) = self.problems.first()?;
        let sentences = self.problems.iter().map(|(name, problem)| format!("`{name}` {problem}"));
        Some(Error::invalid_setting(first.clone(), sentences.collect::<Vec<_>>().join("; ")))
    }
}

/// Checks what the parameter says of a value beyond its type; patterns are the host's.
fn check_bounds<T>(parameter: &Parameter, given: Option<&Value>, read: T) -> Result<T, String> {
    let Some(given) = given else { return Ok(read) };
    if let Some(text) = given.as_str() {
        let length = text.chars().count();
        if parameter.min_length.is_some_and(|min| length < min as usize) {
            return Err(format!("has fewer than {} characters", parameter.min_length.unwrap_or_default()));
        }
        if parameter.max_length.is_some_and(|max| length > max as usize) {
            return Err(format!("has more than {} characters", parameter.max_length.unwrap_or_default()));
        }
        let is_known = |options: &Vec<OptionChoice>| options.iter().any(|option| option.value == text);
        if parameter.kind == ParameterType::Option && !parameter.options.as_ref().is_none_or(is_known) {
            return Err("is none of the options".to_owned());
        }
    }
    let integer = given.as_i64().or_else(|| given.as_str()?.parse().ok());
    if let (Some(range), Some(number)) = (parameter.integer_range, integer)
        && (range.min.is_some_and(|min| number < min) || range.max.is_some_and(|max| number > max))
    {
        return Err("is out of range".to_owned());
    }
    let float = given.as_f64().or_else(|| given.as_str()?.parse().ok());
    if let (Some(range), Some(number)) = (parameter.float_range, float)
        && (range.min.is_some_and(|min| number < min) || range.max.is_some_and(|max| number > max))
    {
        return Err("is out of range".to_owned());
    }
    Ok(read)
}

/// A Rust type that a parameter's value can have.
pub trait SettingValue: Sized {
    /// Sets the parameter's type and what else follows from the Rust type.
    fn describe(parameter: &mut Parameter);

    /// Reads a value that is there.
    ///
    /// # Errors
    /// What is wrong, as a predicate (`is no whole number`), never with the value in it.
    fn from_value(value: Value) -> Result<Self, String>;

    /// The value when none is given; `None` makes the parameter required.
    fn absent() -> Option<Self> {
        None
    }
}

impl SettingValue for String {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::String;
    }

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err("is no text".to_owned()),
        }
    }
}

impl SettingValue for bool {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::Boolean;
    }

    fn from_value(value: Value) -> Result<Self, String> {
        match &value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err("is neither true nor false".to_owned()),
        }
    }
}

macro_rules! integer_settings {
    ($($integer:ty),*) => {$(
        impl SettingValue for $integer {
            fn describe(parameter: &mut Parameter) {
                parameter.kind = ParameterType::Integer;
                let min = i64::try_from(<$integer>::MIN).ok().filter(|min| *min != i64::MIN);
                let max = i64::try_from(<$integer>::MAX).ok().filter(|max| *max != i64::MAX);
                parameter.integer_range = (min.is_some() || max.is_some()).then_some(IntegerRange { min, max });
            }

            fn from_value(value: Value) -> Result<Self, String> {
                let number = match &value {
                    Value::Number(number) => number.as_i64(),
                    Value::String(text) => text.parse::<i64>().ok(),
                    _ => None,
                };
                let number = number.ok_or_else(|| "is no whole number".to_owned())?;
                <$integer>::try_from(number).map_err(|_| "is out of range".to_owned())
            }
        }
    )*};
}

integer_settings!(u8, u16, u32, u64, i8, i16, i32, i64);

impl SettingValue for f64 {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::Float;
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        number.ok_or_else(|| "is no number".to_owned())
    }
}

/// Any JSON, taken as it is; text that holds JSON is read as such, because a default is always text.
impl SettingValue for Value {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::Json;
    }

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(serde_json::from_str(&text).unwrap_or(Value::String(text))),
            value => Ok(value),
        }
    }
}

/// JSON of a shape of your own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> SettingValue for Json<T> {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::Json;
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let value = Value::from_value(value)?;
        serde_json::from_value(value).map(Json).map_err(|_| "is not of the expected shape".to_owned())
    }
}

/// A JSON object of texts.
impl SettingValue for BTreeMap<String, String> {
    fn describe(parameter: &mut Parameter) {
        parameter.kind = ParameterType::Json;
        parameter.json_schema = Some(serde_json::json!({"type": "object", "additionalProperties": {"type": "string"}}));
    }

    fn from_value(value: Value) -> Result<Self, String> {
        Json::from_value(value).map(|Json(map)| map).map_err(|_| "is no object of texts".to_owned())
    }
}

/// Optional: absent, null or (for text) empty is `None`.
impl<T: SettingValue> SettingValue for Option<T> {
    fn describe(parameter: &mut Parameter) {
        T::describe(parameter);
    }

    fn from_value(value: Value) -> Result<Self, String> {
        if value.as_str() == Some("") { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// An enum without fields, as an `Option` parameter. Derived with `#[derive(Options)]`, which makes it a [`SettingValue`].
pub trait Options: Sized {
    /// The values, in the order of the variants.
    fn choices() -> Vec<OptionChoice>;

    /// The variant of a value.
    fn from_choice(value: &str) -> Option<Self>;

    /// The value of a variant.
    fn as_str(&self) -> &'static str;
}

/// What the derive writes for each field, before the field's own attributes are applied.
#[doc(hidden)]
pub fn parameter_of<T: SettingValue>(name: &str, index: i64) -> Parameter {
    let mut parameter =
        Parameter { name: name.to_owned(), index, required: T::absent().is_none(), ..Parameter::default() };
    T::describe(&mut parameter);
    parameter
}

/// The schema of a `json_schema` attribute. The derive macro cannot read JSON, so it is read here.
#[doc(hidden)]
pub fn json_schema(text: &str) -> Option<Value> {
    Some(serde_json::from_str(text).expect("the text of a `json_schema` attribute is JSON"))
}

#[cfg(test)]
mod tests;
