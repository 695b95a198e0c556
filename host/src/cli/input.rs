//! What commands read: files, standard input, `name=value` pairs, and files of secrets.

use std::io::{IsTerminal, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::args::ImportFormat;
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

/// The secrets of a file: a JSON object of text, or `.env` lines.
pub(super) fn secrets(text: &str, format: ImportFormat) -> Result<Vec<(String, String)>, Failure> {
    match format {
        ImportFormat::Json => json_secrets(text),
        ImportFormat::Env => env_secrets(text),
    }
}

fn json_secrets(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!("the file is no JSON object (line {}, column {})", error.line(), error.column()))
    })?;
    let mut secrets = Vec::new();
    let mut wrong = Vec::new();
    for (name, value) in object {
        match value {
            Value::String(value) => secrets.push((name, value)),
            Value::Number(_) | Value::Bool(_) => secrets.push((name, value.to_string())),
            _ => wrong.push(format!("`{name}` is neither text, number nor boolean")),
        }
    }
    all_right(secrets, wrong)
}

/// Lines of `NAME=value`, with an optional `export`. Values in single quotes are literal and may span lines; in double quotes
/// `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes; without quotes a ` #` begins a comment. Nothing is substituted.
fn env_secrets(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut secrets = Vec::new();
    let mut wrong = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (entry, consumed) = env_entry(rest);
        match entry {
            Ok(Some(pair)) => secrets.push(pair),
            Ok(None) => {}
            Err(problem) => wrong.push(format!("line {line}: {problem}")),
        }
        let (read, after) = rest.split_at(consumed);
        line += read.matches('\n').count();
        rest = after;
    }
    all_right(secrets, wrong)
}

type Entry = Result<Option<(String, String)>, &'static str>;

/// The entry at the beginning of `text`, and how many bytes it takes with its line end.
fn env_entry(text: &str) -> (Entry, usize) {
    let line_end = text.find('\n').map_or(text.len(), |at| at + 1);
    let line = text.get(..line_end).unwrap_or_default();
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return (Ok(None), line_end);
    }
    let Some(equals) = line.find('=') else { return (Err("expected NAME=value"), line_end) };
    let name = line.get(..equals).unwrap_or_default().trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    if name.is_empty() {
        return (Err("the name is missing"), line_end);
    }
    let after = text.get(equals + 1..).unwrap_or_default();
    let padding = after.len() - after.trim_start_matches([' ', '\t']).len();
    let start = equals + 1 + padding;
    let value = text.get(start..).unwrap_or_default();
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(name, value, (start, quote)),
        _ => {
            let value = text.get(start..line_end).unwrap_or_default();
            let value = value.split_once(" #").map_or(value, |(value, _)| value);
            (Ok(Some((name.to_owned(), value.trim().to_owned()))), line_end)
        }
    }
}

fn quoted(name: &str, value: &str, (start, quote): (usize, char)) -> (Entry, usize) {
    let mut out = String::new();
    let mut characters = value.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            let rest = value.get(at + 1..).unwrap_or_default();
            let line_end = rest.find('\n').map_or(rest.len(), |end| end + 1);
            let tail = rest.get(..line_end).unwrap_or_default().trim();
            let entry = if tail.is_empty() || tail.starts_with('#') {
                Ok(Some((name.to_owned(), out)))
            } else {
                Err("there is text after the closing quote")
            };
            return (entry, start + at + 1 + line_end);
        }
        if character == '\\' && quote == '"' {
            match characters.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, 't')) => out.push('\t'),
                Some((_, escaped @ ('"' | '\\' | '$'))) => out.push(escaped),
                Some((_, other)) => out.extend(['\\', other]),
                None => break,
            }
        } else {
            out.push(character);
        }
    }
    (Err("the quote is not closed"), start + value.len())
}

fn all_right(secrets: Vec<(String, String)>, wrong: Vec<String>) -> Result<Vec<(String, String)>, Failure> {
    if wrong.is_empty() {
        return Ok(secrets);
    }
    let mut failure = Failure::usage("the file cannot be imported; nothing was changed");
    failure.details = wrong;
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_are_read_without_substitution() {
        let text = "# comment\nA=1\nexport B = two words # comment\nC='literal $X \\n'\nD=\"line\\nnext \\\"q\\\" $A\"\nE=\nF=\"a\nb\"\nG=a#b\n";
        let read = secrets(text, ImportFormat::Env).expect("a good file");
        let shown: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "literal $X \\n"),
                ("D", "line\nnext \"q\" $A"),
                ("E", ""),
                ("F", "a\nb"),
                ("G", "a#b")
            ]
        );
    }

    #[test]
    fn every_bad_line_is_told_without_its_content() {
        let failure = secrets("hunter2\nA=1\n=x\nB=\"open", ImportFormat::Env).expect_err("a bad file");
        assert_eq!(failure.details.len(), 3, "{:?}", failure.details);
        assert!(!failure.details.join("\n").contains("hunter2"));
        assert!(failure.details[2].starts_with("line 4"));
    }

    #[test]
    fn json_files_hold_flat_values() {
        let read = secrets(r#"{"A":"x","B":1,"C":true}"#, ImportFormat::Json).expect("a good file");
        assert_eq!(read.len(), 3);
        assert!(secrets(r#"{"A":{"b":1},"C":null}"#, ImportFormat::Json).is_err());
    }
}
