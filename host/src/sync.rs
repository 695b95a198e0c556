//! Makes destinations match their sources: resolve, plan, guard, apply, remember.
//!
//! Decisions are pure functions over plain data (`plan`, `guard`, `validate`, `classify`, `backoff`, `rate`, `breaker`, `rest`); the
//! other modules touch the store, the clock and plugins. `engine` finds what is due, `lease` keeps others away, `run` drives one
//! run through `import`, `prepare`, `apply` and `verify`, `journal` writes down, `conclude` ends it, `drift` keeps the
//! schedule of checks.

mod apply;
mod arrived;
pub mod backoff;
pub mod breaker;
mod caller;
pub mod classify;
mod conclude;
mod drift;
mod engine;
pub mod guard;
mod halt;
mod import;
mod interrupt;
mod journal;
mod lease;
mod observe;
pub mod plan;
mod plugins;
mod prepare;
mod preview;
pub mod rate;
mod remove;
mod resolve;
pub mod rest;
mod run;
mod schedule;
pub mod validate;
mod verify;

pub use engine::{EngineHandle, EngineOptions, SyncEngine};

#[cfg(test)]
mod tests;
