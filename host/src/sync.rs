//! Makes destinations match their sources: resolve, plan, guard, apply, remember.
//!
//! Decisions are pure functions over plain data (`plan`, `guard`, `mapping`, `validate`, `classify`, `backoff`, `rate`);
//! what touches the store, the clock or a plugin is in the other modules.

pub mod backoff;
pub mod classify;
pub mod guard;
pub mod mapping;
pub mod plan;
pub mod rate;
pub mod selection;
pub mod validate;
