//! Regular expressions from metadata: linear in time, bounded in size, matched against the whole text.

use regex::{Regex, RegexBuilder};

/// The greatest length of an expression, in bytes.
pub const SOURCE_BYTES_MAX: usize = 1000;

/// The greatest size of a compiled expression, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// An expression that only ever matches a whole text.
#[derive(Clone, Debug)]
pub struct WholePattern(Regex);

/// Why an expression is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no regular expression of at most 1000 bytes that compiles to at most 1 MiB (no look-around, no back-references)"
)]
pub struct MalformedPattern;

impl WholePattern {
    /// Compiles `source`.
    ///
    /// # Errors
    /// [`MalformedPattern`] when it is no expression or too large.
    pub fn compile(source: &str) -> Result<Self, MalformedPattern> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(MalformedPattern);
        }
        // Compiled alone first: `a)|(b` is no expression, and would escape its anchors if only the whole were looked at.
        build(source)?;
        build(&format!(r"\A(?:{source})\z")).map(Self)
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

fn build(source: &str) -> Result<Regex, MalformedPattern> {
    RegexBuilder::new(source).size_limit(COMPILED_BYTES_MAX).build().map_err(|_| MalformedPattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match() {
        for (source, text, expect) in [
            ("a|b", "a", true),
            ("a|b", "ab", false),
            ("^/([a-z]+/)*$", "/a/b/", true),
            ("^/([a-z]+/)*$", "/a/b", false),
            ("(?m)^a$", "a\nb", false),
            ("a$", "a\n", false),
        ] {
            assert_eq!(WholePattern::compile(source).unwrap().matches(text), expect, "{source} {text:?}");
        }
    }

    #[test]
    fn what_would_escape_its_anchors_or_explode_is_refused() {
        for source in ["a)|(b", "(", r"(a)\1", "(?=a)", r"(\w{1000}){1000}", &"a".repeat(1001), "(?x)a # b"] {
            assert!(WholePattern::compile(source).is_err(), "{source}");
        }
    }
}
