//! Whether what a plugin declares for the Infisical dialect's app connections and secret syncs leads somewhere.

use std::collections::BTreeSet;

use keyferry_contract::{
    Infisical, InfisicalChoices, InfisicalDestination, InfisicalMethod, LegacyField, LegacyScope, Metadata,
};

use super::document::check_legacy_field;
use crate::domain::error::violation;
use crate::domain::name::Slug;
use crate::domain::pointer::{Pointer, Violations};

const ENTRIES_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 100;

/// Segments of the connections' paths that no list of options can have.
const TAKEN_PATHS: [&str; 2] = ["available", "connection-name"];

pub(super) fn check(names: &Infisical, metadata: &Metadata, pointer: &Pointer, violations: &mut Violations) {
    let check = Check { metadata };
    slug(&names.app, &pointer.member("app"), violations);
    name(&names.app_name, &pointer.member("appName"), violations);
    let methods = pointer.member("methods");
    check_count(names.methods.len(), &methods, violations);
    let mut seen = BTreeSet::new();
    for (index, method) in names.methods.iter().enumerate().take(ENTRIES_MAX) {
        if !seen.insert(method.name.as_str()) {
            violations.add(
                &methods.index(index).member("name"),
                violation::DUPLICATE,
                "stands twice among the methods",
            );
        }
        check.method(method, &methods.index(index), violations);
    }
    if let Some(destination) = &names.destination {
        check.destination(destination, &pointer.member("destination"), violations);
    }
    let choices = pointer.member("choices");
    check_count(names.choices.len(), &choices, violations);
    for (index, one) in names.choices.iter().enumerate().take(ENTRIES_MAX) {
        check.choices(one, &choices.index(index), violations);
    }
}

fn slug(text: &str, pointer: &Pointer, violations: &mut Violations) {
    if text.parse::<Slug>().is_err() {
        violations.add(pointer, violation::MALFORMED, format!("must be {}", Slug::RULE));
    }
}

fn name(text: &str, pointer: &Pointer, violations: &mut Violations) {
    if text.trim().is_empty() || text.chars().count() > NAME_CHARS_MAX {
        violations.add(pointer, violation::MALFORMED, format!("must be 1 to {NAME_CHARS_MAX} characters"));
    }
}

fn check_count(count: usize, pointer: &Pointer, violations: &mut Violations) {
    if count > ENTRIES_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {ENTRIES_MAX} entries"));
    }
}

struct Check<'a> {
    metadata: &'a Metadata,
}

impl Check<'_> {
    fn method(&self, method: &InfisicalMethod, pointer: &Pointer, violations: &mut Violations) {
        slug(&method.name, &pointer.member("name"), violations);
        let known = self.metadata.config_metadata.auth_metadata.iter().any(|auth| auth.id == method.auth);
        if !known {
            let detail = "must name an auth method of the plugin";
            violations.add(&pointer.member("auth"), violation::UNKNOWN_REFERENCE, detail);
            return;
        }
        let place = pointer.member("credentials");
        check_count(method.credentials.len(), &place, violations);
        for (index, field) in method.credentials.iter().enumerate().take(ENTRIES_MAX) {
            let of_method = LegacyField { method: Some(method.auth.clone()), ..field.clone() };
            let scopes = [LegacyScope::Auth, LegacyScope::Connection];
            self.field(&of_method, &scopes, &place.index(index), violations);
        }
    }

    fn destination(&self, destination: &InfisicalDestination, pointer: &Pointer, violations: &mut Violations) {
        slug(&destination.slug, &pointer.member("slug"), violations);
        name(&destination.name, &pointer.member("name"), violations);
        if self.metadata.sync.is_none() {
            violations.add(pointer, violation::FORBIDDEN, "has no meaning: the plugin has no `sync`");
        }
        let scopes = [LegacyScope::Destination, LegacyScope::Connection, LegacyScope::Label];
        for (member, fields) in [("config", &destination.config), ("options", &destination.options)] {
            let place = pointer.member(member);
            check_count(fields.len(), &place, violations);
            for (index, field) in fields.iter().enumerate().take(ENTRIES_MAX) {
                self.field(field, &scopes, &place.index(index), violations);
            }
        }
        check_count(destination.unsupported_options.len(), &pointer.member("unsupportedOptions"), violations);
    }

    fn choices(&self, choices: &InfisicalChoices, pointer: &Pointer, violations: &mut Violations) {
        slug(&choices.path, &pointer.member("path"), violations);
        if TAKEN_PATHS.contains(&choices.path.as_str()) {
            violations.add(&pointer.member("path"), violation::RESERVED, "is a path of its own");
        }
        for (member, text) in [("list", &choices.list), ("value", &choices.value), ("label", &choices.label)] {
            name(text, &pointer.member(member), violations);
        }
        let parameters = match choices.scope {
            LegacyScope::Connection => self.metadata.config_metadata.parameters_metadata.as_slice(),
            LegacyScope::Destination => self.metadata.destination_metadata.as_slice(),
            _ => {
                let detail = "must be `CONNECTION` or `DESTINATION`";
                violations.add(&pointer.member("scope"), violation::NOT_AN_OPTION, detail);
                return;
            }
        };
        if !parameters.iter().any(|parameter| parameter.name == choices.parameter && parameter.dynamic) {
            let detail = "must name a dynamic parameter of its scope";
            violations.add(&pointer.member("parameter"), violation::UNKNOWN_REFERENCE, detail);
        }
        let scopes = [LegacyScope::Connection, LegacyScope::Destination];
        let place = pointer.member("query");
        check_count(choices.query.len(), &place, violations);
        for (index, field) in choices.query.iter().enumerate().take(ENTRIES_MAX) {
            self.field(field, &scopes, &place.index(index), violations);
        }
    }

    fn field(&self, field: &LegacyField, scopes: &[LegacyScope], pointer: &Pointer, violations: &mut Violations) {
        if !scopes.contains(&field.scope) {
            violations.add(&pointer.member("scope"), violation::FORBIDDEN, "is no scope of members that stand here");
            return;
        }
        check_legacy_field(field, self.metadata, pointer, violations);
    }
}
