//! Configs and revisions on the wire.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Read, read};
use crate::api::page::Paging;
use crate::api::routes::connection::{AuthInSchema, AuthOut, LastVerificationOut, given};
use crate::domain::Patch;
use crate::domain::error::violation;
use crate::domain::id::TenantUid;
use crate::domain::settings::MASK;
use crate::records::connections::{AuthState, ConnectionState, RevisionRecord};
use crate::service::connections::{ConnectionChange, ConnectionView, Entered};

const DISPLAY_NAME_MAX: usize = 100;
const NOTE_MAX: usize = 500;
const REVISION_ID_MAX: usize = 100;
/// Characters of CA certificates at most.
const CA_BUNDLE_MAX: usize = 64 << 10;
/// Members of responses that may be sent back, and `integrationId`, which the path overrules.
const READ_ONLY: [&str; 11] = [
    "id",
    "openParameters",
    "integrationId",
    "hasAuth",
    "hasAuthMap",
    "authMethodId",
    "authMapEntries",
    "createdBy",
    "createdAt",
    "modifiedAt",
    "lastVerification",
];

/// A config to be made, or what changes of one. Members left out or null are kept.
#[derive(ToSchema)]
#[schema(as = ConfigIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ConfigIn` reads")]
pub(super) struct ConfigInSchema {
    #[schema(example = "staging account", max_length = 100)]
    display_name: Option<String>,
    /// By the integration's `parametersMetadata`.
    #[schema(value_type = Option<Object>, example = json!({"region": "us-east-1"}))]
    parameters: Option<Value>,
    auth: Option<AuthInSchema>,
    /// Certificates in PEM that servers of this connection may chain to, besides the public roots; empty clears them.
    ca_bundle: Option<String>,
    /// `NONE`, `VENDOR`, `SIMULATED` or `READ_THROUGH`: stored and shown.
    #[schema(example = "NONE")]
    sandbox_mode: Option<String>,
    /// Not supported yet: anything but null or an empty list is refused.
    #[schema(value_type = Option<Vec<Object>>)]
    auth_map: Option<Value>,
    /// Not supported yet: anything but null is refused.
    #[schema(value_type = Option<Object>)]
    sandbox_variant: Option<Value>,
    /// Not supported yet: anything but null is refused.
    o_auth_credential_key: Option<String>,
}

/// The members of a config in a request.
pub(super) struct ConfigIn(pub(super) ConnectionChange);

impl Read for ConfigIn {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const SANDBOX_MODES: &[(&str, &str)] = &[
            ("UNSPECIFIED", "NONE"),
            ("NONE", "NONE"),
            ("VENDOR", "VENDOR"),
            ("SIMULATED", "SIMULATED"),
            ("READ_THROUGH", "READ_THROUGH"),
        ];
        let display_name = fields.optional("displayName", read::text(DISPLAY_NAME_MAX));
        let parameters = fields.optional("parameters", given);
        let auth = fields.optional("auth", read::object);
        let ca_bundle = fields.optional("caBundle", read::text(CA_BUNDLE_MAX));
        let sandbox_mode = fields.optional("sandboxMode", read::choice(SANDBOX_MODES));
        let unsupported =
            ["authMap", "sandboxVariant", "oAuthCredentialKey"].map(|name| fields.optional(name, not_yet));
        fields.ignore(&READ_ONLY);
        fields.ignore(&["publishedRevisionId", "publishedVersion"]);
        let [Some(_), Some(_), Some(_)] = unsupported else { return None };
        let ca_bundle = match ca_bundle? {
            Some(pem) if pem.is_empty() => Patch::Clear,
            pem => Patch::initial(pem),
        };
        Some(Self(ConnectionChange {
            display_name: Patch::initial(display_name?),
            entered: Entered {
                parameters: Patch::initial(parameters?),
                auth: Patch::initial(auth?),
                ca_bundle,
                open_parameters: None,
            },
            sandbox_mode: Patch::initial(sandbox_mode?.map(str::to_owned)),
            ..ConnectionChange::default()
        }))
    }
}

/// Documented members whose behaviour is not there yet are refused, never silently dropped.
fn not_yet(at: &At<'_>, value: Value) -> Option<()> {
    match value {
        Value::Array(items) if items.is_empty() => Some(()),
        _ => at.refuse(violation::NOT_SUPPORTED, "is documented, but not supported by this version"),
    }
}

/// The query of a list of configs.
pub(super) struct ListConfigs {
    pub(super) paging: Paging,
}

impl Read for ListConfigs {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { paging: Paging::read(fields)? })
    }
}

/// The query of `:verifyAuth`.
pub(super) struct VerifyQuery;

impl Read for VerifyQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.optional("authMapIndex", not_yet)?;
        Some(Self)
    }
}

/// What is said of a publication.
#[derive(ToSchema)]
#[schema(as = PublishIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `PublishIn` reads")]
pub(super) struct PublishInSchema {
    #[schema(example = "first", max_length = 500)]
    note: Option<String>,
}

pub(super) struct PublishIn {
    pub(super) note: Option<String>,
}

impl Read for PublishIn {
    const BODY_OPTIONAL: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { note: fields.optional("note", read::text(NOTE_MAX))? })
    }
}

/// A revision to go back to.
#[derive(ToSchema)]
#[schema(as = RollbackIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `RollbackIn` reads")]
pub(super) struct RollbackInSchema {
    /// One of the config's revisions.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21")]
    revision_id: String,
}

pub(super) struct RollbackIn {
    pub(super) revision: String,
}

impl Read for RollbackIn {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { revision: fields.required("revisionId", read::filled_text(REVISION_ID_MAX))? })
    }
}

/// A config's draft. Secrets show as a fixed mask; nothing of a credential is shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Config)]
pub(super) struct ConfigOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    #[schema(example = "aws-parameter-store")]
    integration_id: String,
    display_name: Option<String>,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Names of parameters that each sync chooses for itself; only connections of the Infisical dialect have any.
    #[schema(example = json!([]))]
    open_parameters: BTreeSet<String>,
    has_auth: bool,
    has_auth_map: bool,
    auth_method_id: Option<String>,
    auth: Option<AuthOut>,
    #[schema(value_type = Vec<Object>)]
    auth_map_entries: Vec<Value>,
    ca_bundle: Option<String>,
    #[schema(example = "NONE")]
    sandbox_mode: String,
    #[schema(value_type = Option<Object>)]
    sandbox_variant: Option<Value>,
    /// The revision that syncs use; null before the first publication.
    published_revision_id: Option<String>,
    published_version: Option<u64>,
    last_verification: Option<LastVerificationOut>,
    created_by: String,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl From<ConnectionView> for ConfigOut {
    fn from(shown: ConnectionView) -> Self {
        let record = shown.record;
        Self {
            id: record.uid.to_string(),
            integration_id: record.integration.to_string(),
            display_name: record.display_name,
            parameters: masked(&record.draft),
            open_parameters: record.draft.open_parameters,
            has_auth: record.draft.auth.is_some(),
            has_auth_map: false,
            auth_method_id: record.draft.auth.as_ref().map(|auth| auth.method.clone()),
            auth: record.draft.auth.map(AuthOut::from),
            auth_map_entries: Vec::new(),
            ca_bundle: record.draft.ca_bundle,
            sandbox_mode: record.draft.sandbox_mode.unwrap_or_else(|| "NONE".to_owned()),
            sandbox_variant: record.draft.sandbox_variant,
            published_revision_id: record.published.map(|published| published.uid.to_string()),
            published_version: record.published.map(|published| published.number),
            last_verification: shown.verification.map(LastVerificationOut::from),
            created_by: record.created_by.to_string(),
            created_at: record.created_at.unix_ms(),
            modified_at: record.modified_at.unix_ms(),
        }
    }
}

fn masked(state: &ConnectionState) -> Map<String, Value> {
    let mut parameters = state.parameters.clone().unwrap_or_default();
    parameters.extend(state.secret_parameters.iter().map(|name| (name.clone(), Value::from(MASK))));
    parameters
}

/// How a revision authenticates; `parameters` is always empty, since no credential is ever shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevisionAuth)]
struct RevisionAuthOut {
    integration_auth_metadata_id: String,
    #[schema(value_type = String)]
    level: keyferry_contract::AuthLevel,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
}

impl From<AuthState> for RevisionAuthOut {
    fn from(auth: AuthState) -> Self {
        Self { integration_auth_metadata_id: auth.method, level: auth.level, parameters: Map::new() }
    }
}

/// A published revision of a config. It never changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConfigRevision)]
pub(super) struct RevisionOut {
    id: String,
    tenant_id: String,
    config_id: String,
    #[schema(example = 1)]
    version: u64,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Names of parameters that each sync chooses for itself.
    #[schema(example = json!([]))]
    open_parameters: BTreeSet<String>,
    auth: Option<RevisionAuthOut>,
    #[schema(value_type = Vec<Object>)]
    auth_map: Vec<Value>,
    sandbox_mode: String,
    #[schema(value_type = Option<Object>)]
    sandbox_variant: Option<Value>,
    note: Option<String>,
    created_by: String,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
}

impl RevisionOut {
    pub(super) fn of(tenant: TenantUid, revision: RevisionRecord) -> Self {
        Self {
            id: revision.uid.to_string(),
            tenant_id: tenant.to_string(),
            config_id: revision.connection.to_string(),
            version: revision.number,
            parameters: masked(&revision.state),
            open_parameters: revision.state.open_parameters,
            auth: revision.state.auth.map(RevisionAuthOut::from),
            auth_map: Vec::new(),
            sandbox_mode: revision.state.sandbox_mode.unwrap_or_else(|| "NONE".to_owned()),
            sandbox_variant: revision.state.sandbox_variant,
            note: revision.note,
            created_by: revision.created_by.to_string(),
            created_at: revision.created_at.unix_ms(),
        }
    }
}
