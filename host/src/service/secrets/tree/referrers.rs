//! Which secrets refer to which, as far as anybody asked: each folder is read once, whoever it refers to.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{raw, targets};
use crate::domain::id::{FolderUid, SecretUid, TenantUid};
use crate::domain::name::SecretName;
use crate::domain::{Code, Error, Result};
use crate::records::secrets::SecretOverview;
use crate::records::{View, folders, secrets};
use crate::service::resolve::{FOLDERS_MAX, Resolver, Unresolved};

/// How many secrets, and references in their values, may be looked at for one tree: each is opened or followed.
pub const LOOKED_AT_MAX: usize = 50_000;
/// Secrets that are listed together.
const PAGE: usize = 1_000;

/// A secret that refers to others.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) uid: SecretUid,
    pub(super) folder: FolderUid,
    pub(super) name: SecretName,
}

impl From<SecretOverview> for Holder {
    fn from(overview: SecretOverview) -> Self {
        Self { uid: overview.uid, folder: overview.folder, name: overview.name }
    }
}

/// What is known so far.
pub(super) struct Referrers<'v> {
    view: &'v View,
    tenant: TenantUid,
    resolver: Resolver<'v>,
    /// Folders whose secrets are in `holders`.
    read: BTreeSet<FolderUid>,
    /// Folders of which everything that can refer into them is read.
    known: BTreeSet<FolderUid>,
    /// In the order of folders and names.
    holders: BTreeMap<SecretUid, BTreeMap<(FolderUid, SecretName), SecretUid>>,
    looked_at: usize,
}

impl<'v> Referrers<'v> {
    pub(super) fn new(view: &'v View, tenant: TenantUid) -> Self {
        let resolver = Resolver::new(view, tenant, Unresolved::Literal);
        let (read, known, holders) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { view, tenant, resolver, read, known, holders, looked_at: 0 }
    }

    /// The secrets whose values refer to this one.
    ///
    /// # Errors
    /// `invalid_request` beyond [`LOOKED_AT_MAX`]; else as [`View::get`].
    pub(super) async fn of(&mut self, holder: &Holder) -> Result<Vec<Holder>> {
        if self.known.insert(holder.folder) {
            for folder in self.referring_into(holder.folder).await? {
                self.read_folder(folder).await?;
            }
        }
        let found = self.holders.get(&holder.uid).into_iter().flatten();
        Ok(found.map(|((folder, name), uid)| Holder { uid: *uid, folder: *folder, name: name.clone() }).collect())
    }

    async fn referring_into(&self, folder: FolderUid) -> Result<BTreeSet<FolderUid>> {
        let (view, tenant) = (self.view, self.tenant);
        let mut found = BTreeSet::from([folder]);
        found.extend(folders::referrers(view, tenant, folder, FOLDERS_MAX).await?);
        // A secret is also referred to by way of the folders that import it.
        for importer in folders::importers(view, tenant, folder, FOLDERS_MAX).await? {
            found.insert(importer);
            found.extend(folders::referrers(view, tenant, importer, FOLDERS_MAX).await?);
        }
        Ok(found)
    }

    async fn read_folder(&mut self, folder: FolderUid) -> Result<()> {
        if !self.read.insert(folder) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = secrets::list(self.view, self.tenant, folder, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.name.clone());
            for overview in page {
                self.read_secret(overview).await?;
            }
        }
    }

    async fn read_secret(&mut self, overview: SecretOverview) -> Result<()> {
        self.look()?;
        let value = raw(self.view, self.tenant, &overview).await?;
        let targets: HashSet<_> = targets(&value).into_iter().collect();
        let holder = Holder::from(overview);
        for target in targets {
            self.look()?;
            if let Some((folder, name)) = self.resolver.place(target, holder.folder).await?
                && let Some(found) = self.resolver.find(folder, &name).await?
            {
                let holders = self.holders.entry(found.uid).or_default();
                holders.insert((holder.folder, holder.name.clone()), holder.uid);
            }
        }
        Ok(())
    }

    fn look(&mut self) -> Result<()> {
        self.looked_at += 1;
        if self.looked_at <= LOOKED_AT_MAX {
            return Ok(());
        }
        let detail = format!(
            "more than {LOOKED_AT_MAX} secrets and references would have to be looked at for this tree; ask for the tree of what \
             they refer to (`secret-reference-tree`) instead"
        );
        Err(Error::new(Code::InvalidRequest, detail))
    }
}
