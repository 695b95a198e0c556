//! What a secret's value refers to, and what refers to it, as trees.

mod referrers;

use std::future::Future;
use std::pin::Pin;

use self::referrers::{Holder, Referrers};
use super::Secrets;
use crate::domain::access::Scope;
use crate::domain::id::{FolderUid, SecretUid, TenantUid};
use crate::domain::name::{SecretName, Slug};
use crate::domain::reference::{self, Piece, Target};
use crate::domain::{Code, Error, Result, Secret};
use crate::records::secrets::SecretOverview;
use crate::records::{View, environments, folders, secrets};
use crate::service::context::TenantCtx;
use crate::service::folders::Place;
use crate::service::resolve::{DEPTH_MAX, Resolver, Unresolved, folder_at};

pub use self::referrers::LOOKED_AT_MAX;

/// How many nodes one tree may have.
pub const NODES_MAX: usize = 1_000;

/// A secret in a tree.
#[derive(Clone, Debug)]
pub struct ReferenceNode {
    pub name: SecretName,
    pub place: Place,
    /// As it is written, only where the caller may see it and there is such a secret.
    pub value: Option<Secret<String>>,
    pub children: Vec<ReferenceNode>,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Secrets {
    /// What a secret's value refers to, and its value with all that in place; both as far as the caller may see values.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `invalid_request` for a tree of more than [`NODES_MAX`] or of too long values.
    pub async fn references(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        name: &SecretName,
    ) -> Result<(ReferenceNode, Secret<String>)> {
        ctx.require(Scope::SecretsRead)?;
        ctx.require(Scope::SecretsReveal)?;
        let view = self.core.records.view().await?;
        let overview = own(&view, ctx, place, name).await?;
        let mut growing = Growing::new(&view, ctx);
        let value = growing.resolver.value(&overview).await?;
        let tree = growing.down(overview, place.clone(), &[]).await?;
        self.audit_reveal(ctx, format!("{}:{}", place.environment, place.path)).await?;
        Ok((tree, value))
    }

    /// Which secrets refer to a secret, and which to those, without values.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `invalid_request` for a tree of more than [`NODES_MAX`], and where more than
    /// [`LOOKED_AT_MAX`] would have to be looked at.
    pub async fn referrers(&self, ctx: &TenantCtx, place: &Place, name: &SecretName) -> Result<ReferenceNode> {
        ctx.require(Scope::SecretsRead)?;
        let view = self.core.records.view().await?;
        let overview = own(&view, ctx, place, name).await?;
        Growing::new(&view, ctx).up(Holder::from(overview), place.clone(), &[]).await
    }
}

async fn own(view: &View, ctx: &TenantCtx, place: &Place, name: &SecretName) -> Result<SecretOverview> {
    let (_, folder) = folder_at(view, ctx.tenant(), &place.environment, &place.path).await?;
    secrets::find(view, ctx.tenant(), folder, name).await?.ok_or_else(|| Error::not_found("secret"))
}

/// A tree in the making.
struct Growing<'v> {
    view: &'v View,
    ctx: &'v TenantCtx,
    resolver: Resolver<'v>,
    referrers: Referrers<'v>,
    nodes: usize,
}

impl<'v> Growing<'v> {
    fn new(view: &'v View, ctx: &'v TenantCtx) -> Self {
        let resolver = Resolver::new(view, ctx.tenant(), Unresolved::Literal);
        Self { view, ctx, resolver, referrers: Referrers::new(view, ctx.tenant()), nodes: 0 }
    }

    fn count(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Error::new(Code::InvalidRequest, format!("the tree has more than {NODES_MAX} nodes")));
        }
        Ok(())
    }

    async fn place_of(&self, folder: FolderUid) -> Result<Place> {
        let (environment, path) = folders::path_of(self.view, self.ctx.tenant(), folder).await?;
        let environment = environments::read(self.view, self.ctx.tenant(), environment).await?;
        let environment: Slug = environment.ok_or_else(|| Error::not_found("environment"))?.slug;
        Ok(Place { environment, path })
    }

    async fn raw(&mut self, overview: &SecretOverview) -> Result<Secret<String>> {
        let value = raw(self.view, self.ctx.tenant(), overview).await?;
        self.resolver.hold(&value)?;
        Ok(value)
    }

    /// A secret with what its value refers to below it.
    fn down<'a>(
        &'a mut self,
        overview: SecretOverview,
        place: Place,
        trail: &'a [SecretUid],
    ) -> Boxed<'a, ReferenceNode> {
        Box::pin(async move {
            self.count()?;
            let value = self.raw(&overview).await?;
            let mut node = ReferenceNode { name: overview.name.clone(), place, value: None, children: Vec::new() };
            let trail = [trail, &[overview.uid]].concat();
            for target in targets(&value) {
                let child = self.child(target, &overview, (&node.place, &trail)).await?;
                node.children.extend(child);
            }
            node.value = Some(value);
            Ok(node)
        })
    }

    async fn child(
        &mut self,
        target: Target,
        holder: &SecretOverview,
        (place, trail): (&Place, &[SecretUid]),
    ) -> Result<Option<ReferenceNode>> {
        let written = match &target {
            Target::Local(name) => (place.clone(), name.clone()),
            Target::Absolute { environment, path, name } => {
                (Place { environment: environment.clone(), path: path.clone() }, name.clone())
            }
            Target::Elsewhere => return Ok(None),
        };
        let found = match self.resolver.place(target, holder.folder).await? {
            Some((folder, name)) => self.resolver.find(folder, &name).await?,
            None => None,
        };
        match found {
            Some(found) if trail.len() < DEPTH_MAX && !trail.contains(&found.uid) => {
                let place = self.place_of(found.folder).await?;
                self.down(found, place, trail).await.map(Some)
            }
            _ => {
                self.count()?;
                let (place, name) = written;
                Ok(Some(ReferenceNode { name, place, value: None, children: Vec::new() }))
            }
        }
    }

    /// A secret with what refers to it below it.
    fn up<'a>(&'a mut self, holder: Holder, place: Place, trail: &'a [SecretUid]) -> Boxed<'a, ReferenceNode> {
        Box::pin(async move {
            self.count()?;
            let trail = [trail, &[holder.uid]].concat();
            let mut children = Vec::new();
            if trail.len() <= DEPTH_MAX {
                for referrer in self.referrers.of(&holder).await? {
                    if trail.contains(&referrer.uid) {
                        continue;
                    }
                    let place = self.place_of(referrer.folder).await?;
                    children.push(self.up(referrer, place, &trail).await?);
                }
            }
            Ok(ReferenceNode { name: holder.name, place, value: None, children })
        })
    }
}

async fn raw(view: &View, tenant: TenantUid, overview: &SecretOverview) -> Result<Secret<String>> {
    let value = secrets::value(view, tenant, overview.uid, overview.version()).await?;
    value.ok_or_else(|| Error::not_found("version of this secret"))
}

fn targets(value: &Secret<String>) -> Vec<Target> {
    let pieces = reference::pieces(value.expose()).into_iter();
    pieces
        .filter_map(|piece| match piece {
            Piece::Reference { target, .. } => Some(target),
            Piece::Literal(_) | Piece::Escape => None,
        })
        .collect()
}
