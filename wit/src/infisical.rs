//! How the Infisical dialect's app connections and secret syncs name an integration and its settings.

use serde::{Deserialize, Serialize};

use crate::{LegacyField, LegacyScope};

/// The names of one integration there. An integration that declares none has its own: its id is the app and the destination,
/// and every setting is a member of its own name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Infisical {
    /// The app of its connections, such as `aws`. Several plugins may share one.
    pub app: String,
    /// The app's name for people.
    pub app_name: String,
    /// The ways to connect.
    pub methods: Vec<InfisicalMethod>,
    /// What secret syncs call it. Absent: it is no destination of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<InfisicalDestination>,
    /// Live options that clients ask for by paths of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<InfisicalChoices>,
}

/// One way to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InfisicalMethod {
    /// Such as `access-key`.
    pub name: String,
    /// The auth method that it stands for.
    pub auth: String,
    /// Members of `credentials`, of the scopes `AUTH` and `CONNECTION`; `method` is left out. A default holds for verification
    /// where the member is absent.
    pub credentials: Vec<LegacyField>,
}

/// The names of a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InfisicalDestination {
    /// Such as `aws-parameter-store`.
    pub slug: String,
    /// For people.
    pub name: String,
    /// Members of `destinationConfig`, of the scopes `DESTINATION`, `CONNECTION` and `LABEL`. A parameter of the connection that
    /// stands here is left to each sync, unless it is secret or an `origin`.
    pub config: Vec<LegacyField>,
    /// Members of `syncOptions` beside those of every destination, of the same scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<LegacyField>,
    /// Members of `syncOptions` that clients may send and that the plugin has nothing for: anything but null and `false` is
    /// refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported_options: Vec<String>,
}

/// Live options of one parameter under the path and in the shape that clients expect:
/// `GET .../{connection}/{path}` answers `{list: [{value: .., label: ..}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InfisicalChoices {
    /// The last segment of the path, such as `kms-keys`.
    pub path: String,
    /// `CONNECTION` or `DESTINATION`: which settings the parameter belongs to.
    pub scope: LegacyScope,
    /// A dynamic parameter.
    pub parameter: String,
    /// The member that holds the list, such as `kmsKeys`.
    pub list: String,
    /// The member of an item that holds the option's value, such as `id`.
    pub value: String,
    /// The member of an item that holds the option's label, such as `alias`.
    pub label: String,
    /// Members of the query, of the scopes `CONNECTION` and `DESTINATION`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<LegacyField>,
}
