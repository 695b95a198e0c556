//! Typed reading of merged options, remembering where each came from and everything that is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use toml::{Table, Value};

/// Merged options.
pub(super) struct Reader {
    options: Table,
    sources: BTreeMap<(String, String), String>,
    problems: Vec<String>,
}

impl Reader {
    /// Begins with the defaults, which hold every option there is.
    pub(super) const fn new(defaults: Table) -> Self {
        Self { options: defaults, sources: BTreeMap::new(), problems: Vec::new() }
    }

    /// Lays `table` over what is there; options that the defaults do not know are problems.
    pub(super) fn merge(&mut self, table: Table, source: &str) {
        for (section, value) in table {
            let Some(Value::Table(known)) = self.options.get_mut(&section) else {
                self.problems.push(unknown(&section, "section", self.options.keys(), source));
                continue;
            };
            let Value::Table(values) = value else {
                self.problems.push(format!("`{section}` in {source} is not a section"));
                continue;
            };
            for (key, value) in values {
                if known.contains_key(&key) {
                    known.insert(key.clone(), value);
                    self.sources.insert((section.clone(), key), source.to_owned());
                } else {
                    self.problems.push(unknown(&format!("{section}.{key}"), "option", known.keys(), source));
                }
            }
        }
    }

    /// Everything that is wrong.
    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// Notes that an option's value will not do. The value itself is not told.
    pub(super) fn problem(&mut self, section: &str, key: &str, detail: &str) {
        let source = self.sources.get(&(section.to_owned(), key.to_owned())).map_or("the defaults", String::as_str);
        self.problems.push(format!("`{section}.{key}` in {source} {detail}"));
    }

    fn value(&self, section: &str, key: &str) -> Option<&Value> {
        self.options.get(section)?.get(key)
    }

    pub(super) fn text(&mut self, section: &str, key: &str) -> String {
        match self.value(section, key) {
            Some(Value::String(text)) => text.clone(),
            _ => {
                self.problem(section, key, "must be text");
                String::new()
            }
        }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, section: &str, key: &str, expected: &str) -> Option<T> {
        let parsed = self.text(section, key).parse().ok();
        if parsed.is_none() {
            self.problem(section, key, &format!("must be {expected}"));
        }
        parsed
    }

    pub(super) fn number<T: TryFrom<i64> + Default>(&mut self, section: &str, key: &str) -> T {
        let number = match self.value(section, key) {
            Some(Value::Integer(number)) => Some(*number),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        number.and_then(|number| T::try_from(number).ok()).unwrap_or_else(|| {
            self.problem(section, key, "must be a whole number, not negative");
            T::default()
        })
    }

    /// A value that works from `least` on; `shown` is that, as it is entered.
    pub(super) fn at_least<T: PartialOrd>(
        &mut self,
        read: fn(&mut Self, &str, &str) -> T,
        (section, key): (&str, &str),
        (least, shown): (T, &str),
    ) -> T {
        let problems = self.problems.len();
        let value = read(self, section, key);
        // What cannot be read at all was told already.
        if value < least && self.problems.len() == problems {
            self.problem(section, key, &format!("must be at least {shown}"));
        }
        value
    }

    pub(super) fn folder(&mut self, section: &str, key: &str) -> PathBuf {
        if self.value(section, key).and_then(Value::as_str) == Some("") {
            self.problem(section, key, "must name a folder");
        }
        self.text(section, key).into()
    }

    /// The index of the value among `allowed`.
    pub(super) fn one_of(&mut self, section: &str, key: &str, allowed: &[&str]) -> usize {
        let text = self.text(section, key);
        allowed.iter().position(|word| *word == text).unwrap_or_else(|| {
            self.problem(section, key, &format!("must be one of `{}`", allowed.join("`, `")));
            0
        })
    }

    /// A list; from environment and flags, separated by commas.
    pub(super) fn list(&mut self, section: &str, key: &str) -> Vec<String> {
        let entries = match self.value(section, key) {
            Some(Value::Array(values)) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            Some(Value::String(text)) => {
                Some(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
            }
            _ => None,
        };
        entries.unwrap_or_else(|| {
            self.problem(section, key, "must be a list of texts");
            Vec::new()
        })
    }

    pub(super) fn duration(&mut self, section: &str, key: &str) -> Duration {
        let units = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];
        Duration::from_millis(self.quantity(section, key, &units, "`500ms`, `10s`, `15min` or `1h`"))
    }

    pub(super) fn bytes(&mut self, section: &str, key: &str) -> u64 {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
        self.quantity(section, key, &units, "`512B`, `4KiB`, `1MiB` or `2GiB`")
    }

    fn quantity(&mut self, section: &str, key: &str, units: &[(&str, u64)], expected: &str) -> u64 {
        let text = self.text(section, key);
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = units.iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
        let quantity = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        quantity.unwrap_or_else(|| {
            self.problem(section, key, &format!("must be a number with its unit, as {expected}"));
            0
        })
    }
}

fn unknown<'a>(name: &str, what: &str, known: impl Iterator<Item = &'a String>, source: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(known, last), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2);
    let hint = nearest.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"));
    format!("`{name}` in {source} is no {what}{hint}")
}
