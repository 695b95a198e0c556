//! Environments: make, list, read, change, delete.

use super::audit;
use super::context::{Core, TenantCtx};
use super::resolve::{Resolver, Unresolved};
use crate::domain::access::Scope;
use crate::domain::id::{EnvironmentUid, FolderUid, TenantUid};
use crate::domain::name::{FolderPath, Slug};
use crate::domain::{Code, Error, Expected, Result, Version};
use crate::records::Transaction;
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
    /// Its place among the others, from 1; the last where left out.
    pub position: Option<u32>,
}

/// What changes of an environment; what is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct EnvironmentChange {
    /// References that name the environment by its former slug lead nowhere from then on.
    pub slug: Option<Slug>,
    pub display_name: Option<String>,
    /// Its place among the others, from 1.
    pub position: Option<u32>,
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
        let mut environment = Environment {
            uid: EnvironmentUid::generate(),
            slug: new.slug.clone(),
            display_name: new.display_name.clone().unwrap_or_else(|| new.slug.to_string()),
            root: FolderUid::generate(),
            position: 0,
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
            arrange(&mut tx, ctx.tenant(), &mut environment, new.position.unwrap_or(u32::MAX)).await?;
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

    /// The environment with this uid.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn find(&self, ctx: &TenantCtx, uid: EnvironmentUid) -> Result<Environment> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        environments::read(&view, ctx.tenant(), uid).await?.ok_or_else(|| Error::not_found("environment"))
    }

    /// Changes an environment.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`, `already_exists` for a taken slug.
    pub async fn update(
        &self,
        ctx: &TenantCtx,
        slug: &Slug,
        change: &EnvironmentChange,
        expected: &Expected,
    ) -> Result<Environment> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let updated = transact!(self.core.records, |tx| {
            let found = environments::find_for_update(&mut tx, ctx.tenant(), slug).await?;
            let found = found.ok_or_else(|| Error::not_found("environment"))?;
            expected.check(Version::of(&found))?;
            let display_name = change.display_name.clone().unwrap_or_else(|| found.display_name.clone());
            let mut updated = Environment { display_name, modified_at: now, ..found };
            if let Some(slug) = change.slug.as_ref().filter(|slug| **slug != updated.slug) {
                rename(&mut tx, ctx.tenant(), &mut updated, slug).await?;
            }
            if let Some(position) = change.position {
                arrange(&mut tx, ctx.tenant(), &mut updated, position).await?;
            }
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

/// Gives an environment another slug. Whatever refers into it can come out otherwise now.
async fn rename(tx: &mut Transaction, tenant: TenantUid, environment: &mut Environment, slug: &Slug) -> Result<()> {
    if !environments::move_index(tx, tenant, environment, slug).await? {
        return Err(Error::new(Code::AlreadyExists, "an environment with this slug exists"));
    }
    environment.slug = slug.clone();
    let tree = Resolver::new(tx.view(), tenant, Unresolved::Literal).tree(environment.root).await?;
    for folder in tree {
        folders::mark_dirty(tx, tenant, folder);
    }
    Ok(())
}

/// Puts an environment in its place, from 1; the others close up around it.
async fn arrange(tx: &mut Transaction, tenant: TenantUid, moved: &mut Environment, position: u32) -> Result<()> {
    let mut others = environments::list(tx.view(), tenant, ENVIRONMENTS_MAX).await?;
    others.retain(|other| other.uid != moved.uid);
    others.sort_by_key(|other| (other.position, other.created_at, other.uid));
    let last = u32::try_from(others.len()).unwrap_or(u32::MAX).saturating_add(1);
    moved.position = position.clamp(1, last);
    let places = (1..=last).filter(|place| *place != moved.position);
    for (other, place) in others.into_iter().zip(places) {
        if other.position != place {
            let other = Environment { position: place, ..other };
            tx.put(&environments::key(tenant, other.uid), &other).await?;
        }
    }
    Ok(())
}
