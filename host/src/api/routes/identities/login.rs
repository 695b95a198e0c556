//! What bounds the access tokens and client secrets of an identity, as it is read and shown.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Read, read};
use crate::domain::login::{
    Lockout, LockoutChange, LoginChange, LoginPolicy, NETWORKS_MAX, TOKEN_TTL_RANGE_S, USES_MAX,
};
use crate::domain::network::Network;

/// A whole number of seconds or uses.
pub(crate) fn number(range: RangeInclusive<u64>) -> impl Fn(&At<'_>, Value) -> Option<u64> {
    let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let range = bound(*range.start())..=bound(*range.end());
    move |at, value| read::integer(range.clone())(at, value).map(i64::unsigned_abs)
}

/// As [`number`], of the numbers of a lockout.
pub(crate) fn small_number(range: RangeInclusive<u32>) -> impl Fn(&At<'_>, Value) -> Option<u32> {
    let read = number(u64::from(*range.start())..=u64::from(*range.end()));
    move |at, value| read(at, value).and_then(|number| u32::try_from(number).ok())
}

/// How long access tokens are good for.
pub(super) fn token_ttl(at: &At<'_>, value: Value) -> Option<Duration> {
    number(TOKEN_TTL_RANGE_S)(at, value).map(Duration::from_secs)
}

fn networks(at: &At<'_>, value: Value) -> Option<Vec<Network>> {
    let network = read::parsed("must be a range of addresses without bits beyond its prefix, such as 10.20.0.0/16");
    read::list(NETWORKS_MAX, network)(at, value)
}

impl Read for LoginChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let takes_client_secrets = fields.optional("takesClientSecrets", read::boolean);
        let token_max_ttl_s = fields.optional("tokenMaxTtlSeconds", number(TOKEN_TTL_RANGE_S));
        let token_uses_max = fields.optional("tokenUsesMax", number(0..=USES_MAX));
        let token_networks = fields.optional("tokenNetworks", networks);
        let secret_networks = fields.optional("clientSecretNetworks", networks);
        let lockout = fields.or("lockout", LockoutChange::default(), read::object);
        Some(Self {
            takes_client_secrets: takes_client_secrets?,
            token_max_ttl_s: token_max_ttl_s?,
            token_uses_max: token_uses_max?,
            token_networks: token_networks?,
            secret_networks: secret_networks?,
            lockout: lockout?,
        })
    }
}

impl Read for LockoutChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let is_enabled = fields.optional("isEnabled", read::boolean);
        let threshold = fields.optional("threshold", small_number(Lockout::THRESHOLD_RANGE));
        let duration_s = fields.optional("durationSeconds", small_number(Lockout::DURATION_RANGE_S));
        let reset_s = fields.optional("resetSeconds", small_number(Lockout::RESET_RANGE_S));
        Some(Self { is_enabled: is_enabled?, threshold: threshold?, duration_s: duration_s?, reset_s: reset_s? })
    }
}

/// After how many wrong client secrets an identity is locked, and for how long.
#[derive(ToSchema)]
#[schema(as = LockoutIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `LockoutChange` reads")]
pub(super) struct LockoutSchema {
    /// Whether wrong secrets lock at all.
    is_enabled: Option<bool>,
    /// 1 to 30; 3 when left out.
    #[schema(example = 3)]
    threshold: Option<u32>,
    /// 30 to 86400; 300 when left out.
    #[schema(example = 300)]
    duration_seconds: Option<u32>,
    /// After so long without a wrong secret the count begins anew: 5 to 3600; 30 when left out.
    #[schema(example = 30)]
    reset_seconds: Option<u32>,
}

/// What bounds the access tokens and client secrets of an identity.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LoginPolicy)]
pub(super) struct LoginOut {
    /// Whether it has client secrets at all.
    takes_client_secrets: bool,
    /// How long a token is good for at most, by renewals, counted from its first issue.
    #[schema(example = 2_592_000)]
    token_max_ttl_seconds: u64,
    /// Requests that one token is good for; 0: any number.
    #[schema(example = 0)]
    token_uses_max: u64,
    /// From where tokens and API keys are taken; empty: anywhere.
    #[schema(example = json!([]))]
    token_networks: Vec<String>,
    /// From where client secrets are taken; empty: anywhere.
    #[schema(example = json!(["10.20.0.0/16"]))]
    client_secret_networks: Vec<String>,
    lockout: LockoutOut,
}

/// After how many wrong client secrets an identity is locked, and for how long.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Lockout)]
pub(super) struct LockoutOut {
    is_enabled: bool,
    #[schema(example = 3)]
    threshold: u32,
    #[schema(example = 300)]
    duration_seconds: u32,
    #[schema(example = 30)]
    reset_seconds: u32,
}

impl From<LoginPolicy> for LoginOut {
    fn from(policy: LoginPolicy) -> Self {
        let Lockout { is_enabled, threshold, duration_s, reset_s } = policy.lockout;
        let texts = |networks: &[Network]| networks.iter().map(ToString::to_string).collect();
        Self {
            takes_client_secrets: policy.takes_client_secrets,
            token_max_ttl_seconds: policy.token_max_ttl_s,
            token_uses_max: policy.token_uses_max,
            token_networks: texts(&policy.token_networks),
            client_secret_networks: texts(&policy.secret_networks),
            lockout: LockoutOut { is_enabled, threshold, duration_seconds: duration_s, reset_seconds: reset_s },
        }
    }
}
