//! What commands read: files, standard input, and `name=value` pairs.

pub(super) mod secrets;

use std::io::{ErrorKind, IsTerminal, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::exit::Failure;

/// The text of a file; `-` is standard input.
pub(super) fn file(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        return standard("the file");
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(&format!("`{}`", path.display()), &error))
}

/// The whole of standard input.
pub(super) fn standard(what: &str) -> Result<String, Failure> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        return Err(Failure::usage(format!("{what} is read from standard input, which is a terminal"))
            .hint("pipe it in, or give a file"));
    }
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|error| unreadable(what, &error))?;
    Ok(text)
}

fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    if error.kind() == ErrorKind::InvalidData {
        return Failure::usage(format!("{what} is no UTF-8 text"))
            .hint("values are text: encode bytes before, for instance with `base64`");
    }
    Failure::usage(format!("{what} cannot be read: {error}"))
}

/// Pairs as a JSON object whose values are JSON where they are a boolean, a number, an array, an object or a text in double
/// quotes, else text. What `is_text` holds of is text in any case; quotes around it are none of it all the same.
pub(super) fn typed_object(pairs: &[(String, String)], is_text: impl Fn(&str) -> bool) -> Map<String, Value> {
    let typed = |name: &str, text: &str| match serde_json::from_str(text) {
        Ok(Value::String(content)) => Value::String(content),
        Ok(Value::Null) | Err(_) => Value::String(text.to_owned()),
        Ok(_) if is_text(name) => Value::String(text.to_owned()),
        Ok(value) => value,
    };
    pairs.iter().map(|(name, value)| (name.clone(), typed(name, value))).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_json_unless_they_are_to_be_text() {
        for (entered, guessed, as_text) in [
            ("eu-west-1", json!("eu-west-1"), json!("eu-west-1")),
            ("42", json!(42), json!("42")),
            ("007", json!("007"), json!("007")),
            ("true", json!(true), json!("true")),
            ("[1]", json!([1]), json!("[1]")),
            ("null", json!("null"), json!("null")),
            ("\"42\"", json!("42"), json!("42")),
            ("\"", json!("\""), json!("\"")),
            ("", json!(""), json!("")),
        ] {
            let pairs = [("a".to_owned(), entered.to_owned())];
            assert_eq!(typed_object(&pairs, |_| false)["a"], guessed, "{entered}");
            assert_eq!(typed_object(&pairs, |name| name == "a")["a"], as_text, "{entered}");
        }
    }
}
