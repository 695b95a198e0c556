//! All tests.

mod captured_log;
mod plugin_build;
<<<<<<< HEAD
mod testbeds;
=======
mod runtime_calls;
mod runtime_compile;
mod runtime_guests;
>>>>>>> main
mod tidy;
