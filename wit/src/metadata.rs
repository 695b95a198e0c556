//! The metadata document: identity, configuration, egress and how the Infisical dialect's generic fields map onto it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Infisical, SyncRules};

/// What `describe` returns, as one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The integration type's id: letters, digits, `_`, `-`; 1 to 150 characters.
    pub id: String,
    /// The plugin's own version, as Semantic Versioning 2.0.0.
    pub version: String,
    /// At most 100 characters.
    pub display_name: String,
    /// At most 500 characters.
    #[serde(default)]
    pub description: String,
    /// The vendor's or the plugin's documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs_url: Option<String>,
    /// The name of an icon. Text, never markup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Words to find the integration by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What a connection asks: parameters and auth methods.
    #[serde(default)]
    pub config_metadata: ConfigMetadata,
    /// What one sync asks: path, repository, secret name.
    #[serde(default)]
    pub destination_metadata: Vec<Parameter>,
    /// How this destination is synced to. Absent in plugins that only describe and verify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncRules>,
    /// Every place that the plugin sends requests to.
    #[serde(default)]
    pub egress: Vec<EgressEntry>,
    /// How the generic members of the Infisical dialect map onto this plugin's settings.
    #[serde(default)]
    pub legacy_fields: Vec<LegacyField>,
    /// Other names that the Infisical dialect has for the integration, the one that it shows first. The id always counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legacy_names: Vec<String>,
    /// What the Infisical dialect's app connections and secret syncs call the integration and its settings. Absent: they have
    /// the integration's own names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infisical: Option<Infisical>,
    /// A JSON Schema (draft 2020-12) of the `pluginSettings` of CUSTOM integrations. Absent: the plugin executes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_settings_metadata: Option<Value>,
}

/// The parameters and auth methods of a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMetadata {
    /// Non-secret connection parameters.
    #[serde(default)]
    pub parameters_metadata: Vec<Parameter>,
    /// The ways to authenticate, one of which a connection chooses.
    #[serde(default)]
    pub auth_metadata: Vec<AuthMethod>,
}

/// One parameter. The first sixteen members are always present on the wire; the rest only when set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// The key in `parameters` maps and placeholders.
    #[serde(default)]
    pub name: String,
    /// The position at which it is shown.
    #[serde(default)]
    pub index: i64,
    /// The type of its value.
    #[serde(default, rename = "type")]
    pub kind: ParameterType,
    /// A refinement of the type; `label` and `origin` have a meaning to the host (see [`crate::vocabulary::type_name`]).
    #[serde(default)]
    pub type_name: Option<String>,
    /// Bounds of an `Integer`, inclusive.
    #[serde(default)]
    pub integer_range: Option<IntegerRange>,
    /// Bounds of a `Float`, inclusive.
    #[serde(default)]
    pub float_range: Option<FloatRange>,
    /// The values of an `Option`.
    #[serde(default)]
    pub options: Option<Vec<OptionChoice>>,
    /// Stored and echoed.
    #[serde(default)]
    pub asset: Option<Asset>,
    /// At most 100 characters.
    #[serde(default)]
    pub display_name: Option<String>,
    /// At most 500 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether a value must be given (or stand as default).
    #[serde(default)]
    pub required: bool,
    /// Whether the value is a credential: sealed, and never returned.
    #[serde(default)]
    pub secret: bool,
    /// The value when none is given, as text whatever the type.
    #[serde(default)]
    pub default_value: Option<String>,
    /// A JSON Schema for a `Json` parameter's value.
    #[serde(default)]
    pub json_schema: Option<Value>,
    /// A hint for user interfaces, stored and echoed: `UNSPECIFIED`, `CODE`.
    #[serde(default)]
    pub ui_hint: Option<String>,
    /// Conditions under which it is shown, hidden, required or forbidden.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// A regular expression that the whole of a `String` value matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least number of Unicode characters of a `String` value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// The greatest number of Unicode characters of a `String` value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Whether live options can be asked for with `choices`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dynamic: bool,
}

/// The type of a parameter's value. Read in any case, written as named here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ParameterType {
    #[default]
    #[serde(alias = "string", alias = "STRING", alias = "UNSPECIFIED")]
    String,
    #[serde(alias = "integer", alias = "INTEGER")]
    Integer,
    #[serde(alias = "float", alias = "FLOAT")]
    Float,
    #[serde(alias = "boolean", alias = "BOOLEAN")]
    Boolean,
    #[serde(alias = "option", alias = "OPTION")]
    Option,
    #[serde(alias = "json", alias = "JSON")]
    Json,
}

/// Bounds, inclusive; either may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IntegerRange {
    #[serde(default)]
    pub min: Option<i64>,
    #[serde(default)]
    pub max: Option<i64>,
}

/// Bounds, inclusive; either may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FloatRange {
    #[serde(default)]
    pub min: Option<f64>,
    #[serde(default)]
    pub max: Option<f64>,
}

/// One value of an `Option` parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OptionChoice {
    pub value: String,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
}

/// What kind of asset a parameter names. Stored and echoed; no behaviour rests on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Asset {
    #[serde(default)]
    pub providers: Option<Vec<String>>,
    #[serde(default)]
    pub content_types: Option<Vec<String>>,
    #[serde(default)]
    pub vectorized: bool,
}

/// An effect on the parameter that carries it, while every condition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default)]
    pub effect: RuleEffect,
    #[serde(default)]
    pub all: Vec<Condition>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RuleEffect {
    #[default]
    Unspecified,
    Show,
    Hide,
    Require,
    Forbid,
}

/// A test of another parameter's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    #[serde(default)]
    pub source_param: String,
    #[serde(default)]
    pub operator: RuleOperator,
    #[serde(default)]
    pub values: Vec<String>,
}

/// How a condition tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RuleOperator {
    #[default]
    Unspecified,
    Equals,
    NotEquals,
    In,
    NotIn,
    IsSet,
    IsNotSet,
}

/// One way to authenticate. All twelve members are always present on the wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthMethod {
    /// Referred to as `integrationAuthMetadataId`.
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// What the host does with the credential.
    #[serde(default, rename = "type")]
    pub scheme: AuthScheme,
    /// Stored and echoed.
    #[serde(default = "unspecified")]
    pub sensitivity: String,
    #[serde(default)]
    pub auth_provider_name: Option<String>,
    /// Whether `:verifyConfig` can test it.
    #[serde(default)]
    pub config_test_supported: bool,
    #[serde(default)]
    pub supported_levels: Vec<AuthLevel>,
    #[serde(default)]
    pub auth_map: AuthMap,
    #[serde(default)]
    pub auth_settings: AuthSettings,
    /// What a person enters for this method.
    #[serde(default)]
    pub parameters_metadata: Vec<Parameter>,
    #[serde(default)]
    pub available_scopes: Vec<String>,
}

fn unspecified() -> String {
    "UNSPECIFIED".to_owned()
}

/// What the host does with a credential, at the edge, outside the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum AuthScheme {
    #[default]
    Unspecified,
    /// Nothing.
    None,
    /// A header or a query parameter. Settings: `header` or `query`, and `prefix`. Credential: the first secret parameter.
    ApiKey,
    /// `Authorization: <scheme> <token>`. Setting: `scheme`, by default `Bearer`. Credential: the first secret parameter.
    BearerToken,
    /// RFC 7617. Settings: `usernameParameter`, `passwordParameter`, by default `username` and `password`.
    BasicAuth,
    /// OAuth 2.0. Not applied by this version of the host.
    #[serde(rename = "O_AUTH2")]
    OAuth2,
    /// AWS Signature Version 4. Credentials: `accessKeyId`, `secretAccessKey` and optionally `sessionToken`; with the setting
    /// `assumeRole` = `true` also `roleArn`, exchanged through the egress entry that the setting `exchangeEntry` names. That
    /// setting is a list of entry ids, separated by commas: the first entry is used whose host names no unset setting, so that
    /// a connection with an endpoint of its own is exchanged there too (`sts-custom,sts`). Every entry named has `signing`.
    AwsSigv4,
    /// The plugin gets the credentials in plain; needs the administrator's `plaintext` grant.
    Custom,
}

/// Whose credential it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthLevel {
    #[default]
    Unspecified,
    /// One credential for all users.
    Application,
    /// One credential per user.
    User,
}

/// Selection of a credential per request. Stored and echoed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthMap {
    #[serde(default)]
    pub use_map: bool,
    #[serde(default)]
    pub key_template: Option<String>,
    #[serde(default)]
    pub parameters_metadata: Vec<Parameter>,
}

/// How a credential is applied; the keys are those of the scheme.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// One place that the plugin sends requests to.
///
/// `host` is literal, or a pattern with settings in braces: `{name}` stands for one host label, taken from a `label`
/// parameter; a host that is nothing but `{name}` takes scheme, host and port from an `origin` parameter. An entry that
/// names an unset setting is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressEntry {
    /// What a request names.
    pub id: String,
    /// The host pattern.
    pub host: String,
    /// Methods allowed.
    pub methods: Vec<String>,
    /// Ports allowed; with an `origin` setting its port. Default: 443.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// For `AWS_SIGV4`: what requests through this entry are signed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
}

/// AWS service and region of an egress entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The service name of the credential scope, such as `ssm`.
    pub service: String,
    /// A literal region, or a `label` setting in braces.
    pub region: String,
}

/// Where one generic member of the Infisical dialect goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LegacyField {
    /// `app`, `appId`, `region`, `path`, `owner`, `scope`, `url` ..., or a dotted member of `metadata`; of a credential
    /// `accessId`, `accessToken`, `refreshToken` or `awsAssumeIamRoleArn`.
    pub field: String,
    pub scope: LegacyScope,
    /// The parameter that takes the value.
    pub parameter: String,
    /// With the scope `AUTH`: the auth method that the parameter belongs to. Of several methods the one counts that takes all
    /// members given, and the fewest besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// `surroundWithSlashes`: the value is made to begin and end with a slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<String>,
    /// The value when the member is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
}

/// Which settings a generic member belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LegacyScope {
    /// The connection's own. One that is neither secret nor an `origin`, and that the dialect says with each integration, is
    /// left to each sync.
    Connection,
    /// A parameter of an auth method.
    Auth,
    Destination,
    /// A display name, with no effect.
    Label,
}
