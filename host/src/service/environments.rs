//! Environments: make, list, read, change, delete.

use super::audit;
use super::context::{Core, TenantCtx};
use crate::domain::access::Scope;
use crate::domain::id::{EnvironmentUid, FolderUid};
use crate::domain::name::{FolderPath, Slug};
use crate::domain::{Code, Error, Expected, Result, Version};
use crate::records::environments::{self, Environment};
use crate::records::folders::{self, Folder};
use crate::transact;

/// The most environments of one tenant.
pub const ENVIRONMENTS_MAX: usize = 1_000;

/// What a person gives for a new environment.
#[derive(Clone, Debug)]
pub struct NewEnvironment {
    pub slug: Slug,
    /// The slug where left out.
    pub display_name: Option<String>,
}

/// Environments of a tenant.
#[derive(Clone)]
pub struct Environments {
    core: Core,
}

impl Environments {
    /// The service over this ground.
    #[must_use]
    pub const fn new(core: Core) -> Self {
        Self { core }
    }

    /// Makes an environment with an empty root folder.
    ///
    /// # Errors
    /// `scope_missing`, `already_exists`.
    pub async fn create(&self, ctx: &TenantCtx, new: &NewEnvironment) -> Result<Environment> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let environment = Environment {
            uid: EnvironmentUid::generate(),
            slug: new.slug.clone(),
            display_name: new.display_name.clone().unwrap_or_else(|| new.slug.to_string()),
            root: FolderUid::generate(),
            created_at: now,
            modified_at: now,
        };
        let root = Folder {
            uid: environment.root,
            environment: environment.uid,
            parent: None,
            name: None,
            created_at: now,
            modified_at: now,
        };
        transact!(self.core.records, |tx| {
            if !environments::insert(&mut tx, ctx.tenant(), &environment).await? {
                return Err(Error::new(Code::AlreadyExists, "an environment with this slug exists"));
            }
            folders::insert(&mut tx, ctx.tenant(), &root).await?;
            audit::record(&mut tx, ctx, now, "environments.create", environment.slug.as_str()).await?;
        });
        Ok(environment)
    }

    /// All environments in the order of their slugs.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn list(&self, ctx: &TenantCtx) -> Result<Vec<Environment>> {
        ctx.require(Scope::SecretsRead)?;
        environments::list(&self.core.records.view().await?, ctx.tenant(), ENVIRONMENTS_MAX).await
    }

    /// One environment.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(&self, ctx: &TenantCtx, slug: &Slug) -> Result<Environment> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        environments::find(&view, ctx.tenant(), slug).await?.ok_or_else(|| Error::not_found("environment"))
    }

    /// Gives an environment another display name.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`.
    pub async fn update(
        &self,
        ctx: &TenantCtx,
        slug: &Slug,
        display_name: &str,
        expected: &Expected,
    ) -> Result<Environment> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let updated = transact!(self.core.records, |tx| {
            let found = environments::find_for_update(&mut tx, ctx.tenant(), slug).await?;
            let found = found.ok_or_else(|| Error::not_found("environment"))?;
            expected.check(Version::of(&found))?;
            let updated = Environment { display_name: display_name.to_owned(), modified_at: now, ..found };
            tx.put(&environments::key(ctx.tenant(), updated.uid), &updated).await?;
            audit::record(&mut tx, ctx, now, "environments.update", slug.as_str()).await?;
            updated
        });
        Ok(updated)
    }

    /// Deletes an environment that holds neither folders nor secrets.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `in_use`, `precondition_failed`.
    pub async fn delete(&self, ctx: &TenantCtx, slug: &Slug, expected: &Expected) -> Result<()> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let found = environments::find_for_update(&mut tx, ctx.tenant(), slug).await?;
            let found = found.ok_or_else(|| Error::not_found("environment"))?;
            expected.check(Version::of(&found))?;
            let root = folders::read(tx.view(), ctx.tenant(), found.root).await?;
            let root = root.ok_or_else(|| Error::not_found("folder"))?;
            super::folders::require_empty(&tx, ctx.tenant(), root.uid, &FolderPath::root()).await?;
            folders::remove(&mut tx, ctx.tenant(), &root).await?;
            environments::remove(&mut tx, ctx.tenant(), &found);
            folders::mark_dirty(&mut tx, ctx.tenant(), root.uid);
            audit::record(&mut tx, ctx, now, "environments.delete", slug.as_str()).await?;
        });
        Ok(())
    }
}
