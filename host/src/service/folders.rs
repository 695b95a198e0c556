//! Folders and their imports.

use super::audit;
use super::context::{Core, TenantCtx};
use super::resolve::folder_at;
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::{EnvironmentUid, FolderUid, TenantUid};
use crate::domain::name::{FolderName, FolderPath, Slug};
use crate::domain::{Code, Error, Result, Timestamp, Violation};
use crate::records::folders::{self, Folder, FolderImports};
use crate::records::{Transaction, environments, secrets};
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

    /// Gives a folder another name.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `already_exists`, `wrong_state` for the root.
    pub async fn rename(&self, ctx: &TenantCtx, place: &Place, name: &FolderName) -> Result<Folder> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let renamed = transact!(self.core.records, |tx| {
            let folder = self.named(&tx, ctx, place).await?;
            if folder.name.as_ref() == Some(name) {
                return Ok(folder);
            }
            let folder = Folder { modified_at: now, ..folder };
            if !folders::rename(&mut tx, ctx.tenant(), &folder, name.clone()).await? {
                return Err(Error::new(Code::AlreadyExists, "a folder with this name exists here"));
            }
            folders::mark_dirty(&mut tx, ctx.tenant(), folder.uid);
            audit::record(&mut tx, ctx, now, "folders.update", place.path.to_string()).await?;
            Folder { name: Some(name.clone()), ..folder }
        });
        Ok(renamed)
    }

    /// Deletes a folder that holds neither folders nor secrets.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `in_use`, `wrong_state` for the root.
    pub async fn delete(&self, ctx: &TenantCtx, place: &Place) -> Result<()> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let folder = self.named(&tx, ctx, place).await?;
            require_empty(&tx, ctx.tenant(), folder.uid, &place.path).await?;
            folders::remove(&mut tx, ctx.tenant(), &folder).await?;
            folders::mark_dirty(&mut tx, ctx.tenant(), folder.uid);
            audit::record(&mut tx, ctx, now, "folders.delete", place.path.to_string()).await?;
        });
        Ok(())
    }

    /// What a folder imports, in order; a later import wins over an earlier one.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn imports(&self, ctx: &TenantCtx, place: &Place) -> Result<Vec<Place>> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let (_, folder) = folder_at(&view, ctx.tenant(), &place.environment, &place.path).await?;
        let mut places = Vec::new();
        for imported in folders::imports(&view, ctx.tenant(), folder).await?.0 {
            let (environment, path) = match folders::path_of(&view, ctx.tenant(), imported).await {
                Ok(found) => found,
                // An imported folder may be deleted; what is left of the import brings nothing.
                Err(error) if error.code() == Code::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Some(environment) = environments::read(&view, ctx.tenant(), environment).await? {
                places.push(Place { environment: environment.slug, path });
            }
        }
        Ok(places)
    }

    /// Replaces what a folder imports.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the folder, `invalid_request` naming every import that does not exist or is the
    /// folder itself.
    pub async fn set_imports(&self, ctx: &TenantCtx, place: &Place, imports: &[Place]) -> Result<()> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let (_, folder) = folder_at(tx.view(), ctx.tenant(), &place.environment, &place.path).await?;
            let found = self.import_targets(&tx, ctx.tenant(), folder, imports).await?;
            folders::write_imports(&mut tx, ctx.tenant(), folder, &FolderImports(found)).await?;
            folders::mark_dirty(&mut tx, ctx.tenant(), folder);
            audit::record(&mut tx, ctx, now, "imports.update", place.path.to_string()).await?;
        });
        Ok(())
    }

    async fn import_targets(
        &self,
        tx: &Transaction,
        tenant: TenantUid,
        folder: FolderUid,
        imports: &[Place],
    ) -> Result<Vec<FolderUid>> {
        let mut found = Vec::new();
        let mut violations = Vec::new();
        for (index, import) in imports.iter().enumerate() {
            let pointer = format!("/imports/{index}");
            match folder_at(tx.view(), tenant, &import.environment, &import.path).await {
                Ok((_, target)) if target == folder => {
                    violations.push(Violation::new(pointer, violation::FORBIDDEN, "a folder cannot import itself"));
                }
                Ok((_, target)) if found.contains(&target) => {
                    violations.push(Violation::new(pointer, violation::DUPLICATE, "this folder is imported twice"));
                }
                Ok((_, target)) => found.push(target),
                Err(error) if error.code() == Code::NotFound => {
                    violations.push(Violation::new(pointer, violation::UNKNOWN_REFERENCE, error.detail()));
                }
                Err(error) => return Err(error),
            }
        }
        if imports.len() > IMPORTS_MAX {
            let detail = format!("a folder has at most {IMPORTS_MAX} imports");
            violations.push(Violation::new("/imports", violation::TOO_LONG, detail));
        }
        if violations.is_empty() { Ok(found) } else { Err(Error::invalid(violations)) }
    }

    async fn named(&self, tx: &Transaction, ctx: &TenantCtx, place: &Place) -> Result<Folder> {
        if place.path.segments().is_empty() {
            return Err(Error::new(Code::WrongState, "the root of an environment is neither renamed nor deleted"));
        }
        let (_, uid) = folder_at(tx.view(), ctx.tenant(), &place.environment, &place.path).await?;
        folders::read(tx.view(), ctx.tenant(), uid).await?.ok_or_else(|| Error::not_found("folder"))
    }
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
