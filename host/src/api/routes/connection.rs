//! What integrations and configs have in common on the wire: credentials on their way in, verifications on their way out,
//! and live choices.

use keyferry_contract::AuthLevel;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Read, read};
use crate::domain::destination::{Account, ChoicePage};
use crate::domain::settings::Given;
use crate::records::connections::{AuthState, VerificationRecord};
use crate::service::connections::{ChoiceQuery, ChoiceScope, GivenAuth, Verification};

/// Characters of the id of an auth method or the name of a parameter at most.
const NAME_MAX: usize = 150;
/// Characters of a plugin's cursor at most.
const CURSOR_MAX: usize = 4096;

const LEVELS: &[(&str, AuthLevel)] =
    &[("UNSPECIFIED", AuthLevel::Unspecified), ("APPLICATION", AuthLevel::Application), ("USER", AuthLevel::User)];

/// A credential for one auth method. It is stored sealed and never comes back.
#[derive(ToSchema)]
#[schema(as = AuthConfigIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `GivenAuth` reads")]
pub(crate) struct AuthInSchema {
    /// The id of an auth method of the integration.
    #[schema(example = "key", max_length = 150)]
    integration_auth_metadata_id: String,
    /// `APPLICATION` or `USER`.
    #[schema(example = "APPLICATION")]
    level: Option<String>,
    /// By the method's `parametersMetadata`. Left out, a stored credential is kept.
    #[schema(value_type = Option<Object>, example = json!({"apiKey": "..."}))]
    parameters: Option<Value>,
}

impl Read for GivenAuth {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let method = fields.optional("integrationAuthMetadataId", read::text(NAME_MAX));
        let level = fields.optional("level", read::choice(LEVELS));
        let parameters = fields.optional("parameters", given);
        fields.ignore(&["grantedScopes"]);
        Some(Self { method: method?, level: level?, parameters: parameters? })
    }
}

/// Settings that the service checks against metadata.
pub(crate) fn given(at: &At<'_>, value: Value) -> Option<Given> {
    read::members(at, value).map(Given::from)
}

/// How a connection authenticates. The credential itself is never shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthSummary)]
pub(crate) struct AuthOut {
    #[schema(example = "key")]
    integration_auth_metadata_id: String,
    #[schema(value_type = String, example = "APPLICATION")]
    level: AuthLevel,
    granted_scopes: Vec<String>,
}

impl From<AuthState> for AuthOut {
    fn from(auth: AuthState) -> Self {
        Self { integration_auth_metadata_id: auth.method, level: auth.level, granted_scopes: auth.granted_scopes }
    }
}

/// Who credentials turned out to be, in the vendor's words.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account)]
pub(crate) struct AccountOut {
    #[schema(example = "111122223333")]
    id: String,
    display_name: Option<String>,
    #[schema(value_type = Object)]
    details: Map<String, Value>,
    /// When the credentials end by themselves.
    expires_at: Option<i64>,
    missing_permissions: Vec<String>,
}

impl From<Account> for AccountOut {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            display_name: account.display_name,
            details: account.details.into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
            expires_at: account.expires_at_unix_s.map(|seconds| i64::from(seconds) * 1000),
            missing_permissions: account.missing_permissions,
        }
    }
}

/// How stored credentials were last found to be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LastVerification)]
pub(crate) struct LastVerificationOut {
    success: bool,
    error: Option<String>,
    account: Option<AccountOut>,
    #[schema(example = 1_760_000_000_000_i64)]
    verified_at: i64,
}

impl From<VerificationRecord> for LastVerificationOut {
    fn from(verification: VerificationRecord) -> Self {
        Self {
            success: verification.succeeded,
            error: verification.error,
            account: verification.account.map(AccountOut::from),
            verified_at: verification.at.unix_ms(),
        }
    }
}

/// How a test of credentials ended. Rejected credentials are a result, not an error.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Verification)]
pub(crate) struct VerificationOut {
    success: bool,
    /// Why not, in the plugin's words.
    error: Option<String>,
    /// Always null: no auth method of this version asks for consent.
    authorization_url: Option<String>,
    /// Always empty: credentials are not yet chosen per request.
    #[schema(value_type = Vec<Object>)]
    auth_map_results: Vec<Value>,
    /// Why not, as a word: `credentials_rejected`, `permission_denied`, `plugin_unavailable` ...
    #[schema(example = "credentials_rejected")]
    code: Option<&'static str>,
    account: Option<AccountOut>,
}

impl From<Verification> for VerificationOut {
    fn from(verification: Verification) -> Self {
        let (code, error) = verification.failure.map_or((None, None), |(code, error)| (Some(code.text()), Some(error)));
        Self {
            success: error.is_none(),
            error,
            authorization_url: None,
            auth_map_results: Vec::new(),
            code,
            account: verification.account.map(AccountOut::from),
        }
    }
}

/// Which live options are asked for.
#[derive(ToSchema)]
#[schema(as = ChoicesIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ChoiceQuery` reads")]
pub(crate) struct ChoicesInSchema {
    /// `CONNECTION` or `DESTINATION`: which settings the parameter belongs to.
    #[schema(example = "CONNECTION")]
    scope: String,
    #[schema(example = "region")]
    parameter: String,
    /// Settings of this scope entered so far.
    #[schema(value_type = Option<Object>, example = json!({}))]
    known: Option<Value>,
    /// What a sync would choose of the parameters that the config leaves to each sync.
    #[schema(value_type = Option<Object>, example = json!({}))]
    chosen: Option<Value>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl Read for ChoiceQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const SCOPES: &[(&str, ChoiceScope)] =
            &[("CONNECTION", ChoiceScope::Connection), ("DESTINATION", ChoiceScope::Destination)];
        let scope = fields.required("scope", read::choice(SCOPES));
        let parameter = fields.required("parameter", read::filled_text(NAME_MAX));
        let known = fields.or("known", Map::new(), read::members);
        let chosen = fields.or("chosen", Map::new(), read::members);
        let cursor = fields.optional("cursor", read::text(CURSOR_MAX));
        Some(Self {
            scope: scope?,
            parameter: parameter?,
            known: known?,
            chosen: chosen?,
            cursor: cursor?.filter(|cursor| !cursor.is_empty()),
        })
    }
}

/// One live option.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Choice)]
struct ChoiceOut {
    #[schema(example = "eu-west-1")]
    value: String,
    #[schema(example = "Europe (Ireland)")]
    label: String,
    description: Option<String>,
}

/// A page of live options.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Choices)]
pub(crate) struct ChoicesOut {
    choices: Vec<ChoiceOut>,
    /// What to send as `cursor` for more; null at the end.
    next: Option<String>,
}

impl From<ChoicePage> for ChoicesOut {
    fn from(page: ChoicePage) -> Self {
        let choices = page.choices.into_iter().map(|choice| ChoiceOut {
            value: choice.value,
            label: choice.label,
            description: choice.description,
        });
        Self { choices: choices.collect(), next: page.next }
    }
}
