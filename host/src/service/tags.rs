//! Tags: whatever slug a secret is given, in either dialect, is a tag of the tenant with a uid, a name and a colour.

use super::audit;
use super::context::{Core, TenantCtx};
use crate::domain::access::Scope;
use crate::domain::id::{IdentityUid, TagUid, TenantUid};
use crate::domain::name::Tag;
use crate::domain::{Code, Error, Result, Timestamp};
use crate::records::secrets::{self, SecretOverview};
use crate::records::tags::{self as rows, TagRecord};
use crate::records::{Transaction, folders};
use crate::transact;

/// The most tags of one tenant.
pub const TAGS_OF_TENANT_MAX: usize = 2_000;
/// The greatest name, in Unicode characters.
pub const NAME_CHARS_MAX: usize = 100;
/// The greatest colour, in Unicode characters.
pub const COLOR_CHARS_MAX: usize = 50;
/// Secrets that are looked at together for a tag.
const SCAN_BATCH: usize = 1_000;

/// A tag to be made.
#[derive(Clone, Debug)]
pub struct NewTag {
    pub slug: Tag,
    /// The slug where left out.
    pub name: Option<String>,
    pub color: Option<String>,
}

/// What changes of a tag; what is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TagChange {
    pub slug: Option<Tag>,
    pub name: Option<String>,
    pub color: Option<String>,
}

/// Tags of a tenant.
#[derive(Clone)]
pub struct Tags {
    core: Core,
}

impl Tags {
    pub(in crate::service) const fn new(core: Core) -> Self {
        Self { core }
    }

    /// All tags, in the order of their slugs.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn list(&self, ctx: &TenantCtx) -> Result<Vec<TagRecord>> {
        ctx.require(Scope::SecretsRead)?;
        rows::list(&self.core.records.view().await?, ctx.tenant(), TAGS_OF_TENANT_MAX).await
    }

    /// The tag with this uid.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(&self, ctx: &TenantCtx, uid: TagUid) -> Result<TagRecord> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        view.get(&rows::key(ctx.tenant(), uid)).await?.ok_or_else(missing)
    }

    /// The slugs of the tags with these uids, in their order.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` where one of them is none of this tenant.
    pub async fn slugs(&self, ctx: &TenantCtx, uids: &[TagUid]) -> Result<Vec<Tag>> {
        let mut slugs = Vec::with_capacity(uids.len());
        for uid in uids {
            slugs.push(self.read(ctx, *uid).await?.slug);
        }
        Ok(slugs)
    }

    /// Makes a tag.
    ///
    /// # Errors
    /// `scope_missing`, `already_exists`, `wrong_state` where there are too many.
    pub async fn create(&self, ctx: &TenantCtx, new: &NewTag) -> Result<TagRecord> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let mut tag = TagRecord::new(new.slug.clone(), ctx.principal().identity, now);
        tag.name = new.name.clone().unwrap_or(tag.name);
        tag.color = new.color.clone().unwrap_or(tag.color);
        transact!(self.core.records, |tx| {
            if rows::find_for_update(&mut tx, ctx.tenant(), &tag.slug).await?.is_some() {
                return Err(taken());
            }
            Room::default().take(&tx, ctx.tenant()).await?;
            rows::insert(&mut tx, ctx.tenant(), &tag).await?;
            audit::record(&mut tx, ctx, now, "tags.create", tag.uid.to_string()).await?;
        });
        Ok(tag)
    }

    /// Changes a tag, and with its slug every secret that carries it.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `already_exists` for a taken slug.
    pub async fn update(&self, ctx: &TenantCtx, uid: TagUid, change: &TagChange) -> Result<TagRecord> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let updated = transact!(self.core.records, |tx| {
            let found = tx.get::<TagRecord>(&rows::key(ctx.tenant(), uid)).await?.ok_or_else(missing)?;
            let updated = TagRecord {
                slug: change.slug.clone().unwrap_or_else(|| found.slug.clone()),
                name: change.name.clone().unwrap_or_else(|| found.name.clone()),
                color: change.color.clone().unwrap_or_else(|| found.color.clone()),
                modified_at: now,
                ..found.clone()
            };
            if updated.slug == found.slug {
                tx.put(&rows::key(ctx.tenant(), uid), &updated).await?;
            } else {
                if rows::find_for_update(&mut tx, ctx.tenant(), &updated.slug).await?.is_some() {
                    return Err(taken());
                }
                rows::remove(&mut tx, ctx.tenant(), &found);
                rows::insert(&mut tx, ctx.tenant(), &updated).await?;
                replace(&mut tx, ctx, &found, Some(&updated.slug), now).await?;
            }
            audit::record(&mut tx, ctx, now, "tags.update", uid.to_string()).await?;
            updated
        });
        Ok(updated)
    }

    /// Deletes a tag, and takes it from every secret that carries it; answers what it was.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn delete(&self, ctx: &TenantCtx, uid: TagUid) -> Result<TagRecord> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let deleted = transact!(self.core.records, |tx| {
            let found = tx.get::<TagRecord>(&rows::key(ctx.tenant(), uid)).await?.ok_or_else(missing)?;
            replace(&mut tx, ctx, &found, None, now).await?;
            rows::remove(&mut tx, ctx.tenant(), &found);
            tx.delete(&rows::members_key(ctx.tenant(), uid));
            audit::record(&mut tx, ctx, now, "tags.delete", uid.to_string()).await?;
            found
        });
        Ok(deleted)
    }
}

fn missing() -> Error {
    Error::not_found("tag")
}

fn taken() -> Error {
    Error::new(Code::AlreadyExists, "a tag with this slug exists")
}

/// How many tags a tenant has in one transaction, those made in it included: its view does not show them. Counted when the
/// first one is made.
#[derive(Default)]
pub(super) struct Room {
    taken: Option<usize>,
}

impl Room {
    /// # Errors
    /// `wrong_state` where there are too many.
    async fn take(&mut self, tx: &Transaction, tenant: TenantUid) -> Result<()> {
        let taken = match self.taken {
            Some(taken) => taken,
            None => rows::count(tx.view(), tenant).await?,
        };
        if taken >= TAGS_OF_TENANT_MAX {
            return Err(Error::new(Code::WrongState, format!("there are at most {TAGS_OF_TENANT_MAX} tags")));
        }
        self.taken = Some(taken + 1);
        Ok(())
    }
}

/// Gives every secret with the tag another in its place, or none. A secret that is given the tag meanwhile is a conflict.
async fn replace(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    tag: &TagRecord,
    by: Option<&Tag>,
    now: Timestamp,
) -> Result<()> {
    tx.get_clear(&rows::members_key(ctx.tenant(), tag.uid)).await?;
    let mut after = None;
    loop {
        let page = secrets::all(tx.view(), ctx.tenant(), after, SCAN_BATCH).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.uid);
        for found in page.into_iter().filter(|found| found.tags.contains(&tag.slug)) {
            replace_in(tx, ctx, found, (&tag.slug, by), now).await?;
        }
    }
}

async fn replace_in(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    found: SecretOverview,
    (tag, by): (&Tag, Option<&Tag>),
    now: Timestamp,
) -> Result<()> {
    let mut tags: Vec<Tag> = found.tags.iter().filter(|held| *held != tag).cloned().collect();
    tags.extend(by.cloned());
    let updated = SecretOverview { tags, modified_at: now, ..found };
    folders::mark_dirty(tx, ctx.tenant(), updated.folder);
    secrets::write(tx, ctx.tenant(), &updated, None).await.map(|_| ())
}

/// Makes the tags that a secret carries known, where they are not yet.
///
/// # Errors
/// `wrong_state` where there are too many; else as [`Transaction::put`].
pub(super) async fn attach(
    (tx, room): (&mut Transaction, &mut Room),
    (tenant, author): (TenantUid, IdentityUid),
    overview: &SecretOverview,
    now: Timestamp,
) -> Result<()> {
    for slug in &overview.tags {
        let tag = match rows::find_for_update(tx, tenant, slug).await? {
            Some(known) => known,
            None => {
                room.take(tx, tenant).await?;
                let tag = TagRecord::new(slug.clone(), author, now);
                rows::insert(tx, tenant, &tag).await?;
                tag
            }
        };
        rows::note_member(tx, tenant, &tag, overview.uid.as_bytes());
    }
    Ok(())
}
