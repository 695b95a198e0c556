//! Deleting a folder, alone or with all that is in it.

use super::{Contents, Folders, Place, require_empty};
use crate::domain::access::Scope;
use crate::domain::id::{FolderUid, TenantUid};
use crate::domain::{Error, Expected, Result, Version};
use crate::records::folders::{self, Folder};
use crate::records::{Transaction, secrets};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::resolve::{Resolver, SECRETS_MAX, Unresolved, too_large};
use crate::transact;

impl Folders {
    /// Deletes a folder; answers what it was.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `in_use` where it must be empty and is not, `wrong_state` for the root,
    /// `invalid_request` where more goes with it than one transaction takes, `precondition_failed`.
    pub async fn delete(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        contents: Contents,
        expected: &Expected,
    ) -> Result<Folder> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let deleted = transact!(self.core.records, |tx| {
            let folder = self.named(&mut tx, ctx, place).await?;
            expected.check(Version::of(&folder))?;
            match contents {
                Contents::Refused => require_empty(&tx, ctx.tenant(), folder.uid, &place.path).await?,
                Contents::Removed => empty(&mut tx, ctx.tenant(), folder.uid).await?,
            }
            folders::remove(&mut tx, ctx.tenant(), &folder).await?;
            folders::mark_dirty(&mut tx, ctx.tenant(), folder.uid);
            audit::record(&mut tx, ctx, now, "folders.delete", place.path.to_string()).await?;
            folder
        });
        Ok(deleted)
    }
}

/// Deletes all folders and secrets below a folder.
async fn empty(tx: &mut Transaction, tenant: TenantUid, root: FolderUid) -> Result<()> {
    let tree = Resolver::new(tx.view(), tenant, Unresolved::Literal).tree(root).await?;
    for uid in tree.into_iter().rev() {
        let listed = secrets::list(tx.view(), tenant, uid, None, SECRETS_MAX + 1).await?;
        if listed.len() > SECRETS_MAX {
            return Err(too_large("secrets", SECRETS_MAX));
        }
        for secret in listed {
            // A secret that is moved away or given another version meanwhile is a conflict, and then seen as it is.
            if let Some(held) = secrets::read_for_update(tx, tenant, secret.uid).await? {
                secrets::remove(tx, tenant, &held).await?;
            }
        }
        if uid == root {
            continue;
        }
        let folder = folders::read(tx.view(), tenant, uid).await?.ok_or_else(|| Error::not_found("folder"))?;
        folders::remove(tx, tenant, &folder).await?;
        folders::mark_dirty(tx, tenant, uid);
    }
    Ok(())
}
