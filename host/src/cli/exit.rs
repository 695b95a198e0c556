//! Exit codes, and the failures that they tell of. Documented in `host/docs/cli.md`.

use std::process::ExitCode;

use crate::domain::Code;
use crate::domain::error::Class;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something unexpected failed.
    Unexpected = 1,
    /// The command line, a file or a request is wrong.
    Usage = 2,
    /// Policy refuses it: scope, grant, guard, rejected credentials.
    Refused = 3,
    /// There is no such thing.
    NotFound = 4,
    /// The server or a vendor cannot be reached now.
    Unavailable = 5,
    /// Ctrl-C, while a run was followed: the run goes on. As shells tell it: 128 and the signal's number.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code of a failure of this code.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        match code {
            // The vendor works; it is the credentials that it will not have.
            Code::CredentialsRejected | Code::PermissionDenied => Self::Refused,
            _ => Self::of_class(code.class()),
        }
    }

    /// The exit code of a failure of this class.
    #[must_use]
    pub const fn of_class(class: Class) -> Self {
        match class {
            Class::Invalid
            | Class::Conflict
            | Class::PreconditionFailed
            | Class::TooLarge
            | Class::UnsupportedMediaType
            | Class::Unprocessable => Self::Usage,
            Class::Unauthenticated | Class::Forbidden | Class::Refused => Self::Refused,
            Class::NotFound => Self::NotFound,
            Class::RateLimited | Class::Upstream | Class::UpstreamTimeout | Class::Unavailable => Self::Unavailable,
            Class::Internal => Self::Unexpected,
        }
    }
}

/// Why a command failed: what went wrong, and how to mend it.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub details: Vec<String>,
    pub hint: Option<String>,
    /// The problem document of the server, for `--json`.
    pub problem: Option<serde_json::Value>,
}

impl Failure {
    /// A failure with this message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new(), hint: None, problem: None }
    }

    /// A wrong command line or file.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failure with the whole chain of its causes.
    pub fn chain(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            failure.details.push(cause.to_string());
            source = cause.source();
        }
        failure
    }
}

impl From<crate::domain::Error> for Failure {
    fn from(error: crate::domain::Error) -> Self {
        let mut failure = Self::chain(Exit::of(error.code()), &error);
        failure.details.extend(error.violations().iter().map(ToString::to_string));
        failure
    }
}
