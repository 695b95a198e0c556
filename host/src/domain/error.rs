//! What a caller can distinguish: the registry of codes, and the one error type that services return.
//!
//! The sentence for the caller and the context for the log are separate fields, and only the first can be displayed, so
//! that the second cannot reach a response by accident.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything a caller can ask for.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure a code is; edges map it to a status or an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The request itself is wrong.
    Invalid,
    /// Who calls is not known.
    Unauthenticated,
    /// The caller is known and may not.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// It stands against what is already there.
    Conflict,
    /// `If-Match` named another version.
    PreconditionFailed,
    /// The body is larger than allowed.
    TooLarge,
    /// The body's media type is not understood.
    UnsupportedMediaType,
    /// An idempotency key was used for another request.
    Unprocessable,
    /// Too many requests.
    RateLimited,
    /// A plugin or a vendor failed.
    Upstream,
    /// A plugin or a vendor did not answer in time.
    UpstreamTimeout,
    /// Policy refuses what the caller could otherwise do.
    Refused,
    /// The host cannot serve now.
    Unavailable,
    /// The host is at fault.
    Internal,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not without a change.
    Never,
    /// Unchanged, after a while.
    Later,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident: $text:literal, $class:ident, $retry:ident;)*) => {
        /// A stable name of a failure. Codes are only ever added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The kind of failure.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// Whether trying again can help.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// The request is not valid; `errors` lists every violation
    InvalidRequest: "invalid_request", Invalid, Never;
    /// The body is not JSON, or not of the documented shape
    MalformedBody: "malformed_body", Invalid, Never;
    /// The page token is not one that this list gave out
    InvalidPageToken: "invalid_page_token", Invalid, Never;
    /// What is asked for is documented but not built in this version
    NotSupported: "not_supported", Invalid, Never;
    /// The auth method cannot be tested
    ConfigTestUnsupported: "config_test_unsupported", Invalid, Never;
    /// The integration lacks the `pluginSettings` that this needs
    PluginSettingsMissing: "plugin_settings_missing", Invalid, Never;
    /// Values cannot be imported from this destination, or not into this source
    ImportUnsupported: "import_unsupported", Invalid, Never;
    /// A reference in a secret's value cannot be resolved
    ReferenceUnresolved: "reference_unresolved", Invalid, Never;
    /// Changing the destination of a stored credential needs the credential entered again
    CredentialRebindRefused: "credential_rebind_refused", Invalid, Never;
    /// The component cannot be installed
    ComponentRejected: "component_rejected", Invalid, Never;
    /// The component is larger than allowed
    ComponentTooLarge: "component_too_large", TooLarge, Never;
    /// There is no valid credential with the request
    Unauthenticated: "unauthenticated", Unauthenticated, Never;
    /// The caller lacks the scope that this needs
    ScopeMissing: "scope_missing", Forbidden, Never;
    /// There is no such thing
    NotFound: "not_found", NotFound, Never;
    /// There is no such route
    RouteNotFound: "route_not_found", NotFound, Never;
    /// The route does not take this method
    MethodNotAllowed: "method_not_allowed", NotFound, Never;
    /// The id or name is taken
    AlreadyExists: "already_exists", Conflict, Never;
    /// It is still in use
    InUse: "in_use", Conflict, Never;
    /// What is asked for does not fit the present state
    WrongState: "wrong_state", Conflict, Never;
    /// Another sync claims the same keys at the same destination
    DestinationClaimed: "destination_claimed", Conflict, Never;
    /// The plan has changed since it was approved
    PlanChanged: "plan_changed", Conflict, Never;
    /// The request with this idempotency key is still being worked on
    IdempotencyInFlight: "idempotency_in_flight", Conflict, Later;
    /// Concurrent changes kept winning; nothing was changed
    Contention: "contention", Unavailable, Later;
    /// The resource has changed since the version that `If-Match` names
    PreconditionFailed: "precondition_failed", PreconditionFailed, Never;
    /// The body is larger than allowed
    BodyTooLarge: "body_too_large", TooLarge, Never;
    /// The request's headers are larger than allowed
    HeadersTooLarge: "headers_too_large", TooLarge, Never;
    /// The body did not arrive in time
    RequestTimeout: "request_timeout", Invalid, Later;
    /// The body's media type is not understood
    UnsupportedMediaType: "unsupported_media_type", UnsupportedMediaType, Never;
    /// The idempotency key was used for another request
    IdempotencyMismatch: "idempotency_mismatch", Unprocessable, Never;
    /// Too many requests
    RateLimited: "rate_limited", RateLimited, Later;
    /// The host is at its limit of concurrent plugin calls
    Busy: "busy", Unavailable, Later;
    /// The host is starting, stopping, or its store is failing
    Unavailable: "unavailable", Unavailable, Later;
    /// The key that opens this record is not available
    KeyUnavailable: "key_unavailable", Unavailable, Later;
    /// A stored record does not open: it was changed, moved or damaged
    RecordUnreadable: "record_unreadable", Internal, Never;
    /// The vendor rejected the credentials
    CredentialsRejected: "credentials_rejected", Upstream, Never;
    /// The vendor does not allow the action to these credentials
    PermissionDenied: "permission_denied", Upstream, Never;
    /// The plugin reported a failure
    PluginFailed: "plugin_failed", Upstream, Never;
    /// The plugin or the vendor asks to come back later
    PluginUnavailable: "plugin_unavailable", Upstream, Later;
    /// The plugin broke down and was stopped
    PluginTrapped: "plugin_trapped", Upstream, Never;
    /// The plugin did not answer in time
    PluginTimedOut: "plugin_timed_out", UpstreamTimeout, Later;
    /// The plugin exceeded a limit
    PluginLimitExceeded: "plugin_limit_exceeded", Upstream, Never;
    /// The plugin's answer breaks the contract
    PluginContractBroken: "plugin_contract_broken", Upstream, Never;
    /// A request of the plugin was refused: not declared, not granted, or an address that is never allowed
    EgressDenied: "egress_denied", Refused, Never;
    /// The plugin needs a grant that the administrator has not given
    GrantMissing: "grant_missing", Refused, Never;
    /// The plugin is disabled or has no active version
    PluginInactive: "plugin_inactive", Refused, Never;
    /// The plan does more than the guard lets pass without approval
    PlanBlocked: "plan_blocked", Refused, Never;
    /// The host is at fault; the log has the cause under this request's id
    Internal: "internal", Internal, Later;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// One thing wrong with a request. Never carries the offending value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// A stable word: see [`violation`].
    pub code: &'static str,
    /// What is wrong and how to mend it.
    pub detail: String,
}

impl Violation {
    /// A violation at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The whole body has the empty pointer.
        if self.pointer.is_empty() { f.write_str(&self.detail) } else { write!(f, "{}: {}", self.pointer, self.detail) }
    }
}

/// Stable words for what can be wrong with one value.
pub mod violation {
    pub const REQUIRED: &str = "required";
    pub const UNKNOWN_MEMBER: &str = "unknown_member";
    pub const WRONG_TYPE: &str = "wrong_type";
    pub const MALFORMED: &str = "malformed";
    pub const OUT_OF_RANGE: &str = "out_of_range";
    pub const TOO_SHORT: &str = "too_short";
    pub const TOO_LONG: &str = "too_long";
    pub const PATTERN_MISMATCH: &str = "pattern_mismatch";
    pub const NOT_AN_OPTION: &str = "not_an_option";
    pub const SCHEMA_MISMATCH: &str = "schema_mismatch";
    pub const FORBIDDEN: &str = "forbidden";
    pub const DUPLICATE: &str = "duplicate";
    pub const RESERVED: &str = "reserved";
    pub const UNKNOWN_REFERENCE: &str = "unknown_reference";
    pub const NOT_SUPPORTED: &str = "not_supported";
}

/// A failure as services return it.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    detail: String,
    violations: Vec<Violation>,
    retry_after: Option<std::time::Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure whose `detail` the caller may read: no value, no internal cause.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, detail: detail.into(), violations: Vec::new(), retry_after: None, source: None }))
    }

    /// The one answer for what does not exist and for what the caller may not know of.
    #[must_use]
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// What is missing by another name, where a part of the way to it is missing; other failures stay what they are.
    #[must_use]
    pub fn renamed_if_not_found(self, what: &'static str) -> Self {
        if self.code() == Code::NotFound { Self::not_found(what) } else { self }
    }

    /// All that is wrong with a request, at once.
    #[must_use]
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let detail = match violations.as_slice() {
            [only] => only.to_string(),
            many => format!("{} problems, listed in `errors`", many.len()),
        };
        let mut error = Self::new(Code::InvalidRequest, detail);
        error.0.violations = violations;
        error
    }

    /// A fault of the host: the cause is for the log alone.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "the cause is in the host's log under this request's id").with_source(source)
    }

    /// Adds the cause, for the log alone.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds violations that stand beside the code.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// Adds how long to wait before the next try.
    #[must_use]
    pub fn with_retry_after(mut self, wait: std::time::Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What the caller may read.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Everything wrong with the request.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// How long to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_texts_are_unique_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.text()), "{code} stands twice");
            assert!(code.text().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!(!code.title().is_empty());
        }
    }

    #[test]
    fn a_failure_does_not_pass_for_absence() {
        let failed = Error::new(Code::Unavailable, "the store cannot be read").renamed_if_not_found("secret");
        assert_eq!(failed.code(), Code::Unavailable);
        let absent = Error::not_found("folder").renamed_if_not_found("secret");
        assert_eq!((absent.code(), absent.detail()), (Code::NotFound, "there is no such secret"));
    }

    #[test]
    fn the_private_cause_is_not_displayed() {
        let error = Error::internal(std::io::Error::other("secret path"));
        assert!(!format!("{error} {error:?}").contains("secret path"));
        assert!(StdError::source(&error).is_some());
    }
}
