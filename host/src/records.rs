//! Durable records over the store port: one file per kind of record owns its key layout, encoding, sealing and indexes.
//!
//! This file and `key`, `row`, `transaction` are the ground they stand on. Nothing here knows a use-case.

pub mod access;
pub mod claims;
pub mod connections;
pub mod credentials;
pub mod environments;
pub mod folders;
pub mod host_key;
pub mod idempotency;
pub mod integrations;
pub mod key;
pub mod ledger;
pub mod located;
pub mod plugins;
pub mod row;
pub mod runs;
pub mod secrets;
pub mod sync_state;
pub mod syncs;
pub mod system;
pub mod tenant;
pub mod transaction;

pub use key::{Key, Kind};
pub use row::{Record, RecordError};
pub use transaction::{Attempts, Records, Transaction, View};
