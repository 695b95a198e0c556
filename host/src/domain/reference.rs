//! References in values: `${NAME}` in the same folder, `${environment.folder.folder.NAME}` from the root of an environment,
//! `${@project...}` into another project, and `$${` for a literal `${`.
//!
//! Between the braces stand ASCII letters, digits, `-`, `_`, `.` and `@`, as Infisical's clients have it. Whatever else stands
//! there, as in `${HOME:-/tmp}` and `${{ x }}`, is text like any other; names that hold other characters, or a `.`, cannot be
//! referred to.

use super::name::{FolderName, FolderPath, SecretName, Slug};

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it stands.
    Literal(&'a str),
    /// An escaped `${`.
    Escape,
    /// A reference. `text` is the whole of it, braces included.
    Reference { text: &'a str, target: Target },
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A secret of the same folder.
    Local(SecretName),
    /// A secret by environment and path.
    Absolute { environment: Slug, path: FolderPath, name: SecretName },
    /// Something in another project, where no reference of this one leads.
    Elsewhere,
}

/// Splits a value into its pieces.
#[must_use]
pub fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = value;
    // How much of `rest` is known to be text.
    let mut text_bytes = 0;
    while let Some(at) = rest.get(text_bytes..).and_then(|unread| unread.find(OPENING)) {
        let (before, from) = rest.split_at(text_bytes + at);
        if let Some(literal) = before.strip_suffix('$') {
            push_literal(&mut pieces, literal);
            pieces.push(Piece::Escape);
            (rest, text_bytes) = (from.get(OPENING.len()..).unwrap_or_default(), 0);
        } else if let Some((text, after, target)) = leading_reference(from) {
            push_literal(&mut pieces, before);
            pieces.push(Piece::Reference { text, target });
            (rest, text_bytes) = (after, 0);
        } else {
            text_bytes += at + OPENING.len();
        }
    }
    push_literal(&mut pieces, rest);
    pieces
}

/// The value that expands to exactly this text: every `${` in it is escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace(OPENING, "$${")
}

const OPENING: &str = "${";

fn push_literal<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        pieces.push(Piece::Literal(text));
    }
}

/// The reference that a text begins with, what follows it, and what it names.
fn leading_reference(text: &str) -> Option<(&str, &str, Target)> {
    let is_of_reference = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let inner = text.strip_prefix(OPENING)?;
    let (inner, closing) = inner.split_at(inner.find(|c: char| !is_of_reference(c))?);
    let after = closing.strip_prefix('}')?;
    let (text, _) = text.split_at(text.len() - after.len());
    Some((text, after, target(inner)?))
}

fn target(inner: &str) -> Option<Target> {
    if inner.starts_with('@') && inner.contains('.') {
        return Some(Target::Elsewhere);
    }
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
                Piece::Reference { target: Target::Elsewhere, .. } => "(elsewhere)".to_owned(),
                Piece::Reference { target: Target::Local(name), .. } => format!("({name})"),
                Piece::Reference { target: Target::Absolute { environment, path, name }, .. } => {
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
            ("$$${A}", "[$]<${>[A}]"),
            ("cost: $5 ${A", "[cost: $5 ${A]"),
            ("${A-1_b}", "(A-1_b)"),
            ("${@other-project.dev.A}", "(elsewhere)"),
            ("${@other.A}${@A}", "(elsewhere)(@A)"),
            ("${a@b}", "(a@b)"),
            ("", ""),
        ] {
            assert_eq!(shown(value), expect, "{value}");
        }
    }

    #[test]
    fn what_cannot_name_a_secret_is_text() {
        let too_long = format!("${{{}}}", "A".repeat(256));
        for value in [
            "${}",
            "${ }",
            "${a b.c}",
            "${A B}",
            "${HOME:-/tmp}",
            "${HOME:?is not set}",
            "${#list[@]}",
            "${a/b}",
            "${{ x }}",
            "${{ secrets.TOKEN }}",
            "${ключ}",
            "${.A}",
            "${dev.}",
            "${dev..A}",
            "${a@b.A}",
            "{\"a\": \"${\", \"b\": \"}\"}",
            &too_long,
        ] {
            assert_eq!(pieces(value), [Piece::Literal(value)], "{value}");
        }
        for (value, expect) in [
            ("${HOME:-${A}}", "[${HOME:-](A)[}]"),
            ("${${A}", "[${](A)"),
            ("${{ x }} ${A} $${{ x }}", "[${{ x }} ](A)[ ]<${>[{ x }}]"),
            ("${HOME:-$${A}}", "[${HOME:-]<${>[A}}]"),
        ] {
            assert_eq!(shown(value), expect, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_lost(value in "(.|[${}A.@: ]){0,60}") {
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
        fn an_escaped_text_holds_no_reference_and_expands_to_itself(text in "[${}A.@: ]{0,16}") {
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
