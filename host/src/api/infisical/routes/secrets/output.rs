//! A secret as clients of this dialect expect it: every member always there.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::dto::Revealed;
use crate::api::infisical::time;
use crate::domain::id::TenantUid;
use crate::domain::{Secret, Timestamp};
use crate::records::overrides::PersonalOverride;
use crate::records::tags::TagRecord;
use crate::service::secrets::gather::{Found, Gathered, Imported, Known};

/// What stands in place of a value that is not shown.
pub(super) const HIDDEN: &str = "<hidden-by-infisical>";

/// A secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecret)]
pub(super) struct SecretOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d23")]
    id: String,
    /// The same as `id`.
    #[serde(rename = "_id")]
    legacy_id: String,
    /// The project's id.
    workspace: String,
    /// The environment's slug.
    #[schema(example = "prod")]
    environment: String,
    #[schema(example = 1)]
    version: u64,
    /// `shared`, or `personal` for what the caller alone holds in place of the value.
    #[serde(rename = "type")]
    #[schema(example = "shared")]
    kind: &'static str,
    #[schema(example = "DATABASE_URL")]
    secret_key: String,
    /// `<hidden-by-infisical>` where `secretValueHidden` is true.
    secret_value: Revealed,
    secret_comment: String,
    secret_reminder_note: Option<String>,
    secret_reminder_repeat_days: Option<u32>,
    skip_multiline_encoding: bool,
    secret_value_hidden: bool,
    #[schema(example = "/app/db")]
    secret_path: String,
    secret_metadata: Vec<MetadataOut>,
    tags: Vec<TagOut>,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    updated_at: String,
    /// Always false: the host rotates no secrets.
    is_rotated_secret: bool,
    rotation_id: Option<String>,
}

/// A member of a secret's metadata.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalSecretMetadata)]
struct MetadataOut {
    key: String,
    value: String,
    /// Always false: all of a secret's record is encrypted.
    is_encrypted: bool,
}

/// A tag as a secret carries it.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalSecretTag)]
struct TagOut {
    id: String,
    slug: String,
    name: String,
    color: String,
}

impl From<&TagRecord> for TagOut {
    fn from(tag: &TagRecord) -> Self {
        let TagRecord { uid, slug, name, color, .. } = tag;
        Self { id: uid.to_string(), slug: slug.to_string(), name: name.clone(), color: color.clone() }
    }
}

impl SecretOut {
    /// The shared secret.
    pub(super) fn shared(project: TenantUid, found: &Found, known: &Known) -> Self {
        let overview = &found.read.overview;
        let metadata = overview.metadata.iter().map(|(key, value)| MetadataOut {
            key: key.clone(),
            value: value.clone(),
            is_encrypted: false,
        });
        Self {
            id: overview.uid.to_string(),
            legacy_id: overview.uid.to_string(),
            workspace: project.to_string(),
            environment: found.environment.to_string(),
            version: found.read.version,
            kind: "shared",
            secret_key: overview.name.to_string(),
            secret_value: shown(found.read.value.as_ref()),
            secret_comment: overview.comment.clone(),
            secret_reminder_note: overview.hints.reminder_note.clone(),
            secret_reminder_repeat_days: overview.hints.reminder_repeat_days,
            skip_multiline_encoding: overview.hints.skip_multiline_encoding.unwrap_or(false),
            secret_value_hidden: found.read.value.is_none(),
            secret_path: found.read.path.to_string(),
            secret_metadata: metadata.collect(),
            tags: overview.tags.iter().filter_map(|slug| known.tags.get(slug)).map(TagOut::from).collect(),
            created_at: time::text(overview.created_at),
            updated_at: time::text(overview.modified_at),
            is_rotated_secret: false,
            rotation_id: None,
        }
    }

    /// What the caller holds in place of the secret's value.
    pub(super) fn personal(
        project: TenantUid,
        found: &Found,
        personal: &PersonalOverride,
        (known, is_shown): (&Known, bool),
    ) -> Self {
        let id = personal.uid.to_string();
        Self {
            id: id.clone(),
            legacy_id: id,
            version: personal.version,
            kind: "personal",
            secret_value: shown(is_shown.then_some(&personal.value)),
            secret_value_hidden: !is_shown,
            secret_comment: personal.comment.clone(),
            created_at: time::text(personal.created_at),
            updated_at: time::text(personal.modified_at),
            ..Self::shared(project, found, known)
        }
    }

    /// The same, at the time of an earlier version.
    pub(super) fn updated(mut self, at: Timestamp) -> Self {
        self.updated_at = time::text(at);
        self
    }
}

fn shown(value: Option<&Secret<String>>) -> Revealed {
    Revealed(value.cloned().unwrap_or_else(|| Secret::from(HIDDEN)))
}

/// A secret.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalSecretAnswer)]
pub(super) struct OneOut {
    pub(super) secret: SecretOut,
}

/// Secrets that were written.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalSecretsAnswer)]
pub(super) struct ManyOut {
    pub(super) secrets: Vec<SecretOut>,
}

/// Secrets of a folder, and apart from them what it imports.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalSecretList)]
pub(super) struct ListOut {
    secrets: Vec<SecretOut>,
    /// Only where asked for. A later one wins over an earlier one, the secrets themselves over all.
    #[serde(skip_serializing_if = "Option::is_none")]
    imports: Option<Vec<ImportOut>>,
}

/// Secrets of one imported folder.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalImportedSecrets)]
struct ImportOut {
    #[schema(example = "/shared")]
    secret_path: String,
    #[schema(example = "prod")]
    environment: String,
    folder_id: String,
    secrets: Vec<SecretOut>,
}

impl ListOut {
    pub(super) fn new(project: TenantUid, gathered: &Gathered, with_imports: bool) -> Self {
        let imports =
            || gathered.imports.iter().map(|import| ImportOut::new(project, import, &gathered.known)).collect();
        Self { secrets: rows(project, &gathered.secrets, &gathered.known), imports: with_imports.then(imports) }
    }
}

impl ImportOut {
    fn new(project: TenantUid, import: &Imported, known: &Known) -> Self {
        Self {
            secret_path: import.place.path.to_string(),
            environment: import.place.environment.to_string(),
            folder_id: import.folder.to_string(),
            secrets: rows(project, &import.secrets, known),
        }
    }
}

/// Each shared secret, and after it what the caller holds in its place.
fn rows(project: TenantUid, found: &[Found], known: &Known) -> Vec<SecretOut> {
    let mut rows = Vec::with_capacity(found.len());
    for found in found {
        rows.push(SecretOut::shared(project, found, known));
        let shown = (known, found.read.value.is_some());
        rows.extend(found.personal.iter().map(|personal| SecretOut::personal(project, found, personal, shown)));
    }
    rows
}
