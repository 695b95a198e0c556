//! All tests.

mod plugin_build;
