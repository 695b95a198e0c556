//! What bounds the access tokens and client secrets of an identity.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::extract::Path;
use crate::api::fields::{At, Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::Body;
use crate::api::infisical::time;
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::routes::identities::login::{number, small_number};
use crate::api::state::ApiState;
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::IdentityUid;
use crate::domain::login::{
    Lockout, LockoutChange, LoginChange, LoginPolicy, NETWORKS_MAX, TOKEN_TTL_DEFAULT_S, TOKEN_TTL_RANGE_S, USES_MAX,
};
use crate::domain::network::Network;
use crate::domain::{Code, Error, Expected, Result, Versioned};
use crate::service::context::TenantCtx;
use crate::service::identities::{Member, MemberChange};

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(attach, update, read_one, detach)).add(routes!(clear_lockouts))
}

/// Everybody: what an empty list of networks means.
const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Settings; what is left out has its default when they are made, and stays when they are changed.
#[derive(ToSchema)]
#[schema(as = InfisicalUniversalAuthIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Settings` reads")]
struct SettingsSchema {
    /// Seconds: 60 to one year.
    #[schema(rename = "accessTokenTTL", example = 2_592_000)]
    access_token_ttl: Option<u64>,
    /// Seconds, renewals included: 60 to one year, and not less than `accessTokenTTL`.
    #[schema(rename = "accessTokenMaxTTL", example = 2_592_000)]
    access_token_max_ttl: Option<u64>,
    /// Requests that one token is good for; 0: any number.
    #[schema(example = 0)]
    access_token_num_uses_limit: Option<u64>,
    /// From where tokens are taken.
    access_token_trusted_ips: Option<Vec<TrustedIpSchema>>,
    /// From where client secrets are taken.
    client_secret_trusted_ips: Option<Vec<TrustedIpSchema>>,
    #[schema(example = true)]
    lockout_enabled: Option<bool>,
    /// So many wrong secrets lock: 1 to 30.
    #[schema(example = 3)]
    lockout_threshold: Option<u32>,
    /// 30 to 86400.
    #[schema(example = 300)]
    lockout_duration_seconds: Option<u32>,
    /// 5 to 3600.
    #[schema(example = 30)]
    lockout_counter_reset_seconds: Option<u32>,
}

#[derive(ToSchema)]
#[schema(as = InfisicalTrustedIpIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `TrustedIp` reads")]
struct TrustedIpSchema {
    /// An address, or a range without bits beyond its prefix.
    #[schema(example = "10.20.0.0/16")]
    ip_address: String,
}

struct TrustedIp(Network);

impl Read for TrustedIp {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("ipAddress", network).map(Self)
    }
}

fn network(at: &At<'_>, value: Value) -> Option<Network> {
    let text = read::text(64)(at, value)?;
    let parsed = match text.parse::<IpAddr>() {
        Ok(address) => Ok(Network::of(address.to_canonical())),
        Err(_) => text.parse(),
    };
    let rule = "must be an address, or a range without bits beyond its prefix, such as 10.20.0.0/16";
    parsed.map_or_else(|_| at.refuse(violation::MALFORMED, rule), Some)
}

fn networks(at: &At<'_>, value: Value) -> Option<Vec<Network>> {
    let listed = read::list(NETWORKS_MAX, read::object::<TrustedIp>)(at, value)?;
    if listed.is_empty() {
        return at.refuse(violation::TOO_SHORT, "must have at least one item");
    }
    let networks: Vec<Network> = listed.into_iter().map(|TrustedIp(network)| network).collect();
    let is_anywhere = ANYWHERE.iter().all(|text| networks.iter().any(|network| network.to_string() == *text));
    Some(if is_anywhere { Vec::new() } else { networks })
}

struct Settings {
    token_ttl_s: Option<u64>,
    login: LoginChange,
}

impl Read for Settings {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let token_ttl_s = fields.optional("accessTokenTTL", number(TOKEN_TTL_RANGE_S));
        let token_max_ttl_s = fields.optional("accessTokenMaxTTL", number(TOKEN_TTL_RANGE_S));
        let token_uses_max = fields.optional("accessTokenNumUsesLimit", number(0..=USES_MAX));
        let token_networks = fields.optional("accessTokenTrustedIps", networks);
        let secret_networks = fields.optional("clientSecretTrustedIps", networks);
        let period = fields.optional("accessTokenPeriod", number(0..=0));
        let is_enabled = fields.optional("lockoutEnabled", read::boolean);
        let threshold = fields.optional("lockoutThreshold", small_number(Lockout::THRESHOLD_RANGE));
        let duration_s = fields.optional("lockoutDurationSeconds", small_number(Lockout::DURATION_RANGE_S));
        let reset_s = fields.optional("lockoutCounterResetSeconds", small_number(Lockout::RESET_RANGE_S));
        period?;
        let lockout = LockoutChange {
            is_enabled: is_enabled?,
            threshold: threshold?,
            duration_s: duration_s?,
            reset_s: reset_s?,
        };
        let login = LoginChange {
            takes_client_secrets: None,
            token_max_ttl_s: token_max_ttl_s?,
            token_uses_max: token_uses_max?,
            token_networks: token_networks?,
            secret_networks: secret_networks?,
            lockout,
        };
        Some(Self { token_ttl_s: token_ttl_s?, login })
    }
}

impl Settings {
    /// What is left out gets its default.
    fn for_new(self) -> MemberChange {
        let mut policy = LoginPolicy::default();
        self.login.apply(&mut policy);
        let Lockout { is_enabled, threshold, duration_s, reset_s } = policy.lockout;
        let login = LoginChange {
            takes_client_secrets: Some(true),
            token_max_ttl_s: Some(policy.token_max_ttl_s),
            token_uses_max: Some(policy.token_uses_max),
            token_networks: Some(policy.token_networks),
            secret_networks: Some(policy.secret_networks),
            lockout: LockoutChange {
                is_enabled: Some(is_enabled),
                threshold: Some(threshold),
                duration_s: Some(duration_s),
                reset_s: Some(reset_s),
            },
        };
        let token_ttl = Duration::from_secs(self.token_ttl_s.unwrap_or(TOKEN_TTL_DEFAULT_S));
        MemberChange { token_ttl: Some(token_ttl), login, ..MemberChange::default() }
    }

    /// What is left out stays.
    fn for_present(self) -> MemberChange {
        let token_ttl = self.token_ttl_s.map(Duration::from_secs);
        MemberChange { token_ttl, login: self.login, ..MemberChange::default() }
    }
}

/// The settings of an identity.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalUniversalAuth)]
struct SettingsOut {
    /// The identity's id.
    id: String,
    /// The identity's id, which is also its client id.
    client_id: String,
    identity_id: String,
    #[serde(rename = "accessTokenTTL")]
    #[schema(example = 2_592_000)]
    access_token_ttl: u64,
    #[serde(rename = "accessTokenMaxTTL")]
    #[schema(example = 2_592_000)]
    access_token_max_ttl: u64,
    #[schema(example = 0)]
    access_token_num_uses_limit: u64,
    access_token_trusted_ips: Vec<TrustedIpOut>,
    client_secret_trusted_ips: Vec<TrustedIpOut>,
    /// Always 0: renewals end at `accessTokenMaxTTL`.
    #[schema(example = 0)]
    access_token_period: u64,
    lockout_enabled: bool,
    #[schema(example = 3)]
    lockout_threshold: u32,
    #[schema(example = 300)]
    lockout_duration_seconds: u32,
    #[schema(example = 30)]
    lockout_counter_reset_seconds: u32,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    created_at: String,
    #[schema(example = "2026-11-22T03:04:05.678Z")]
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalTrustedIp)]
struct TrustedIpOut {
    #[schema(example = "10.20.0.0")]
    ip_address: String,
    /// `ipv4` or `ipv6`.
    #[serde(rename = "type")]
    #[schema(example = "ipv4")]
    family: &'static str,
    /// Absent for a single address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 16)]
    prefix: Option<u8>,
}

impl From<Network> for TrustedIpOut {
    fn from(network: Network) -> Self {
        let is_single = network == Network::of(network.first());
        Self {
            ip_address: network.first().to_string(),
            family: if network.first().is_ipv4() { "ipv4" } else { "ipv6" },
            prefix: (!is_single).then_some(network.prefix_bits()),
        }
    }
}

fn trusted_ips(networks: &[Network]) -> Vec<TrustedIpOut> {
    match networks {
        [] => ANYWHERE.iter().filter_map(|text| text.parse::<Network>().ok()).map(TrustedIpOut::from).collect(),
        networks => networks.iter().copied().map(TrustedIpOut::from).collect(),
    }
}

impl From<Member> for SettingsOut {
    fn from(member: Member) -> Self {
        let id = member.uid.to_string();
        let Lockout { is_enabled, threshold, duration_s, reset_s } = member.login.lockout;
        Self {
            client_id: id.clone(),
            identity_id: id.clone(),
            id,
            access_token_ttl: member.token_ttl.as_secs(),
            access_token_max_ttl: member.login.token_max_ttl_s,
            access_token_num_uses_limit: member.login.token_uses_max,
            access_token_trusted_ips: trusted_ips(&member.login.token_networks),
            client_secret_trusted_ips: trusted_ips(&member.login.secret_networks),
            access_token_period: 0,
            lockout_enabled: is_enabled,
            lockout_threshold: threshold,
            lockout_duration_seconds: duration_s,
            lockout_counter_reset_seconds: reset_s,
            created_at: time::text(member.created_at),
            updated_at: time::text(member.modified_at),
        }
    }
}

/// The settings of an identity.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfisicalUniversalAuthAnswer)]
struct Answer {
    identity_universal_auth: SettingsOut,
}

impl From<Member> for Answer {
    fn from(member: Member) -> Self {
        Self { identity_universal_auth: member.into() }
    }
}

/// The identity as it is, when it takes client secrets.
async fn present(state: &ApiState, ctx: &TenantCtx, identity: IdentityUid) -> Result<Versioned<Member>> {
    let member = state.services.identities.read(ctx, identity).await?;
    if member.value.login.takes_client_secrets { Ok(member) } else { Err(Error::not_found("universal auth")) }
}

/// The identity's home, for who may change it: known before anything of the identity is told.
async fn to_change(client: &Client, identity: IdentityUid) -> Result<TenantCtx> {
    let ctx = client.at_home_of(identity).await?;
    ctx.require(Scope::IdentitiesWrite)?;
    Ok(ctx)
}

fn only(version: crate::domain::Version) -> Expected {
    Expected::OneOf(vec![version.to_string()])
}

/// Attach universal auth to an identity.
#[utoipa::path(post, path = "/api/v1/auth/universal-auth/identities/{identityId}",
    operation_id = "infisical.universalAuth.attach", tag = "Infisical: auth",
    security(("bearer" = ["identities:write", "identities:read"])), request_body = SettingsSchema,
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "The settings", body = Answer)))]
async fn attach(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
    Body(settings): Body<Settings>,
) -> Result<axum::Json<Answer>, Problem> {
    let ctx = to_change(&client, identity).await?;
    let before = state.services.identities.read(&ctx, identity).await?;
    if before.value.login.takes_client_secrets {
        return Err(Error::new(Code::AlreadyExists, "the identity has universal auth already").into());
    }
    let change = settings.for_new();
    let member = state.services.identities.update(&ctx, identity, &change, &only(before.version)).await?;
    Ok(axum::Json(member.value.into()))
}

/// Change the universal auth of an identity.
#[utoipa::path(patch, path = "/api/v1/auth/universal-auth/identities/{identityId}",
    operation_id = "infisical.universalAuth.update", tag = "Infisical: auth",
    security(("bearer" = ["identities:write", "identities:read"])), request_body = SettingsSchema,
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "The settings", body = Answer)))]
async fn update(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
    Body(settings): Body<Settings>,
) -> Result<axum::Json<Answer>, Problem> {
    let ctx = to_change(&client, identity).await?;
    let before = present(&state, &ctx, identity).await?;
    let change = settings.for_present();
    let member = state.services.identities.update(&ctx, identity, &change, &only(before.version)).await?;
    Ok(axum::Json(member.value.into()))
}

/// Read the universal auth of an identity.
#[utoipa::path(get, path = "/api/v1/auth/universal-auth/identities/{identityId}",
    operation_id = "infisical.universalAuth.read", tag = "Infisical: auth", security(("bearer" = ["identities:read"])),
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "The settings", body = Answer)))]
async fn read_one(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
) -> Result<axum::Json<Answer>, Problem> {
    let ctx = client.at_home_of(identity).await?;
    Ok(axum::Json(present(&state, &ctx, identity).await?.value.into()))
}

/// Take universal auth from an identity: its client secrets are deleted and its tokens are revoked.
#[utoipa::path(delete, path = "/api/v1/auth/universal-auth/identities/{identityId}",
    operation_id = "infisical.universalAuth.detach", tag = "Infisical: auth",
    security(("bearer" = ["identities:write", "identities:read"])),
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "The settings as they were", body = Answer)))]
async fn detach(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
) -> Result<axum::Json<Answer>, Problem> {
    let ctx = to_change(&client, identity).await?;
    let before = present(&state, &ctx, identity).await?;
    let login = LoginChange { takes_client_secrets: Some(false), ..LoginChange::default() };
    let change = MemberChange { login, ..MemberChange::default() };
    state.services.identities.update(&ctx, identity, &change, &only(before.version)).await?;
    Ok(axum::Json(before.value.into()))
}

/// How many locks were ended.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalClearedLockouts)]
struct Cleared {
    #[schema(example = 1)]
    deleted: u64,
}

/// End the lock of an identity after too many wrong client secrets.
#[utoipa::path(post, path = "/api/v1/auth/universal-auth/identities/{identityId}/clear-lockouts",
    operation_id = "infisical.universalAuth.clearLockouts", tag = "Infisical: auth",
    security(("bearer" = ["identities:write"])),
    params(("identityId" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "Client secrets are taken again", body = Cleared)))]
async fn clear_lockouts(
    State(state): State<ApiState>,
    client: Client,
    Path(identity): Path<IdentityUid>,
) -> Result<axum::Json<Cleared>, Problem> {
    let ctx = client.at_home_of(identity).await?;
    let was_locked = state.services.identities.unlock(&ctx, identity).await?;
    Ok(axum::Json(Cleared { deleted: was_locked.into() }))
}
