//! Applies a connection's credential to a request, outside the sandbox. One file per scheme.

mod api_key;
mod assume_role;
mod assumed;
mod basic;
mod bearer;
mod material;
mod sigv4;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use keyferry_contract::{AuthMethod, AuthScheme};

use super::canary::Canaries;
use super::draft::Draft;
use crate::ports::egress::{EgressAuth, EgressFailure};

use api_key::ApiKey;
use basic::BasicAuth;
use bearer::BearerToken;
use material::Material;

pub(super) use assume_role::AssumeRole;
pub(super) use assumed::{AssumedRole, AssumedRoles, RoleKey};
pub(super) use sigv4::{AwsKeys, sign};

/// A credential, ready to be applied. It holds secrets, so there is no `Debug`.
pub(super) enum Credential {
    /// Requests go out as they are.
    Nothing,
    ApiKey(ApiKey),
    Bearer(BearerToken),
    Basic(BasicAuth),
    /// Signs with the connection's own keys.
    Aws(AwsKeys),
    /// Signs with the keys of a role, assumed with the connection's own keys.
    AwsRole(AssumeRole),
    /// The plugin has it in plain and places it itself.
    Custom,
    /// Incomplete, or of a scheme that is not built. Says why.
    Unusable(String),
}

impl Credential {
    /// Reads the credential of `auth`; `external_id` is the tenant's.
    pub(super) fn read(auth: &EgressAuth, external_id: Option<&str>) -> Self {
        let Some(method) = &auth.method else { return Self::Nothing };
        let material = Material { method, credentials: &auth.credentials };
        Self::read_scheme(method, &material, external_id).unwrap_or_else(Self::Unusable)
    }

    fn read_scheme(
        method: &AuthMethod,
        material: &Material<'_>,
        external_id: Option<&str>,
    ) -> Result<Self, material::Reason> {
        match method.scheme {
            AuthScheme::None => Ok(Self::Nothing),
            AuthScheme::ApiKey => ApiKey::read(material).map(Self::ApiKey),
            AuthScheme::BearerToken => BearerToken::read(material).map(Self::Bearer),
            AuthScheme::BasicAuth => BasicAuth::read(material).map(Self::Basic),
            AuthScheme::AwsSigv4 if material.is_set("assumeRole") => {
                AssumeRole::read(material, external_id).map(Self::AwsRole)
            }
            AuthScheme::AwsSigv4 => AwsKeys::read(material).map(Self::Aws),
            AuthScheme::Custom => Ok(Self::Custom),
            // The enum may grow; what is not known here is not applied.
            _ => Err("the auth scheme is not built in this version".to_owned()),
        }
    }

    /// Headers that only the host may set while this is the connection's credential.
    pub(super) fn owned_headers(&self) -> Vec<HeaderName> {
        match self {
            Self::ApiKey(key) => key.owned_header().into_iter().collect(),
            Self::Aws(_) | Self::AwsRole(_) => sigv4::OWNED_HEADERS.map(HeaderName::from_static).to_vec(),
            _ => Vec::new(),
        }
    }

    /// Refuses a query parameter that only the host may set.
    pub(super) fn check_query(&self, draft: &Draft) -> Result<(), EgressFailure> {
        match self {
            Self::ApiKey(key) => key.check_query(draft),
            _ => Ok(()),
        }
    }

    /// Whether the plugin itself authorizes.
    pub(super) const fn is_custom(&self) -> bool {
        matches!(self, Self::Custom)
    }
}

/// What must not appear in a URL, nor (with brokered schemes) in an answer: all values that are not declared as harmless.
pub(super) fn canaries_of(auth: &EgressAuth) -> Canaries {
    let is_harmless = |name: &str| {
        let parameters = auth.method.iter().flat_map(|method| &method.parameters_metadata);
        parameters.into_iter().any(|parameter| parameter.name == name && !parameter.secret)
    };
    let secrets = auth.credentials.iter().filter(|(name, _)| !is_harmless(name));
    Canaries::new(secrets.map(|(_, value)| value.expose().as_str()))
}

/// Sets `Authorization`, which no log and no `Debug` of a header map will show.
fn authorize(draft: &mut Draft, value: &str) -> Result<(), EgressFailure> {
    draft.headers.insert(AUTHORIZATION, sensitive(value)?);
    Ok(())
}

fn sensitive(value: &str) -> Result<HeaderValue, EgressFailure> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        EgressFailure::Authentication("the credential holds characters that a header cannot carry".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}
