//! Keyferry: a WebAssembly plugin host for secret integrations.
//!
//! A module is a layer; `ARCHITECTURE.md` beside this crate is the map, and a test holds the edges between the layers.

pub mod api;
pub mod app;
pub mod build;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod egress;
pub mod ports;
pub mod records;
pub mod runtime;
pub mod service;
pub mod store;
pub mod sync;
pub mod telemetry;
