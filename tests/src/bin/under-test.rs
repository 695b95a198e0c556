//! The host as a program of its own, for tests that start it, kill it and start it again.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyferry::cli::run()
}
