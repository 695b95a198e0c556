//! Configuration: defaults, file, environment and flags, resolved once into typed structs.
//!
//! `source` is the only reader of files and environment in the host.

mod reader;
pub mod source;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use source::{ConfigError, Overrides, load};

/// Everything that can be configured. The meaning of each member stands in `config.default.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub crypto: Crypto,
    pub runtime: Runtime,
    pub egress: Egress,
    pub sync: Sync,
    pub telemetry: Telemetry,
}

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    /// Zero: no limit.
    pub requests_per_second: u32,
    pub requests_burst: u32,
    pub shutdown_timeout: Duration,
}

/// `[store]`
#[derive(Clone, Debug)]
pub struct Store {
    pub data_dir: PathBuf,
    pub always_check_integrity: bool,
}

/// `[crypto]`
#[derive(Clone, Debug)]
pub struct Crypto {
    pub root: RootKey,
}

/// Where the root key comes from.
#[derive(Clone, Debug)]
pub enum RootKey {
    File(PathBuf),
    /// The value of the variable, read once.
    Environment {
        variable: String,
        value: crate::domain::Secret<String>,
    },
}

/// `[runtime]`
#[derive(Clone, Debug)]
pub struct Runtime {
    pub calls_max: usize,
    pub compile_timeout: Duration,
    pub compile_memory_max: u64,
}

/// `[egress]`
#[derive(Clone, Debug, Default)]
pub struct Egress {
    pub private_ranges: Vec<String>,
    pub loopback: Loopback,
    pub plain_http: Vec<String>,
    pub tenant_origins: Vec<String>,
}

/// How far loopback is open to plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loopback {
    All,
    Only(Vec<SocketAddr>),
}

impl Default for Loopback {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

/// `[sync]`
#[derive(Clone, Debug)]
pub struct Sync {
    pub runs_max: usize,
    /// Zero: never.
    pub drift_check_interval: Duration,
}

/// `[telemetry]`
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub log: String,
    pub json: bool,
}
