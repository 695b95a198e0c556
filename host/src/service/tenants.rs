//! Tenants: made, renamed and destroyed by administrators of the host.

use super::access::{self, tenant_by_slug};
use super::audit;
use super::context::{Core, HostCtx, TenantCtx};
use super::identities::{erase, key_uid, keys_of};
use crate::domain::access::Role;
use crate::domain::error::violation;
use crate::domain::id::{IdentityUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Expected, Result, Timestamp, Versioned, Violation};
use crate::records::access::{self as access_rows, IdentityRecord, MembershipRecord};
use crate::records::tenant::{self as rows, TenantRecord};
use crate::records::{Key, Kind, Transaction};
use crate::transact;

/// Ids that would read as something else in a path or a log.
const RESERVED: [&str; 2] = ["system", "-"];
/// Rows deleted in one batch while a tenant is destroyed.
const PURGE_BATCH: usize = 500;

/// What to do with tenants.
#[derive(Clone)]
pub struct Tenants {
    core: Core,
}

/// A tenant to be made.
#[derive(Clone, Debug)]
pub struct NewTenant {
    pub slug: Slug,
    pub display_name: Option<String>,
}

/// A tenant, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub uid: TenantUid,
    pub slug: Slug,
    pub display_name: String,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

impl From<TenantRecord> for Tenant {
    fn from(record: TenantRecord) -> Self {
        let TenantRecord { uid, slug, display_name, created_at, modified_at, deleting_since: _ } = record;
        Self { uid, slug, display_name, created_at, modified_at }
    }
}

/// One page of tenants, in the order of their ids.
#[derive(Debug)]
pub struct TenantPage {
    pub items: Vec<Tenant>,
    /// Where the next page begins; none at the end.
    pub next: Option<Vec<u8>>,
}

impl Tenants {
    pub(in crate::service) const fn new(core: Core) -> Self {
        Self { core }
    }

    /// Makes a tenant with keys of its own; whoever makes it becomes its owner.
    ///
    /// # Errors
    /// `already_exists` for a taken id, `invalid_request` for a reserved one.
    pub async fn create(&self, ctx: &HostCtx, new: NewTenant) -> Result<Versioned<Tenant>> {
        if RESERVED.contains(&new.slug.as_str()) {
            return Err(Error::invalid(vec![Violation::new("/id", violation::RESERVED, "is reserved")]));
        }
        let now = self.core.clock.now();
        let uid = TenantUid::generate();
        let display_name = new.display_name.clone().unwrap_or_else(|| new.slug.to_string());
        let tenant =
            TenantRecord { uid, slug: new.slug, display_name, created_at: now, modified_at: now, deleting_since: None };
        let version = transact!(self.core.records, |tx| {
            if tx.get_clear(&rows::by_slug(&tenant.slug)).await?.is_some() {
                return Err(Error::new(Code::AlreadyExists, "a tenant with this id exists"));
            }
            tx.create_tenant_keys(uid)?;
            tx.put_clear(&rows::by_slug(&tenant.slug), uid.as_bytes());
            let owner = owner(ctx, now);
            tx.put(&access_rows::membership(uid, owner.identity), &owner).await?;
            tx.put_clear(&access_rows::membership_of(owner.identity, uid), &[]);
            audit::record_host(&mut tx, ctx, now, "tenants.create", uid.to_string()).await?;
            tx.put_with_version(&rows::tenant(uid), &tenant).await?
        });
        Ok(Versioned { value: tenant.into(), version })
    }

    /// A tenant by its id.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn read(&self, _: &HostCtx, slug: &str) -> Result<Versioned<Tenant>> {
        let view = self.core.records.view().await?;
        let slug: Slug = slug.parse().map_err(|_| Error::not_found("tenant"))?;
        let known = tenant_by_slug(&view, &slug).await?.ok_or_else(|| Error::not_found("tenant"))?;
        let found = view.get_with_version::<TenantRecord>(&rows::tenant(known.uid)).await?;
        Ok(found.ok_or_else(|| Error::not_found("tenant"))?.map(Tenant::from))
    }

    /// The tenant that the caller is authorised for.
    ///
    /// # Errors
    /// `not_found` when it is gone by now.
    pub async fn describe(&self, ctx: &TenantCtx) -> Result<Tenant> {
        let view = self.core.records.view().await?;
        let found = access::tenant_by_uid(&view, ctx.tenant()).await?;
        found.map(Tenant::from).ok_or_else(|| Error::not_found("project"))
    }

    /// At most `limit` tenants, after the cursor of the page before.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn list(&self, _: &HostCtx, after: Option<&[u8]>, limit: usize) -> Result<TenantPage> {
        let view = self.core.records.view().await?;
        let prefix = Key::system(Kind::TenantBySlug);
        let mut entries = view.scan_clear(&prefix, after, limit + 1).await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|(key, _)| key.as_bytes().to_vec());
        let mut items = Vec::with_capacity(entries.len());
        for (_, uid) in entries {
            let Ok(uid) = uid.try_into().map(TenantUid::from_bytes) else { continue };
            items.extend(view.get::<TenantRecord>(&rows::tenant(uid)).await?.map(Tenant::from));
        }
        Ok(TenantPage { items, next })
    }

    /// Renames a tenant for people; its id stays.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`.
    pub async fn update(
        &self,
        ctx: &HostCtx,
        slug: &str,
        display_name: Option<String>,
        expected: &Expected,
    ) -> Result<Versioned<Tenant>> {
        let uid = self.read(ctx, slug).await?.value.uid;
        let now = self.core.clock.now();
        Ok(transact!(self.core.records, |tx| {
            let found = tx.get_with_version::<TenantRecord>(&rows::tenant(uid)).await?;
            let mut tenant = found.ok_or_else(|| Error::not_found("tenant"))?;
            expected.check(tenant.version)?;
            if let Some(display_name) = &display_name {
                tenant.value.display_name.clone_from(display_name);
                tenant.value.modified_at = now;
                tenant.version = tx.put_with_version(&rows::tenant(uid), &tenant.value).await?;
                audit::record_host(&mut tx, ctx, now, "tenants.update", uid.to_string()).await?;
            }
            tenant.map(Tenant::from)
        }))
    }

    /// Destroys a tenant: its keys in the same moment in which its id is free again, its rows right after.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`.
    pub async fn delete(&self, ctx: &HostCtx, slug: &str, expected: &Expected) -> Result<()> {
        let uid = self.read(ctx, slug).await?.value.uid;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let found = tx.get_with_version::<TenantRecord>(&rows::tenant(uid)).await?;
            let mut tenant = found.ok_or_else(|| Error::not_found("tenant"))?;
            expected.check(tenant.version)?;
            tx.delete(&rows::by_slug(&tenant.value.slug));
            tx.delete(&Key::new(uid, Kind::TenantKeys));
            tenant.value.deleting_since = Some(now);
            tx.put(&rows::tenant(uid), &tenant.value).await?;
            audit::record_host(&mut tx, ctx, now, "tenants.delete", uid.to_string()).await?;
        });
        self.core.records.forget_sealer(uid);
        self.purge(uid).await
    }

    /// Finishes deletions that a stop of the host left half done.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn resume_deletions(&self) -> Result<()> {
        let prefix = Key::system(Kind::Tenant);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let view = self.core.records.view().await?;
            let page = view.scan::<TenantRecord>(&prefix, after.as_deref(), PURGE_BATCH).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.as_bytes().to_vec());
            for (_, tenant) in page.iter().filter(|(_, tenant)| tenant.deleting_since.is_some()) {
                self.purge(tenant.uid).await?;
            }
        }
    }

    /// Deletes the rows of a tenant whose keys are gone, with what the system range holds of it, and at last the tenant.
    async fn purge(&self, uid: TenantUid) -> Result<()> {
        let records = &self.core.records;
        self.purge_keys(uid).await?;
        self.purge_identities(uid).await?;
        records.purge(uid, PURGE_BATCH).await?;
        transact!(records, |tx| tx.delete(&rows::tenant(uid)));
        Ok(())
    }

    /// Deletes the keys that open the tenant.
    async fn purge_keys(&self, tenant: TenantUid) -> Result<()> {
        let records = &self.core.records;
        let entries = records.view().await?.keys(&access_rows::access_keys_in(tenant)).await?;
        for batch in entries.chunks(PURGE_BATCH) {
            transact!(records, |tx| {
                for uid in batch.iter().filter_map(|entry| key_uid(entry.components())) {
                    if let Some(key) = tx.get(&access_rows::access_key(uid)).await? {
                        access::delete_key(&mut tx, &key);
                    }
                }
            });
        }
        Ok(())
    }

    /// Deletes the identities whose home the tenant was, and every trace of a membership. All of them are members; what their
    /// memberships say can no longer be opened.
    async fn purge_identities(&self, tenant: TenantUid) -> Result<()> {
        let records = &self.core.records;
        let memberships = records.view().await?.keys(&access_rows::memberships(tenant)).await?;
        for batch in memberships.chunks(PURGE_BATCH) {
            transact!(records, |tx| {
                for uid in batch.iter().filter_map(|key| member_uid(key.components())) {
                    tx.delete(&access_rows::membership_of(uid, tenant));
                    let identity: Option<IdentityRecord> = tx.view().get(&access_rows::identity(uid)).await?;
                    if identity.is_some_and(|identity| identity.home == Some(tenant)) {
                        erase_whole(&mut tx, uid).await?;
                    }
                }
            });
        }
        Ok(())
    }
}

/// The uid at the end of a membership's key.
fn member_uid(components: &[u8]) -> Option<IdentityUid> {
    components.last_chunk::<16>().map(|bytes| IdentityUid::from_bytes(*bytes))
}

/// Deletes an identity with its keys. A key that is made meanwhile changes the identity's row, so that this is tried again and
/// finds it.
async fn erase_whole(tx: &mut Transaction, uid: IdentityUid) -> Result<()> {
    let Some(identity) = tx.get::<IdentityRecord>(&access_rows::identity(uid)).await? else { return Ok(()) };
    let keys = keys_of(tx.view(), uid).await?;
    erase(tx, &identity, &keys).await
}

fn owner(ctx: &HostCtx, now: Timestamp) -> MembershipRecord {
    MembershipRecord {
        identity: ctx.principal().identity,
        role: Some(Role::Owner),
        scopes: std::collections::BTreeSet::new(),
        created_at: now,
        modified_at: now,
    }
}
