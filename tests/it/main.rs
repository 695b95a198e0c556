//! All tests.

mod captured_log;
mod runtime_calls;
mod runtime_compile;
mod runtime_guests;
