//! Commands of an API's documentation, as somebody would paste them into a shell.

use std::process::{Command, Stdio};

use super::install::output;

/// Runs a documented command line of `curl`, and answers what it prints.
///
/// # Panics
/// When there is no `curl`, or when it gets no answer.
#[must_use]
pub fn pasted(command_line: &str) -> String {
    require_curl();
    let mut shell = Command::new("sh");
    // Settings of whoever runs the tests, such as a proxy, are not theirs.
    shell.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    output(shell.args(["-c", command_line]))
}

fn require_curl() {
    let found = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    assert!(is_there, "there is no `curl`: documented requests are sent with it, so install the package `curl`");
}
