//! From a secret's name to a destination's key: template, prefix, suffix, case, or an explicit name.

mod inverse;
mod possible;
mod template;

use std::collections::BTreeMap;
use std::fmt;

use keyferry_contract::{AttributeSource, SyncAttribute};
use serde_json::{Map, Value};

pub use self::inverse::KeyMap;
pub use self::possible::{impossible, key_pattern};
pub use self::template::{Template, TemplateProblem};
use crate::domain::destination::Attributes;
use crate::domain::error::{Violation, violation};
use crate::domain::sync::{DesiredItem, DesiredSecret, KeyCase, SyncOptions};

/// Why secrets cannot be mapped. Names, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MappingProblem {
    /// Several secrets would be written to one key.
    Collision { key: String, secrets: Vec<String> },
    /// The key comes out empty, or with control characters.
    NoKey { secret: String },
    /// The template is none.
    Template(TemplateProblem),
}

impl fmt::Display for MappingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collision { key, secrets } => write!(f, "{} all map to the key `{key}`", secrets.join(", ")),
            Self::NoKey { secret } => write!(f, "`{secret}` maps to a key that is empty or holds control characters"),
            Self::Template(problem) => write!(f, "the key template {problem}"),
        }
    }
}

/// Checks what of the mapping can be checked without secrets, with pointers below `/options`.
#[must_use]
pub fn violations(options: &SyncOptions) -> Vec<Violation> {
    let template = Template::parse(&options.key_template).err();
    let mut violations: Vec<Violation> = template
        .map(|problem| Violation::new("/options/keyTemplate", violation::MALFORMED, problem.to_string()))
        .into_iter()
        .collect();
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for (secret, key) in &options.key_names {
        *names.entry(key).or_default() += 1;
        let twice = names[key.as_str()] > 1;
        if is_no_key(key) || twice {
            let (code, detail) = if twice {
                (violation::DUPLICATE, "another secret has the same key")
            } else {
                (violation::MALFORMED, "a key has at least one character and no control characters")
            };
            violations.push(Violation::new(format!("/options/keyNames/{}", pointer(secret)), code, detail));
        }
    }
    for (member, text) in [("keyPrefix", &options.key_prefix), ("keySuffix", &options.key_suffix)] {
        if text.chars().any(char::is_control) {
            let pointer = format!("/options/{member}");
            violations.push(Violation::new(pointer, violation::MALFORMED, "holds control characters"));
        }
    }
    violations
}

fn is_no_key(key: &str) -> bool {
    key.is_empty() || key.chars().any(char::is_control)
}

/// One member of a JSON Pointer (RFC 6901).
fn pointer(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}

/// Maps every secret to its key, with the attributes that the destination manages.
///
/// # Errors
/// Every collision and every empty key at once.
pub fn map(
    secrets: Vec<DesiredSecret>,
    options: &SyncOptions,
    attributes: &[SyncAttribute],
    destination: &Map<String, Value>,
) -> Result<Vec<DesiredItem>, Vec<MappingProblem>> {
    let template = Template::parse(&options.key_template).map_err(|problem| vec![MappingProblem::Template(problem)])?;
    let mut keys: BTreeMap<String, Vec<DesiredSecret>> = BTreeMap::new();
    for secret in secrets {
        let key = key_of((secret.name.as_str(), secret.environment.as_str()), options, &template);
        keys.entry(key).or_default().push(secret);
    }
    let problems: Vec<MappingProblem> = keys.iter().flat_map(|(key, secrets)| problems(key, secrets)).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let items =
        keys.into_iter().flat_map(|(key, secrets)| secrets.into_iter().map(move |secret| (key.clone(), secret)));
    Ok(items
        .map(|(key, secret)| DesiredItem {
            key,
            attributes: attributes_of(&secret, attributes, destination),
            value: secret.value,
            secret: secret.name,
        })
        .collect())
}

fn key_of((name, environment): (&str, &str), options: &SyncOptions, template: &Template) -> String {
    if let Some(explicit) = options.key_names.get(name) {
        return explicit.clone();
    }
    let rendered = template.render(name, environment);
    in_case(&format!("{}{rendered}{}", options.key_prefix, options.key_suffix), options.key_case)
}

fn in_case(text: &str, case: KeyCase) -> String {
    match case {
        KeyCase::Keep => text.to_owned(),
        KeyCase::Upper => text.to_uppercase(),
        KeyCase::Lower => text.to_lowercase(),
    }
}

fn problems(key: &str, secrets: &[DesiredSecret]) -> Vec<MappingProblem> {
    let mut problems = Vec::new();
    if is_no_key(key) {
        problems.extend(secrets.iter().map(|secret| MappingProblem::NoKey { secret: located(secret) }));
    } else if secrets.len() > 1 {
        let mut secrets: Vec<String> = secrets.iter().map(located).collect();
        secrets.sort();
        problems.push(MappingProblem::Collision { key: key.to_owned(), secrets });
    }
    problems
}

/// The secret as people name it: folder and name.
fn located(secret: &DesiredSecret) -> String {
    let path = secret.path.to_string();
    format!("{}/{}", path.trim_end_matches('/'), secret.name)
}

/// Attributes without a value in their source are not managed.
fn attributes_of(secret: &DesiredSecret, attributes: &[SyncAttribute], destination: &Map<String, Value>) -> Attributes {
    let wanted = |source: &AttributeSource| match source {
        AttributeSource::Destination { parameter } => destination.get(parameter).and_then(text),
        AttributeSource::Metadata { member } => secret.metadata.get(member).cloned(),
        AttributeSource::Tags => (!secret.tags.is_empty()).then(|| joined_tags(secret)),
        _ => None,
    };
    attributes.iter().filter_map(|attribute| Some((attribute.name.clone(), wanted(&attribute.source)?))).collect()
}

fn joined_tags(secret: &DesiredSecret) -> String {
    let mut tags: Vec<&str> = secret.tags.iter().map(crate::domain::name::Tag::as_str).collect();
    tags.sort_unstable();
    tags.join(",")
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(path: &str, name: &str) -> DesiredSecret {
        DesiredSecret {
            environment: "prod".parse().expect("a slug"),
            path: path.parse().expect("a path"),
            name: name.parse().expect("a name"),
            value: "x".into(),
            tags: vec!["web".parse().expect("a tag"), "db".parse().expect("a tag")],
            metadata: BTreeMap::from([("tier".to_owned(), "advanced".to_owned())]),
        }
    }

    fn keys(options: &SyncOptions, secrets: Vec<DesiredSecret>) -> Result<Vec<String>, Vec<MappingProblem>> {
        map(secrets, options, &[], &Map::new()).map(|items| items.into_iter().map(|item| item.key).collect())
    }

    #[test]
    fn a_key_is_made_of_template_prefix_suffix_and_case() {
        let base = SyncOptions::default;
        let template = |text: &str| SyncOptions { key_template: text.to_owned(), ..base() };
        for (options, expected) in [
            (base(), "Db_url"),
            (template("{{environment}}_{{secretKey}}"), "prod_Db_url"),
            (template("{{ secretKey }}"), "Db_url"),
            (SyncOptions { key_prefix: "APP_".to_owned(), key_suffix: "_1".to_owned(), ..base() }, "APP_Db_url_1"),
            (SyncOptions { key_case: KeyCase::Upper, key_prefix: "app_".to_owned(), ..base() }, "APP_DB_URL"),
            (SyncOptions { key_case: KeyCase::Lower, ..base() }, "db_url"),
            (
                SyncOptions {
                    key_names: BTreeMap::from([("Db_url".to_owned(), "DATABASE".to_owned())]),
                    key_prefix: "APP_".to_owned(),
                    ..base()
                },
                "DATABASE",
            ),
        ] {
            assert_eq!(keys(&options, vec![secret("/", "Db_url")]), Ok(vec![expected.to_owned()]));
        }
    }

    #[test]
    fn all_collisions_are_told_at_once() {
        let options = SyncOptions { key_case: KeyCase::Upper, ..SyncOptions::default() };
        let secrets =
            vec![secret("/app", "b"), secret("/", "A"), secret("/app", "a"), secret("/", "B"), secret("/", "c")];
        let collision = |key: &str, secrets: [&str; 2]| MappingProblem::Collision {
            key: key.to_owned(),
            secrets: secrets.map(str::to_owned).to_vec(),
        };
        let expected = vec![collision("A", ["/A", "/app/a"]), collision("B", ["/B", "/app/b"])];
        assert_eq!(keys(&options, secrets), Err(expected));
    }

    #[test]
    fn a_key_with_control_characters_is_refused() {
        let options = SyncOptions { key_template: "{{secretKey}}\n".to_owned(), ..SyncOptions::default() };
        let expected = vec![MappingProblem::NoKey { secret: "/app/A".to_owned() }];
        assert_eq!(keys(&options, vec![secret("/app", "A")]), Err(expected));
    }

    #[test]
    fn attributes_come_from_destination_metadata_and_tags() {
        let attribute = |name: &str, source| SyncAttribute { name: name.to_owned(), source };
        let attributes = [
            attribute("kmsKey", AttributeSource::Destination { parameter: "kmsKey".to_owned() }),
            attribute("unset", AttributeSource::Destination { parameter: "unset".to_owned() }),
            attribute("tier", AttributeSource::Metadata { member: "tier".to_owned() }),
            attribute("none", AttributeSource::Metadata { member: "none".to_owned() }),
            attribute("tags", AttributeSource::Tags),
        ];
        let destination = Map::from_iter([("kmsKey".to_owned(), Value::from("alias/a"))]);
        let items = map(vec![secret("/", "A")], &SyncOptions::default(), &attributes, &destination).expect("one item");
        let expected = [("kmsKey", "alias/a"), ("tags", "db,web"), ("tier", "advanced")];
        let expected: Attributes = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(items[0].attributes, expected);
    }

    #[test]
    fn a_mapping_is_checked_before_there_are_secrets() {
        let options = SyncOptions {
            key_template: "{{secret}}".to_owned(),
            key_names: BTreeMap::from(
                [("a/b", "X"), ("c", "X"), ("d", "")].map(|(name, key)| (name.to_owned(), key.to_owned())),
            ),
            ..SyncOptions::default()
        };
        let pointers: Vec<_> = violations(&options).into_iter().map(|violation| violation.pointer).collect();
        assert_eq!(pointers, ["/options/keyTemplate", "/options/keyNames/c", "/options/keyNames/d"]);
        assert!(violations(&SyncOptions::default()).is_empty());
    }
}
