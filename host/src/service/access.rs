//! Who asks, and what they may do: authentication of a request, and its authorisation for a tenant or for the host.
//!
//! [`TenantCtx`] and [`HostCtx`] are made here and nowhere else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::context::{Core, HostCtx, TenantCtx};
use crate::domain::access::{Principal, PrincipalSource, Scope};
use crate::domain::error::violation;
use crate::domain::id::{IdentityUid, KeyUid, TenantUid};
use crate::domain::login::{TOKEN_LIFETIME_MAX_S, admits};
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Result, Secret, Timestamp, Violation};
use crate::ports::sealer::{HashPurpose, KeyedHash, TenantSealer};
use crate::records::access::{self as rows, AccessKeyRecord, IdentityRecord, KeyPurpose, MembershipRecord, SigningKey};
use crate::records::tenant::{self as tenant_rows, TenantRecord};
use crate::records::{Records, Transaction, View, located};
use crate::transact;

pub(crate) mod jwt;
mod lockouts;
mod login;
pub(crate) mod secret_key;
mod tokens;

use jwt::Issuer;
use lockouts::Lockouts;
use secret_key::SecretKey;

/// Who our tokens are for.
const AUDIENCE: &str = "keyferry";
/// What an administrator may do in a tenant without being a member of it: everything but seeing values.
const NOT_FOR_ADMINISTRATORS: Scope = Scope::SecretsReveal;

/// Tenants of one identity that are listed at most.
const MEMBERSHIPS_MAX: usize = 10_000;

/// Authenticates and authorises.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    core: Core,
    issuer: Issuer,
    keys: Vec<SigningKey>,
    lockouts: Lockouts,
}

/// A credential as a request carries it.
#[derive(Clone, Copy)]
pub enum Presented<'r> {
    /// `Authorization: Bearer`.
    Bearer(&'r str),
    /// `X-API-KEY`.
    ApiKey(&'r str),
}

/// Who asks, once authenticated; not yet what they may do.
#[derive(Clone, Debug)]
pub struct Caller {
    principal: Principal,
    /// An API key opens one tenant, with these scopes at most.
    key: Option<KeyBounds>,
    expires_at: Timestamp,
}

#[derive(Clone, Debug)]
struct KeyBounds {
    name: String,
    tenant: TenantUid,
    scopes: BTreeSet<Scope>,
}

impl Caller {
    /// Who asks.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name of the API key that was used.
    #[must_use]
    pub fn api_key_name(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.name.as_str())
    }

    /// When the credential ends.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// An access token and how long it is good for.
pub struct AccessToken {
    pub token: Secret<String>,
    pub expires_in_s: u64,
    /// How long it can be good for at most, by renewals, counted from the first issue.
    pub max_ttl_s: u64,
}

/// The one answer to every credential that is not good.
fn unauthenticated() -> Error {
    Error::new(Code::Unauthenticated, Code::Unauthenticated.title())
}

impl Access {
    /// Loads the keys that tokens are signed with; makes them on the first start.
    pub(in crate::service) async fn open(core: Core) -> Result<Self> {
        let keys = signing_keys(&core.records, core.clock.now()).await?;
        let issuer = Issuer {
            name: format!("keyferry:{}", core.records.system_sealer().deployment()),
            audience: AUDIENCE.to_owned(),
            lifetime_max_s: TOKEN_LIFETIME_MAX_S,
        };
        jwt::self_test(&issuer, &keys, core.clock.now()).map_err(Error::internal)?;
        Ok(Self(Arc::new(Inner { core, issuer, keys, lockouts: Lockouts::default() })))
    }

    /// Finds out who presents this credential from this address; a token whose uses are limited is used once.
    ///
    /// # Errors
    /// `unauthenticated`, the same for everything that can be wrong with it; `unavailable` when the store fails.
    pub async fn authenticate(&self, presented: Presented<'_>, address: Option<IpAddr>) -> Result<Caller> {
        let view = self.0.core.records.view().await?;
        match presented {
            Presented::Bearer(token) => self.by_token(&view, token, address).await,
            Presented::ApiKey(text) => self.by_api_key(&view, text, address).await,
        }
    }

    async fn by_api_key(&self, view: &View, text: &str, address: Option<IpAddr>) -> Result<Caller> {
        let key = self.stored_key(view, KeyPurpose::ApiKey, text).await?;
        let identity = active_identity(view, key.identity).await?;
        if !admits(&identity.login.token_networks, address) {
            return Err(unauthenticated());
        }
        let tenant = key.tenant.ok_or_else(unauthenticated)?;
        Ok(Caller {
            principal: principal(&identity, PrincipalSource::ApiKey),
            key: Some(KeyBounds { name: key.name, tenant, scopes: key.scopes }),
            expires_at: key.expires_at,
        })
    }

    /// The stored key that this text is, if it is one that is still good.
    async fn stored_key(&self, view: &View, purpose: KeyPurpose, text: &str) -> Result<AccessKeyRecord> {
        let public_id = secret_key::public_id(purpose, text).ok_or_else(unauthenticated)?;
        let uid = view.get_clear(&rows::access_key_by_id(public_id)).await?.ok_or_else(unauthenticated)?;
        let uid = KeyUid::from_bytes(uid.try_into().map_err(|_| unauthenticated())?);
        let key: AccessKeyRecord = view.get(&rows::access_key(uid)).await?.ok_or_else(unauthenticated)?;
        let sealer = view.sealer(TenantUid::SYSTEM).await?;
        let genuine = sealer
            .hash_matches(KEY_HASH, &key_parts(purpose, &secret_key::digest(text)), &key.hash)
            .map_err(|fault| Error::new(Code::KeyUnavailable, Code::KeyUnavailable.title()).with_source(fault))?;
        let is_named = key.purpose == purpose && key.public_id == public_id;
        if !genuine || !is_named || key.expires_at <= self.0.core.clock.now() {
            return Err(unauthenticated());
        }
        Ok(key)
    }

    /// The keyed hash under which a key is stored.
    pub(in crate::service) fn key_hash(sealer: &dyn TenantSealer, purpose: KeyPurpose, key: &SecretKey) -> KeyedHash {
        sealer.hash(KEY_HASH, &key_parts(purpose, &secret_key::digest(key.text.expose())))
    }

    /// What the caller may do in a tenant.
    ///
    /// # Errors
    /// `not_found`, the same for a tenant that does not exist and for one that the caller has no part in.
    pub async fn authorise(&self, caller: &Caller, tenant: &str, request_id: &str) -> Result<TenantCtx> {
        let unknown = || Error::not_found("tenant");
        let view = self.0.core.records.view().await?;
        let slug: Slug = tenant.parse().map_err(|_| unknown())?;
        let found = tenant_by_slug(&view, &slug).await?;
        member_of(&view, caller, found, "tenant", request_id).await
    }

    /// As [`Access::authorise`], for a tenant that is named by its uid or its slug, as projects are.
    ///
    /// # Errors
    /// As [`Access::authorise`].
    pub async fn authorise_project(&self, caller: &Caller, project: &str, request_id: &str) -> Result<TenantCtx> {
        let view = self.0.core.records.view().await?;
        let found = match (project.parse::<TenantUid>(), project.parse::<Slug>()) {
            (Ok(uid), _) => tenant_by_uid(&view, uid).await?,
            (_, Ok(slug)) => tenant_by_slug(&view, &slug).await?,
            _ => None,
        };
        member_of(&view, caller, found, "project", request_id).await
    }

    /// What the caller may do in the tenant that holds the record with this uid.
    ///
    /// # Errors
    /// `not_found` in the name of `what`, the same for a record that does not exist and for one of a tenant that the caller has
    /// no part in.
    pub async fn authorise_holder(
        &self,
        caller: &Caller,
        uid: &[u8; 16],
        what: &'static str,
        request_id: &str,
    ) -> Result<TenantCtx> {
        let view = self.0.core.records.view().await?;
        let found = match located::tenant_of(&view, uid).await? {
            Some(tenant) => tenant_by_uid(&view, tenant).await?,
            None => None,
        };
        member_of(&view, caller, found, what, request_id).await
    }

    /// What the caller may do in the tenant where things go that are made without naming one: the identity's home, else the only
    /// tenant that it is a member of.
    ///
    /// # Errors
    /// `invalid_request` when there is no such tenant.
    pub async fn authorise_home(&self, caller: &Caller, request_id: &str) -> Result<TenantCtx> {
        let view = self.0.core.records.view().await?;
        let uid = caller.principal.identity;
        let identity: Option<IdentityRecord> = view.get(&rows::identity(uid)).await?;
        let home = match identity.and_then(|identity| identity.home) {
            Some(home) => Some(home),
            None => only_tenant(&view, uid).await?,
        };
        let found = match home {
            Some(home) => tenant_by_uid(&view, home).await?,
            None => None,
        };
        if found.is_none() {
            let violation =
                Violation::new("/projectId", violation::REQUIRED, "is required: this identity has no home project");
            return Err(Error::invalid(vec![violation]));
        }
        member_of(&view, caller, found, "project", request_id).await
    }

    /// The caller in every tenant that it is a member of, in the order of their slugs; an API key opens one of them.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn authorise_all(&self, caller: &Caller, request_id: &str) -> Result<Vec<TenantCtx>> {
        let view = self.0.core.records.view().await?;
        let mut found = Vec::new();
        let memberships = rows::memberships_of(caller.principal.identity);
        for (membership, _) in view.scan_clear(&memberships, None, MEMBERSHIPS_MAX).await? {
            let Some(uid) = membership.components().last_chunk::<16>() else { continue };
            let tenant = tenant_by_uid(&view, TenantUid::from_bytes(*uid)).await?;
            match member_of(&view, caller, tenant, "project", request_id).await {
                Ok(ctx) => found.push(ctx),
                Err(error) if error.code() == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by(|one, other| one.slug().cmp(other.slug()));
        Ok(found)
    }

    /// What the caller may do in the home of an identity: the routes of the Infisical dialect name the identity alone.
    ///
    /// # Errors
    /// `not_found`, the same for an identity that does not exist and for one whose home the caller has no part in.
    pub async fn authorise_home_of(&self, caller: &Caller, uid: IdentityUid, request_id: &str) -> Result<TenantCtx> {
        let view = self.0.core.records.view().await?;
        let identity: Option<IdentityRecord> = view.get(&rows::identity(uid)).await?;
        let found = match identity.and_then(|identity| identity.home) {
            Some(home) => tenant_by_uid(&view, home).await?,
            None => None,
        };
        member_of(&view, caller, found, "identity", request_id).await
    }

    /// That the caller administers the host.
    ///
    /// # Errors
    /// `scope_missing`.
    pub fn authorise_host(&self, caller: &Caller, request_id: &str) -> Result<HostCtx> {
        if !caller.principal.is_administrator || caller.key.is_some() {
            return Err(Error::new(Code::ScopeMissing, "this needs an administrator of the host"));
        }
        Ok(HostCtx::authorised(caller.principal.clone(), request_id.to_owned()))
    }
}

/// The caller in the tenant that was found, if there is one and the caller has a part in it.
async fn member_of(
    view: &View,
    caller: &Caller,
    found: Option<TenantRecord>,
    what: &'static str,
    request_id: &str,
) -> Result<TenantCtx> {
    let unknown = || Error::not_found(what);
    // Looked up for an unknown tenant too, so that known and unknown ones take the same time.
    let uid = found.as_ref().map_or(TenantUid::SYSTEM, |tenant| tenant.uid);
    let membership: Option<MembershipRecord> = view.get(&rows::membership(uid, caller.principal.identity)).await?;
    let tenant = found.ok_or_else(unknown)?;
    let scopes = scopes_of(caller, tenant.uid, membership.as_ref()).ok_or_else(unknown)?;
    Ok(TenantCtx::authorised(tenant.uid, tenant.slug, caller.principal.clone(), scopes, request_id.to_owned()))
}

/// The tenant of an identity that is a member of one and no more.
async fn only_tenant(view: &View, identity: IdentityUid) -> Result<Option<TenantUid>> {
    let memberships = view.scan_clear(&rows::memberships_of(identity), None, 2).await?;
    let [(only, _)] = memberships.as_slice() else { return Ok(None) };
    Ok(only.components().last_chunk::<16>().map(|bytes| TenantUid::from_bytes(*bytes)))
}

/// What a caller may do in a tenant; none when it has no part in it.
fn scopes_of(caller: &Caller, tenant: TenantUid, membership: Option<&MembershipRecord>) -> Option<BTreeSet<Scope>> {
    let mut scopes = membership.map(MembershipRecord::all_scopes);
    if caller.principal.is_administrator {
        let all = Scope::ALL.iter().copied().filter(|scope| *scope != NOT_FOR_ADMINISTRATORS);
        scopes.get_or_insert_default().extend(all);
    }
    match &caller.key {
        Some(key) if key.tenant != tenant => None,
        Some(key) => scopes.map(|scopes| &scopes & &key.scopes),
        None => scopes,
    }
}

fn principal(identity: &IdentityRecord, source: PrincipalSource) -> Principal {
    Principal {
        identity: identity.uid,
        name: identity.name.clone(),
        source,
        is_administrator: identity.is_administrator,
    }
}

async fn active_identity(view: &View, uid: IdentityUid) -> Result<IdentityRecord> {
    let identity: Option<IdentityRecord> = view.get(&rows::identity(uid)).await?;
    identity.filter(|identity| !identity.is_disabled).ok_or_else(unauthenticated)
}

/// The tenant with this slug, unless it is being deleted.
pub(in crate::service) async fn tenant_by_slug(view: &View, slug: &Slug) -> Result<Option<TenantRecord>> {
    let Some(uid) = view.get_clear(&tenant_rows::by_slug(slug)).await? else { return Ok(None) };
    let Ok(uid) = uid.try_into().map(TenantUid::from_bytes) else { return Ok(None) };
    // The index stands in clear: only the sealed record says whose slug it is.
    Ok(tenant_by_uid(view, uid).await?.filter(|tenant| tenant.slug == *slug))
}

/// The tenant with this uid, unless it is being deleted.
pub(in crate::service) async fn tenant_by_uid(view: &View, uid: TenantUid) -> Result<Option<TenantRecord>> {
    let tenant: Option<TenantRecord> = view.get(&tenant_rows::tenant(uid)).await?;
    Ok(tenant.filter(|tenant| tenant.deleting_since.is_none()))
}

/// What the hashes of keys are made with.
const KEY_HASH: HashPurpose = HashPurpose::Index;

fn key_parts(purpose: KeyPurpose, digest: &[u8; 32]) -> [&[u8]; 2] {
    let domain: &[u8] = match purpose {
        KeyPurpose::ClientSecret => b"client-secret",
        KeyPurpose::ApiKey => b"api-key",
    };
    [domain, digest]
}

/// Deletes a key and its index entries, in a transaction.
pub(in crate::service) fn delete_key(tx: &mut Transaction, key: &AccessKeyRecord) {
    tx.delete(&rows::access_key(key.uid));
    tx.delete(&rows::access_key_by_id(&key.public_id));
    tx.delete(&rows::access_keys_of(key.identity).uid(key.uid.as_bytes()));
    if let Some(tenant) = key.tenant {
        tx.delete(&rows::access_keys_in(tenant).uid(key.uid.as_bytes()));
    }
}

async fn signing_keys(records: &Records, now: Timestamp) -> Result<Vec<SigningKey>> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|fault| Error::new(Code::Unavailable, "the operating system gave no randomness").with_source(fault))?;
    let fresh = SigningKey { id: uuid::Uuid::now_v7().to_string(), key, created_at: now };
    Ok(transact!(records, |tx| {
        match tx.get::<rows::SigningKeysRecord>(&rows::signing_keys()).await? {
            Some(stored) => stored.keys,
            None => {
                let made = rows::SigningKeysRecord { keys: vec![fresh.clone()] };
                tx.put(&rows::signing_keys(), &made).await?;
                made.keys
            }
        }
    }))
}
