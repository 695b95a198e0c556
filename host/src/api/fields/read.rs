//! Readers of single values. Each takes a place and a value, and answers the typed value or complains at the place.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::{At, Fields, Read, nearest};
use crate::domain::Secret;
use crate::domain::error::violation;
use crate::domain::name::InvalidName;

/// An object, read by its type.
pub(crate) fn object<T: Read>(at: &At<'_>, value: Value) -> Option<T> {
    match value {
        Value::Object(members) => Fields::read_all(at, members),
        _ => at.refuse(violation::WRONG_TYPE, "must be an object"),
    }
}

/// An object of whatever members.
pub(crate) fn members(at: &At<'_>, value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => at.refuse(violation::WRONG_TYPE, "must be an object"),
    }
}

/// `true` or `false`; as text in any case, since Python writes `True`.
pub(crate) fn boolean(at: &At<'_>, value: Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(value),
        Value::String(text) if at.is_textual() => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            // `?flag=`: but not in a dialect whose clients send what they have nothing to say of as an empty text.
            "" if !at.is_lenient() => Some(true),
            "false" | "0" => Some(false),
            _ => at.refuse(violation::WRONG_TYPE, "must be `true` or `false`"),
        },
        _ => at.refuse(violation::WRONG_TYPE, "must be `true` or `false`"),
    }
}

/// A whole number within bounds.
pub(crate) fn integer(range: RangeInclusive<i64>) -> impl Fn(&At<'_>, Value) -> Option<i64> {
    move |at, value| {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if at.is_textual() => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => at.refuse(violation::OUT_OF_RANGE, format!("must be from {} to {}", range.start(), range.end())),
            None => at.refuse(violation::WRONG_TYPE, "must be a whole number"),
        }
    }
}

/// A text of at most so many Unicode characters.
pub(crate) fn text(characters_max: usize) -> impl Fn(&At<'_>, Value) -> Option<String> {
    move |at, value| match value {
        Value::String(text) if text.chars().count() <= characters_max => Some(text),
        Value::String(_) => at.refuse(violation::TOO_LONG, format!("must have at most {characters_max} characters")),
        _ => at.refuse(violation::WRONG_TYPE, "must be a text"),
    }
}

/// A text of at least one and at most so many Unicode characters.
pub(crate) fn filled_text(characters_max: usize) -> impl Fn(&At<'_>, Value) -> Option<String> {
    move |at, value| {
        let text = text(characters_max)(at, value)?;
        if text.is_empty() { at.refuse(violation::TOO_SHORT, "must not be empty") } else { Some(text) }
    }
}

/// A secret text of at most so many bytes.
pub(crate) fn secret(bytes_max: usize) -> impl Fn(&At<'_>, Value) -> Option<Secret<String>> {
    move |at, value| match value {
        Value::String(text) => {
            let secret = Secret::new(text);
            if secret.expose().len() <= bytes_max {
                Some(secret)
            } else {
                at.refuse(violation::TOO_LONG, format!("must have at most {bytes_max} bytes"))
            }
        }
        _ => at.refuse(violation::WRONG_TYPE, "must be a text"),
    }
}

/// One of the domain's names.
pub(crate) fn name<T: TryFrom<String, Error = InvalidName>>(at: &At<'_>, value: Value) -> Option<T> {
    match value {
        Value::String(text) => match T::try_from(text) {
            Ok(name) => Some(name),
            Err(InvalidName(rule)) => at.refuse(violation::MALFORMED, rule),
        },
        _ => at.refuse(violation::WRONG_TYPE, "must be a text"),
    }
}

/// Anything that has a text form; `rule` says which.
pub(crate) fn parsed<T: FromStr>(rule: &'static str) -> impl Fn(&At<'_>, Value) -> Option<T> {
    move |at, value| match value {
        Value::String(text) => match text.parse() {
            Ok(value) => Some(value),
            Err(_) => at.refuse(violation::MALFORMED, rule),
        },
        _ => at.refuse(violation::WRONG_TYPE, "must be a text"),
    }
}

/// One of a closed set of words, in any case.
pub(crate) fn choice<T: Copy>(options: &'static [(&'static str, T)]) -> impl Fn(&At<'_>, Value) -> Option<T> {
    move |at, value| one_of(options, at, value)
}

/// As [`choice`], over options that are made in passing.
pub(crate) fn one_of<T: Copy>(options: &[(&'static str, T)], at: &At<'_>, value: Value) -> Option<T> {
    let Value::String(word) = value else { return at.refuse(violation::WRONG_TYPE, "must be a text") };
    if let Some((_, meant)) = options.iter().find(|(option, _)| option.eq_ignore_ascii_case(&word)) {
        return Some(*meant);
    }
    let words: Vec<&str> = options.iter().map(|(option, _)| *option).collect();
    let hint = nearest(&word, &words).map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
    at.refuse(violation::NOT_AN_OPTION, format!("must be one of {}{hint}", words.join(", ")))
}

/// A list of at most so many items. In a query, one value is a list of one.
pub(crate) fn list<T>(
    items_max: usize,
    reader: impl Fn(&At<'_>, Value) -> Option<T>,
) -> impl Fn(&At<'_>, Value) -> Option<Vec<T>> {
    move |at, value| match value {
        Value::Array(items) if items.len() > items_max => {
            at.refuse(violation::TOO_LONG, format!("must have at most {items_max} items"))
        }
        Value::Array(items) => {
            let item_at = |index: usize| if at.manner.query { at.clone() } else { at.below(&index.to_string()) };
            let read: Vec<Option<T>> =
                items.into_iter().enumerate().map(|(index, item)| reader(&item_at(index), item)).collect();
            read.into_iter().collect()
        }
        one if at.is_textual() => Some(vec![reader(at, one)?]),
        _ => at.refuse(violation::WRONG_TYPE, "must be a list"),
    }
}

/// An object of at most so many members, whose names are free and whose values are alike.
pub(crate) fn map<T>(
    members_max: usize,
    reader: impl Fn(&At<'_>, Value) -> Option<T>,
) -> impl Fn(&At<'_>, Value) -> Option<BTreeMap<String, T>> {
    move |at, value| match value {
        Value::Object(members) if members.len() > members_max => {
            at.refuse(violation::TOO_LONG, format!("must have at most {members_max} members"))
        }
        Value::Object(members) => {
            let read: Vec<Option<(String, T)>> = members
                .into_iter()
                .map(|(name, value)| {
                    let value = reader(&at.below(&name), value)?;
                    Some((name, value))
                })
                .collect();
            read.into_iter().collect()
        }
        _ => at.refuse(violation::WRONG_TYPE, "must be an object"),
    }
}
