//! What commands read: files, standard input, and `name=value` pairs.

pub(super) mod secrets;

use std::io::{IsTerminal, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::exit::{Exit, Failure};

/// The text of a file; `-` is standard input.
pub(super) fn file(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        return standard("the file");
    }
    std::fs::read_to_string(path).map_err(|error| {
        let mut failure = Failure::chain(Exit::Usage, &error);
        failure.message = format!("`{}` cannot be read: {error}", path.display());
        failure
    })
}

/// The whole of standard input.
pub(super) fn standard(what: &str) -> Result<String, Failure> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        return Err(Failure::usage(format!("{what} is read from standard input, which is a terminal"))
            .hint("pipe it in, or give a file"));
    }
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|error| Failure::chain(Exit::Usage, &error))?;
    Ok(text)
}

/// Pairs as a JSON object whose values are JSON where they are a boolean, a number, an array or an object, else text.
pub(super) fn typed_object(pairs: &[(String, String)]) -> Map<String, Value> {
    let typed = |text: &str| match serde_json::from_str(text) {
        Ok(Value::String(_) | Value::Null) | Err(_) => Value::String(text.to_owned()),
        Ok(value) => value,
    };
    pairs.iter().map(|(name, value)| (name.clone(), typed(value))).collect()
}

/// Credentials, where `@file` and `-` stand for the content of a file and of standard input without its last line end.
pub(super) fn credentials(pairs: &[(String, String)]) -> Result<Map<String, Value>, Failure> {
    let mut credentials = Map::new();
    for (name, value) in pairs {
        let value = match value.strip_prefix('@') {
            Some(path) => without_line_end(file(Path::new(path))?),
            None if value == "-" => without_line_end(standard(name)?),
            None => value.clone(),
        };
        credentials.insert(name.clone(), Value::String(value));
    }
    Ok(credentials)
}

/// The text without one trailing line end.
pub(super) fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
