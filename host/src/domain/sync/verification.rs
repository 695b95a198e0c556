//! Whether a destination can be written to, asked before the first run.

use serde::{Deserialize, Serialize};

use crate::domain::{Error, Timestamp};

/// What came of asking the vendor whether a sync's destination can be written to. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub at: Timestamp,
    /// Permissions that the plugin found lacking, in the vendor's words.
    pub missing_permissions: Vec<String>,
    pub failure: Option<VerificationFailure>,
}

/// Why a destination could not be verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationFailure {
    pub code: String,
    pub message: String,
}

impl Verification {
    /// What the vendor said.
    #[must_use]
    pub fn of(answer: Result<Vec<String>, Error>, at: Timestamp) -> Self {
        match answer {
            Ok(missing_permissions) => Self { at, missing_permissions, failure: None },
            Err(error) => {
                let failure =
                    VerificationFailure { code: error.code().to_string(), message: error.detail().to_owned() };
                Self { at, missing_permissions: Vec::new(), failure: Some(failure) }
            }
        }
    }

    /// Whether nothing stands against the first run.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.missing_permissions.is_empty() && self.failure.is_none()
    }
}
