//! Test harness.

pub mod guests;
pub mod testbed;
