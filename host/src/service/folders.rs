//! Folders and their imports.

pub mod imports;
mod remove;

use super::audit;
use super::context::{Core, TenantCtx};
use super::resolve::{Resolver, Unresolved, folder_at};
use crate::domain::access::Scope;
use crate::domain::id::{EnvironmentUid, FolderUid, TenantUid};
use crate::domain::name::{FolderName, FolderPath, Slug};
use crate::domain::{Code, Error, Expected, Result, Timestamp, Version};
use crate::records::environments::Environment;
use crate::records::folders::{self, Folder};
use crate::records::{Transaction, View, environments, secrets};
use crate::transact;

/// The most folders directly in one folder that a listing gives.
pub const CHILDREN_MAX: usize = 1_000;
/// The most imports of one folder.
pub const IMPORTS_MAX: usize = 50;

/// A place: an environment and a path in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub environment: Slug,
    pub path: FolderPath,
}

/// A folder and where it stands.
#[derive(Clone, Debug)]
pub struct PlacedFolder {
    pub folder: Folder,
    pub environment: Environment,
    pub path: FolderPath,
}

impl PlacedFolder {
    /// Its environment and path.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { environment: self.environment.slug.clone(), path: self.path.clone() }
    }
}

/// Whether a folder goes that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// It must be empty.
    Refused,
    /// All folders and secrets below go with it.
    Removed,
}

/// Folders of a tenant.
#[derive(Clone)]
pub struct Folders {
    core: Core,
}

impl Folders {
    /// The service over this ground.
    #[must_use]
    pub const fn new(core: Core) -> Self {
        Self { core }
    }

    /// Makes a folder, and those above it that are missing; what exists already is left as it is.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the environment.
    pub async fn create(&self, ctx: &TenantCtx, place: &Place) -> Result<Folder> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let uid = transact!(self.core.records, |tx| {
            let (_, folder) = ensure(&mut tx, ctx.tenant(), place, now).await?;
            audit::record(&mut tx, ctx, now, "folders.create", place.path.to_string()).await?;
            folder
        });
        let view = self.core.records.view().await?;
        folders::read(&view, ctx.tenant(), uid).await?.ok_or_else(|| Error::not_found("folder"))
    }

    /// The folders directly in a place, in the order of their names.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn list(&self, ctx: &TenantCtx, place: &Place) -> Result<Vec<Folder>> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let (_, folder) = folder_at(&view, ctx.tenant(), &place.environment, &place.path).await?;
        folders::children(&view, ctx.tenant(), folder, CHILDREN_MAX).await
    }

    /// All folders below a place with their paths, in the order of their paths; not the place itself.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `invalid_request` where they are too many.
    pub async fn tree(&self, ctx: &TenantCtx, place: &Place) -> Result<Vec<PlacedFolder>> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let (_, root) = folder_at(&view, ctx.tenant(), &place.environment, &place.path).await?;
        let mut found = Vec::new();
        for uid in Resolver::new(&view, ctx.tenant(), Unresolved::Literal).tree(root).await? {
            if uid != root {
                found.push(placed(&view, ctx.tenant(), uid).await?);
            }
        }
        Ok(found)
    }

    /// The folder at a place.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(&self, ctx: &TenantCtx, place: &Place) -> Result<PlacedFolder> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let (_, uid) = folder_at(&view, ctx.tenant(), &place.environment, &place.path).await?;
        placed(&view, ctx.tenant(), uid).await
    }

    /// The folder with this uid.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn find(&self, ctx: &TenantCtx, uid: FolderUid) -> Result<PlacedFolder> {
        ctx.require(Scope::SecretsRead)?;
        placed(&self.core.records.view().await?, ctx.tenant(), uid).await
    }

    /// Gives a folder another name.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `already_exists`, `wrong_state` for the root, `precondition_failed`.
    pub async fn rename(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        name: &FolderName,
        expected: &Expected,
    ) -> Result<Folder> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let renamed = transact!(self.core.records, |tx| {
            let folder = self.named(&mut tx, ctx, place).await?;
            expected.check(Version::of(&folder))?;
            let renamed = rename(&mut tx, ctx, folder, name, now).await?;
            audit::record(&mut tx, ctx, now, "folders.update", place.path.to_string()).await?;
            renamed
        });
        Ok(renamed)
    }

    /// Gives folders other names, all or none.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `already_exists`, `wrong_state` for a root.
    pub async fn rename_all(&self, ctx: &TenantCtx, renames: &[(FolderUid, FolderName)]) -> Result<Vec<PlacedFolder>> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            for (uid, name) in renames {
                let folder = tx.get::<Folder>(&folders::key(ctx.tenant(), *uid)).await?;
                let folder = folder.ok_or_else(|| Error::not_found("folder"))?;
                rename(&mut tx, ctx, folder, name, now).await?;
                audit::record(&mut tx, ctx, now, "folders.update", uid.to_string()).await?;
            }
        });
        let view = self.core.records.view().await?;
        let mut renamed = Vec::with_capacity(renames.len());
        for (uid, _) in renames {
            renamed.push(placed(&view, ctx.tenant(), *uid).await?);
        }
        Ok(renamed)
    }

    /// The folder at a place, which must stand still until commit.
    async fn named(&self, tx: &mut Transaction, ctx: &TenantCtx, place: &Place) -> Result<Folder> {
        if place.path.segments().is_empty() {
            return Err(is_root());
        }
        let (_, uid) = folder_at(tx.view(), ctx.tenant(), &place.environment, &place.path).await?;
        tx.get::<Folder>(&folders::key(ctx.tenant(), uid)).await?.ok_or_else(|| Error::not_found("folder"))
    }
}

fn is_root() -> Error {
    Error::new(Code::WrongState, "the root of an environment is neither renamed nor deleted")
}

async fn rename(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    folder: Folder,
    name: &FolderName,
    now: Timestamp,
) -> Result<Folder> {
    if folder.parent.is_none() {
        return Err(is_root());
    }
    if folder.name.as_ref() == Some(name) {
        return Ok(folder);
    }
    let folder = Folder { modified_at: now, ..folder };
    if !folders::rename(tx, ctx.tenant(), &folder, name.clone()).await? {
        return Err(Error::new(Code::AlreadyExists, "a folder with this name exists here"));
    }
    // Whatever lies below has another path as well, to which references may lead.
    for uid in Resolver::new(tx.view(), ctx.tenant(), Unresolved::Literal).tree(folder.uid).await? {
        folders::mark_dirty(tx, ctx.tenant(), uid);
    }
    Ok(Folder { name: Some(name.clone()), ..folder })
}

async fn placed(view: &View, tenant: TenantUid, uid: FolderUid) -> Result<PlacedFolder> {
    let missing = || Error::not_found("folder");
    let folder = folders::read(view, tenant, uid).await?.ok_or_else(missing)?;
    let (environment, path) = folders::path_of(view, tenant, uid).await?;
    let environment = environments::read(view, tenant, environment).await?.ok_or_else(missing)?;
    Ok(PlacedFolder { folder, environment, path })
}

/// The folder at a place, which must be there. Its row must stand still until commit, so that what is put into it cannot
/// outlive it.
///
/// # Errors
/// `not_found`; else as [`Transaction::get`].
pub(super) async fn hold(tx: &mut Transaction, tenant: TenantUid, place: &Place) -> Result<FolderUid> {
    let (_, folder) = folder_at(tx.view(), tenant, &place.environment, &place.path).await?;
    tx.get::<Folder>(&folders::key(tenant, folder)).await?.ok_or_else(|| Error::not_found("folder"))?;
    Ok(folder)
}

/// The folder at a place, made with those above it where missing. The folder's row must stand still until commit, so that
/// what is put into it cannot outlive it.
///
/// # Errors
/// `not_found` for the environment; else as [`Transaction::put`].
pub(super) async fn ensure(
    tx: &mut Transaction,
    tenant: TenantUid,
    place: &Place,
    now: Timestamp,
) -> Result<(EnvironmentUid, FolderUid)> {
    let environment = environments::find(tx.view(), tenant, &place.environment).await?;
    let environment = environment.ok_or_else(|| Error::not_found("environment"))?;
    tx.get::<Folder>(&folders::key(tenant, environment.root)).await?.ok_or_else(|| Error::not_found("folder"))?;
    let mut folder = environment.root;
    for name in place.path.segments() {
        folder = match folders::child_for_update(tx, tenant, folder, name).await? {
            Some(existing) => existing.uid,
            None => insert_child(tx, tenant, environment.uid, (folder, name), now).await?,
        };
    }
    Ok((environment.uid, folder))
}

async fn insert_child(
    tx: &mut Transaction,
    tenant: TenantUid,
    environment: EnvironmentUid,
    (parent, name): (FolderUid, &FolderName),
    now: Timestamp,
) -> Result<FolderUid> {
    let folder = Folder {
        uid: FolderUid::generate(),
        environment,
        parent: Some(parent),
        name: Some(name.clone()),
        created_at: now,
        modified_at: now,
    };
    folders::insert(tx, tenant, &folder).await?;
    Ok(folder.uid)
}

/// Refuses a folder that holds something.
pub(super) async fn require_empty(
    tx: &Transaction,
    tenant: TenantUid,
    folder: FolderUid,
    path: &FolderPath,
) -> Result<()> {
    let has_folders = !folders::children(tx.view(), tenant, folder, 1).await?.is_empty();
    let has_secrets = !secrets::list(tx.view(), tenant, folder, None, 1).await?.is_empty();
    if has_folders || has_secrets {
        return Err(Error::new(Code::InUse, format!("`{path}` is not empty; delete what is in it first")));
    }
    Ok(())
}
