//! All tests.

mod plugin_build;
mod testbeds;
mod tidy;
