//! Words of the product as types. The domain knows no I/O, no clock, no HTTP and no WebAssembly.

pub mod access;
pub mod binding;
pub mod destination;
pub mod error;
pub mod id;
pub mod integration;
pub mod keyed_hash;
pub mod login;
pub mod name;
pub mod network;
pub mod patch;
pub mod plugin;
pub mod plugin_version;
pub mod pointer;
pub mod reference;
pub mod secret;
pub mod settings;
pub mod suggestion;
pub mod sync;
pub mod time;
pub mod version;

pub use error::{Code, Error, Result, Violation};
pub use keyed_hash::KeyedHash;
pub use patch::Patch;
pub use secret::Secret;
pub use time::Timestamp;
pub use version::{Expected, Version, Versioned};
