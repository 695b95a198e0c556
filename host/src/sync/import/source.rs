//! What the source of an import holds already.

use std::collections::BTreeMap;

use crate::domain::Code;
use crate::domain::Secret;
use crate::domain::id::TenantUid;
use crate::domain::name::{SecretName, Slug};
use crate::domain::sync::{FailureClass, OnUnresolvedReference, Selector};
use crate::records::syncs::SyncRecord;
use crate::records::{View, environments, folders};
use crate::service::resolve::{Resolver, Unresolved};
use crate::sync::halt::Halt;

/// Every secret of the selected folder by name, its own and what the folder imports.
pub(super) struct Source {
    pub(super) environment: Slug,
    pub(super) secrets: BTreeMap<SecretName, SourceSecret>,
}

/// A secret that is there.
pub(super) struct SourceSecret {
    /// With references followed, where the sync selects it.
    pub(super) value: Option<Secret<String>>,
}

impl Source {
    /// Names alone.
    pub(super) async fn names(view: &View, tenant: TenantUid, record: &SyncRecord) -> Result<Self, Halt> {
        Self::read(view, tenant, record, false).await
    }

    /// Names, and the values of those that the sync selects. Fails closed, naming the secret.
    pub(super) async fn values(view: &View, tenant: TenantUid, record: &SyncRecord) -> Result<Self, Halt> {
        Self::read(view, tenant, record, true).await
    }

    async fn read(view: &View, tenant: TenantUid, record: &SyncRecord, with_values: bool) -> Result<Self, Halt> {
        let environment = environments::read(view, tenant, record.environment).await?.ok_or(Halt::SourceMissing)?;
        folders::read(view, tenant, record.folder).await?.ok_or(Halt::SourceMissing)?;
        let selector = Selector::new(&record.spec.source).map_err(|_| {
            Halt::failed(FailureClass::Configuration, Code::InvalidRequest, "the selection holds a glob that is none")
        })?;
        let unresolved = match record.spec.options.on_unresolved_reference {
            OnUnresolvedReference::Fail => Unresolved::Fail,
            OnUnresolvedReference::Literal => Unresolved::Literal,
        };
        let mut resolver = Resolver::new(view, tenant, unresolved);
        let mut secrets = BTreeMap::new();
        for (name, overview) in resolver.overviews(record.folder).await? {
            let is_selected = selector.selects(&name, &overview.tags, &overview.metadata);
            let value = if with_values && is_selected { Some(resolver.value(&overview).await?) } else { None };
            secrets.insert(name, SourceSecret { value });
        }
        Ok(Self { environment: environment.slug, secrets })
    }
}
