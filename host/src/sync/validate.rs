//! The destination's declared rules against what is wanted, before the first write.

use std::collections::BTreeSet;
use std::fmt;

use keyferry_contract::SyncRules;
use regex::Regex;

use crate::domain::sync::mapping::key_pattern;
use crate::domain::sync::{DesiredItem, OnInvalid};

/// A rule that an item breaks. Never carries a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenRule {
    NamePattern {
        pattern: String,
    },
    NameTooLong {
        bytes: usize,
        max: u32,
    },
    NameReserved,
    /// How long exactly is kept to ourselves.
    ValueTooLong {
        max: u32,
    },
    ValueEmpty,
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamePattern { pattern } => write!(f, "the name does not match `{pattern}`"),
            Self::NameTooLong { bytes, max } => write!(f, "the name has {bytes} bytes; at most {max} are allowed"),
            Self::NameReserved => f.write_str("the name is reserved by the vendor"),
            Self::ValueTooLong { max } => write!(f, "the value is longer than the {max} bytes that are allowed"),
            Self::ValueEmpty => f.write_str("the value is empty, which the destination cannot store"),
        }
    }
}

/// An item with everything that stands against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offender {
    pub key: String,
    pub rules: Vec<BrokenRule>,
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<String> = self.rules.iter().map(ToString::to_string).collect();
        write!(f, "`{}`: {}", self.key, rules.join(", "))
    }
}

/// What is left to plan with.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    pub items: Vec<DesiredItem>,
    /// Left out under [`OnInvalid::Skip`]; their keys are held as they are at the destination.
    pub skipped: Vec<Offender>,
}

impl Checked {
    /// The keys that are wanted and may not be written.
    #[must_use]
    pub fn held(&self) -> BTreeSet<String> {
        self.skipped.iter().map(|offender| offender.key.clone()).collect()
    }
}

/// Why a run stops before its first write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Items that break rules, all of them.
    #[error("{} items break the destination's rules", .0.len())]
    Offenders(Vec<Offender>),
    /// More items than the destination can hold.
    #[error("{items} items are selected; the destination holds at most {max}")]
    TooMany { items: usize, max: u32 },
    /// The plugin's own pattern is no regular expression.
    #[error("the plugin's name pattern is no regular expression")]
    Pattern,
}

/// Holds every item against the rules. `prefix` is what stands before each key at the destination.
///
/// # Errors
/// [`Invalid`], with all offenders at once, unless they are to be skipped.
pub fn check(
    items: Vec<DesiredItem>,
    rules: &SyncRules,
    prefix: &str,
    on_invalid: OnInvalid,
) -> Result<Checked, Invalid> {
    if let Some(max) = rules.items_max.filter(|max| items.len() > *max as usize) {
        return Err(Invalid::TooMany { items: items.len(), max });
    }
    let pattern = rules.name_pattern.as_deref().map(key_pattern).transpose();
    let pattern = pattern.map_err(|_| Invalid::Pattern)?;
    let mut checked = Checked::default();
    for item in items {
        let broken = broken_rules(&item, rules, pattern.as_ref(), prefix);
        if broken.is_empty() {
            checked.items.push(item);
        } else {
            checked.skipped.push(Offender { key: item.key, rules: broken });
        }
    }
    match on_invalid {
        OnInvalid::Fail if !checked.skipped.is_empty() => Err(Invalid::Offenders(checked.skipped)),
        OnInvalid::Fail | OnInvalid::Skip => Ok(checked),
    }
}

fn broken_rules(item: &DesiredItem, rules: &SyncRules, pattern: Option<&Regex>, prefix: &str) -> Vec<BrokenRule> {
    let (name_bytes, value_bytes) = (prefix.len() + item.key.len(), item.value.expose().len());
    let mut broken = Vec::new();
    if pattern.is_some_and(|pattern| !pattern.is_match(&item.key)) {
        broken.push(BrokenRule::NamePattern { pattern: rules.name_pattern.clone().unwrap_or_default() });
    }
    if let Some(max) = rules.name_bytes_max.filter(|max| name_bytes > *max as usize) {
        broken.push(BrokenRule::NameTooLong { bytes: name_bytes, max });
    }
    if rules.reserved_names.iter().any(|reserved| is_reserved(&item.key, reserved)) {
        broken.push(BrokenRule::NameReserved);
    }
    if let Some(max) = rules.value_bytes_max.filter(|max| value_bytes > *max as usize) {
        broken.push(BrokenRule::ValueTooLong { max });
    }
    if value_bytes == 0 && !rules.empty_values {
        broken.push(BrokenRule::ValueEmpty);
    }
    broken
}

fn is_reserved(key: &str, reserved: &str) -> bool {
    match reserved.strip_suffix('*') {
        Some(prefix) => key.starts_with(prefix),
        None => key == reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::destination::Attributes;

    fn item(key: &str, value: &str) -> DesiredItem {
        let secret = "NAME".parse().expect("a name");
        DesiredItem { key: key.to_owned(), value: value.into(), attributes: Attributes::new(), secret }
    }

    fn rules() -> SyncRules {
        serde_json::from_str(
            r#"{"namePattern":"[A-Z_]+|x","nameBytesMax":10,"valueBytesMax":4,"itemsMax":3,"reservedNames":["GITHUB_*","CI"]}"#,
        )
        .expect("rules")
    }

    fn broken(key: &str, value: &str) -> Vec<BrokenRule> {
        match check(vec![item(key, value)], &rules(), "/a/", OnInvalid::Fail) {
            Ok(_) => Vec::new(),
            Err(Invalid::Offenders(offenders)) => offenders.into_iter().flat_map(|offender| offender.rules).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_rule_has_its_edge() {
        let pattern = || BrokenRule::NamePattern { pattern: "[A-Z_]+|x".to_owned() };
        for (key, value, expected) in [
            ("ABCDEFG", "1234", vec![]),
            ("ABCDEFGH", "1", vec![BrokenRule::NameTooLong { bytes: 11, max: 10 }]),
            ("A", "12345", vec![BrokenRule::ValueTooLong { max: 4 }]),
            ("A", "", vec![BrokenRule::ValueEmpty]),
            ("a", "1", vec![pattern()]),
            ("xA", "1", vec![pattern()]),
            ("A\n", "1", vec![pattern()]),
            ("CI", "1", vec![BrokenRule::NameReserved]),
            ("CI_X", "1", vec![]),
            ("GITHUB_", "1", vec![BrokenRule::NameReserved]),
            ("é", "", vec![pattern(), BrokenRule::ValueEmpty]),
        ] {
            assert_eq!(broken(key, value), expected, "{key:?}");
        }
    }

    #[test]
    fn all_offenders_are_told_at_once() {
        let items = vec![item("a", "1"), item("B", "1"), item("c", "")];
        let Err(Invalid::Offenders(offenders)) = check(items, &rules(), "", OnInvalid::Fail) else {
            panic!("two offenders expected");
        };
        assert_eq!(offenders.iter().map(|offender| offender.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn skipped_items_are_held() {
        let checked =
            check(vec![item("a", "1"), item("B", "1")], &rules(), "", OnInvalid::Skip).expect("offenders are skipped");
        assert_eq!(checked.items.len(), 1);
        assert_eq!(checked.held(), BTreeSet::from(["a".to_owned()]));
    }

    #[test]
    fn too_many_items_stop_even_what_would_be_skipped() {
        let items = ["A", "B", "C", "D"].map(|key| item(key, "1")).to_vec();
        let refused = check(items, &rules(), "", OnInvalid::Skip).expect_err("four of three");
        assert_eq!(refused, Invalid::TooMany { items: 4, max: 3 });
    }

    #[test]
    fn no_message_tells_a_value() {
        let refused = check(vec![item("a", "hunter2")], &rules(), "", OnInvalid::Fail).expect_err("an offender");
        let Invalid::Offenders(offenders) = refused else { panic!("offenders expected") };
        for rule in offenders.iter().flat_map(|offender| &offender.rules) {
            assert!(!rule.to_string().contains("hunter2"));
        }
    }
}
