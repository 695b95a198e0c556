//! Which settings tell how a credential is applied, per auth scheme: the domain's list, as the API shows it.

pub use crate::domain::integration::{AUTH_SCHEMES as SCHEMES, auth_settings_parameters as settings};
