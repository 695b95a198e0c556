//! Integration types: the metadata that says what a connection and a sync ask, and whether it makes sense.
//!
//! The same checks hold for what a plugin's `describe` says and for the `configMetadata` that a person gives a CUSTOM
//! integration; a plugin's document is held to more, because the host acts on the rest of it.

mod auth;
mod custom;
mod document;
mod egress;
pub mod facade;
mod infisical;
pub mod legacy;
mod parameter;
mod redaction;
mod shape;
mod sync;

pub use auth::{AUTH_SCHEMES, auth_settings_parameters, credential_parameters, filled_auth_settings};
pub use custom::{CustomBehaviour, check_custom};
pub use document::{DOCUMENT_BYTES_MAX, ValidMetadata};
pub use egress::{HostPattern, settings_named};
pub use redaction::{keep_secrets, redacted};

use keyferry_contract::ConfigMetadata;
use serde_json::Value;

use super::Violation;
use super::pointer::{Pointer, Violations};

/// Reads and checks the `configMetadata` of a CUSTOM integration, which stands at `pointer` of the request.
///
/// # Errors
/// All violations at once.
pub fn parse_config_metadata(value: Value, pointer: &Pointer) -> Result<ConfigMetadata, Vec<Violation>> {
    let mut violations = Violations::default();
    let metadata = shape::read(value, &shape::CONFIG_METADATA, pointer, &mut violations).unwrap_or_default();
    if violations.is_empty() {
        check_config_metadata(&metadata, pointer, &mut violations);
    }
    violations.into_result(metadata)
}

fn check_config_metadata(metadata: &ConfigMetadata, pointer: &Pointer, violations: &mut Violations) {
    let parameters = &metadata.parameters_metadata;
    parameter::check_list(parameters, &[], &pointer.member("parametersMetadata"), violations);
    auth::check_methods(metadata, &pointer.member("authMetadata"), violations);
}

#[cfg(test)]
mod tests;
