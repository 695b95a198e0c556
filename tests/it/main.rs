//! All tests.

mod plugin_build;
mod tidy;
