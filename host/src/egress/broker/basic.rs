//! `BASIC_AUTH` (RFC 7617), in UTF-8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::material::{Material, Reason};
use super::{Draft, EgressFailure, authorize};
use crate::domain::Secret;

/// User and password, encoded.
pub(in crate::egress) struct BasicAuth {
    value: Secret<String>,
}

impl BasicAuth {
    pub(super) fn read(material: &Material<'_>) -> Result<Self, Reason> {
        let username_parameter = material.setting("usernameParameter").unwrap_or("username");
        let password_parameter = material.setting("passwordParameter").unwrap_or("password");
        let username = material.required_if_declared(username_parameter)?;
        let password = material.required_if_declared(password_parameter)?;
        if username.expose().is_empty() && password.expose().is_empty() {
            return Err(format!("the credentials `{username_parameter}` and `{password_parameter}` are missing"));
        }
        // RFC 7617 2: the first colon ends the user.
        if username.expose().contains(':') {
            return Err(format!("the credential `{username_parameter}` holds a colon"));
        }
        let pair = Secret::new(format!("{}:{}", username.expose(), password.expose()));
        Ok(Self { value: Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))) })
    }

    /// Sets the header.
    pub(in crate::egress) fn apply(&self, draft: &mut Draft) -> Result<(), EgressFailure> {
        authorize(draft, self.value.expose())
    }
}
