//! Text with `{{name}}` in it, parsed once.

/// Names that belong to the item or the page at hand; all others are parameters.
pub(crate) const ITEM_NAMES: [&str; 6] = ["key", "value", "cursor", "page", "reference", "version"];

/// Why a text is no template, or not where it stands.
pub(crate) type Problem = &'static str;

/// A text with places to be filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Stands as it is.
    Text(String),
    /// Is filled.
    Name(String),
}

impl Template {
    /// Reads a template. `{{` always opens a place; there is no way to write it as text.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, opened)) = rest.split_once("{{") {
            let (name, after) = opened.split_once("}}").ok_or("has a `{{` that is never closed")?;
            if !is_name(name) {
                return Err("has a `{{...}}` that holds no name: letters, digits, `_` and `-`");
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Name(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The template of these pieces.
    pub(crate) fn of(pieces: &[Piece]) -> Self {
        Self { pieces: pieces.to_vec() }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Fills every place with what `fill` gives for its name.
    pub(crate) fn expand(&self, mut fill: impl FnMut(&str) -> String) -> String {
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Name(name) => fill(name),
        };
        self.pieces.iter().map(part).collect()
    }

    /// The parts between the separators that stand in the text itself; what is filled in separates nothing.
    pub(crate) fn split(&self, separator: char) -> Vec<Self> {
        let mut parts = vec![Self::default()];
        for piece in &self.pieces {
            let Piece::Text(text) = piece else {
                append(&mut parts, piece.clone());
                continue;
            };
            for (index, text) in text.split(separator).enumerate() {
                if index > 0 {
                    parts.push(Self::default());
                }
                if !text.is_empty() {
                    append(&mut parts, Piece::Text(text.to_owned()));
                }
            }
        }
        parts
    }

    /// What stands before and after the first separator.
    pub(crate) fn split_once(&self, separator: char) -> (Self, Option<Self>) {
        for (index, piece) in self.pieces.iter().enumerate() {
            let Piece::Text(text) = piece else { continue };
            let Some((before, after)) = text.split_once(separator) else { continue };
            let mut head = Self::of(&self.pieces[..index]);
            let mut tail = Self::default();
            if !before.is_empty() {
                head.pieces.push(Piece::Text(before.to_owned()));
            }
            if !after.is_empty() {
                tail.pieces.push(Piece::Text(after.to_owned()));
            }
            tail.pieces.extend_from_slice(&self.pieces[index + 1..]);
            return (head, Some(tail));
        }
        (self.clone(), None)
    }
}

fn append(parts: &mut [Template], piece: Piece) {
    if let Some(last) = parts.last_mut() {
        last.pieces.push(piece);
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &Template) -> String {
        template.expand(|name| format!("<{name}>"))
    }

    #[test]
    fn places_are_filled_and_text_stays() {
        for (text, expected) in [
            ("", ""),
            ("plain } } {", "plain } } {"),
            ("{{a}}", "<a>"),
            ("x{{a}}{{b-c_1}}y", "x<a><b-c_1>y"),
            ("{{a}}}", "<a>}"),
        ] {
            assert_eq!(expand(&Template::parse(text).expect(text)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["{{", "{{a}", "{{}}", "{{ a }}", "{{a.b}}", "x{{{a}}}", "{{a{{b}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_separators_of_the_text_separate() {
        let template = Template::parse("a={{x}}&b{{y}}c&&d").expect("a template");
        let parts = template.split('&').iter().map(expand).collect::<Vec<_>>();
        assert_eq!(parts, ["a=<x>", "b<y>c", "", "d"]);
        let (head, tail) = Template::parse("/p/{{x}}?q={{y}}?z").expect("a template").split_once('?');
        assert_eq!((expand(&head), tail.as_ref().map(expand)), ("/p/<x>".into(), Some("q=<y>?z".into())));
        assert_eq!(Template::parse("{{x}}").expect("a template").split_once('?').1, None);
    }
}
