//! References in values: `${NAME}` in the same folder, `${environment.folder.folder.NAME}` from the root of an environment,
//! and `$${` for a literal `${`.

use super::name::{FolderName, FolderPath, SecretName, Slug};

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it stands.
    Literal(&'a str),
    /// An escaped `${`.
    Escape,
    /// A reference. `text` is the whole of it, braces included.
    Reference { text: &'a str, target: Option<Target> },
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A secret of the same folder.
    Local(SecretName),
    /// A secret by environment and path.
    Absolute { environment: Slug, path: FolderPath, name: SecretName },
}

/// Splits a value into its pieces. A `${` without `}` is literal; a reference that names nothing has no target.
#[must_use]
pub fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            push_literal(&mut pieces, literal);
            pieces.push(Piece::Escape);
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        let Some(end) = from.find('}') else { break };
        let (text, after) = from.split_at(end + 1);
        push_literal(&mut pieces, before);
        pieces.push(Piece::Reference { text, target: target(text) });
        rest = after;
    }
    push_literal(&mut pieces, rest);
    pieces
}

/// The value that expands to exactly this text: every `${` in it is escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

fn push_literal<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        pieces.push(Piece::Literal(text));
    }
}

fn target(text: &str) -> Option<Target> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let mut parts: Vec<&str> = inner.split('.').collect();
    let name: SecretName = parts.pop()?.parse().ok()?;
    let Some((environment, folders)) = parts.split_first() else { return Some(Target::Local(name)) };
    let environment = environment.parse().ok()?;
    let folders = folders.iter().map(|folder| folder.parse()).collect::<Result<Vec<FolderName>, _>>().ok()?;
    let path = folders.into_iter().fold(FolderPath::root(), |path, folder| path.join(folder));
    Some(Target::Absolute { environment, path, name })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(value: &str) -> String {
        pieces(value)
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => format!("[{text}]"),
                Piece::Escape => "<${>".to_owned(),
                Piece::Reference { target: None, .. } => "?".to_owned(),
                Piece::Reference { target: Some(Target::Local(name)), .. } => format!("({name})"),
                Piece::Reference { target: Some(Target::Absolute { environment, path, name }), .. } => {
                    format!("({environment}:{path}:{name})")
                }
            })
            .collect()
    }

    #[test]
    fn references_and_escapes_are_told_apart() {
        for (value, expect) in [
            ("plain", "[plain]"),
            ("${A}", "(A)"),
            ("x${A}y${B}", "[x](A)[y](B)"),
            ("${dev.A}", "(dev:/:A)"),
            ("${dev.app.db.A}", "(dev:/app/db:A)"),
            ("$${A}", "<${>[A}]"),
            ("cost: $5 ${A", "[cost: $5 ${A]"),
            ("${}", "?"),
            ("${a b.c}", "?"),
            ("", ""),
        ] {
            assert_eq!(shown(value), expect, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_lost(value in ".{0,60}") {
            let joined: String = pieces(&value)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => text.to_owned(),
                    Piece::Escape => "$${".to_owned(),
                    Piece::Reference { text, .. } => text.to_owned(),
                })
                .collect();
            prop_assert_eq!(joined, value);
        }

        #[test]
        fn an_escaped_text_holds_no_reference_and_expands_to_itself(text in "[${}A]{0,12}") {
            let mut expanded = String::new();
            for piece in pieces(&escaped(&text)) {
                match piece {
                    Piece::Literal(literal) => expanded.push_str(literal),
                    Piece::Escape => expanded.push_str("${"),
                    Piece::Reference { text, .. } => prop_assert!(false, "{} is a reference", text),
                }
            }
            prop_assert_eq!(expanded, text);
        }
    }
}
