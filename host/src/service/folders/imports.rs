//! What a folder imports: as a whole, in the native dialect, and one by one.

use super::{Folders, IMPORTS_MAX, Place, PlacedFolder, placed};
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::{FolderUid, ImportUid, TenantUid};
use crate::domain::name::{FolderPath, Slug};
use crate::domain::{Code, Error, Expected, Result, Timestamp, Version, Violation};
use crate::records::folders::{self, FolderImport, FolderImports};
use crate::records::{Transaction, View};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::resolve::folder_at;
use crate::transact;

/// One import as it is shown.
#[derive(Clone, Debug)]
pub struct Import {
    pub uid: ImportUid,
    /// The folder in which the others' secrets appear.
    pub folder: FolderUid,
    pub imported: PlacedFolder,
    /// From 1; a later import wins over an earlier one.
    pub position: usize,
    pub created_at: Timestamp,
}

/// What changes of an import; what is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ImportChange {
    pub environment: Option<Slug>,
    pub path: Option<FolderPath>,
    /// From 1.
    pub position: Option<usize>,
}

impl Folders {
    /// What a folder imports, in order; a later import wins over an earlier one. Folders that are gone are left out.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn imports(&self, ctx: &TenantCtx, place: &Place) -> Result<Vec<Import>> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let (_, folder) = folder_at(&view, ctx.tenant(), &place.environment, &place.path).await?;
        shown(&view, ctx.tenant(), folder).await
    }

    /// The import with this uid, and where it stands.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn import(&self, ctx: &TenantCtx, uid: ImportUid) -> Result<(PlacedFolder, Import)> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let import = shown_one(&view, ctx.tenant(), uid).await?;
        Ok((placed(&view, ctx.tenant(), import.folder).await?, import))
    }

    /// Replaces what a folder imports.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the folder, `precondition_failed`, `invalid_request` naming every import that does
    /// not exist or is the folder itself.
    pub async fn set_imports(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        imports: &[Place],
        expected: &Expected,
    ) -> Result<()> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let (_, folder) = folder_at(tx.view(), ctx.tenant(), &place.environment, &place.path).await?;
            let present: Vec<Place> =
                shown(tx.view(), ctx.tenant(), folder).await?.iter().map(|import| import.imported.place()).collect();
            expected.check(version(&present))?;
            let found = import_targets(&tx, ctx.tenant(), folder, imports).await?;
            write(&mut tx, ctx, folder, &FolderImports(found), now).await?;
        });
        Ok(())
    }

    /// Adds an import after those that are there.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for either folder, `already_exists`, `wrong_state` for the folder itself or one import too
    /// many.
    pub async fn add_import(&self, ctx: &TenantCtx, place: &Place, imported: &Place) -> Result<Import> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let (folder, target) = transact!(self.core.records, |tx| {
            let (_, folder) = folder_at(tx.view(), ctx.tenant(), &place.environment, &place.path).await?;
            let (_, target) = folder_at(tx.view(), ctx.tenant(), &imported.environment, &imported.path).await?;
            let mut imports = folders::imports_for_update(&mut tx, ctx.tenant(), folder).await?;
            require_new(&imports, folder, target)?;
            if imports.0.len() >= IMPORTS_MAX {
                return Err(Error::new(Code::WrongState, format!("a folder has at most {IMPORTS_MAX} imports")));
            }
            imports.0.push(target);
            write(&mut tx, ctx, folder, &imports, now).await?;
            (folder, target)
        });
        let view = self.core.records.view().await?;
        let imports = shown(&view, ctx.tenant(), folder).await?;
        imports.into_iter().find(|import| import.imported.folder.uid == target).ok_or_else(missing)
    }

    /// Changes where an import leads to, or its position.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `already_exists`, `wrong_state` for the folder itself.
    pub async fn change_import(&self, ctx: &TenantCtx, uid: ImportUid, change: &ImportChange) -> Result<Import> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let found = shown_one(tx.view(), ctx.tenant(), uid).await?;
            let target = retarget(&mut tx, ctx.tenant(), &found, change).await?;
            let mut imports = folders::imports_for_update(&mut tx, ctx.tenant(), found.folder).await?;
            if let Some(position) = change.position {
                imports.0.retain(|uid| *uid != target);
                imports.0.insert(position.saturating_sub(1).min(imports.0.len()), target);
            }
            write(&mut tx, ctx, found.folder, &imports, now).await?;
        });
        shown_one(&self.core.records.view().await?, ctx.tenant(), uid).await
    }

    /// Takes an import away; answers what it was.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn delete_import(&self, ctx: &TenantCtx, uid: ImportUid) -> Result<Import> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let deleted = transact!(self.core.records, |tx| {
            let found = shown_one(tx.view(), ctx.tenant(), uid).await?;
            let mut imports = folders::imports_for_update(&mut tx, ctx.tenant(), found.folder).await?;
            imports.0.retain(|uid| *uid != found.imported.folder.uid);
            write(&mut tx, ctx, found.folder, &imports, now).await?;
            found
        });
        Ok(deleted)
    }
}

/// The version of what a folder imports: of what is shown of it, since that changes with the names of other folders.
#[must_use]
pub fn version(imports: &[Place]) -> Version {
    let shown = |import: &Place| (import.environment.to_string(), import.path.to_string());
    Version::of(&imports.iter().map(shown).collect::<Vec<_>>())
}

fn missing() -> Error {
    Error::not_found("import")
}

fn require_new(imports: &FolderImports, folder: FolderUid, target: FolderUid) -> Result<()> {
    if target == folder {
        return Err(Error::new(Code::WrongState, "a folder cannot import itself"));
    }
    if imports.0.contains(&target) {
        return Err(Error::new(Code::AlreadyExists, "this folder is imported already"));
    }
    Ok(())
}

async fn write(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    folder: FolderUid,
    imports: &FolderImports,
    now: Timestamp,
) -> Result<()> {
    folders::write_imports(tx, ctx.tenant(), folder, imports, now).await?;
    folders::mark_dirty(tx, ctx.tenant(), folder);
    audit::record(tx, ctx, now, "imports.update", folder.to_string()).await
}

/// Lets an import lead where the change says; answers where it leads now.
async fn retarget(tx: &mut Transaction, tenant: TenantUid, found: &Import, change: &ImportChange) -> Result<FolderUid> {
    let before = found.imported.folder.uid;
    let environment = change.environment.as_ref().unwrap_or(&found.imported.environment.slug);
    let path = change.path.as_ref().unwrap_or(&found.imported.path);
    let (_, target) = folder_at(tx.view(), tenant, environment, path).await?;
    if target != before {
        let imports = folders::imports_for_update(tx, tenant, found.folder).await?;
        require_new(&imports, found.folder, target)?;
        let import =
            FolderImport { uid: found.uid, folder: found.folder, imported: before, created_at: found.created_at };
        folders::retarget_import(tx, tenant, &import, target).await?;
    }
    Ok(target)
}

async fn shown_one(view: &View, tenant: TenantUid, uid: ImportUid) -> Result<Import> {
    let import = folders::import(view, tenant, uid).await?.ok_or_else(missing)?;
    let all = shown(view, tenant, import.folder).await?;
    all.into_iter().find(|import| import.uid == uid).ok_or_else(missing)
}

async fn shown(view: &View, tenant: TenantUid, folder: FolderUid) -> Result<Vec<Import>> {
    let mut found = Vec::new();
    for (index, imported) in folders::imports(view, tenant, folder).await?.0.into_iter().enumerate() {
        let Some(import) = folders::import_of(view, tenant, folder, imported).await? else { continue };
        let imported = match placed(view, tenant, imported).await {
            Ok(imported) => imported,
            // An imported folder may be deleted; what is left of the import brings nothing.
            Err(error) if error.code() == Code::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(Import { uid: import.uid, folder, imported, position: index + 1, created_at: import.created_at });
    }
    Ok(found)
}

async fn import_targets(
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
