//! What requests say of a secret sync.

use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::said::{INITIAL, Options};
use crate::api::fields::{At, Fields, Patch, Read, read};
use crate::api::infisical::extract::project;
use crate::domain::error::violation;
use crate::domain::id::{ConnectionUid, SyncUid};
use crate::domain::name::{FolderPath, Slug};
use crate::domain::sync::InitialSync;

const NAME_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 256;
const ENVIRONMENT_MAX: usize = 64;
const KEY_SCHEMA_MAX: usize = 255;
const UUID_RULE: &str = "must be a UUID";
const PATH_RULE: &str = "must be an absolute folder path, like `/app/db`";

/// The project whose syncs are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Scope {
    /// The project's UUID or slug.
    #[param(rename = "projectId")]
    pub(super) project: String,
}

impl Read for Scope {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { project: project(fields)? })
    }
}

/// A sync to be made.
#[derive(ToSchema)]
#[schema(as = InfisicalNewSecretSync, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewSync` reads")]
pub(super) struct NewSyncSchema {
    /// Letters, digits, `_` and `-`; one of its kind in the project.
    #[schema(example = "app-to-ssm", max_length = 256)]
    name: String,
    /// The project's UUID or slug.
    project_id: String,
    /// A connection of the destination's app.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    connection_id: String,
    #[schema(example = "prod", max_length = 64)]
    environment: String,
    #[schema(example = "/app")]
    secret_path: String,
    #[schema(max_length = 256)]
    description: Option<String>,
    #[schema(default = true)]
    is_auto_sync_enabled: Option<bool>,
    /// By the destination.
    #[schema(value_type = Object, example = json!({"region": "eu-west-1", "path": "/app/"}))]
    destination_config: Value,
    sync_options: OptionsSchema,
}

/// How a sync behaves; a destination can have members of its own beside these.
#[derive(ToSchema)]
#[schema(as = InfisicalSyncOptions, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Options` reads")]
struct OptionsSchema {
    /// `overwrite-destination`, `import-prioritize-source` or `import-prioritize-destination`.
    #[schema(example = "overwrite-destination")]
    initial_sync_behavior: String,
    /// Holds `{{secretKey}}`; also knows `{{environment}}`.
    #[schema(example = "APP_{{secretKey}}", max_length = 255)]
    key_schema: Option<String>,
    /// Whether keys that this sync wrote stay when their secrets go.
    disable_secret_deletion: Option<bool>,
    /// Whether the folders below are carried as well.
    recursive: Option<bool>,
}

pub(super) struct NewSync {
    pub(super) name: String,
    pub(super) project: String,
    pub(super) connection: ConnectionUid,
    pub(super) environment: Slug,
    pub(super) path: FolderPath,
    pub(super) description: Option<String>,
    pub(super) auto_sync: bool,
    pub(super) config: Map<String, Value>,
    pub(super) options: Options,
}

impl Read for NewSync {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let new_name = fields.required("name", name);
        let project = project(fields);
        let connection = fields.required("connectionId", read::parsed(UUID_RULE));
        let in_environment = fields.required("environment", environment);
        let path = fields.required("secretPath", read::parsed(PATH_RULE));
        let description = fields.optional("description", read::text(DESCRIPTION_MAX));
        let auto_sync = fields.or("isAutoSyncEnabled", true, read::boolean);
        let config = fields.required("destinationConfig", read::members);
        let options = fields.required("syncOptions", options);
        Some(Self {
            name: new_name?,
            project: project?,
            connection: connection?,
            environment: in_environment?,
            path: path?,
            description: description?,
            auto_sync: auto_sync?,
            config: config?,
            options: options?,
        })
    }
}

/// What may change of a sync.
#[derive(ToSchema)]
#[schema(as = InfisicalSecretSyncPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `SyncPatch` reads")]
pub(super) struct SyncPatchSchema {
    #[schema(max_length = 256)]
    name: Option<String>,
    connection_id: Option<String>,
    environment: Option<String>,
    secret_path: Option<String>,
    /// `null` clears it.
    description: Option<String>,
    is_auto_sync_enabled: Option<bool>,
    /// Replaces what stood there whole.
    #[schema(value_type = Option<Object>)]
    destination_config: Option<Value>,
    /// Replaces what stood there whole.
    sync_options: Option<OptionsSchema>,
}

pub(super) struct SyncPatch {
    pub(super) name: Option<String>,
    pub(super) connection: Option<ConnectionUid>,
    pub(super) environment: Option<Slug>,
    pub(super) path: Option<FolderPath>,
    pub(super) description: Patch<String>,
    pub(super) auto_sync: Option<bool>,
    pub(super) config: Option<Map<String, Value>>,
    pub(super) options: Option<Options>,
}

impl Read for SyncPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let new_name = fields.optional("name", name);
        let connection = fields.optional("connectionId", read::parsed(UUID_RULE));
        let in_environment = fields.optional("environment", environment);
        let path = fields.optional("secretPath", read::parsed(PATH_RULE));
        let description = fields.patch("description", read::text(DESCRIPTION_MAX));
        let auto_sync = fields.optional("isAutoSyncEnabled", read::boolean);
        let config = fields.optional("destinationConfig", read::members);
        let options = fields.optional("syncOptions", options);
        Some(Self {
            name: new_name?,
            connection: connection?,
            environment: in_environment?,
            path: path?,
            description: description?,
            auto_sync: auto_sync?,
            config: config?,
            options: options?,
        })
    }
}

/// A destination that may have a sync already.
#[derive(ToSchema)]
#[schema(as = InfisicalDestinationCheck, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `DestinationCheck` reads")]
pub(super) struct DestinationCheckSchema {
    /// The project's UUID or slug.
    project_id: String,
    /// The connection that would be used; without it only what syncs say is compared.
    connection_id: Option<String>,
    /// A sync that does not count.
    exclude_sync_id: Option<String>,
    #[schema(value_type = Object, example = json!({"region": "eu-west-1", "path": "/app/"}))]
    destination_config: Value,
}

pub(super) struct DestinationCheck {
    pub(super) project: String,
    pub(super) connection: Option<ConnectionUid>,
    pub(super) except: Option<SyncUid>,
    pub(super) config: Map<String, Value>,
}

impl Read for DestinationCheck {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let connection = fields.optional("connectionId", read::parsed(UUID_RULE));
        let except = fields.optional("excludeSyncId", read::parsed(UUID_RULE));
        let config = fields.required("destinationConfig", read::members);
        Some(Self { project: project?, connection: connection?, except: except?, config: config? })
    }
}

fn name(at: &At<'_>, value: Value) -> Option<String> {
    let name = read::filled_text(NAME_MAX)(at, value)?;
    let is_slug = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if is_slug { Some(name) } else { at.refuse(violation::MALFORMED, "must be letters, digits, `_` and `-`") }
}

fn environment(at: &At<'_>, value: Value) -> Option<Slug> {
    let slug = read::name::<Slug>(at, value)?;
    if slug.as_str().len() > ENVIRONMENT_MAX {
        return at.refuse(violation::TOO_LONG, format!("must have at most {ENVIRONMENT_MAX} characters"));
    }
    Some(slug)
}

/// The members that every destination has.
struct Common {
    initial: InitialSync,
    key_schema: Option<String>,
    disables_deletion: bool,
    recursive: bool,
}

impl Read for Common {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let initial = fields.required("initialSyncBehavior", read::choice(&INITIAL));
        let key_schema = fields.optional("keySchema", key_schema);
        let disables_deletion = fields.or("disableSecretDeletion", false, read::boolean);
        let recursive = fields.or("recursive", false, read::boolean);
        Some(Self {
            initial: initial?,
            key_schema: key_schema?.filter(|schema| !schema.is_empty()),
            disables_deletion: disables_deletion?,
            recursive: recursive?,
        })
    }
}

fn options(at: &At<'_>, value: Value) -> Option<Options> {
    let sent = read::members(at, value)?;
    let common: Common = read::object(at, Value::Object(sent.clone()))?;
    Some(Options {
        initial: common.initial,
        key_schema: common.key_schema,
        disables_deletion: common.disables_deletion,
        recursive: common.recursive,
        sent,
    })
}

/// Beside its placeholders a schema holds letters, digits, `-`, `_` and `/`. The empty text is none.
fn key_schema(at: &At<'_>, value: Value) -> Option<String> {
    let schema = read::text(KEY_SCHEMA_MAX)(at, value)?;
    if schema.is_empty() {
        return Some(schema);
    }
    if !schema.contains("{{secretKey}}") {
        return at.refuse(violation::MALFORMED, "must hold `{{secretKey}}`");
    }
    let rest = schema.replace("{{secretKey}}", "").replace("{{environment}}", "");
    if rest.bytes().any(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'))) {
        let detail = "holds letters, digits, `-`, `_` and `/` beside `{{secretKey}}` and `{{environment}}`";
        return at.refuse(violation::MALFORMED, detail);
    }
    Some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::read_body_leniently;
    use serde_json::json;

    fn request() -> Value {
        json!({"name": "app-to-ssm", "projectId": "acme", "connectionId": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20",
            "environment": "prod", "secretPath": "/app/", "destinationConfig": {"region": "eu-west-1"},
            "syncOptions": {"initialSyncBehavior": "overwrite-destination", "tags": [{"key": "a", "value": "b"}]}})
    }

    fn read(request: &Value) -> crate::domain::Result<NewSync> {
        read_body_leniently(request.to_string().as_bytes())
    }

    #[test]
    fn a_request_is_read_with_its_defaults() {
        let sync = read(&request()).expect("it is complete");
        assert_eq!((sync.path.to_string().as_str(), sync.auto_sync), ("/app", true));
        assert_eq!((sync.options.initial, sync.options.disables_deletion), (InitialSync::OverwriteDestination, false));
        assert!(sync.options.sent.contains_key("tags"), "members of the destination's own are kept");
    }

    #[test]
    fn everything_wrong_is_told_at_its_member() {
        for (pointer, value, expected) in [
            ("/name", json!("not a slug"), "/name"),
            ("/name", json!("x".repeat(257)), "/name"),
            ("/connectionId", json!("7"), "/connectionId"),
            ("/environment", json!("x".repeat(65)), "/environment"),
            ("/secretPath", json!("app"), "/secretPath"),
            ("/syncOptions/initialSyncBehavior", json!("delete-everything"), "/syncOptions/initialSyncBehavior"),
            ("/syncOptions/initialSyncBehavior", json!(null), "/syncOptions/initialSyncBehavior"),
            ("/destinationConfig", json!([]), "/destinationConfig"),
        ] {
            let mut request = request();
            *request.pointer_mut(pointer).expect("it is there") = value;
            let error = read(&request).err().expect("it is wrong");
            assert_eq!(error.violations()[0].pointer, expected);
        }
    }

    #[test]
    fn key_schemas_are_held_to_their_rule() {
        for (schema, fits) in [
            ("{{secretKey}}", true),
            ("app/{{environment}}_{{secretKey}}-1", true),
            ("", true),
            ("{{environment}}", false),
            ("APP", false),
            ("{{secretKey}}.txt", false),
            ("{{ secretKey }}", false),
        ] {
            let mut request = request();
            request["syncOptions"]["keySchema"] = json!(schema);
            assert_eq!(read(&request).is_ok(), fits, "{schema}");
        }
    }
}
