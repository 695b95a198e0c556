//! Moving secrets to another folder, with their versions and under their uids.

use super::Secrets;
use super::write::{Writing, taken};
use crate::domain::access::Scope;
use crate::domain::id::{FolderUid, SecretUid};
use crate::domain::{Error, Result};
use crate::records::secrets::{self, SecretOverview};
use crate::service::context::TenantCtx;
use crate::service::folders::{Place, hold};
use crate::transact;

impl Secrets {
    /// Moves secrets of one folder to another, all or none. With `overwrite`, secrets of the same name there go.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for a folder, or a secret that is not in the first folder, `already_exists` for a name that is
    /// taken in the second.
    pub async fn relocate(
        &self,
        ctx: &TenantCtx,
        (from, to): (&Place, &Place),
        uids: &[SecretUid],
        overwrite: bool,
    ) -> Result<()> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let source = hold(&mut tx, ctx.tenant(), from).await?;
            let target = hold(&mut tx, ctx.tenant(), to).await?;
            let mut work = Writing::new(&mut tx, ctx, now);
            for uid in uids {
                let found = secrets::read_for_update(work.tx, ctx.tenant(), *uid).await?;
                let found = found.filter(|found| found.folder == source).ok_or_else(|| Error::not_found("secret"))?;
                if source != target {
                    work.relocate(found, target, overwrite).await?;
                }
            }
            work.finish();
        });
        Ok(())
    }
}

impl Writing<'_> {
    async fn relocate(&mut self, found: SecretOverview, target: FolderUid, overwrite: bool) -> Result<()> {
        let tenant = self.tenant;
        match secrets::find_for_update(self.tx, tenant, target, &found.name).await? {
            Some(there) if overwrite => self.remove(&there).await?,
            Some(there) => return Err(taken(&there.name)),
            None => {}
        }
        secrets::move_index(self.tx, tenant, &found, (target, &found.name));
        self.changed.extend([found.folder, target]);
        let value = secrets::present_value(self.tx, tenant, &found).await?;
        let moved = SecretOverview { folder: target, modified_at: self.now, ..found };
        if let Some(value) = &value {
            self.note_references_of(target, value).await?;
        }
        secrets::write(self.tx, tenant, &moved, None).await?;
        self.audit("secrets.update", &moved).await
    }
}
