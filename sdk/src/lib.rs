#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// The derive macros name this crate absolutely, and its own tests use them.
#[cfg(test)]
extern crate self as keyferry_sdk;

mod bindings;
mod description;
mod destination;
mod error;
mod export;
pub mod host;
pub mod http;
mod integration;
pub mod log;
pub mod page;
#[cfg(not(target_arch = "wasm32"))]
pub mod scripted;
pub mod settings;
mod transport;

pub use description::{Auth, Description, Egress, Legacy, parameter, plugin_metadata, verifier_metadata};
pub use destination::{
    Application, Applied, Batch, Change, Delete, Destination, Entry, Finished, Identity, Observation, ObservedValue,
    Outcome, Precondition, Put, Scope,
};
pub use error::{Error, ErrorKind};
pub use integration::{Account, Choice, ChoicePage, ChoiceScope, Connection, Integration, Question};
pub use keyferry_contract::vocabulary;
pub use keyferry_contract::{
    AttributeSource, AuthScheme, Infisical, InfisicalChoices, InfisicalDestination, InfisicalMethod, LegacyScope,
    Metadata, SyncAttribute, SyncReads, SyncRules,
};
pub use keyferry_sdk_macros::{Options, Settings};
pub use settings::{Options, Settings};

/// What the `export!` macros expand to. Not part of the interface.
#[doc(hidden)]
pub mod __export {
    pub use crate::bindings::plugin;
    pub use crate::export::{Exported, ExportedVerifier};
}
