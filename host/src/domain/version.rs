//! Versions of resources, for optimistic concurrency: read one, send it back, and a change in between is refused.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Code, Error, Result};

/// One state of one resource. Compared for equality only; no two resources share one, not even under a name used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version([u8; 16]);

impl Version {
    /// The version with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The version of a resource that is told by its content alone: it holds its own uid, so no two share one.
    #[must_use]
    pub fn of<T: Serialize>(resource: &T) -> Self {
        let shown = serde_json::to_vec(resource).unwrap_or_default();
        let mut version = [0; 16];
        version.copy_from_slice(&Sha256::digest(&shown)[..16]);
        Self(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A resource and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub version: Version,
}

impl<T> Versioned<T> {
    /// The same version of another view of the resource.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Versioned<U> {
        Versioned { value: view(self.value), version: self.version }
    }
}

/// Which versions of a resource a change is meant for (`If-Match`, RFC 9110 section 13.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is now.
    #[default]
    Any,
    /// One of these, as they were shown.
    OneOf(Vec<String>),
    /// None: the resource must not be there yet (`If-None-Match: *`, RFC 9110 section 13.1.2).
    Absent,
}

impl Expected {
    /// Checks the present version, in the transaction of the change.
    ///
    /// # Errors
    /// `precondition_failed`.
    pub fn check(&self, present: Version) -> Result<()> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(shown) if shown.contains(&present.to_string()) => Ok(()),
            Self::OneOf(_) | Self::Absent => {
                Err(Error::new(Code::PreconditionFailed, Code::PreconditionFailed.title()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_version_passes() {
        let present = Version::from_bytes([7; 16]);
        assert!(Expected::Any.check(present).is_ok());
        assert!(Expected::OneOf(vec!["x".into(), present.to_string()]).check(present).is_ok());
        let refused = Expected::OneOf(vec![Version::from_bytes([8; 16]).to_string()]).check(present);
        assert_eq!(refused.expect_err("another version").code(), Code::PreconditionFailed);
        assert_eq!(Expected::Absent.check(present).expect_err("it is there").code(), Code::PreconditionFailed);
    }
}
