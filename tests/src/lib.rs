//! Test harness.

pub mod guests;
