//! Files of secrets: `.env` lines, or a JSON object. Everything that is wrong with a file is told at once, by line or by name
//! and never by what stands there, and then nothing of it is used.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::cli::args::ImportFormat;
use crate::cli::exit::Failure;
use crate::domain::name::SecretName;
use crate::service::secrets::VALUE_BYTES_MAX;

/// The secrets of a file, in its order.
pub(in crate::cli) fn read(text: &str, format: ImportFormat) -> Result<Vec<(String, String)>, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = SecretFile::default();
    match format {
        ImportFormat::Json => file.read_json(text)?,
        ImportFormat::Env => file.read_env(text),
    }
    file.finish()
}

/// A file that is being read.
#[derive(Default)]
struct SecretFile {
    secrets: Vec<(String, String)>,
    /// Where each name stood first.
    places: BTreeMap<String, String>,
    wrong: Vec<String>,
}

impl SecretFile {
    fn add(&mut self, place: String, name: String, value: String) {
        if name.parse::<SecretName>().is_err() {
            self.refuse(&place, &format!("the name is none of a secret ({})", SecretName::RULE));
        } else if value.len() > VALUE_BYTES_MAX {
            self.refuse(&place, &format!("the value has more than {VALUE_BYTES_MAX} bytes"));
        } else if let Some(first) = self.places.get(&name) {
            let problem = format!("the same name stands in {first}");
            self.refuse(&place, &problem);
        } else {
            self.places.insert(name.clone(), place);
            self.secrets.push((name, value));
        }
    }

    fn refuse(&mut self, place: &str, problem: &str) {
        self.wrong.push(format!("{place}: {problem}"));
    }

    fn finish(self) -> Result<Vec<(String, String)>, Failure> {
        if self.wrong.is_empty() {
            return Ok(self.secrets);
        }
        let mut failure = Failure::usage("the file cannot be imported; nothing was changed");
        failure.details = self.wrong;
        Err(failure)
    }

    fn read_json(&mut self, text: &str) -> Result<(), Failure> {
        let Members(members) = serde_json::from_str(text).map_err(|error| {
            Failure::usage(format!("the file is no JSON object (line {}, column {})", error.line(), error.column()))
        })?;
        for (at, (name, value)) in members.into_iter().enumerate() {
            let place = format!("member {}", at + 1);
            match value {
                Value::String(value) => self.add(place, name, value),
                Value::Number(_) | Value::Bool(_) => self.add(place, name, value.to_string()),
                _ => self.refuse(&place, "the value is neither text, number nor boolean"),
            }
        }
        Ok(())
    }

    /// Lines of `NAME=value`, with an optional `export`. Values in single quotes are literal and may span lines; in double
    /// quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes; without quotes a ` #` begins a comment. Nothing is substituted.
    fn read_env(&mut self, text: &str) {
        let mut rest = text;
        let mut line = 1;
        while !rest.is_empty() {
            let (entry, consumed) = entry(rest);
            let place = format!("line {line}");
            match entry {
                Ok(Some((name, value))) => self.add(place, name, value),
                Ok(None) => {}
                Err(problem) => self.refuse(&place, problem),
            }
            let (read, after) = rest.split_at(consumed);
            line += read.matches('\n').count();
            rest = after;
        }
    }
}

/// The members of a JSON object with those that stand there twice, which a map would drop.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

type Entry = Result<Option<(String, String)>, &'static str>;

/// The entry at the beginning of `text`, and how many bytes it takes with its line end.
fn entry(text: &str) -> (Entry, usize) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn env(text: &str) -> Vec<(String, String)> {
        read(text, ImportFormat::Env).expect("a good file")
    }

    fn problems(text: &str, format: ImportFormat) -> Vec<String> {
        let failure = read(text, format).expect_err("a bad file");
        assert!(!failure.details.join("\n").contains("hunter2"), "{:?}", failure.details);
        failure.details
    }

    #[test]
    fn env_values_are_read_without_substitution() {
        for (line, name, value) in [
            ("A=1", "A", "1"),
            ("A=1\r\n", "A", "1"),
            ("\u{feff}A=1", "A", "1"),
            ("export B = two words # comment\n", "B", "two words"),
            ("C='literal $X \\n'\n", "C", "literal $X \\n"),
            ("D=\"line\\nnext \\\"q\\\" $A \\$ \\x\"", "D", "line\nnext \"q\" $A $ \\x"),
            ("E=", "E", ""),
            ("F=\"a\nb\"  # comment", "F", "a\nb"),
            ("G=a#b", "G", "a#b"),
            ("H=a=b=", "H", "a=b="),
            ("I='it is \"so\"'", "I", "it is \"so\""),
            ("# comment\n\n  J=\tx\n", "J", "x"),
        ] {
            assert_eq!(env(line), [(name.to_owned(), value.to_owned())], "{line:?}");
        }
        assert_eq!(env("A=1\nB=\"x\ny\"\nC=3\n").len(), 3);
        assert_eq!(env(""), []);
    }

    #[test]
    fn every_bad_line_is_told_by_its_number_and_without_its_content() {
        let text = "hunter2\nA=1\n=hunter2\nB=\"x\ny\" hunter2\nA=hunter2\na/hunter2=1\nC='open hunter2\n";
        let rule = format!("line 7: the name is none of a secret ({})", SecretName::RULE);
        assert_eq!(
            problems(text, ImportFormat::Env),
            [
                "line 1: expected NAME=value",
                "line 3: the name is missing",
                "line 4: there is text after the closing quote",
                "line 6: the same name stands in line 2",
                &rule,
                "line 8: the quote is not closed",
            ]
        );
    }

    #[test]
    fn json_files_hold_flat_values_under_different_names() {
        let good = read(r#"{"B":"x","A":1,"C":true}"#, ImportFormat::Json).expect("a good file");
        let expected = [("B", "x"), ("A", "1"), ("C", "true")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(good, expected);
        assert_eq!(
            problems(r#"{"A":{"b":"hunter2"},"B":null,"C":"hunter2","C":"hunter2"}"#, ImportFormat::Json),
            [
                "member 1: the value is neither text, number nor boolean",
                "member 2: the value is neither text, number nor boolean",
                "member 4: the same name stands in member 3",
            ]
        );
        for text in ["[]", "{\"A\":", "\"hunter2\"", "{} x"] {
            let failure = read(text, ImportFormat::Json).expect_err("no object");
            assert!(failure.message.starts_with("the file is no JSON object (line 1, column "), "{}", failure.message);
        }
    }

    #[test]
    fn greatest_value_fits_and_one_byte_more_does_not() {
        let value = "x".repeat(VALUE_BYTES_MAX);
        assert_eq!(env(&format!("A={value}")).len(), 1);
        let told = problems(&format!("A={value}x"), ImportFormat::Env);
        assert_eq!(told, [format!("line 1: the value has more than {VALUE_BYTES_MAX} bytes")]);
    }
}
