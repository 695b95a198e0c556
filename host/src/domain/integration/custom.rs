//! A CUSTOM integration against the plugin that executes it.

use std::collections::BTreeSet;

use keyferry_contract::{AuthScheme, ConfigMetadata, Parameter, SyncRules};
use serde_json::{Map, Value};

use super::document::{ValidMetadata, check_destination_parameters};
use super::egress::settings_named;
use super::{shape, sync};
use crate::domain::Violation;
use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::schema::Schema;

/// The members of `pluginSettings` that are the host's: they never reach the plugin unless its schema asks for them.
const SYNC: &str = "sync";
const DESTINATION: &str = "destinationMetadata";

/// Names that templates already give a meaning to.
const TEMPLATE_NAMES: [&str; 6] = ["key", "value", "cursor", "page", "reference", "version"];

/// How a CUSTOM integration behaves, settled from its plugin and its `pluginSettings`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomBehaviour {
    /// What reaches the plugin as `connection.plugin-settings`.
    pub plugin_settings: Map<String, Value>,
    /// What one sync asks.
    pub destination_metadata: Vec<Parameter>,
    /// The plugin's rules, narrowed.
    pub sync: Option<SyncRules>,
}

/// Checks `pluginSettings` and `configMetadata` of a CUSTOM integration against its plugin.
///
/// # Errors
/// All violations, with pointers into the integration.
pub fn check_custom(
    metadata: &ConfigMetadata,
    plugin: &ValidMetadata,
    plugin_settings: &Map<String, Value>,
) -> Result<CustomBehaviour, Vec<Violation>> {
    let mut violations = Violations::default();
    let root = Pointer::root();
    let place = root.member("pluginSettings");
    check_declared(metadata, plugin, &root.member("configMetadata"), &mut violations);
    let settings = check_schema(plugin, plugin_settings, &place, &mut violations);
    let destination = read_destination(metadata, plugin, plugin_settings, &place, &mut violations);
    check_template_names(metadata, &destination, &root, &mut violations);
    let sync = narrow_sync(plugin, plugin_settings, &destination, &place, &mut violations);
    violations.into_result(CustomBehaviour { plugin_settings: settings, destination_metadata: destination, sync })
}

/// Every setting that the plugin's egress entries name must be declared alike, and every auth type be one that it knows.
fn check_declared(metadata: &ConfigMetadata, plugin: &ValidMetadata, pointer: &Pointer, violations: &mut Violations) {
    let named: BTreeSet<&str> = plugin.egress.iter().flat_map(settings_named).collect();
    let declared = |parameters: &[Parameter], name: &str| {
        parameters.iter().find(|parameter| parameter.name == name).and_then(|parameter| parameter.type_name.clone())
    };
    for name in named {
        let wanted = declared(&plugin.config_metadata.parameters_metadata, name);
        if declared(&metadata.parameters_metadata, name) != wanted {
            let wanted = wanted.unwrap_or_default();
            let detail =
                format!("must declare `{name}` with `typeName` `{wanted}`: the plugin sends its requests there");
            violations.add(&pointer.member("parametersMetadata"), violation::REQUIRED, detail);
        }
    }
    let known: Vec<AuthScheme> = plugin.config_metadata.auth_metadata.iter().map(|method| method.scheme).collect();
    for (index, method) in metadata.auth_metadata.iter().enumerate() {
        if method.scheme != AuthScheme::None && !known.contains(&method.scheme) {
            let place = pointer.member("authMetadata").index(index).member("type");
            let detail = format!("is no auth type of the plugin `{}`", plugin.id);
            violations.add(&place, violation::NOT_SUPPORTED, detail);
        }
    }
}

/// What the plugin sees of its settings is what its schema has checked.
fn check_schema(
    plugin: &ValidMetadata,
    given: &Map<String, Value>,
    pointer: &Pointer,
    violations: &mut Violations,
) -> Map<String, Value> {
    let Some(schema) = &plugin.custom_settings_metadata else {
        let detail = format!("the plugin `{}` executes no CUSTOM integrations", plugin.id);
        violations.add(pointer, violation::NOT_SUPPORTED, detail);
        return Map::new();
    };
    let asks_for = |name: &str| schema.get("properties").and_then(|known| known.get(name)).is_some();
    let seen = given.iter().filter(|(name, _)| ![SYNC, DESTINATION].contains(&name.as_str()) || asks_for(name));
    let seen: Map<String, Value> = seen.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Ok(schema) = Schema::compile(schema) {
        schema.check(&Value::Object(seen.clone()), pointer, violations);
    }
    seen
}

fn read_destination(
    metadata: &ConfigMetadata,
    plugin: &ValidMetadata,
    given: &Map<String, Value>,
    pointer: &Pointer,
    violations: &mut Violations,
) -> Vec<Parameter> {
    let Some(value) = given.get(DESTINATION).filter(|value| !value.is_null()) else {
        return plugin.destination_metadata.clone();
    };
    let place = pointer.member(DESTINATION);
    let Some(parameters) = shape::read::<Vec<Parameter>>(value.clone(), &shape::PARAMETERS, &place, violations) else {
        return Vec::new();
    };
    check_destination_parameters(&parameters, &metadata.parameters_metadata, &place, violations);
    parameters
}

/// `{{name}}` must mean one thing.
fn check_template_names(
    metadata: &ConfigMetadata,
    destination: &[Parameter],
    root: &Pointer,
    violations: &mut Violations,
) {
    let connection = &metadata.parameters_metadata;
    let place = root.member("configMetadata").member("parametersMetadata");
    for (index, parameter) in connection.iter().enumerate() {
        if TEMPLATE_NAMES.contains(&parameter.name.as_str()) {
            let detail = "has a meaning of its own in templates: choose another name";
            violations.add(&place.index(index).member("name"), violation::RESERVED, detail);
        } else if destination.iter().any(|other| other.name == parameter.name) {
            let detail = "is also the name of a destination parameter: `{{name}}` in a template could mean either";
            violations.add(&place.index(index).member("name"), violation::DUPLICATE, detail);
        }
    }
    let place = root.member("pluginSettings").member(DESTINATION);
    for (index, parameter) in destination.iter().enumerate() {
        if TEMPLATE_NAMES.contains(&parameter.name.as_str()) {
            let detail = "has a meaning of its own in templates: choose another name";
            violations.add(&place.index(index).member("name"), violation::RESERVED, detail);
        }
    }
}

fn narrow_sync(
    plugin: &ValidMetadata,
    given: &Map<String, Value>,
    destination: &[Parameter],
    pointer: &Pointer,
    violations: &mut Violations,
) -> Option<SyncRules> {
    let Some(value) = given.get(SYNC).filter(|value| !value.is_null()) else { return plugin.sync.clone() };
    let place = pointer.member(SYNC);
    let Some(declared) = &plugin.sync else {
        violations.add(&place, violation::NOT_SUPPORTED, format!("the plugin `{}` is no destination", plugin.id));
        return None;
    };
    let members = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let members: BTreeSet<String> = members.map(|(name, _)| name.clone()).collect();
    let wanted = shape::read::<SyncRules>(value.clone(), &shape::SYNC_RULES, &place, violations)?;
    sync::check_rules(&wanted, destination, &place, violations);
    Some(sync::narrow(declared, wanted, &members, &place, violations))
}
