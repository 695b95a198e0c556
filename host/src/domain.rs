//! Words of the product as types. The domain knows no I/O, no clock, no HTTP and no WebAssembly.

pub mod access;
pub mod destination;
pub mod error;
pub mod id;
pub mod keyed_hash;
pub mod name;
pub mod plugin;
pub mod reference;
pub mod secret;
pub mod sync;
pub mod time;
pub mod version;

pub use error::{Code, Error, Result, Violation};
pub use keyed_hash::KeyedHash;
pub use secret::Secret;
pub use time::Timestamp;
pub use version::{Expected, Version, Versioned};
