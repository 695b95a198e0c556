//! The document that a plugin's `describe` returns, read and checked whole.

use std::collections::BTreeSet;
use std::ops::Deref;

use keyferry_contract::{AuthScheme, LegacyField, LegacyScope, Metadata};
use serde_json::Value;

use super::auth::is_true;
use super::parameter::{check_list, check_names_for_people, check_text};
use super::{check_config_metadata, egress, infisical, shape, sync};
use crate::domain::Violation;
use crate::domain::error::violation;
use crate::domain::name::{Slug, Tag};
use crate::domain::plugin_version::PluginVersion;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::schema::Schema;

/// The greatest metadata document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 256 << 10;

const TAGS_MAX: usize = 32;
const LEGACY_FIELDS_MAX: usize = 64;
const LEGACY_NAMES_MAX: usize = 8;
const ICON_BYTES_MAX: usize = 100;
const DOCS_URL_BYTES_MAX: usize = 2048;

/// What the generic members of the Infisical dialect can be normalised by.
const NORMALISATIONS: [&str; 1] = ["surroundWithSlashes"];

/// A plugin's metadata that the host can act on.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidMetadata {
    metadata: Metadata,
    version: PluginVersion,
}

impl ValidMetadata {
    /// Reads what `describe` returned.
    ///
    /// # Errors
    /// All violations at once, with pointers into the document.
    pub fn parse(text: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let root = Pointer::root();
        if text.len() > DOCUMENT_BYTES_MAX {
            violations.add(&root, violation::TOO_LONG, format!("must have at most {DOCUMENT_BYTES_MAX} bytes"));
            return Err(violations.into_vec());
        }
        let Ok(document) = serde_json::from_str::<Value>(text) else {
            violations.add(&root, violation::MALFORMED, "must be JSON");
            return Err(violations.into_vec());
        };
        let Some(metadata) = shape::read::<Metadata>(document, &shape::DOCUMENT, &root, &mut violations) else {
            return Err(violations.into_vec());
        };
        check(&metadata, &mut violations);
        let version = metadata.version.parse();
        let found = violations.into_result(metadata)?;
        // A version that does not parse is among the violations.
        version.map(|version| Self { metadata: found, version }).map_err(|_| Vec::new())
    }

    /// The plugin's version.
    #[must_use]
    pub const fn version(&self) -> &PluginVersion {
        &self.version
    }

    /// Whether the plugin can execute CUSTOM integrations.
    #[must_use]
    pub const fn executes_custom(&self) -> bool {
        self.metadata.custom_settings_metadata.is_some()
    }
}

impl Deref for ValidMetadata {
    type Target = Metadata;

    fn deref(&self) -> &Metadata {
        &self.metadata
    }
}

fn check(metadata: &Metadata, violations: &mut Violations) {
    let root = Pointer::root();
    check_identity(metadata, &root, violations);
    check_config_metadata(&metadata.config_metadata, &root.member("configMetadata"), violations);
    check_destination(metadata, &root, violations);
    let parameters = &metadata.config_metadata.parameters_metadata;
    egress::check_entries(&metadata.egress, parameters, &root.member("egress"), violations);
    check_schemes(metadata, &root, violations);
    check_legacy_fields(metadata, &root.member("legacyFields"), violations);
    check_legacy_names(&metadata.legacy_names, &root.member("legacyNames"), violations);
    if let Some(names) = &metadata.infisical {
        infisical::check(names, metadata, &root.member("infisical"), violations);
    }
    if let Some(Err(error)) = metadata.custom_settings_metadata.as_ref().map(Schema::compile) {
        violations.add(&root.member("customSettingsMetadata"), violation::MALFORMED, error.to_string());
    }
}

fn check_identity(metadata: &Metadata, root: &Pointer, violations: &mut Violations) {
    if metadata.id.parse::<Slug>().is_err() {
        violations.add(&root.member("id"), violation::MALFORMED, format!("must be {}", Slug::RULE));
    }
    if let Err(error) = metadata.version.parse::<PluginVersion>() {
        violations.add(&root.member("version"), violation::MALFORMED, error.to_string());
    }
    if metadata.display_name.trim().is_empty() {
        violations.add(&root.member("displayName"), violation::REQUIRED, "is required");
    }
    check_names_for_people(Some(&metadata.display_name), Some(&metadata.description), root, violations);
    check_text(metadata.docs_url.as_deref(), DOCS_URL_BYTES_MAX, &root.member("docsUrl"), violations);
    if metadata.docs_url.as_deref().is_some_and(|url| !is_https(url)) {
        violations.add(&root.member("docsUrl"), violation::MALFORMED, "must be an absolute `https` address");
    }
    let is_icon = |icon: &str| {
        (1..=ICON_BYTES_MAX).contains(&icon.len())
            && icon.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if metadata.icon.as_deref().is_some_and(|icon| !is_icon(icon)) {
        let detail = "must be the name of an icon: letters, digits, `_`, `-` and `.`";
        violations.add(&root.member("icon"), violation::MALFORMED, detail);
    }
    check_tags(&metadata.tags, &root.member("tags"), violations);
}

fn is_https(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.host().is_some() && url.username().is_empty())
}

fn check_tags(tags: &[String], pointer: &Pointer, violations: &mut Violations) {
    if tags.len() > TAGS_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {TAGS_MAX} tags"));
    }
    let mut seen = BTreeSet::new();
    for (index, tag) in tags.iter().enumerate().take(TAGS_MAX) {
        if tag.parse::<Tag>().is_err() {
            violations.add(&pointer.index(index), violation::MALFORMED, format!("must be {}", Tag::RULE));
        } else if !seen.insert(tag) {
            violations.add(&pointer.index(index), violation::DUPLICATE, "stands twice among the tags");
        }
    }
}

fn check_destination(metadata: &Metadata, root: &Pointer, violations: &mut Violations) {
    let place = root.member("destinationMetadata");
    let parameters = &metadata.config_metadata.parameters_metadata;
    check_destination_parameters(&metadata.destination_metadata, parameters, &place, violations);
    if let Some(rules) = &metadata.sync {
        sync::check_rules(rules, &metadata.destination_metadata, &root.member("sync"), violations);
    }
}

/// A destination's settings reach the plugin as they are and stand in plans: there is no room for a secret.
pub(super) fn check_destination_parameters(
    destination: &[keyferry_contract::Parameter],
    connection: &[keyferry_contract::Parameter],
    pointer: &Pointer,
    violations: &mut Violations,
) {
    check_list(destination, connection, pointer, violations);
    for (index, _) in destination.iter().enumerate().filter(|(_, parameter)| parameter.secret) {
        let place = pointer.index(index).member("secret");
        violations.add(&place, violation::FORBIDDEN, "a destination parameter cannot be secret");
    }
}

fn check_schemes(metadata: &Metadata, root: &Pointer, violations: &mut Violations) {
    let methods = root.member("configMetadata").member("authMetadata");
    for (index, method) in metadata.config_metadata.auth_metadata.iter().enumerate() {
        let place = methods.index(index);
        match method.scheme {
            AuthScheme::Unspecified => {
                violations.add(&place.member("type"), violation::REQUIRED, "is required of a plugin's auth method");
            }
            AuthScheme::AwsSigv4 => check_sigv4(metadata, index, &place, violations),
            _ => {}
        }
    }
    let signs = metadata.config_metadata.auth_metadata.iter().any(|method| method.scheme == AuthScheme::AwsSigv4);
    for (index, _) in metadata.egress.iter().enumerate().filter(|(_, entry)| entry.signing.is_some() && !signs) {
        let place = root.member("egress").index(index).member("signing");
        violations.add(&place, violation::FORBIDDEN, "has no meaning: no auth method of this plugin signs");
    }
}

fn check_sigv4(metadata: &Metadata, index: usize, pointer: &Pointer, violations: &mut Violations) {
    if !metadata.egress.iter().any(|entry| entry.signing.is_some()) {
        let detail = "needs an egress entry with `signing`, else nothing would ever be signed";
        violations.add(&pointer.member("type"), violation::REQUIRED, detail);
    }
    let settings = &metadata.config_metadata.auth_metadata[index].auth_settings.parameters;
    if !is_true(settings.get("assumeRole")) {
        return;
    }
    let entries = settings.get("exchangeEntry").and_then(Value::as_str);
    let signs = |id: &str| metadata.egress.iter().any(|entry| entry.id == id && entry.signing.is_some());
    if !entries.is_some_and(|list| list.split(',').map(str::trim).all(signs)) {
        let place = pointer.member("authSettings").member("parameters").member("exchangeEntry");
        violations.add(
            &place,
            violation::UNKNOWN_REFERENCE,
            "must name egress entries with `signing`, separated by commas",
        );
    }
}

fn check_legacy_fields(metadata: &Metadata, pointer: &Pointer, violations: &mut Violations) {
    if metadata.legacy_fields.len() > LEGACY_FIELDS_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {LEGACY_FIELDS_MAX} fields"));
    }
    for (index, field) in metadata.legacy_fields.iter().enumerate().take(LEGACY_FIELDS_MAX) {
        check_legacy_field(field, metadata, &pointer.index(index), violations);
    }
}

fn check_legacy_names(names: &[String], pointer: &Pointer, violations: &mut Violations) {
    if names.len() > LEGACY_NAMES_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {LEGACY_NAMES_MAX} names"));
    }
    for (index, _) in names.iter().enumerate().filter(|(_, name)| name.parse::<Slug>().is_err()) {
        violations.add(&pointer.index(index), violation::MALFORMED, format!("must be {}", Slug::RULE));
    }
}

fn legacy_method<'a>(field: &LegacyField, metadata: &'a Metadata) -> Option<&'a keyferry_contract::AuthMethod> {
    let methods = &metadata.config_metadata.auth_metadata;
    methods.iter().find(|method| field.method.as_deref() == Some(method.id.as_str()))
}

/// Whether one member leads somewhere.
pub(super) fn check_legacy_field(
    field: &LegacyField,
    metadata: &Metadata,
    pointer: &Pointer,
    violations: &mut Violations,
) {
    if field.field.is_empty() {
        violations.add(&pointer.member("field"), violation::REQUIRED, "is required");
    }
    let parameters = match field.scope {
        LegacyScope::Connection => metadata.config_metadata.parameters_metadata.as_slice(),
        LegacyScope::Auth => match legacy_method(field, metadata) {
            Some(method) => method.parameters_metadata.as_slice(),
            None => {
                let detail = "must name an auth method of the plugin";
                violations.add(&pointer.member("method"), violation::UNKNOWN_REFERENCE, detail);
                return;
            }
        },
        LegacyScope::Destination => metadata.destination_metadata.as_slice(),
        LegacyScope::Label => return,
    };
    if !parameters.iter().any(|parameter| parameter.name == field.parameter) {
        let detail = "must name a parameter of its scope";
        violations.add(&pointer.member("parameter"), violation::UNKNOWN_REFERENCE, detail);
    }
    if field.normalise.as_deref().is_some_and(|word| !NORMALISATIONS.contains(&word)) {
        let detail = format!("must be one of `{}`", NORMALISATIONS.join("`, `"));
        violations.add(&pointer.member("normalise"), violation::NOT_AN_OPTION, detail);
    }
}
