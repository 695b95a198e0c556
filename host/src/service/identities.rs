//! Machine identities: who they are in the host, and what they may do in one tenant.
//!
//! An identity is known to the whole host and has a home: the tenant it was made in, which alone may disable it, give it
//! client secrets, or delete it. Other tenants can make it a member, and end that.

use std::collections::BTreeSet;
use std::time::Duration;

use super::access::{self, AccessToken};
use super::audit;
use super::context::{Core, TenantCtx};
use crate::domain::access::{Principal, PrincipalSource, Role, Scope};
use crate::domain::id::{IdentityUid, KeyUid, TenantUid};
use crate::domain::login::{LoginChange, LoginPolicy, TOKEN_TTL_DEFAULT_S};
use crate::domain::name::Label;
use crate::domain::{Code, Error, Expected, Result, Timestamp, Version, Versioned};
use crate::records::access::{self as rows, AccessKeyRecord, IdentityRecord, KeyPurpose, MembershipRecord};
use crate::records::{Transaction, View};
use crate::transact;

/// How long an access token is good for when nobody says: 30 days.
pub const TOKEN_TTL_DEFAULT: Duration = Duration::from_secs(TOKEN_TTL_DEFAULT_S);
/// The identity that the first start makes.
const BOOTSTRAP_NAME: &str = "administrator";

/// Machine identities, as members of a tenant.
#[derive(Clone)]
pub struct Identities {
    core: Core,
    access: access::Access,
}

/// An identity, as a member of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub uid: IdentityUid,
    pub name: String,
    pub role: Option<Role>,
    /// Beyond those of the role.
    pub scopes: BTreeSet<Scope>,
    pub is_disabled: bool,
    pub is_administrator: bool,
    /// Whether the tenant is the identity's home.
    pub is_home: bool,
    pub token_ttl: Duration,
    /// What bounds its access tokens and client secrets.
    pub login: LoginPolicy,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

impl Member {
    fn new(tenant: TenantUid, identity: IdentityRecord, membership: MembershipRecord) -> Self {
        let token_max_ttl_s = identity.token_max_ttl_s();
        Self {
            uid: identity.uid,
            name: identity.name,
            role: membership.role,
            scopes: membership.scopes,
            is_disabled: identity.is_disabled,
            is_administrator: identity.is_administrator,
            is_home: identity.home == Some(tenant),
            token_ttl: Duration::from_secs(identity.token_ttl_s),
            login: LoginPolicy { token_max_ttl_s, ..identity.login },
            created_at: membership.created_at,
            modified_at: membership.modified_at.max(identity.modified_at),
        }
    }
}

/// An identity and its membership, as they are stored.
struct Stored {
    identity: IdentityRecord,
    membership: MembershipRecord,
}

/// An identity to be made, as a member of its home.
#[derive(Clone, Debug)]
pub struct NewIdentity {
    pub name: Label,
    pub role: Option<Role>,
    pub scopes: BTreeSet<Scope>,
    pub token_ttl: Option<Duration>,
    /// What differs from the default policy.
    pub login: LoginChange,
}

/// What may change of a member; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct MemberChange {
    /// `Some(None)` takes the role away.
    pub role: Option<Option<Role>>,
    pub scopes: Option<BTreeSet<Scope>>,
    /// Only from the identity's home.
    pub is_disabled: Option<bool>,
    /// Only from the identity's home.
    pub token_ttl: Option<Duration>,
    /// Only from the identity's home. Taking client secrets no longer deletes those there are, and revokes all tokens.
    pub login: LoginChange,
}

impl MemberChange {
    fn concerns_identity(&self) -> bool {
        self.is_disabled.is_some() || self.token_ttl.is_some() || !self.login.is_empty()
    }
}

/// One page of members, in the order of their making.
#[derive(Debug)]
pub struct MemberPage {
    pub items: Vec<Member>,
    /// Where the next page begins; none at the end.
    pub next: Option<Vec<u8>>,
}

fn unknown() -> Error {
    Error::not_found("identity")
}

impl Identities {
    pub(in crate::service) const fn new(core: Core, access: access::Access) -> Self {
        Self { core, access }
    }

    /// Makes an identity whose home is this tenant.
    ///
    /// # Errors
    /// `scope_missing`, also for granting what the caller does not have; `already_exists` for a taken name; `invalid_request` for
    /// tokens that would live longer than their renewals.
    pub async fn create(&self, ctx: &TenantCtx, new: &NewIdentity) -> Result<Versioned<Member>> {
        ctx.require(Scope::IdentitiesWrite)?;
        let now = self.core.clock.now();
        let ttl = new.token_ttl.unwrap_or(TOKEN_TTL_DEFAULT);
        let mut identity = identity(new.name.to_string(), Some(ctx.tenant()), ttl, now);
        new.login.apply(&mut identity.login);
        if new.login.token_max_ttl_s.is_some() {
            check_lifetimes(&identity)?;
        }
        let membership = MembershipRecord {
            identity: identity.uid,
            role: new.role,
            scopes: new.scopes.clone(),
            created_at: now,
            modified_at: now,
        };
        may_grant(ctx, &membership)?;
        let version = transact!(self.core.records, |tx| {
            insert(&mut tx, &identity).await?;
            audit::record(&mut tx, ctx, now, "identities.create", identity.uid.to_string()).await?;
            join(&mut tx, ctx.tenant(), &membership).await?
        });
        Ok(Versioned { value: Member::new(ctx.tenant(), identity, membership), version })
    }

    /// Makes an identity of another tenant a member of this one.
    ///
    /// # Errors
    /// `scope_missing`, `already_exists` when it is a member, `not_found` when there is no such identity.
    pub async fn admit(
        &self,
        ctx: &TenantCtx,
        uid: IdentityUid,
        role: Option<Role>,
        scopes: BTreeSet<Scope>,
    ) -> Result<Versioned<Member>> {
        ctx.require(Scope::IdentitiesWrite)?;
        let now = self.core.clock.now();
        let membership = MembershipRecord { identity: uid, role, scopes, created_at: now, modified_at: now };
        may_grant(ctx, &membership)?;
        Ok(transact!(self.core.records, |tx| {
            let identity: IdentityRecord = tx.get(&rows::identity(uid)).await?.ok_or_else(unknown)?;
            let present: Option<MembershipRecord> = tx.get(&rows::membership(ctx.tenant(), uid)).await?;
            if present.is_some() {
                return Err(Error::new(Code::AlreadyExists, "the identity is a member already"));
            }
            audit::record(&mut tx, ctx, now, "identities.admit", uid.to_string()).await?;
            let version = join(&mut tx, ctx.tenant(), &membership).await?;
            Versioned { value: Member::new(ctx.tenant(), identity, membership.clone()), version }
        }))
    }

    /// One member.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(&self, ctx: &TenantCtx, uid: IdentityUid) -> Result<Versioned<Member>> {
        ctx.require(Scope::IdentitiesRead)?;
        let view = self.core.records.view().await?;
        let found = view.get_with_version::<MembershipRecord>(&rows::membership(ctx.tenant(), uid)).await?;
        let Versioned { value: membership, version } = found.ok_or_else(unknown)?;
        let identity = view.get(&rows::identity(uid)).await?.ok_or_else(unknown)?;
        Ok(Versioned { value: Member::new(ctx.tenant(), identity, membership), version })
    }

    /// At most `limit` members, after the cursor of the page before.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn list(&self, ctx: &TenantCtx, after: Option<&[u8]>, limit: usize) -> Result<MemberPage> {
        ctx.require(Scope::IdentitiesRead)?;
        let view = self.core.records.view().await?;
        let prefix = rows::memberships(ctx.tenant());
        let mut found = view.scan::<MembershipRecord>(&prefix, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(key, _)| key.as_bytes().to_vec());
        let mut items = Vec::with_capacity(found.len());
        for (_, membership) in found {
            let identity = view.get(&rows::identity(membership.identity)).await?;
            items.extend(identity.map(|identity| Member::new(ctx.tenant(), identity, membership)));
        }
        Ok(MemberPage { items, next })
    }

    /// Changes what a member may do; from its home, also whether the identity is disabled and what bounds its tokens.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`, `wrong_state` for what only the home may do, `invalid_request` for
    /// tokens that would live longer than their renewals.
    pub async fn update(
        &self,
        ctx: &TenantCtx,
        uid: IdentityUid,
        change: &MemberChange,
        expected: &Expected,
    ) -> Result<Versioned<Member>> {
        ctx.require(Scope::IdentitiesWrite)?;
        let now = self.core.clock.now();
        Ok(transact!(self.core.records, |tx| {
            let (mut member, version) = member(&mut tx, ctx.tenant(), uid).await?;
            expected.check(version)?;
            may_grant(ctx, &member.membership)?;
            if change.concerns_identity() {
                require_home(ctx, &member.identity)?;
                change_identity(&mut tx, &mut member.identity, change, now).await?;
            }
            member.membership.role = change.role.unwrap_or(member.membership.role);
            if let Some(scopes) = &change.scopes {
                member.membership.scopes.clone_from(scopes);
            }
            may_grant(ctx, &member.membership)?;
            member.membership.modified_at = now;
            audit::record(&mut tx, ctx, now, "identities.update", uid.to_string()).await?;
            let version = tx.put_with_version(&rows::membership(ctx.tenant(), uid), &member.membership).await?;
            Versioned { value: Member::new(ctx.tenant(), member.identity, member.membership), version }
        }))
    }

    /// Ends a membership. At its home the identity is deleted with all its keys, and is nobody anywhere.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`.
    pub async fn delete(&self, ctx: &TenantCtx, uid: IdentityUid, expected: &Expected) -> Result<()> {
        ctx.require(Scope::IdentitiesWrite)?;
        let now = self.core.clock.now();
        let keys = keys_of(&self.core.records.view().await?, uid).await?;
        transact!(self.core.records, |tx| {
            let (member, version) = member(&mut tx, ctx.tenant(), uid).await?;
            expected.check(version)?;
            may_grant(ctx, &member.membership)?;
            tx.delete(&rows::membership(ctx.tenant(), uid));
            tx.delete(&rows::membership_of(uid, ctx.tenant()));
            if member.identity.home == Some(ctx.tenant()) {
                erase(&mut tx, &member.identity, &keys).await?;
            }
            audit::record(&mut tx, ctx, now, "identities.delete", uid.to_string()).await?;
        });
        Ok(())
    }

    /// Refuses all access tokens that the identity was given so far.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` when this is not its home.
    pub async fn revoke_tokens(&self, ctx: &TenantCtx, uid: IdentityUid) -> Result<()> {
        ctx.require(Scope::IdentitiesWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let (mut member, _) = member(&mut tx, ctx.tenant(), uid).await?;
            require_home(ctx, &member.identity)?;
            may_grant(ctx, &member.membership)?;
            member.identity.tokens_valid_from = now;
            member.identity.modified_at = now;
            tx.put(&rows::identity(uid), &member.identity).await?;
            audit::record(&mut tx, ctx, now, "identities.revokeTokens", uid.to_string()).await?;
        });
        Ok(())
    }

    /// Ends the lock of an identity after too many wrong client secrets; whether there was one.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` when this is not its home.
    pub async fn unlock(&self, ctx: &TenantCtx, uid: IdentityUid) -> Result<bool> {
        ctx.require(Scope::IdentitiesWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let (member, _) = member(&mut tx, ctx.tenant(), uid).await?;
            require_home(ctx, &member.identity)?;
            audit::record(&mut tx, ctx, now, "identities.unlock", uid.to_string()).await?;
        });
        Ok(self.access.unlock(uid))
    }

    /// Makes the administrator of a new installation, and a token for it; on later starts answers none.
    ///
    /// # Errors
    /// `unavailable` when the store or randomness fails.
    pub async fn bootstrap_administrator(&self) -> Result<Option<(Principal, AccessToken)>> {
        let now = self.core.clock.now();
        let fresh = administrator(now);
        let made = transact!(self.core.records, |tx| {
            if tx.get_clear(&rows::identity_by_name(BOOTSTRAP_NAME)).await?.is_some() {
                return Ok(None);
            }
            insert(&mut tx, &fresh).await?;
            let event = audit::event(&host(&fresh), "", now, "identities.bootstrap", fresh.uid.to_string());
            audit::append(&mut tx, TenantUid::SYSTEM, event).await?;
            fresh.clone()
        });
        let token = self.access.issue(&made)?;
        Ok(Some((host(&made), token)))
    }

    /// A new token for the administrator of this installation: for an operator who holds the store and its root key.
    ///
    /// # Errors
    /// `not_found` before the first start.
    pub async fn administrator_token(&self) -> Result<AccessToken> {
        let now = self.core.clock.now();
        let identity = transact!(self.core.records, |tx| {
            let uid = tx.get_clear(&rows::identity_by_name(BOOTSTRAP_NAME)).await?.ok_or_else(unknown)?;
            let uid = uid.try_into().map(IdentityUid::from_bytes).map_err(|_| unknown())?;
            let identity: IdentityRecord = tx.get(&rows::identity(uid)).await?.ok_or_else(unknown)?;
            let event = audit::event(&host(&identity), "", now, "tokens.issue", uid.to_string());
            audit::append(&mut tx, TenantUid::SYSTEM, event).await?;
            identity
        });
        self.access.issue(&identity)
    }
}

fn host(identity: &IdentityRecord) -> Principal {
    Principal {
        identity: identity.uid,
        name: identity.name.clone(),
        source: PrincipalSource::Host,
        is_administrator: identity.is_administrator,
    }
}

fn administrator(now: Timestamp) -> IdentityRecord {
    IdentityRecord { is_administrator: true, ..identity(BOOTSTRAP_NAME.to_owned(), None, TOKEN_TTL_DEFAULT, now) }
}

fn identity(name: String, home: Option<TenantUid>, token_ttl: Duration, now: Timestamp) -> IdentityRecord {
    IdentityRecord {
        uid: IdentityUid::generate(),
        name,
        is_administrator: false,
        is_disabled: false,
        home,
        token_ttl_s: token_ttl.as_secs(),
        tokens_valid_from: Timestamp::default(),
        login: LoginPolicy::default(),
        created_at: now,
        modified_at: now,
    }
}

/// The uid at the end of an index entry of keys.
pub(in crate::service) fn key_uid(components: &[u8]) -> Option<KeyUid> {
    components.last_chunk::<16>().map(|bytes| KeyUid::from_bytes(*bytes))
}

async fn insert(tx: &mut Transaction, identity: &IdentityRecord) -> Result<()> {
    let by_name = rows::identity_by_name(&identity.name);
    if tx.get_clear(&by_name).await?.is_some() {
        return Err(Error::new(Code::AlreadyExists, "an identity with this name exists"));
    }
    tx.put_clear(&by_name, identity.uid.as_bytes());
    tx.put(&rows::identity(identity.uid), identity).await
}

async fn join(tx: &mut Transaction, tenant: TenantUid, membership: &MembershipRecord) -> Result<Version> {
    tx.put_clear(&rows::membership_of(membership.identity, tenant), &[]);
    tx.put_with_version(&rows::membership(tenant, membership.identity), membership).await
}

async fn member(tx: &mut Transaction, tenant: TenantUid, uid: IdentityUid) -> Result<(Stored, Version)> {
    let found = tx.get_with_version::<MembershipRecord>(&rows::membership(tenant, uid)).await?;
    let Versioned { value: membership, version } = found.ok_or_else(unknown)?;
    let identity = tx.get(&rows::identity(uid)).await?.ok_or_else(unknown)?;
    Ok((Stored { identity, membership }, version))
}

async fn change_identity(
    tx: &mut Transaction,
    identity: &mut IdentityRecord,
    change: &MemberChange,
    now: Timestamp,
) -> Result<()> {
    identity.is_disabled = change.is_disabled.unwrap_or(identity.is_disabled);
    identity.token_ttl_s = change.token_ttl.map_or(identity.token_ttl_s, |ttl| ttl.as_secs());
    let took_client_secrets = identity.login.takes_client_secrets;
    change.login.apply(&mut identity.login);
    if change.token_ttl.is_some() || change.login.token_max_ttl_s.is_some() {
        check_lifetimes(identity)?;
    }
    if took_client_secrets && !identity.login.takes_client_secrets {
        identity.tokens_valid_from = now;
        // A secret that is made meanwhile changes the identity's row, so that this is tried again and finds it.
        for key in keys_of(tx.view(), identity.uid).await? {
            let key: Option<AccessKeyRecord> = tx.get(&rows::access_key(key)).await?;
            if let Some(secret) = key.filter(|key| key.purpose == KeyPurpose::ClientSecret) {
                access::delete_key(tx, &secret);
            }
        }
    }
    identity.modified_at = now;
    tx.put(&rows::identity(identity.uid), identity).await
}

fn check_lifetimes(identity: &IdentityRecord) -> Result<()> {
    if identity.token_ttl_s <= identity.login.token_max_ttl_s {
        return Ok(());
    }
    Err(Error::new(Code::InvalidRequest, "an access token may not be good for longer than its renewals"))
}

/// Nobody gives, changes or takes away more than they have. Administrators may: the event in the audit log is the price.
pub(in crate::service) fn may_grant(ctx: &TenantCtx, membership: &MembershipRecord) -> Result<()> {
    let lacking: Vec<&str> = membership.all_scopes().difference(ctx.scopes()).map(|scope| scope.text()).collect();
    if lacking.is_empty() || ctx.principal().is_administrator {
        return Ok(());
    }
    let detail = format!("only who has a scope may grant it or take it away; missing: {}", lacking.join(", "));
    Err(Error::new(Code::ScopeMissing, detail))
}

pub(in crate::service) fn require_home(ctx: &TenantCtx, identity: &IdentityRecord) -> Result<()> {
    if identity.home == Some(ctx.tenant()) {
        return Ok(());
    }
    Err(Error::new(Code::WrongState, "only the tenant that the identity was made in may do this"))
}

/// The keys of an identity.
pub(in crate::service) async fn keys_of(view: &View, uid: IdentityUid) -> Result<Vec<KeyUid>> {
    let entries = view.scan_clear(&rows::access_keys_of(uid), None, usize::MAX).await?;
    Ok(entries.iter().filter_map(|(key, _)| key_uid(key.components())).collect())
}

/// Deletes an identity with its keys; memberships of other tenants then lead nowhere.
pub(in crate::service) async fn erase(tx: &mut Transaction, identity: &IdentityRecord, keys: &[KeyUid]) -> Result<()> {
    tx.delete(&rows::identity(identity.uid));
    tx.delete(&rows::identity_by_name(&identity.name));
    for key in keys {
        if let Some(key) = tx.get(&rows::access_key(*key)).await? {
            access::delete_key(tx, &key);
        }
    }
    Ok(())
}
