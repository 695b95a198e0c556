//! From a destination's key back to a secret's name.

use super::{Template, TemplateProblem, in_case, key_of};
use crate::domain::sync::SyncOptions;

/// The keys of one environment's secrets, and back.
#[derive(Clone, Debug)]
pub struct KeyMap<'a> {
    options: &'a SyncOptions,
    template: Template,
    environment: &'a str,
}

impl<'a> KeyMap<'a> {
    /// The mapping of a sync for the environment that it selects.
    ///
    /// # Errors
    /// The template's first problem.
    pub fn new(options: &'a SyncOptions, environment: &'a str) -> Result<Self, TemplateProblem> {
        Ok(Self { options, template: Template::parse(&options.key_template)?, environment })
    }

    /// The key of a secret.
    #[must_use]
    pub fn key_of(&self, name: &str) -> String {
        key_of((name, self.environment), self.options, &self.template)
    }

    /// A name whose key this is; `None` when no name leads there. Where the mapping forgets the letter case, the name is in
    /// the case of the key. It need not be a valid name of a secret.
    #[must_use]
    pub fn name_of(&self, key: &str) -> Option<String> {
        if let Some((name, _)) = self.options.key_names.iter().find(|(_, explicit)| *explicit == key) {
            return Some(name.clone());
        }
        let name = self.cut_out(key)?;
        (!name.is_empty() && self.key_of(name) == key).then(|| name.to_owned())
    }

    /// What stands where the first name would, judging by lengths alone.
    fn cut_out<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (before, fixed, names) = self.template.around_names(self.environment);
        let length = |text: &str| in_case(text, self.options.key_case).len();
        let affixes = length(&self.options.key_prefix) + length(&self.options.key_suffix);
        let of_names = key.len().checked_sub(affixes + length(&fixed))?;
        let start = length(&self.options.key_prefix) + length(&before);
        key.get(start..start + of_names.checked_div(names)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::sync::KeyCase;

    fn options(template: &str, prefix: &str, suffix: &str, key_case: KeyCase) -> SyncOptions {
        SyncOptions {
            key_template: template.to_owned(),
            key_prefix: prefix.to_owned(),
            key_suffix: suffix.to_owned(),
            key_case,
            key_names: BTreeMap::from([("db".to_owned(), "DATABASE".to_owned())]),
            ..SyncOptions::default()
        }
    }

    #[test]
    fn a_key_leads_back_to_the_name_that_makes_it() {
        let plain = "{{secretKey}}";
        let both = "{{environment}}_{{secretKey}}_{{secretKey}}";
        for (options, key, expected) in [
            (options(plain, "", "", KeyCase::Keep), "Db_url", Some("Db_url")),
            (options(plain, "APP_", "_1", KeyCase::Keep), "APP_Db_url_1", Some("Db_url")),
            (options(plain, "APP_", "_1", KeyCase::Keep), "Db_url_1", None),
            (options(plain, "APP_", "_1", KeyCase::Keep), "APP__1", None),
            (options(plain, "APP_", "_1", KeyCase::Keep), "APP_1", None),
            (options(plain, "app_", "", KeyCase::Upper), "APP_DB_URL", Some("DB_URL")),
            (options(plain, "app_", "", KeyCase::Upper), "APP_Db_url", None),
            (options(both, "", "", KeyCase::Keep), "prod_A_A", Some("A")),
            (options(both, "", "", KeyCase::Keep), "prod_A_B", None),
            (options(both, "", "", KeyCase::Keep), "prod_A_AB", None),
            (options(plain, "", "", KeyCase::Keep), "DATABASE", Some("db")),
            (options(plain, "", "", KeyCase::Keep), "db", None),
            (options(plain, "", "", KeyCase::Keep), "", None),
            (options(plain, "é", "", KeyCase::Keep), "eeA", None),
        ] {
            let map = KeyMap::new(&options, "prod").expect("a template");
            assert_eq!(map.name_of(key).as_deref(), expected, "{key} of {options:?}");
        }
    }

    proptest! {
        #[test]
        fn where_the_case_is_kept_every_name_comes_back(
            name in "[a-zA-Z0-9_é]{1,12}",
            prefix in "[A-Zß_]{0,4}",
            suffix in "[A-Z_]{0,4}",
            template in prop_oneof![Just("{{secretKey}}"), Just("{{environment}}/{{secretKey}}"), Just("{{secretKey}}-{{secretKey}}")],
        ) {
            let options = options(template, &prefix, &suffix, KeyCase::Keep);
            let map = KeyMap::new(&options, "prod").expect("a template");
            prop_assert_eq!(map.name_of(&map.key_of(&name)), Some(name));
        }

        #[test]
        fn whatever_comes_back_leads_to_the_key(
            key in "[a-zA-ZßΣς_]{0,12}",
            prefix in "[a-zß_]{0,2}",
            key_case in prop_oneof![Just(KeyCase::Keep), Just(KeyCase::Upper), Just(KeyCase::Lower)],
        ) {
            let options = options("{{secretKey}}", &prefix, "", key_case);
            let map = KeyMap::new(&options, "prod").expect("a template");
            if let Some(name) = map.name_of(&key) {
                prop_assert_eq!(map.key_of(&name), key);
            }
        }
    }
}
