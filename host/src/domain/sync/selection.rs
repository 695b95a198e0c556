//! Which secrets of the selected folders a sync carries.

use std::collections::BTreeMap;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::domain::error::{Violation, violation};
use crate::domain::name::{SecretName, Tag};
use crate::domain::sync::Selection;

/// A selection with its globs compiled.
#[derive(Clone, Debug)]
pub struct Selector<'a> {
    selection: &'a Selection,
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl<'a> Selector<'a> {
    /// Compiles the globs.
    ///
    /// # Errors
    /// Every glob that is none, with pointers below `/source`.
    pub fn new(selection: &'a Selection) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let include = globs("/source/include", &selection.include, &mut violations);
        let exclude = globs("/source/exclude", &selection.exclude, &mut violations);
        if !violations.is_empty() {
            return Err(violations);
        }
        Ok(Self { selection, include: (!selection.include.is_empty()).then_some(include), exclude })
    }

    /// Whether this secret is carried.
    #[must_use]
    pub fn selects(&self, name: &SecretName, tags: &[Tag], metadata: &BTreeMap<String, String>) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(name.as_str()))
            && !self.exclude.is_match(name.as_str())
            && self.selection.tags.iter().all(|tag| tags.contains(tag))
            && self.selection.metadata.iter().all(|(member, value)| metadata.get(member) == Some(value))
    }
}

fn globs(pointer: &str, patterns: &[String], violations: &mut Vec<Violation>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for (index, pattern) in patterns.iter().enumerate() {
        match Glob::new(pattern) {
            Ok(glob) => {
                set.add(glob);
            }
            Err(error) => violations.push(Violation::new(
                format!("{pointer}/{index}"),
                violation::MALFORMED,
                format!("is no glob: {}", error.kind()),
            )),
        }
    }
    set.build().unwrap_or_else(|error| {
        violations.push(Violation::new(pointer, violation::MALFORMED, format!("is too large: {}", error.kind())));
        GlobSet::empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection() -> Selection {
        serde_json::from_str(r#"{"environment":"prod"}"#).expect("all else has defaults")
    }

    fn selects(selector: &Selector<'_>, name: &str) -> bool {
        let tags = ["db".parse().expect("a tag")];
        let metadata = BTreeMap::from([("team".to_owned(), "core".to_owned())]);
        selector.selects(&name.parse().expect("a name"), &tags, &metadata)
    }

    #[test]
    fn globs_take_and_leave_by_name() {
        for (include, exclude, name, expected) in [
            (&[][..], &[][..], "A", true),
            (&["*"][..], &[][..], "A", true),
            (&["DB_*", "API"][..], &[][..], "DB_URL", true),
            (&["DB_*", "API"][..], &[][..], "API_KEY", false),
            (&["*"][..], &["*_TEST"][..], "DB_TEST", false),
            (&["{A,B}?"][..], &[][..], "B1", true),
            (&["db_*"][..], &[][..], "DB_URL", false),
        ] {
            let selection = Selection {
                include: include.iter().map(ToString::to_string).collect(),
                exclude: exclude.iter().map(ToString::to_string).collect(),
                ..selection()
            };
            let selector = Selector::new(&selection).expect("globs");
            assert_eq!(selects(&selector, name), expected, "{include:?} {exclude:?} {name}");
        }
    }

    #[test]
    fn tags_and_metadata_must_all_be_there() {
        let selects = |selection: &Selection| selects(&Selector::new(selection).expect("no globs"), "A");
        let mut wanted = Selection { tags: vec!["db".parse().expect("a tag")], ..selection() };
        wanted.metadata.insert("team".to_owned(), "core".to_owned());
        assert!(selects(&wanted));
        wanted.metadata.insert("team".to_owned(), "edge".to_owned());
        assert!(!selects(&wanted));
        let wanted =
            Selection { tags: vec!["db".parse().expect("a tag"), "web".parse().expect("a tag")], ..selection() };
        assert!(!selects(&wanted));
    }

    #[test]
    fn every_broken_glob_is_told() {
        let broken = Selection {
            include: vec!["ok".to_owned(), "[a".to_owned()],
            exclude: vec!["{a".to_owned()],
            ..selection()
        };
        let violations = Selector::new(&broken).expect_err("two broken globs");
        let pointers: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(pointers, ["/source/include/1", "/source/exclude/0"]);
    }
}
