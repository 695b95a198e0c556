//! All tests.

mod captured_log;
mod plugin_build;
mod runtime_calls;
mod runtime_compile;
mod runtime_guests;
mod testbeds;
mod tidy;
