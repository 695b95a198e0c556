//! Why a plugin could not be built. Nothing secret passes here, so that texts may carry paths and cargo's own words.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The result of building.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why building failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is missing, or may not be run.
    #[error("cannot run `{program}`")]
    Spawn { program: String, source: io::Error },
    /// A program was stopped at its time limit.
    #[error("`{program}` did not end within {limit_s} s")]
    TimedOut { program: String, limit_s: u64 },
    /// A program ended with a failure.
    #[error("`{program}` failed: {output}")]
    Failed { program: String, output: String },
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{path}`")]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// A `Cargo.toml` is not what a plugin's should be.
    #[error("`{path}` {problem}")]
    Manifest { path: PathBuf, problem: String },
    /// An environment variable cannot be understood.
    #[error("the variable {name} {problem}")]
    Setting { name: &'static str, problem: String },
    /// None of the ways to the target worked.
    #[error("{}", TargetUnavailable(.compiler, .attempts))]
    TargetUnavailable { compiler: String, attempts: Vec<Attempt> },
    /// cargo could not build the plugins; the text is cargo's.
    #[error("cannot build {}\n{stderr}", .plugins.join(", "))]
    Compile { plugins: Vec<String>, stderr: String },
    /// cargo built something, but not what a plugin is.
    #[error("`{path}` is not a WebAssembly component: {problem}")]
    NotAComponent { path: PathBuf, problem: &'static str },
    /// A file could not be fetched.
    #[error("cannot fetch {url}: {problem}")]
    Fetch { url: String, problem: String },
    /// What was fetched is not what its index names, or nothing vouches for the index.
    #[error("{what} is not trustworthy: {problem}")]
    Untrusted { what: String, problem: String },
    /// Sources for exactly this compiler are not where they were looked for.
    #[error("{0}")]
    NoSources(String),
    /// A new project cannot be made.
    #[error("{0}")]
    Scaffold(String),
}

/// One way to the target, and why it did not lead there.
#[derive(Debug)]
pub struct Attempt {
    /// What was tried, as a phrase.
    pub way: String,
    /// The failure, with its causes.
    pub cause: String,
}

impl Attempt {
    pub(super) fn new(way: impl Into<String>, error: &Error) -> Self {
        Self { way: way.into(), cause: error.chain() }
    }
}

impl Error {
    /// The text with the causes behind it, on one line each.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }

    pub(super) fn manifest(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Manifest { path: path.into(), problem: problem.into() }
    }

    /// For `map_err` on file operations.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

struct TargetUnavailable<'a>(&'a str, &'a [Attempt]);

impl fmt::Display for TargetUnavailable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the target {} is not available for {}; tried:", super::TARGET, self.0)?;
        self.1
            .iter()
            .try_for_each(|attempt| write!(f, "\n  - {}: {}", attempt.way, attempt.cause.replace('\n', "\n    ")))
    }
}
