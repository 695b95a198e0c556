//! `BEARER_TOKEN`: `Authorization: <scheme> <token>` (RFC 6750 with another scheme word where a vendor wants one).

use super::material::{Material, Reason};
use super::{Draft, EgressFailure, authorize};
use crate::domain::Secret;

/// A token with its scheme word.
pub(in crate::egress) struct BearerToken {
    value: Secret<String>,
}

impl BearerToken {
    pub(super) fn read(material: &Material<'_>) -> Result<Self, Reason> {
        let scheme = material.setting("scheme").unwrap_or("Bearer");
        Ok(Self { value: Secret::new(format!("{scheme} {}", material.first_secret()?.expose())) })
    }

    /// Sets the header.
    pub(in crate::egress) fn apply(&self, draft: &mut Draft) -> Result<(), EgressFailure> {
        authorize(draft, self.value.expose())
    }
}
