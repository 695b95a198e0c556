//! Use-cases: authorise, validate, transact, audit. Both API dialects and the CLI come through here.

pub mod audit;
pub mod context;
pub mod destinations;
pub mod environments;
pub mod folders;
pub mod resolve;
pub mod secrets;
pub mod syncs;
