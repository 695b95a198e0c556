//! What a plugin reports when something went wrong, in words that the host acts on.

use std::fmt;

use keyferry_contract::vocabulary::error_kind;

/// What went wrong. The host decides by it whether to retry, to stop or to go on with the next item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The vendor rejected the credentials.
    Unauthenticated,
    /// The credentials are good, the action is not allowed to them.
    PermissionDenied,
    /// The destination itself does not exist. An absent key is no error.
    NotFound,
    /// A setting is wrong; the error's field names it.
    InvalidSetting,
    /// One item is refused for its name, its size or because it is reserved.
    InvalidItem,
    /// A precondition failed.
    Conflict,
    /// The vendor asks to slow down.
    RateLimited,
    /// The vendor cannot be reached or fails; a later try may succeed.
    Unavailable,
    /// The plugin does not do this.
    Unsupported,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// The word of the published vocabulary, as it crosses the boundary.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => error_kind::UNAUTHENTICATED,
            Self::PermissionDenied => error_kind::PERMISSION_DENIED,
            Self::NotFound => error_kind::NOT_FOUND,
            Self::InvalidSetting => error_kind::INVALID_SETTING,
            Self::InvalidItem => error_kind::INVALID_ITEM,
            Self::Conflict => error_kind::CONFLICT,
            Self::RateLimited => error_kind::RATE_LIMITED,
            Self::Unavailable => error_kind::UNAVAILABLE,
            Self::Unsupported => error_kind::UNSUPPORTED,
            Self::Other => error_kind::OTHER,
        }
    }

    /// The kind that an HTTP status stands for, where the vendor's body does not tell more.
    ///
    /// A redirect is [`Other`](Self::Other), because the host never follows one.
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 410 => Self::NotFound,
            409 | 412 => Self::Conflict,
            429 => Self::RateLimited,
            400 | 413 | 414 | 422 => Self::InvalidItem,
            408 | 425 | 500..=599 => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

/// A typed error. Its message is for people and must never hold a secret's value: name the key, not what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    http_status: Option<u16>,
    retry_after_ms: Option<u32>,
    request_id: Option<String>,
    is_outcome_unknown: bool,
}

impl Error {
    /// An error of a kind, with a sentence for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            field: None,
            http_status: None,
            retry_after_ms: None,
            request_id: None,
            is_outcome_unknown: false,
        }
    }

    /// A setting is wrong. `field` is its wire name, in camelCase.
    pub fn invalid_setting(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ErrorKind::InvalidSetting, message) }
    }

    /// One item is refused for its name, its size or because it is reserved.
    pub fn invalid_item(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidItem, message)
    }

    /// The destination itself does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A precondition failed.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// The plugin does not do this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Anything that no other kind tells.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Other, message)
    }

    /// The same error under another kind, when the vendor's own error code tells more than the HTTP status.
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error with another sentence.
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Names the setting that is at fault, by its wire name.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The HTTP status that the vendor answered with.
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// How long the vendor asks to wait, in milliseconds.
    pub fn with_retry_after_ms(mut self, retry_after_ms: u32) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// The vendor's request id, for its support.
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Marks that the request may have been carried out although no clear answer came.
    pub fn with_unknown_outcome(mut self) -> Self {
        self.is_outcome_unknown = true;
        self
    }

    /// Takes back [`with_unknown_outcome`](Self::with_unknown_outcome), for a request that only read.
    pub fn with_certain_failure(mut self) -> Self {
        self.is_outcome_unknown = false;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The setting at fault, by its wire name.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The HTTP status that the vendor answered with.
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// How long the vendor asks to wait, in milliseconds.
    pub fn retry_after_ms(&self) -> Option<u32> {
        self.retry_after_ms
    }

    /// The vendor's request id.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Whether the request may have been carried out although no clear answer came.
    pub fn is_outcome_unknown(&self) -> bool {
        self.is_outcome_unknown
    }

    /// Whether the next item of a batch would meet the same fate, so that going on is useless or harmful: rejected
    /// credentials, a wrong setting, a vendor that asks to slow down, or one that cannot be reached.
    pub fn stops_batch(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unauthenticated | ErrorKind::InvalidSetting | ErrorKind::RateLimited | ErrorKind::Unavailable
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_word_of_the_vocabulary() {
        let kinds = [
            ErrorKind::Unauthenticated,
            ErrorKind::PermissionDenied,
            ErrorKind::NotFound,
            ErrorKind::InvalidSetting,
            ErrorKind::InvalidItem,
            ErrorKind::Conflict,
            ErrorKind::RateLimited,
            ErrorKind::Unavailable,
            ErrorKind::Unsupported,
            ErrorKind::Other,
        ];
        assert_eq!(kinds.map(ErrorKind::as_str), error_kind::ALL);
    }

    #[test]
    fn statuses_are_classified_by_what_the_host_should_do() {
        let cases = [
            (302, ErrorKind::Other),
            (400, ErrorKind::InvalidItem),
            (401, ErrorKind::Unauthenticated),
            (403, ErrorKind::PermissionDenied),
            (404, ErrorKind::NotFound),
            (408, ErrorKind::Unavailable),
            (409, ErrorKind::Conflict),
            (412, ErrorKind::Conflict),
            (418, ErrorKind::Other),
            (422, ErrorKind::InvalidItem),
            (429, ErrorKind::RateLimited),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
        ];
        for (status, kind) in cases {
            assert_eq!(ErrorKind::from_status(status), kind, "status {status}");
        }
    }

    #[test]
    fn only_faults_of_the_whole_vendor_stop_a_batch() {
        assert!(Error::new(ErrorKind::RateLimited, "").stops_batch());
        assert!(Error::new(ErrorKind::Unauthenticated, "").stops_batch());
        assert!(Error::invalid_setting("field", "").stops_batch());
        assert!(!Error::conflict("").stops_batch());
        assert!(!Error::invalid_item("").stops_batch());
    }
}
