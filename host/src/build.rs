//! Builds plugins: makes the `wasm32-wasip2` target available, runs cargo only when something changed, and starts new
//! plugin projects.
//!
//! A leaf beside the layers: it runs processes and reads files for the command line, for tests and for plugin authors.
//! It never prints, and knows nothing of tenants, secrets or wasmtime.

mod component;
mod error;
mod files;
mod fingerprint;
mod manifest;
mod options;
mod plugin;
mod process;
mod progress;
mod scaffold;
mod target;

pub use error::{Attempt, Error, Result};
pub use options::{Options, Way};
pub use plugin::{BuiltPlugin, build_all, build_plugin};
pub use progress::{Progress, Silent};
pub use scaffold::{Language, Project, Sdk, new_plugin};
pub use target::{TARGET, Target, Toolchain};
