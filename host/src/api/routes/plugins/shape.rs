//! Plugins on the wire.

use keyferry_contract::{EgressEntry, Metadata};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Read, read};
use crate::domain::error::violation;
use crate::domain::id::Digest;
use crate::domain::plugin::{Grants, Limits};
use crate::domain::plugin_version::PluginVersion;
use crate::service::plugins::capability::{CapabilityDiff, wants_plaintext};
use crate::service::plugins::{PluginState, PluginView, Review, VersionView, WhichVersion};

/// Egress entries that one version can have.
const EGRESS_MAX: usize = 64;
/// Characters of an entry's id or a version at most.
const NAME_MAX: usize = 100;

/// What a version may do. What is not named is not allowed.
#[derive(ToSchema)]
#[schema(as = GrantsIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `GrantsIn` reads")]
pub(super) struct GrantsInSchema {
    /// The version that is meant, by its number or its digest; the one installed last when both are left out.
    #[schema(example = "1.0.0")]
    version: Option<String>,
    digest: Option<String>,
    /// Ids of declared egress entries.
    #[schema(example = json!(["ssm", "sts"]))]
    egress: Vec<String>,
    /// Whether credentials of `CUSTOM` auth methods reach the plugin in plain.
    plaintext: Option<bool>,
    limits: Option<LimitsSchema>,
}

/// What one call may use. Members left out take their defaults.
#[derive(ToSchema)]
#[schema(as = PluginLimitsIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `limits` reads")]
struct LimitsSchema {
    memory_bytes: Option<u64>,
    time_factor: Option<u32>,
    requests: Option<u32>,
    host_call_bytes: Option<u64>,
    transfer_bytes: Option<u64>,
    host_calls: Option<u32>,
    log_lines: Option<u32>,
}

pub(super) struct GrantsIn {
    pub(super) which: WhichVersion,
    pub(super) review: Review,
}

impl Read for GrantsIn {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let which = which(fields);
        let review = review(fields);
        Some(Self { which: which?, review: review? })
    }
}

fn which(fields: &mut Fields<'_>) -> Option<WhichVersion> {
    let version = fields.optional("version", read::parsed::<PluginVersion>("must be a version such as `1.0.0`"));
    let digest = fields.optional("digest", read::parsed::<Digest>("must be `sha256:` and 64 hexadecimal digits"));
    match (version?, digest?) {
        (None, None) => Some(WhichVersion::Last),
        (Some(version), None) => Some(WhichVersion::Version(version)),
        (None, Some(digest)) => Some(WhichVersion::Digest(digest)),
        (Some(_), Some(_)) => fields.refuse("digest", violation::FORBIDDEN, "is not allowed beside `version`"),
    }
}

fn review(fields: &mut Fields<'_>) -> Option<Review> {
    let egress = fields.or("egress", Vec::new(), read::list(EGRESS_MAX, read::filled_text(NAME_MAX)));
    let plaintext = fields.or("plaintext", false, read::boolean);
    let limits = fields.optional("limits", read::object::<LimitsIn>);
    Some(Review { egress: egress?, plaintext: plaintext?, limits: limits?.map(|LimitsIn(limits)| limits) })
}

/// Grants inside an activation, which names the version itself.
struct InnerGrants(Review);

impl Read for InnerGrants {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        review(fields).map(Self)
    }
}

struct LimitsIn(Limits);

impl Read for LimitsIn {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let default = Limits::default();
        let memory_bytes = fields.or("memoryBytes", default.memory_bytes, up_to(1 << 20, Limits::MEMORY_BYTES_CEILING));
        let time_factor = fields.or("timeFactor", default.time_factor, up_to(1, 100));
        let requests = fields.or("requests", default.requests, up_to(1, 10_000));
        let host_call_bytes = fields.or("hostCallBytes", default.host_call_bytes, up_to(1 << 10, 32 << 20));
        let transfer_bytes = fields.or("transferBytes", default.transfer_bytes, up_to(1 << 10, 512 << 20));
        let host_calls = fields.or("hostCalls", default.host_calls, up_to(1, 1_000_000));
        let log_lines = fields.or("logLines", default.log_lines, up_to(0, 10_000));
        Some(Self(Limits {
            memory_bytes: memory_bytes?,
            time_factor: time_factor?,
            requests: requests?,
            host_call_bytes: host_call_bytes?,
            transfer_bytes: transfer_bytes?,
            host_calls: host_calls?,
            log_lines: log_lines?,
        }))
    }
}

fn up_to<T: TryFrom<i64>>(min: i64, max: u64) -> impl Fn(&At<'_>, serde_json::Value) -> Option<T> {
    move |at, value| {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let number = read::integer(min..=max)(at, value)?;
        T::try_from(number).map_or_else(|_| at.refuse(violation::OUT_OF_RANGE, "is too large"), Some)
    }
}

/// Which version, and what it may do.
#[derive(ToSchema)]
#[schema(as = ActivateIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ActivateIn` reads")]
pub(super) struct ActivateInSchema {
    /// The version that is meant, by its number or its digest; the one installed last when both are left out.
    #[schema(example = "1.0.0")]
    version: Option<String>,
    digest: Option<String>,
    grants: Option<InnerGrantsSchema>,
}

/// What the version may do. What is not named is not allowed.
#[derive(ToSchema)]
#[schema(as = Grants, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `InnerGrants` reads")]
struct InnerGrantsSchema {
    /// Ids of declared egress entries.
    #[schema(example = json!(["ssm", "sts"]))]
    egress: Vec<String>,
    /// Whether credentials of `CUSTOM` auth methods reach the plugin in plain.
    plaintext: Option<bool>,
    limits: Option<LimitsSchema>,
}

pub(super) struct ActivateIn {
    pub(super) which: WhichVersion,
    pub(super) grants: Option<Review>,
}

impl Read for ActivateIn {
    const BODY_OPTIONAL: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let which = which(fields);
        let grants = fields.optional("grants", read::object::<InnerGrants>);
        Some(Self { which: which?, grants: grants?.map(|InnerGrants(review)| review) })
    }
}

/// A plugin.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Plugin)]
pub(super) struct PluginOut {
    #[schema(example = "http")]
    id: String,
    #[schema(example = "HTTP")]
    display_name: String,
    description: String,
    docs_url: Option<String>,
    icon: Option<String>,
    tags: Vec<String>,
    /// `INSTALLED`, `ACTIVE` or `DISABLED`.
    #[schema(value_type = String, example = "ACTIVE")]
    state: PluginState,
    /// The version that calls go to, else the one installed last.
    #[schema(example = "1.0.0")]
    version: Option<String>,
    digest: Option<String>,
    #[schema(example = "1.0.0")]
    active_version: Option<String>,
    /// Those that are kept, oldest first.
    versions: Vec<PluginVersionOut>,
    #[schema(example = 1_760_000_000_000_i64)]
    installed_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl PluginOut {
    pub(super) fn into_versions(self) -> Vec<PluginVersionOut> {
        self.versions
    }
}

impl From<PluginView> for PluginOut {
    fn from(shown: PluginView) -> Self {
        let metadata: Option<Metadata> = shown.current().map(|version| (**version.metadata).clone());
        let active = shown.record.active.clone();
        Self {
            id: shown.record.id.to_string(),
            display_name: metadata.as_ref().map(|metadata| metadata.display_name.clone()).unwrap_or_default(),
            description: metadata.as_ref().map(|metadata| metadata.description.clone()).unwrap_or_default(),
            docs_url: metadata.as_ref().and_then(|metadata| metadata.docs_url.clone()),
            icon: metadata.as_ref().and_then(|metadata| metadata.icon.clone()),
            tags: metadata.map(|metadata| metadata.tags).unwrap_or_default(),
            state: shown.state(),
            version: shown.current().map(|version| version.entry.version.to_string()),
            digest: shown.current().map(|version| version.entry.digest.to_string()),
            active_version: active.as_ref().map(ToString::to_string),
            installed_at: shown.record.installed_at.unix_ms(),
            modified_at: shown.record.modified_at.unix_ms(),
            versions: shown
                .versions
                .into_iter()
                .map(|version| {
                    let is_active = active.as_ref() == Some(&version.entry.version);
                    PluginVersionOut::of(version, is_active)
                })
                .collect(),
        }
    }
}

/// One version of a plugin.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PluginVersion)]
pub(super) struct PluginVersionOut {
    #[schema(example = "1.0.0")]
    version: String,
    #[schema(example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    digest: String,
    is_active: bool,
    component_bytes: u64,
    imports: Vec<String>,
    has_destination: bool,
    executes_custom: bool,
    /// Every place that it sends requests to.
    #[schema(value_type = Vec<Object>)]
    egress: Vec<EgressEntry>,
    /// Whether an auth method hands its credentials to the plugin in plain.
    wants_plaintext: bool,
    /// What it may do; null while it waits for a review.
    #[schema(value_type = Option<Object>)]
    grants: Option<Grants>,
    /// What changes against the running version.
    #[schema(value_type = Object)]
    capability_diff: CapabilityDiff,
    /// Since when it is known to break down often.
    degraded_since: Option<i64>,
    #[schema(example = 1_760_000_000_000_i64)]
    installed_at: i64,
    installed_by: String,
}

impl PluginVersionOut {
    fn of(shown: VersionView, is_active: bool) -> Self {
        Self {
            version: shown.entry.version.to_string(),
            digest: shown.entry.digest.to_string(),
            is_active,
            component_bytes: shown.row.component_bytes,
            imports: shown.row.imports,
            has_destination: shown.row.has_destination,
            executes_custom: shown.metadata.executes_custom(),
            egress: shown.metadata.egress.clone(),
            wants_plaintext: wants_plaintext(&shown.metadata),
            grants: shown.entry.grants,
            capability_diff: shown.diff,
            degraded_since: shown.entry.degraded_since.map(crate::domain::Timestamp::unix_ms),
            installed_at: shown.entry.installed_at.unix_ms(),
            installed_by: shown.entry.installed_by.to_string(),
        }
    }
}
