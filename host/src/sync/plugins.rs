//! A plugin was activated, rolled back or granted something: the syncs that failed by it go on.

use std::collections::HashMap;

use super::schedule::or_skip;
use crate::domain::id::{SyncUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::sync::Trigger;
use crate::domain::{Code, Result};
use crate::records::sync_state::{self, Applied, Attempted, Wanted};
use crate::records::{Key, Kind, View, integrations, syncs};
use crate::service::context::Core;
use crate::service::syncs::trigger::{self, Pace};
use crate::transact;

const PAGE: usize = 1_000;

/// Carries every marker of a changed plugin to the syncs that lag behind and whose integration it executes, in all tenants. A
/// crash in between repeats triggers; nothing is lost, because a marker goes only while it is the one that was carried.
pub(super) async fn fan_out(core: &Core) -> Result<()> {
    let markers = core.records.view().await?.scan_clear(&sync_state::plugin_markers(), None, PAGE).await?;
    for (marker, _) in &markers {
        match carry(core, marker).await {
            Err(error) if error.code() == Code::Unavailable => return Err(error),
            // The marker stays, and nobody else waits for it.
            Err(error) => {
                tracing::error!(error.code = %error.code(), "a change of a plugin cannot be carried to its syncs")
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn carry(core: &Core, marker: &Key) -> Result<()> {
    let plugin = marker.components().strip_suffix(&[0]).and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
    transact!(core.records, |tx| {
        if tx.get_clear(marker).await?.is_some() {
            if let Some(plugin) = &plugin {
                carry_to_all(core, tx.view(), plugin).await?;
            }
            tx.delete(marker);
        }
    });
    Ok(())
}

async fn carry_to_all(core: &Core, view: &View, plugin: &Slug) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = view.scan_clear(&Key::system(Kind::TenantBySlug), after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.as_bytes().to_vec());
        for (_, uid) in page {
            let Ok(tenant) = uid.try_into().map(TenantUid::from_bytes) else { continue };
            match carry_to_tenant(core, view, tenant, plugin).await {
                Err(error) if matches!(error.code(), Code::Unavailable | Code::Contention) => return Err(error),
                // The tenant is on its way out, or cannot be read: no other one waits for it.
                Err(error) => {
                    tracing::warn!(tenant.uid = %tenant, error.code = %error.code(), "a change of a plugin passes a tenant by");
                }
                Ok(()) => {}
            }
        }
    }
}

async fn carry_to_tenant(core: &Core, view: &View, tenant: TenantUid, plugin: &Slug) -> Result<()> {
    let mut executed: HashMap<Slug, bool> = HashMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page = syncs::entries(view, tenant, after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (_, sync) in page {
            let Some(record) = or_skip(sync, syncs::read(view, tenant, sync).await)? else { continue };
            let integration = record.spec.integration;
            let is_executed = match executed.get(&integration) {
                Some(known) => *known,
                None => or_skip(sync, executes(view, tenant, plugin, &integration).await)?,
            };
            executed.insert(integration, is_executed);
            if is_executed {
                or_skip(sync, raise(core, tenant, sync).await)?;
            }
        }
    }
}

async fn executes(view: &View, tenant: TenantUid, plugin: &Slug, integration: &Slug) -> Result<bool> {
    let custom = integrations::find(view, tenant, integration).await?;
    Ok(custom.map_or_else(|| integration == plugin, |custom| custom.value.plugin == *plugin))
}

/// Lets a sync go on that failed, or that waits to be tried again; one that is as wanted, or that nobody has run yet, is left alone.
async fn raise(core: &Core, tenant: TenantUid, sync: SyncUid) -> Result<()> {
    transact!(core.records, |tx| {
        let wanted = Wanted::read_for_update(&mut tx, tenant, sync).await?;
        let attempted = Attempted::read(tx.view(), tenant, sync).await?.generation;
        let applied = Applied::read(tx.view(), tenant, sync).await?.generation;
        let lags_behind = attempted > applied || wanted.due_at().is_some();
        if lags_behind && let Some(record) = syncs::read(tx.view(), tenant, sync).await? {
            let cause = (Trigger::Connection, Pace::Afresh);
            trigger::raise(&mut tx, tenant, &record, cause, core.clock.now()).await?;
        }
    });
    Ok(())
}
