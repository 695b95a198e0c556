//! The plugin contract as data: the metadata document that `describe` returns and the vocabularies that its strings come from.
//!
//! Host and SDK both stand on this crate, so neither can drift from the other. It holds plain types and no behaviour beyond
//! serialization; what a value must satisfy is checked by the host.

mod infisical;
mod metadata;
mod sync;
pub mod vocabulary;

pub use infisical::{Infisical, InfisicalChoices, InfisicalDestination, InfisicalMethod};
pub use metadata::{
    Asset, AuthLevel, AuthMap, AuthMethod, AuthScheme, AuthSettings, Condition, ConfigMetadata, EgressEntry,
    FloatRange, IntegerRange, LegacyField, LegacyScope, Metadata, OptionChoice, Parameter, ParameterType, Rule,
    RuleEffect, RuleOperator, Signing,
};
pub use sync::{AttributeSource, SyncAttribute, SyncReads, SyncRules};

/// The WIT package, as the host and the SDK bind it.
pub const WIT: &str = include_str!("../integration.wit");

/// The version of the WIT package in [`WIT`].
pub const WIT_VERSION: &str = "1.0.0";
