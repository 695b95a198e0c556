//! Sealing at rest: the envelope, the keys above it, and the root that stands outside the store.
//!
//! No algorithm is chosen at run time, no key leaves this module, and nothing here reads the environment. Formats are in
//! `docs/store-format.md`.

mod cache;
mod context;
mod encoding;
mod envelope;
mod key;
pub mod keyring;
mod random;
pub mod root;
mod tenant;

pub use keyring::{Keyring, KeyringError};
pub use root::{LocalRoot, RootKeyError};
