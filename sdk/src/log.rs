//! Leveled lines into the host's log. The host caps, scrubs and attributes them; never log a value all the same.

use std::fmt::Display;

use crate::transport;

/// What a line is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator may want to see.
    Info,
    /// What works, but not as it should.
    Warn,
    /// What does not work.
    Error,
}

impl Level {
    /// The word of the published vocabulary.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Writes one line. A call has 64 of them.
pub fn emit(level: Level, message: impl Display) {
    transport::log(level, &message.to_string());
}

/// Writes one line at level debug.
pub fn debug(message: impl Display) {
    emit(Level::Debug, message);
}

/// Writes one line at level info.
pub fn info(message: impl Display) {
    emit(Level::Info, message);
}

/// Writes one line at level warn.
pub fn warn(message: impl Display) {
    emit(Level::Warn, message);
}

/// Writes one line at level error.
pub fn error(message: impl Display) {
    emit(Level::Error, message);
}
