//! Whether a mapping can lead to keys that the destination allows at all.

use regex::Regex;

use super::{Template, key_of};
use crate::domain::error::{Violation, violation};
use crate::domain::sync::SyncOptions;

/// Names of which at least one becomes a key wherever any name does.
const SAMPLES: [&str; 4] = ["A", "a", "A_B", "a-b"];

/// The pattern that the whole of a key matches.
///
/// # Errors
/// When it is no regular expression.
pub fn key_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!(r"\A(?:{pattern})\z"))
}

/// What of the options lets no name of a secret become a key that matches, with a pointer below `/options`. A template or a
/// pattern that is none refuses nothing here.
#[must_use]
pub fn impossible(options: &SyncOptions, environment: &str, pattern: &str) -> Option<Violation> {
    let regex = key_pattern(pattern).ok()?;
    if fits(options, environment, &regex)? {
        return None;
    }
    let without = [
        ("/options/keyTemplate", SyncOptions { key_template: "{{secretKey}}".to_owned(), ..options.clone() }),
        ("/options/keyPrefix", SyncOptions { key_prefix: String::new(), ..options.clone() }),
        ("/options/keySuffix", SyncOptions { key_suffix: String::new(), ..options.clone() }),
    ];
    let cause = without.iter().find(|(_, options)| fits(options, environment, &regex) == Some(true));
    let pointer = cause.map_or("/options", |(pointer, _)| *pointer);
    let detail = format!("makes no key that the destination allows: names match `{pattern}` there");
    Some(Violation::new(pointer, violation::PATTERN_MISMATCH, detail))
}

/// Whether some name becomes a key that matches; `None` when the template is none.
fn fits(options: &SyncOptions, environment: &str, pattern: &Regex) -> Option<bool> {
    let template = Template::parse(&options.key_template).ok()?;
    Some(SAMPLES.iter().any(|name| pattern.is_match(&key_of((name, environment), options, &template))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_every_key_impossible_is_named() {
        let base = SyncOptions::default;
        for (options, expected) in [
            (base(), None),
            (SyncOptions { key_template: "app.{{secretKey}}".to_owned(), ..base() }, None),
            (SyncOptions { key_template: "a/{{secretKey}}".to_owned(), ..base() }, Some("/options/keyTemplate")),
            (SyncOptions { key_prefix: "a/".to_owned(), ..base() }, Some("/options/keyPrefix")),
            (SyncOptions { key_suffix: " ".to_owned(), ..base() }, Some("/options/keySuffix")),
            (SyncOptions { key_prefix: "/".to_owned(), key_suffix: "/".to_owned(), ..base() }, Some("/options")),
            (SyncOptions { key_template: "{{nothing}}/".to_owned(), ..base() }, None),
        ] {
            let found = impossible(&options, "prod", "[A-Za-z0-9_.-]+").map(|violation| violation.pointer);
            assert_eq!(found.as_deref(), expected, "{options:?}");
        }
        assert!(impossible(&base(), "prod", "(").is_none());
        assert!(impossible(&base(), "prod", "[a-z-]+").is_none());
    }
}
