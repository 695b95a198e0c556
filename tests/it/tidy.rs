//! House rules as tests. Every message names what to do instead, and every rule is shown to catch what it forbids.

mod bans;
mod caps;
mod layers;
mod manifests;
mod registry;
mod tree;

use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; 0 means the file as a whole.
    line: usize,
    problem: String,
    instead: String,
}

impl Finding {
    fn new(path: &str, line: usize, problem: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, problem: problem.into(), instead: instead.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.problem, self.instead)
    }
}

/// Fails with every finding at once.
#[track_caller]
fn assert_tidy(findings: &[Finding]) {
    let list = findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n");
    assert!(findings.is_empty(), "{} places break a house rule:\n{list}", findings.len());
}
