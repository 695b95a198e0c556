//! The desired set at one view: selection, imports, references. Fails closed, naming the secret; nothing is ever left out,
//! because what is left out would be deleted.

use super::halt::Halt;
use crate::domain::Code;
use crate::domain::id::{FolderUid, TenantUid};
use crate::domain::name::FolderPath;
use crate::domain::sync::{DesiredSecret, FailureClass, OnUnresolvedReference, Selector};
use crate::records::secrets::SecretOverview;
use crate::records::syncs::SyncRecord;
use crate::records::{View, environments, folders};
use crate::service::resolve::{Resolver, SECRETS_MAX, Unresolved};

/// Everything that a sync selects.
pub(super) async fn resolve(view: &View, tenant: TenantUid, record: &SyncRecord) -> Result<Vec<DesiredSecret>, Halt> {
    let source = &record.spec.source;
    let environment = environments::read(view, tenant, record.environment).await?.ok_or(Halt::SourceMissing)?;
    folders::read(view, tenant, record.folder).await?.ok_or(Halt::SourceMissing)?;
    let selector = Selector::new(source).map_err(|_| {
        Halt::failed(FailureClass::Configuration, Code::InvalidRequest, "the selection holds a glob that is none")
    })?;
    let unresolved = match record.spec.options.on_unresolved_reference {
        OnUnresolvedReference::Fail => Unresolved::Fail,
        OnUnresolvedReference::Literal => Unresolved::Literal,
    };
    let mut resolver = Resolver::new(view, tenant, unresolved);
    let mut desired = Vec::new();
    for (path, overview) in selected(&mut resolver, view, tenant, (record, &selector)).await? {
        desired.push(DesiredSecret {
            environment: environment.slug.clone(),
            path,
            value: resolver.value(&overview).await?,
            name: overview.name,
            tags: overview.tags,
            metadata: overview.metadata,
        });
    }
    Ok(desired)
}

/// What a sync selects, and where it stands; counted before any value is read.
async fn selected(
    resolver: &mut Resolver<'_>,
    view: &View,
    tenant: TenantUid,
    (record, selector): (&SyncRecord, &Selector<'_>),
) -> Result<Vec<(FolderPath, SecretOverview)>, Halt> {
    let mut selected = Vec::new();
    for folder in selected_folders(resolver, record).await? {
        let (_, path) = folders::path_of(view, tenant, folder).await?;
        let overviews = resolver.overviews(folder).await?.into_values();
        let wanted = overviews.filter(|found| selector.selects(&found.name, &found.tags, &found.metadata));
        selected.extend(wanted.map(|overview| (path.clone(), overview)));
        if selected.len() > SECRETS_MAX {
            let message = format!("more than {SECRETS_MAX} secrets are selected");
            return Err(Halt::failed(FailureClass::Configuration, Code::InvalidRequest, message));
        }
    }
    Ok(selected)
}

async fn selected_folders(resolver: &mut Resolver<'_>, record: &SyncRecord) -> Result<Vec<FolderUid>, Halt> {
    if record.spec.source.recursive {
        return Ok(resolver.tree(record.folder).await?);
    }
    Ok(vec![record.folder])
}
