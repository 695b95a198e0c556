//! The compile worker as a program of its own, for tests of the runtime that do without the whole server binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyferry::runtime::compile_worker_main()
}
