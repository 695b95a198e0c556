//! Folders, by uid and by (parent, name), and what each imports. Renaming one moves no secret.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::transaction::{Transaction, View};
use super::{Key, Kind, located};
use crate::domain::id::{EnvironmentUid, FolderUid, ImportUid, TenantUid};
use crate::domain::name::{FolderName, FolderPath, Slug};
use crate::domain::{Error, Result, Timestamp};

/// A folder. The root of an environment has neither parent nor name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder {
    pub uid: FolderUid,
    pub environment: EnvironmentUid,
    pub parent: Option<FolderUid>,
    pub name: Option<FolderName>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(Folder, Folder);

/// The imports of a folder: secrets of these folders appear in it. A later import wins over an earlier one, and the
/// folder's own secrets win over all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FolderImports(pub Vec<FolderUid>);

crate::json_record!(FolderImports, FolderImports);

/// One import as a thing of its own: its uid stays when its position changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FolderImport {
    pub uid: ImportUid,
    /// The folder in which the others' secrets appear.
    pub folder: FolderUid,
    pub imported: FolderUid,
    pub created_at: Timestamp,
}

crate::json_record!(FolderImport, FolderImport);

/// The key of a folder.
#[must_use]
pub fn key(tenant: TenantUid, uid: FolderUid) -> Key {
    Key::new(tenant, Kind::Folder).uid(uid.as_bytes())
}

fn by_name(tenant: TenantUid, parent: FolderUid, name: &FolderName) -> Key {
    Key::new(tenant, Kind::FolderByName).uid(parent.as_bytes()).text(name.as_str())
}

fn imports_key(tenant: TenantUid, folder: FolderUid) -> Key {
    Key::new(tenant, Kind::FolderImports).uid(folder.as_bytes())
}

fn imported_by(tenant: TenantUid, imported: FolderUid, importing: FolderUid) -> Key {
    Key::new(tenant, Kind::FolderImportedBy).uid(imported.as_bytes()).uid(importing.as_bytes())
}

fn import_key(tenant: TenantUid, uid: ImportUid) -> Key {
    Key::new(tenant, Kind::FolderImport).uid(uid.as_bytes())
}

/// The key that changes whenever something is put into a folder; deleting the folder requires its revision.
#[must_use]
pub fn members_key(tenant: TenantUid, folder: FolderUid) -> Key {
    Key::new(tenant, Kind::Members).uid(folder.as_bytes())
}

/// The folder of this name in `parent`, held to the record's own place, since the index stands in clear.
///
/// # Errors
/// As [`View::get`].
pub async fn child(view: &View, tenant: TenantUid, parent: FolderUid, name: &FolderName) -> Result<Option<Folder>> {
    let Some(bytes) = view.get_clear(&by_name(tenant, parent, name)).await? else { return Ok(None) };
    let Ok(uid) = <[u8; 16]>::try_from(bytes) else { return Ok(None) };
    let found = view.get::<Folder>(&key(tenant, FolderUid::from_bytes(uid))).await?;
    Ok(found.filter(|folder| folder.parent == Some(parent) && folder.name.as_ref() == Some(name)))
}

/// As [`child`], held to stand still until the transaction commits; sees folders made in it.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn child_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    parent: FolderUid,
    name: &FolderName,
) -> Result<Option<Folder>> {
    let Some(bytes) = tx.get_clear(&by_name(tenant, parent, name)).await? else { return Ok(None) };
    let Ok(uid) = <[u8; 16]>::try_from(bytes) else { return Ok(None) };
    let found = tx.get::<Folder>(&key(tenant, FolderUid::from_bytes(uid))).await?;
    Ok(found.filter(|folder| folder.parent == Some(parent) && folder.name.as_ref() == Some(name)))
}

/// The folder at `path` under the folder `root`.
///
/// # Errors
/// As [`View::get`].
pub async fn walk(view: &View, tenant: TenantUid, root: FolderUid, path: &FolderPath) -> Result<Option<FolderUid>> {
    let mut folder = root;
    for name in path.segments() {
        match child(view, tenant, folder, name).await? {
            Some(next) => folder = next.uid,
            None => return Ok(None),
        }
    }
    Ok(Some(folder))
}

/// The folder with this uid.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, tenant: TenantUid, uid: FolderUid) -> Result<Option<Folder>> {
    view.get(&key(tenant, uid)).await
}

/// The environment and path of a folder.
///
/// # Errors
/// `not_found` when a folder on the way is gone; else as [`View::get`].
pub async fn path_of(view: &View, tenant: TenantUid, uid: FolderUid) -> Result<(EnvironmentUid, FolderPath)> {
    let mut names = Vec::new();
    let mut next = uid;
    loop {
        let folder = read(view, tenant, next).await?.ok_or_else(|| Error::not_found("folder"))?;
        match (folder.parent, folder.name) {
            (Some(parent), Some(name)) if names.len() < crate::domain::name::FOLDER_DEPTH_MAX => {
                names.push(name);
                next = parent;
            }
            _ => {
                let path = names.into_iter().rev().fold(FolderPath::root(), |path, name| path.join(name));
                return Ok((folder.environment, path));
            }
        }
    }
}

/// The folders directly in `parent`, in the order of their names.
///
/// # Errors
/// As [`View::get`].
pub async fn children(view: &View, tenant: TenantUid, parent: FolderUid, limit: usize) -> Result<Vec<Folder>> {
    let prefix = Key::new(tenant, Kind::FolderByName).uid(parent.as_bytes());
    let mut folders = Vec::new();
    for (_, uid) in view.scan_clear(&prefix, None, limit).await? {
        if let Ok(uid) = <[u8; 16]>::try_from(uid)
            && let Some(folder) = read(view, tenant, FolderUid::from_bytes(uid)).await?
            && folder.parent == Some(parent)
        {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// Writes a folder that has no name in an index yet; `false` when the name is taken.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn insert(tx: &mut Transaction, tenant: TenantUid, folder: &Folder) -> Result<bool> {
    if let (Some(parent), Some(name)) = (folder.parent, &folder.name) {
        let index = by_name(tenant, parent, name);
        if tx.get_clear(&index).await?.is_some() {
            return Ok(false);
        }
        tx.put_clear(&index, folder.uid.as_bytes());
        tx.put_clear(&members_key(tenant, parent), folder.uid.as_bytes());
    }
    located::note(tx, tenant, folder.uid.as_bytes());
    tx.put(&key(tenant, folder.uid), folder).await?;
    Ok(true)
}

/// Gives a folder another name; `false` when it is taken.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn rename(tx: &mut Transaction, tenant: TenantUid, folder: &Folder, name: FolderName) -> Result<bool> {
    let renamed = Folder { name: Some(name), ..folder.clone() };
    remove_index(tx, tenant, folder);
    insert(tx, tenant, &renamed).await
}

fn remove_index(tx: &mut Transaction, tenant: TenantUid, folder: &Folder) {
    if let (Some(parent), Some(name)) = (folder.parent, &folder.name) {
        tx.delete(&by_name(tenant, parent, name));
    }
}

/// Removes a folder that nothing is in, with the imports of it; fails to commit when something is put into it, it is imported or
/// it is renamed meanwhile.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn remove(tx: &mut Transaction, tenant: TenantUid, folder: &Folder) -> Result<()> {
    tx.get::<Folder>(&key(tenant, folder.uid)).await?;
    let members = members_key(tenant, folder.uid);
    tx.get_clear(&members).await?;
    tx.delete(&members);
    let imports = imports_key(tenant, folder.uid);
    for imported in tx.get::<FolderImports>(&imports).await?.unwrap_or_default().0 {
        drop_import(tx, tenant, folder.uid, imported).await?;
    }
    tx.delete(&imports);
    for importer in importers(tx.view(), tenant, folder.uid, usize::MAX).await? {
        leave_out(tx, tenant, importer, folder.uid).await?;
    }
    remove_index(tx, tenant, folder);
    tx.delete(&key(tenant, folder.uid));
    located::forget(tx, folder.uid.as_bytes());
    Ok(())
}

/// Takes an imported folder that goes from what a folder imports.
async fn leave_out(tx: &mut Transaction, tenant: TenantUid, importer: FolderUid, gone: FolderUid) -> Result<()> {
    drop_import(tx, tenant, importer, gone).await?;
    let mut imports = imports_for_update(tx, tenant, importer).await?;
    if imports.0.contains(&gone) {
        imports.0.retain(|uid| *uid != gone);
        put_imports(tx, tenant, importer, &imports).await?;
        mark_dirty(tx, tenant, importer);
    }
    Ok(())
}

/// What a folder imports.
///
/// # Errors
/// As [`View::get`].
pub async fn imports(view: &View, tenant: TenantUid, folder: FolderUid) -> Result<FolderImports> {
    Ok(view.get(&imports_key(tenant, folder)).await?.unwrap_or_default())
}

/// Replaces what a folder imports; imports that stay keep their uids.
///
/// # Errors
/// `not_found` for an imported folder; else as [`Transaction::put`].
pub async fn write_imports(
    tx: &mut Transaction,
    tenant: TenantUid,
    folder: FolderUid,
    imports: &FolderImports,
    now: Timestamp,
) -> Result<()> {
    let key = imports_key(tenant, folder);
    let before = tx.get::<FolderImports>(&key).await?.unwrap_or_default();
    for gone in before.0.iter().filter(|uid| !imports.0.contains(uid)) {
        drop_import(tx, tenant, folder, *gone).await?;
    }
    for imported in imports.0.iter().filter(|uid| !before.0.contains(uid)) {
        let import = FolderImport { uid: ImportUid::generate(), folder, imported: *imported, created_at: now };
        hold_imported(tx, tenant, &import).await?;
        tx.put_clear(&imported_by(tenant, *imported, folder), import.uid.as_bytes());
        located::note(tx, tenant, import.uid.as_bytes());
        tx.put(&import_key(tenant, import.uid), &import).await?;
    }
    put_imports(tx, tenant, folder, imports).await
}

async fn put_imports(
    tx: &mut Transaction,
    tenant: TenantUid,
    folder: FolderUid,
    imports: &FolderImports,
) -> Result<()> {
    let key = imports_key(tenant, folder);
    if imports.0.is_empty() {
        tx.delete(&key);
        return Ok(());
    }
    tx.put(&key, imports).await
}

/// Sees to it that an import and the deletion of what it imports cannot both commit unaware of each other.
async fn hold_imported(tx: &mut Transaction, tenant: TenantUid, import: &FolderImport) -> Result<()> {
    tx.get::<Folder>(&key(tenant, import.imported)).await?.ok_or_else(|| Error::not_found("folder"))?;
    tx.put_clear(&members_key(tenant, import.imported), import.uid.as_bytes());
    Ok(())
}

async fn drop_import(tx: &mut Transaction, tenant: TenantUid, folder: FolderUid, imported: FolderUid) -> Result<()> {
    let index = imported_by(tenant, imported, folder);
    if let Some(uid) = import_uid(tx.get_clear(&index).await?) {
        tx.delete(&import_key(tenant, uid));
        located::forget(tx, uid.as_bytes());
    }
    tx.delete(&index);
    Ok(())
}

fn import_uid(bytes: Option<Vec<u8>>) -> Option<ImportUid> {
    bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(ImportUid::from_bytes)
}

/// As [`imports`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn imports_for_update(tx: &mut Transaction, tenant: TenantUid, folder: FolderUid) -> Result<FolderImports> {
    Ok(tx.get(&imports_key(tenant, folder)).await?.unwrap_or_default())
}

/// Lets an import lead to another folder, at the same position and under the same uid.
///
/// # Errors
/// `not_found` for the other folder; else as [`Transaction::put`].
pub async fn retarget_import(
    tx: &mut Transaction,
    tenant: TenantUid,
    import: &FolderImport,
    imported: FolderUid,
) -> Result<()> {
    let mut imports = imports_for_update(tx, tenant, import.folder).await?;
    for place in imports.0.iter_mut().filter(|place| **place == import.imported) {
        *place = imported;
    }
    let retargeted = FolderImport { imported, ..import.clone() };
    hold_imported(tx, tenant, &retargeted).await?;
    tx.delete(&imported_by(tenant, import.imported, import.folder));
    tx.put_clear(&imported_by(tenant, imported, import.folder), import.uid.as_bytes());
    tx.put(&import_key(tenant, import.uid), &retargeted).await?;
    tx.put(&imports_key(tenant, import.folder), &imports).await
}

/// The import with this uid.
///
/// # Errors
/// As [`View::get`].
pub async fn import(view: &View, tenant: TenantUid, uid: ImportUid) -> Result<Option<FolderImport>> {
    view.get(&import_key(tenant, uid)).await
}

/// The import of `imported` by `folder`.
///
/// # Errors
/// As [`View::get`].
pub async fn import_of(
    view: &View,
    tenant: TenantUid,
    folder: FolderUid,
    imported: FolderUid,
) -> Result<Option<FolderImport>> {
    let Some(uid) = import_uid(view.get_clear(&imported_by(tenant, imported, folder)).await?) else { return Ok(None) };
    let found = import(view, tenant, uid).await?;
    Ok(found.filter(|import| import.folder == folder && import.imported == imported))
}

/// The folders that import `imported`, directly.
///
/// # Errors
/// As [`View::get`].
pub async fn importers(view: &View, tenant: TenantUid, imported: FolderUid, limit: usize) -> Result<Vec<FolderUid>> {
    let prefix = Key::new(tenant, Kind::FolderImportedBy).uid(imported.as_bytes());
    trailing_uids(view, &prefix, limit).await
}

/// The folders whose secrets refer into `target`, directly.
///
/// # Errors
/// As [`View::get`].
pub async fn referrers(view: &View, tenant: TenantUid, target: FolderUid, limit: usize) -> Result<Vec<FolderUid>> {
    let prefix = Key::new(tenant, Kind::FolderReferencedBy).uid(target.as_bytes());
    trailing_uids(view, &prefix, limit).await
}

/// Notes that a secret of `referrer` refers into `target`. It is never taken back before the referrer is gone: one run too
/// many does no harm, one too few would.
pub fn add_referrer(tx: &mut Transaction, tenant: TenantUid, target: FolderUid, referrer: FolderUid) {
    tx.put_clear(&Key::new(tenant, Kind::FolderReferencedBy).uid(target.as_bytes()).uid(referrer.as_bytes()), &[]);
}

/// Notes that a secret of `referrer` refers to what lies at an address, whether a folder is there or not. As with
/// [`add_referrer`], it is never taken back.
pub fn note_address(
    tx: &mut Transaction,
    tenant: TenantUid,
    (environment, path): (&Slug, &FolderPath),
    referrer: FolderUid,
) {
    tx.put_clear(&address_key(tenant, environment, path).uid(referrer.as_bytes()), &[]);
}

/// The folders whose secrets refer to what lies at an address, directly.
///
/// # Errors
/// As [`View::get`].
pub async fn addressing(
    view: &View,
    tenant: TenantUid,
    (environment, path): (&Slug, &FolderPath),
    limit: usize,
) -> Result<Vec<FolderUid>> {
    trailing_uids(view, &address_key(tenant, environment, path), limit).await
}

fn address_key(tenant: TenantUid, environment: &Slug, path: &FolderPath) -> Key {
    let hash = Sha256::digest(format!("{environment}:{path}"));
    Key::new(tenant, Kind::FolderAddressedBy).bytes(&hash[..16])
}

async fn trailing_uids(view: &View, prefix: &Key, limit: usize) -> Result<Vec<FolderUid>> {
    let found = view.scan_clear(prefix, None, limit).await?;
    Ok(found
        .into_iter()
        .filter_map(|(key, _)| key.components().last_chunk::<16>().copied())
        .map(FolderUid::from_bytes)
        .collect())
}

/// Marks that something in a folder changed; the engine fans the marker out to the syncs that it touches.
pub fn mark_dirty(tx: &mut Transaction, tenant: TenantUid, folder: FolderUid) {
    tx.put_clear(&dirty_key(tenant, folder), &[]);
}

/// The marker of one folder; markers of all tenants stand in one range.
#[must_use]
pub fn dirty_key(tenant: TenantUid, folder: FolderUid) -> Key {
    Key::system(Kind::Dirty).uid(tenant.as_bytes()).uid(folder.as_bytes())
}
