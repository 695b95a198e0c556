//! What a plugin says, made fit to be read by people: without control characters, without the call's secrets, without excess.

use super::scrub::Scrubber;
use crate::domain::id::Digest;
use crate::domain::plugin::Operation;

/// The most of one log line, message or description that is kept, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 2 << 10;
/// The most of one name, id or label that is kept, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// Speaks for one call of one plugin.
pub(crate) struct Voice {
    pub(crate) digest: Digest,
    pub(crate) plugin: String,
    pub(crate) operation: Operation,
    scrubber: Scrubber,
}

impl Voice {
    pub(crate) fn new(digest: Digest, plugin: String, operation: Operation, scrubber: Scrubber) -> Self {
        Self { digest, plugin, operation, scrubber }
    }

    /// A sentence or more.
    pub(crate) fn text(&self, said: &str) -> String {
        self.scrubber.clean(said, TEXT_BYTES_MAX)
    }

    /// A name, an id, a label.
    pub(crate) fn name(&self, said: &str) -> String {
        self.scrubber.clean(said, NAME_BYTES_MAX)
    }

    /// A name that may be absent.
    pub(crate) fn optional_name(&self, said: Option<&str>) -> Option<String> {
        said.map(|said| self.name(said))
    }

    /// Puts one line into the log, attributed to the plugin. It is logged as a field and in escaped form, so it can neither
    /// pass for the host's own words nor break a line.
    pub(crate) fn log(&self, level: &str, said: &str) {
        let (plugin, operation, said) = (self.plugin.as_str(), self.operation.text(), self.text(said));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(target: "plugin", plugin, operation, ?said, "plugin log")
            };
        }
        match level {
            "trace" => line!(trace),
            "debug" => line!(debug),
            "warn" => line!(warn),
            "error" => line!(error),
            _ => line!(info),
        }
    }
}
