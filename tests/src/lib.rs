//! Test harness: the parts that stand in for the outside, and clients that speak to the host as callers do.

pub mod api;
pub mod bench;
pub mod canary;
pub mod crm;
pub mod fake_plugins;
pub mod fault_proxy;
pub mod faulty_store;
pub mod guests;
pub mod outside;
pub mod plugins;
pub mod program;
pub mod served;
pub mod shelf;
pub mod shell;
pub mod testbed;
pub mod witness;
