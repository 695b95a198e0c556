//! What a connection, a credential and a sync ask. An integration of its own may ask more, so the rest is kept as it came.

use keyferry_sdk::settings::{Fields, Parameter};
use keyferry_sdk::{Error, Settings};
use serde_json::{Map, Value};

#[derive(Settings)]
struct Declared {
    /// Scheme, host and port of the API.
    #[setting(display_name = "Base URL", origin)]
    base_url: String,
}

/// Where the API is, and whatever else the integration's connections ask.
#[derive(Clone)]
pub struct Api {
    /// Scheme, host and port, without a slash at the end.
    pub base_url: String,
    /// Every parameter of the connection.
    pub parameters: Map<String, Value>,
}

impl Settings for Api {
    fn parameters() -> Vec<Parameter> {
        Declared::parameters()
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let Declared { base_url } = Declared::take(fields)?;
        Some(Self { base_url: base_url.trim_end_matches('/').to_owned(), parameters: Map::new() })
    }

    fn from_object(object: &Map<String, Value>) -> Result<Self, Error> {
        let Declared { base_url } = Declared::from_object(object)?;
        Ok(Self { base_url: base_url.trim_end_matches('/').to_owned(), parameters: object.clone() })
    }
}

/// Whatever one sync asks, as `pluginSettings.destinationMetadata` declares it.
#[derive(Clone, Default)]
pub struct Target {
    /// Every parameter of the destination.
    pub parameters: Map<String, Value>,
}

impl Settings for Target {
    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }

    fn take(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self::default())
    }

    fn from_object(object: &Map<String, Value>) -> Result<Self, Error> {
        Ok(Self { parameters: object.clone() })
    }
}

/// A key that the host places.
#[derive(Settings)]
pub struct ApiKey {
    #[setting(display_name = "API key", secret)]
    pub api_key: String,
}

/// A token for `Authorization: Bearer`.
#[derive(Settings)]
pub struct BearerToken {
    #[setting(display_name = "Token", secret)]
    pub token: String,
}

/// User and password (RFC 7617).
#[derive(Settings)]
pub struct Login {
    #[setting(display_name = "User")]
    pub username: String,
    #[setting(display_name = "Password", secret)]
    pub password: String,
}
