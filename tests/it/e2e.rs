//! End to end: the real program over real sockets, with plugins built from this checkout, against real servers.

mod aws;
mod aws_options;
mod consul;
mod consul_rollback;
mod crash;
mod crash_load;
mod http_api;
mod infisical_clients;
mod infisical_native;
mod leak;
mod secret_syncs;
mod throttle;

use serde_json::Value;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_keyferry-under-test");

/// So many secrets, with values that must not be taken apart anywhere.
fn secrets(range: std::ops::Range<usize>) -> Vec<(String, String)> {
    range.map(|n| (format!("KEY_{n:04}"), format!("{n} = \"a\\b\" & 'é' {{{{x}}}} %41\n<end>"))).collect()
}

/// What stands at the destination: full names and values.
fn below(path: &str, secrets: &[(String, String)]) -> Vec<(String, String)> {
    secrets.iter().map(|(name, value)| (format!("{path}{name}"), value.clone())).collect()
}

/// How many keys a run counts under a heading.
fn count(run: &Value, heading: &str) -> u64 {
    run["counts"][heading].as_u64().unwrap_or_else(|| panic!("no `{heading}` in {run:#}"))
}
