//! API keys of a tenant and client secrets of an identity: shown once when they are made, and never again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::access::secret_key::SecretKey;
use super::access::{Access, delete_key};
use super::audit;
use super::context::{Core, TenantCtx};
use super::identities::key_uid;
use crate::domain::access::{PrincipalSource, Scope};
use crate::domain::id::{IdentityUid, KeyUid, TenantUid};
use crate::domain::name::Label;
use crate::domain::{Code, Error, Expected, Result, Secret, Timestamp, Version, Versioned};
use crate::records::access::{self as rows, AccessKeyRecord, IdentityRecord, KeyPurpose};
use crate::records::{Key, Transaction};
use crate::transact;

/// How long a key is good for when nobody says: 90 days.
pub const TTL_DEFAULT: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a key is good for at most: one year.
pub const TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// The most keys of one identity, and the most API keys of one tenant.
pub const KEYS_MAX: usize = 1_000;

/// API keys and client secrets.
#[derive(Clone)]
pub struct Keys {
    core: Core,
}

/// A key, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    pub uid: KeyUid,
    /// Empty for a client secret that nobody named.
    pub name: String,
    /// The part of the key that may be seen.
    pub public_id: String,
    /// For whom it speaks.
    pub identity: IdentityUid,
    /// What it may do at most.
    pub scopes: BTreeSet<Scope>,
    /// How often a client secret was exchanged, where that is limited.
    pub uses: u64,
    /// How often it may be; 0: any number of times.
    pub uses_max: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl From<AccessKeyRecord> for AccessKey {
    fn from(record: AccessKeyRecord) -> Self {
        let AccessKeyRecord { uid, name, public_id, identity, scopes, uses, uses_max, created_at, expires_at, .. } =
            record;
        Self { uid, name, public_id, identity, scopes, uses, uses_max, created_at, expires_at }
    }
}

/// A key that was just made.
pub struct MadeKey {
    pub key: AccessKey,
    /// The key itself, for this once.
    pub text: Secret<String>,
    pub version: Version,
}

/// An API key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub name: Label,
    /// None: all that the maker has, but for seeing values.
    pub scopes: Option<BTreeSet<Scope>>,
    pub ttl: Option<Duration>,
}

/// A client secret to be made.
#[derive(Clone, Debug)]
pub struct NewClientSecret {
    pub name: Option<Label>,
    pub ttl: Option<Duration>,
    /// How often it may be exchanged; 0: any number of times.
    pub uses_max: u64,
}

fn unknown() -> Error {
    Error::not_found("key")
}

fn is_secret_of(key: &AccessKeyRecord, identity: IdentityUid) -> bool {
    key.purpose == KeyPurpose::ClientSecret && key.identity == identity
}

impl Keys {
    pub(in crate::service) const fn new(core: Core) -> Self {
        Self { core }
    }

    /// Makes an API key that speaks for the caller, with scopes that the caller has.
    ///
    /// # Errors
    /// `scope_missing`, also for scopes that the caller does not have.
    pub async fn create_api_key(&self, ctx: &TenantCtx, new: &NewApiKey) -> Result<MadeKey> {
        ctx.require(Scope::IdentitiesWrite)?;
        let scopes = match &new.scopes {
            Some(asked) => asked.clone(),
            None => ctx.scopes().iter().copied().filter(|scope| *scope != Scope::SecretsReveal).collect(),
        };
        for scope in &scopes {
            ctx.require(*scope)?;
        }
        let draft = Draft {
            purpose: KeyPurpose::ApiKey,
            name: new.name.to_string(),
            identity: ctx.principal().identity,
            tenant: Some(ctx.tenant()),
            scopes,
            ttl: new.ttl,
            uses_max: 0,
        };
        self.make(ctx, draft, "apiKeys.create").await
    }

    /// Makes a client secret of an identity whose home is this tenant.
    ///
    /// # Errors
    /// `scope_missing`, also when the identity may do what the caller may not; `not_found`, `wrong_state` when this is not
    /// the identity's home, or when it takes no client secrets.
    pub async fn create_client_secret(
        &self,
        ctx: &TenantCtx,
        identity: IdentityUid,
        new: &NewClientSecret,
    ) -> Result<MadeKey> {
        self.require_rule_over(ctx, identity).await?;
        let draft = Draft {
            purpose: KeyPurpose::ClientSecret,
            name: new.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            identity,
            tenant: None,
            scopes: BTreeSet::new(),
            ttl: new.ttl,
            uses_max: new.uses_max,
        };
        self.make(ctx, draft, "clientSecrets.create").await
    }

    async fn make(&self, ctx: &TenantCtx, draft: Draft, action: &'static str) -> Result<MadeKey> {
        let now = self.core.clock.now();
        let key = SecretKey::generate(draft.purpose)?;
        let sealer = self.core.records.sealer(TenantUid::SYSTEM).await?;
        let record = AccessKeyRecord {
            uid: KeyUid::generate(),
            purpose: draft.purpose,
            public_id: key.public_id.clone(),
            name: draft.name,
            identity: draft.identity,
            tenant: draft.tenant,
            scopes: draft.scopes,
            hash: Access::key_hash(&*sealer, draft.purpose, &key),
            uses: 0,
            uses_max: draft.uses_max,
            created_at: now,
            expires_at: now.after(draft.ttl.unwrap_or(TTL_DEFAULT).min(TTL_MAX)),
        };
        let version = transact!(self.core.records, |tx| {
            if record.purpose == KeyPurpose::ClientSecret {
                touch_taker(&mut tx, record.identity).await?;
            }
            audit::record(&mut tx, ctx, now, action, record.uid.to_string()).await?;
            insert(&mut tx, &record).await?
        });
        Ok(MadeKey { key: record.into(), text: key.text, version })
    }

    /// The API keys of the tenant, in the order of their making.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn list_api_keys(&self, ctx: &TenantCtx) -> Result<Vec<AccessKey>> {
        ctx.require(Scope::IdentitiesRead)?;
        self.list(&rows::access_keys_in(ctx.tenant()), |key| key.tenant == Some(ctx.tenant())).await
    }

    /// The client secrets of a member whose home is this tenant.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn list_client_secrets(&self, ctx: &TenantCtx, identity: IdentityUid) -> Result<Vec<AccessKey>> {
        ctx.require(Scope::IdentitiesRead)?;
        self.require_home(ctx, identity).await?;
        self.list(&rows::access_keys_of(identity), |key| key.purpose == KeyPurpose::ClientSecret).await
    }

    /// One client secret of a member whose home is this tenant.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` when this is not the identity's home.
    pub async fn read_client_secret(&self, ctx: &TenantCtx, identity: IdentityUid, uid: KeyUid) -> Result<AccessKey> {
        ctx.require(Scope::IdentitiesRead)?;
        self.require_home(ctx, identity).await?;
        let view = self.core.records.view().await?;
        let found: Option<AccessKeyRecord> = view.get(&rows::access_key(uid)).await?;
        found.filter(|key| is_secret_of(key, identity)).map(AccessKey::from).ok_or_else(unknown)
    }

    async fn list(&self, index: &Key, belongs: impl Fn(&AccessKeyRecord) -> bool) -> Result<Vec<AccessKey>> {
        let view = self.core.records.view().await?;
        let mut keys = Vec::new();
        for (entry, _) in view.scan_clear(index, None, KEYS_MAX).await? {
            let Some(uid) = key_uid(entry.components()) else { continue };
            let key = view.get::<AccessKeyRecord>(&rows::access_key(uid)).await?;
            keys.extend(key.filter(&belongs).map(AccessKey::from));
        }
        Ok(keys)
    }

    /// One API key of the tenant.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read_api_key(&self, ctx: &TenantCtx, uid: KeyUid) -> Result<Versioned<AccessKey>> {
        ctx.require(Scope::IdentitiesRead)?;
        let view = self.core.records.view().await?;
        let found = view.get_with_version::<AccessKeyRecord>(&rows::access_key(uid)).await?;
        let key = found.filter(|key| key.value.tenant == Some(ctx.tenant())).ok_or_else(unknown)?;
        Ok(key.map(AccessKey::from))
    }

    /// Ends an API key of the tenant, at once.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`.
    pub async fn delete_api_key(&self, ctx: &TenantCtx, uid: KeyUid, expected: &Expected) -> Result<()> {
        ctx.require(Scope::IdentitiesWrite)?;
        let belongs = |key: &AccessKeyRecord| key.tenant == Some(ctx.tenant());
        self.delete(ctx, uid, expected, belongs, "apiKeys.delete").await.map(|_| ())
    }

    /// Ends a client secret, and answers what it was; tokens that it was exchanged for stay good until they expire or are
    /// revoked.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `wrong_state` when this is not the identity's home.
    pub async fn delete_client_secret(&self, ctx: &TenantCtx, identity: IdentityUid, uid: KeyUid) -> Result<AccessKey> {
        self.require_rule_over(ctx, identity).await?;
        self.delete(ctx, uid, &Expected::Any, |key| is_secret_of(key, identity), "clientSecrets.delete").await
    }

    async fn delete(
        &self,
        ctx: &TenantCtx,
        uid: KeyUid,
        expected: &Expected,
        belongs: impl Fn(&AccessKeyRecord) -> bool,
        action: &'static str,
    ) -> Result<AccessKey> {
        let now = self.core.clock.now();
        Ok(transact!(self.core.records, |tx| {
            let found = tx.get_with_version::<AccessKeyRecord>(&rows::access_key(uid)).await?;
            let key = found.filter(|key| belongs(&key.value)).ok_or_else(unknown)?;
            expected.check(key.version)?;
            delete_key(&mut tx, &key.value);
            audit::record(&mut tx, ctx, now, action, uid.to_string()).await?;
            AccessKey::from(key.value)
        }))
    }

    /// That this tenant is the identity's home, and that the caller may all that the identity may.
    async fn require_rule_over(&self, ctx: &TenantCtx, identity: IdentityUid) -> Result<()> {
        ctx.require(Scope::IdentitiesWrite)?;
        let record = self.require_home(ctx, identity).await?;
        // An administrator's secret opens the host, and a secret outlives the API key that it was made with.
        if ctx.principal().is_administrator {
            return Ok(());
        }
        if record.is_administrator || ctx.principal().source == PrincipalSource::ApiKey {
            return Err(Error::new(Code::ScopeMissing, "this needs an administrator of the host, or an access token"));
        }
        let view = self.core.records.view().await?;
        let membership: Option<rows::MembershipRecord> = view.get(&rows::membership(ctx.tenant(), identity)).await?;
        super::identities::may_grant(ctx, &membership.ok_or_else(|| Error::not_found("identity"))?)
    }

    async fn require_home(&self, ctx: &TenantCtx, identity: IdentityUid) -> Result<IdentityRecord> {
        let unknown = || Error::not_found("identity");
        let view = self.core.records.view().await?;
        let member: Option<rows::MembershipRecord> = view.get(&rows::membership(ctx.tenant(), identity)).await?;
        let record: IdentityRecord = view.get(&rows::identity(identity)).await?.ok_or_else(unknown)?;
        member.ok_or_else(unknown)?;
        super::identities::require_home(ctx, &record)?;
        Ok(record)
    }
}

struct Draft {
    purpose: KeyPurpose,
    name: String,
    identity: IdentityUid,
    tenant: Option<TenantUid>,
    scopes: BTreeSet<Scope>,
    ttl: Option<Duration>,
    uses_max: u64,
}

/// That the identity takes client secrets. Writes its row, so that ceasing to take them at the same time finds the new one.
async fn touch_taker(tx: &mut Transaction, uid: IdentityUid) -> Result<()> {
    let place = rows::identity(uid);
    let identity: IdentityRecord = tx.get(&place).await?.ok_or_else(|| Error::not_found("identity"))?;
    if !identity.login.takes_client_secrets {
        return Err(Error::new(Code::WrongState, "the identity takes no client secrets"));
    }
    tx.put(&place, &identity).await
}

async fn insert(tx: &mut Transaction, key: &AccessKeyRecord) -> Result<Version> {
    tx.put_clear(&rows::access_key_by_id(&key.public_id), key.uid.as_bytes());
    tx.put_clear(&rows::access_keys_of(key.identity).uid(key.uid.as_bytes()), &[]);
    if let Some(tenant) = key.tenant {
        tx.put_clear(&rows::access_keys_in(tenant).uid(key.uid.as_bytes()), &[]);
    }
    tx.put_with_version(&rows::access_key(key.uid), key).await
}
