//! Reading secrets. Values leave only after their audit event is durable.

use super::{Listing, Position, ReadOptions, SecretPage, SecretRead, Secrets};
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::FolderUid;
use crate::domain::name::{FolderPath, SecretName};
use crate::domain::{Error, Result, Violation};
use crate::records::secrets::SecretOverview;
use crate::records::{View, folders, secrets};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::folders::Place;
use crate::service::resolve::{Resolver, Unresolved, folder_at};
use crate::transact;

impl Secrets {
    /// One secret of a folder, its own only.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `reference_unresolved`.
    pub async fn read(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        name: &SecretName,
        options: ReadOptions,
    ) -> Result<SecretRead> {
        require(ctx, options)?;
        let view = self.core.records.view().await?;
        let (_, folder) = folder_at(&view, ctx.tenant(), &place.environment, &place.path)
            .await
            .map_err(|error| error.renamed_if_not_found("secret"))?;
        let found = secrets::find(&view, ctx.tenant(), folder, name).await?;
        let found = found.ok_or_else(|| Error::not_found("secret"))?;
        let version = options.version.unwrap_or_else(|| found.version());
        if !found.versions.iter().any(|kept| kept.number == version) {
            return Err(Error::not_found("version of this secret"));
        }
        if !options.values {
            return Ok(SecretRead { overview: found, path: place.path.clone(), version, value: None });
        }
        let value = if options.expand {
            require_present(&found, version)?;
            Resolver::new(&view, ctx.tenant(), Unresolved::Fail).value(&found).await?
        } else {
            let value = secrets::value(&view, ctx.tenant(), found.uid, version).await?;
            value.ok_or_else(|| Error::not_found("version of this secret"))?
        };
        self.audit_reveal(ctx, found.uid.to_string()).await?;
        Ok(SecretRead { overview: found, path: place.path.clone(), version, value: Some(value) })
    }

    /// A page of secrets: folders in the order of their paths, in each its secrets in the order of their names.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `reference_unresolved` naming the secret, `invalid_request` for values beyond what one answer
    /// may hold.
    pub async fn list(&self, ctx: &TenantCtx, listing: &Listing) -> Result<SecretPage> {
        require(ctx, listing.options)?;
        let view = self.core.records.view().await?;
        let (_, root) = folder_at(&view, ctx.tenant(), &listing.place.environment, &listing.place.path).await?;
        let mut resolver = Resolver::new(&view, ctx.tenant(), Unresolved::Fail);
        let folders = if listing.recursive { resolver.tree(root).await? } else { vec![root] };
        let total = if listing.count { Some(count(&view, ctx, &folders, listing.imports).await?) } else { None };
        let mut page = SecretPage { secrets: Vec::new(), next: None, total };
        for folder in folders {
            let (_, path) = folders::path_of(&view, ctx.tenant(), folder).await?;
            let after = match &listing.after {
                Some(position) if path < position.path => continue,
                Some(position) if path == position.path => Some(&position.name),
                _ => None,
            };
            let room = listing.limit + 1 - page.secrets.len();
            for overview in self.folder_page(ctx, &view, (folder, listing.imports), after, room).await? {
                let (version, path) = (overview.version(), path.clone());
                page.secrets.push(SecretRead { overview, path, version, value: None });
            }
            if page.secrets.len() > listing.limit {
                break;
            }
        }
        cut(&mut page, listing.limit);
        if listing.options.values {
            reveal(&view, ctx, &mut resolver, listing.options, &mut page).await?;
            self.audit_reveal(ctx, format!("{}:{}", listing.place.environment, listing.place.path)).await?;
        }
        Ok(page)
    }

    async fn folder_page(
        &self,
        ctx: &TenantCtx,
        view: &View,
        (folder, imports): (FolderUid, bool),
        after: Option<&SecretName>,
        limit: usize,
    ) -> Result<Vec<SecretOverview>> {
        if !imports {
            return secrets::list(view, ctx.tenant(), folder, after, limit).await;
        }
        let all = Resolver::new(view, ctx.tenant(), Unresolved::Fail).overviews(folder).await?;
        Ok(all.into_values().filter(|found| after.is_none_or(|after| found.name > *after)).take(limit).collect())
    }

    pub(super) async fn audit_reveal(&self, ctx: &TenantCtx, resource: String) -> Result<()> {
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            audit::record(&mut tx, ctx, now, "secrets.reveal", resource.clone()).await?;
        });
        Ok(())
    }
}

fn require(ctx: &TenantCtx, options: ReadOptions) -> Result<()> {
    ctx.require(Scope::SecretsRead)?;
    if options.values { ctx.require(Scope::SecretsReveal) } else { Ok(()) }
}

fn require_present(found: &SecretOverview, version: u64) -> Result<()> {
    if found.version() == version {
        return Ok(());
    }
    let detail = "references are followed in the present version only; leave out `version` or `expand`";
    Err(Error::invalid(vec![Violation::new("?expand", violation::NOT_SUPPORTED, detail)]))
}

async fn count(view: &View, ctx: &TenantCtx, folders: &[FolderUid], imports: bool) -> Result<u64> {
    let mut total = 0;
    for folder in folders {
        total += if imports {
            Resolver::new(view, ctx.tenant(), Unresolved::Fail).overviews(*folder).await?.len()
        } else {
            secrets::count(view, ctx.tenant(), *folder).await?
        };
    }
    u64::try_from(total).map_err(Error::internal)
}

fn cut(page: &mut SecretPage, limit: usize) {
    if page.secrets.len() > limit {
        page.secrets.truncate(limit);
        page.next = page.secrets.last().map(|last| position(&last.path, &last.overview.name));
    }
}

fn position(path: &FolderPath, name: &SecretName) -> Position {
    Position { path: path.clone(), name: name.clone() }
}

async fn reveal(
    view: &View,
    ctx: &TenantCtx,
    resolver: &mut Resolver<'_>,
    options: ReadOptions,
    page: &mut SecretPage,
) -> Result<()> {
    for secret in &mut page.secrets {
        if options.expand {
            secret.value = Some(resolver.value(&secret.overview).await?);
            continue;
        }
        secret.value = secrets::value(view, ctx.tenant(), secret.overview.uid, secret.version).await?;
        if let Some(value) = &secret.value {
            resolver.hold(value)?;
        }
    }
    Ok(())
}
