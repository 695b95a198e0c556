//! Why no answer came.

use crate::{Error, ErrorKind};

/// Why no answer came. `?` turns it into an [`Error`] that the host acts on rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not declared, not granted, or an address that is never allowed; the text says which.
    Denied(String),
    /// Certainly never left the host: connect, DNS, TLS, circuit open.
    NotSent(String),
    /// Bytes left and no answer came: it may have been carried out.
    OutcomeUnknown(String),
    /// The answer is larger than the host lets through.
    TooLarge,
    /// This call's budget of requests, bytes or time is spent.
    Budget,
    /// Anything else.
    Other(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied(detail) => Self::other(format!("the host refused the request: {detail}")),
            Failure::NotSent(detail) => {
                Self::new(ErrorKind::Unavailable, format!("the request could not be sent: {detail}"))
            }
            Failure::OutcomeUnknown(detail) => {
                Self::new(ErrorKind::Unavailable, format!("no answer came: {detail}")).with_unknown_outcome()
            }
            Failure::TooLarge => Self::other("the answer is larger than the host lets through"),
            Failure::Budget => {
                Self::new(ErrorKind::Unavailable, "this call's budget of requests, bytes or time is spent")
            }
            Failure::Other(detail) => Self::other(format!("the request failed: {detail}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_left_make_the_outcome_unknown() {
        let sent = Error::from(Failure::OutcomeUnknown("timed out".into()));
        assert!(sent.is_outcome_unknown());
        assert_eq!(sent.kind(), ErrorKind::Unavailable);

        let unsent = Error::from(Failure::NotSent("refused".into()));
        assert!(!unsent.is_outcome_unknown());
        assert_eq!(unsent.kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn a_denied_request_is_not_worth_a_retry() {
        assert_eq!(Error::from(Failure::Denied("host".into())).kind(), ErrorKind::Other);
        assert_eq!(Error::from(Failure::TooLarge).kind(), ErrorKind::Other);
    }
}
