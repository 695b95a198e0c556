//! Wire types of secrets.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::dto::Revealed;
use crate::api::fields::{Fields, Read, read};
use crate::api::page::Paging;
use crate::api::routes::folders::PATH_RULE;
use crate::domain::error::violation;
use crate::domain::name::{FolderPath, SecretName, Slug, Tag};
use crate::domain::{Expected, Patch};
use crate::service::secrets::{
    BATCH_MAX, BatchDelete, BatchSet, Effect, METADATA_MAX, ReadOptions, SecretChange, SecretRead, TAGS_MAX,
    VALUE_BYTES_MAX, Written,
};

/// What is set of a secret; what is left out stays as it is. A new secret needs a value.
#[derive(ToSchema)]
#[schema(as = SecretIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `SecretChange` reads")]
pub(crate) struct SecretChangeSchema {
    /// At most 262,144 bytes.
    #[schema(example = "postgres://app@db/app")]
    value: Option<String>,
    #[schema(example = "", max_length = 2000)]
    comment: Option<String>,
    #[schema(example = json!(["db"]))]
    tags: Option<Vec<String>>,
    #[schema(example = json!({}))]
    metadata: Option<BTreeMap<String, String>>,
}

impl Read for SecretChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let value = fields.optional("value", read::secret(VALUE_BYTES_MAX));
        let comment = fields.patch("comment", read::text(2_000)).map(cleared);
        let tags = fields.patch("tags", read::list(TAGS_MAX, read::name::<Tag>)).map(cleared);
        let metadata = fields.patch("metadata", read::map(METADATA_MAX, read::text(2_000))).map(cleared);
        fields.ignore(&["uid", "path", "name", "version", "versions", "createdAt", "modifiedAt"]);
        Some(Self { value: value?, comment: comment?, tags: tags?, metadata: metadata?, ..Self::default() })
    }
}

/// What a member becomes: `null` empties it.
fn cleared<T: Default>(patch: Patch<T>) -> Option<T> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(T::default()),
        Patch::Set(value) => Some(value),
    }
}

/// Many changes at once.
#[derive(ToSchema)]
#[schema(as = SecretBatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Batch` reads")]
pub(crate) struct BatchSchema {
    set: Option<Vec<BatchSetSchema>>,
    delete: Option<Vec<BatchDeleteSchema>>,
}

/// One secret that is set, and what of it.
#[derive(ToSchema)]
#[schema(as = SecretBatchSet, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `BatchSet` reads")]
struct BatchSetSchema {
    /// The root when it is left out.
    #[schema(example = "/app")]
    path: Option<String>,
    #[schema(example = "A")]
    name: String,
    #[schema(inline)]
    #[serde(flatten)]
    change: SecretChangeSchema,
}

/// One secret that is deleted.
#[derive(ToSchema)]
#[schema(as = SecretBatchDelete, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `BatchDelete` reads")]
struct BatchDeleteSchema {
    /// The root when it is left out.
    #[schema(example = "/app")]
    path: Option<String>,
    #[schema(example = "B")]
    name: String,
}

/// Many changes at once.
pub(super) struct Batch {
    pub(super) sets: Vec<BatchSet>,
    pub(super) deletes: Vec<BatchDelete>,
}

impl Read for Batch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let sets = fields.or("set", Vec::new(), read::list(BATCH_MAX, read::object::<BatchSet>));
        let deletes = fields.or("delete", Vec::new(), read::list(BATCH_MAX, read::object::<BatchDelete>));
        Some(Self { sets: sets?, deletes: deletes? })
    }
}

impl Read for BatchSet {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let path = fields.or("path", FolderPath::root(), read::parsed(PATH_RULE));
        let name = fields.required("name", read::name::<SecretName>);
        let change = SecretChange::read(fields);
        Some(Self { path: path?, name: name?, change: change?, expected: Expected::Any })
    }
}

impl Read for BatchDelete {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let path = fields.or("path", FolderPath::root(), read::parsed(PATH_RULE));
        let name = fields.required("name", read::name::<SecretName>);
        Some(Self { path: path?, name: name? })
    }
}

/// `view`: names, or values too.
const VIEWS: &[(&str, bool)] = &[("value", true), ("overview", false)];

/// Which secrets are listed.
pub(super) struct ListSecrets {
    pub(super) path: FolderPath,
    pub(super) recursive: bool,
    pub(super) imports: bool,
    pub(super) values: bool,
    pub(super) expand: bool,
    pub(super) paging: Paging,
}

impl Read for ListSecrets {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let path = fields.or("path", FolderPath::root(), read::parsed(PATH_RULE));
        let recursive = fields.or("recursive", false, read::boolean);
        let imports = fields.or("imports", false, read::boolean);
        let values = fields.or("view", false, read::choice(VIEWS));
        let expand = expanding(fields, values);
        let paging = Paging::read(fields);
        Some(Self {
            path: path?,
            recursive: recursive?,
            imports: imports?,
            values: values?,
            expand: expand?,
            paging: paging?,
        })
    }
}

impl ListSecrets {
    /// What a page token is bound to.
    pub(super) fn bound(&self, environment: &Slug) -> Vec<Vec<u8>> {
        let flags = [self.recursive, self.imports].map(u8::from);
        vec![
            b"secrets".to_vec(),
            environment.as_str().as_bytes().to_vec(),
            self.path.to_string().into_bytes(),
            flags.to_vec(),
        ]
    }
}

/// How one secret is read.
pub(super) struct OneSecret(pub(super) ReadOptions);

impl Read for OneSecret {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let values = fields.or("view", false, read::choice(VIEWS));
        let expand = expanding(fields, values);
        let version = fields.optional("version", read::integer(1..=i64::MAX));
        let version = version?.and_then(|version| u64::try_from(version).ok());
        Some(Self(ReadOptions { values: values?, expand: expand?, version }))
    }
}

fn expanding(fields: &mut Fields<'_>, values: Option<bool>) -> Option<bool> {
    let expand = fields.or("expand", false, read::boolean)?;
    if expand && values == Some(false) {
        return fields.refuse("expand", violation::FORBIDDEN, "needs `view=value`");
    }
    Some(expand)
}

/// A secret in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Secret)]
pub(super) struct SecretOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d23")]
    uid: String,
    #[schema(example = "/app/db")]
    path: String,
    #[schema(example = "DATABASE_URL")]
    name: String,
    comment: String,
    #[schema(example = json!(["db"]))]
    tags: Vec<String>,
    metadata: BTreeMap<String, String>,
    #[schema(example = 1)]
    version: u64,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
    /// Only where values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Revealed>,
}

/// A secret, with its versions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretDetail)]
pub(super) struct SecretDetail {
    #[serde(flatten)]
    secret: SecretOut,
    /// The kept versions, from old to new.
    versions: Vec<VersionOut>,
}

/// A version of a secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretVersion)]
struct VersionOut {
    version: u64,
    created_at: i64,
    /// The identity that wrote it.
    created_by: String,
}

impl From<&SecretRead> for SecretOut {
    fn from(read: &SecretRead) -> Self {
        let overview = &read.overview;
        Self {
            uid: overview.uid.to_string(),
            path: read.path.to_string(),
            name: overview.name.to_string(),
            comment: overview.comment.clone(),
            tags: overview.tags.iter().map(Tag::to_string).collect(),
            metadata: overview.metadata.clone(),
            version: read.version,
            created_at: overview.created_at.unix_ms(),
            modified_at: overview.modified_at.unix_ms(),
            value: read.value.clone().map(Revealed),
        }
    }
}

impl From<&SecretRead> for SecretDetail {
    fn from(read: &SecretRead) -> Self {
        let versions = read.overview.versions.iter().map(|version| VersionOut {
            version: version.number,
            created_at: version.created_at.unix_ms(),
            created_by: version.created_by.to_string(),
        });
        Self { secret: SecretOut::from(read), versions: versions.collect() }
    }
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretBatchResult)]
pub(super) struct BatchOut {
    created: usize,
    updated: usize,
    unchanged: usize,
    deleted: usize,
    /// One for each that was set, in order.
    items: Vec<BatchItem>,
}

/// What became of one secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretBatchItem)]
struct BatchItem {
    path: String,
    name: String,
    version: u64,
    /// `CREATED`, `UPDATED` or `UNCHANGED`.
    effect: &'static str,
}

impl BatchOut {
    pub(super) fn new(written: &[Written], deleted: usize) -> Self {
        let count = |effect| written.iter().filter(|item| item.effect == effect).count();
        Self {
            created: count(Effect::Created),
            updated: count(Effect::Updated),
            unchanged: count(Effect::Unchanged),
            deleted,
            items: written.iter().map(BatchItem::from).collect(),
        }
    }
}

impl From<&Written> for BatchItem {
    fn from(written: &Written) -> Self {
        Self {
            path: written.path.to_string(),
            name: written.overview.name.to_string(),
            version: written.overview.version(),
            effect: match written.effect {
                Effect::Created => "CREATED",
                Effect::Updated => "UPDATED",
                Effect::Unchanged => "UNCHANGED",
                Effect::Deleted => "DELETED",
            },
        }
    }
}
