//! Whether another sync leads to the same place.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Syncs;
use super::check::PATIENCE;
use crate::domain::access::Scope;
use crate::domain::destination::DestinationIdentity;
use crate::domain::id::SyncUid;
use crate::domain::name::Slug;
use crate::domain::sync::SyncSpec;
use crate::domain::{Error, Result};
use crate::records::sync_state::Place;
use crate::records::syncs::{self, Removal, SyncRecord};
use crate::records::{View, claims};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::destinations::Target;
use crate::service::failure::call_error;
use crate::transact;

/// Syncs that are read at once.
const PAGE: usize = 500;

impl Syncs {
    /// Another sync that carries the same folder to the same destination under the same keys, where their definitions alone
    /// tell. Whether keys collide otherwise is told by plans.
    ///
    /// # Errors
    /// `scope_missing`.
    pub async fn twin_of(&self, ctx: &TenantCtx, spec: &SyncSpec, own: Option<SyncUid>) -> Result<Option<Slug>> {
        ctx.require(Scope::SyncsRead)?;
        let view = self.core.records.view().await?;
        let others = others(&view, ctx, own).await?;
        Ok(others.into_iter().find(|other| is_twin(&other.spec, spec)).map(|twin| twin.spec.id))
    }

    /// Whether another sync leads to the same place: one that says so, or, where the connection is known, one that has written
    /// to where the plugin says that this leads.
    ///
    /// # Errors
    /// `scope_missing`: with a connection its credential is used with settings of the caller's choice, as by a sync that they
    /// make. Where the connection is known, whatever keeps the destination from being asked for its identity.
    pub async fn is_shared(&self, ctx: &TenantCtx, target: Target<'_>, own: Option<SyncUid>) -> Result<bool> {
        ctx.require(Scope::SyncsWrite)?;
        let view = self.core.records.view().await?;
        let others = others(&view, ctx, own).await?;
        if others.iter().any(|other| leads_to(&other.spec, target)) {
            return Ok(true);
        }
        let Some(connection) = target.config else { return Ok(false) };
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            audit::record(&mut tx, ctx, now, "syncs.checkDestination", connection.to_string()).await?;
        });
        let identity = self.identity(ctx, target).await?;
        let owners: BTreeSet<SyncUid> = claims::under(&view, ctx.tenant(), &identity).await?.into_values().collect();
        for other in others.iter().filter(|other| owners.contains(&other.uid)) {
            if Place::read(&view, ctx.tenant(), other.uid).await?.identity.as_ref() == Some(&identity) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn identity(&self, ctx: &TenantCtx, target: Target<'_>) -> Result<DestinationIdentity> {
        let open = self.destinations.open(ctx.tenant(), target).await?;
        let call = open.call(self.core.egress.open(open.egress.clone(), Some(Instant::now() + PATIENCE)));
        let asked = tokio::time::timeout(PATIENCE, self.core.runner.identify(call, &open.destination));
        asked.await.map_err(Error::internal)?.map_err(call_error)
    }
}

/// The tenant's syncs but one, and but those that are on their way out.
async fn others(view: &View, ctx: &TenantCtx, own: Option<SyncUid>) -> Result<Vec<SyncRecord>> {
    let mut found: Vec<SyncRecord> = Vec::new();
    let mut after: Option<Slug> = None;
    loop {
        let page = syncs::list(view, ctx.tenant(), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.value.spec.id.clone());
        let page = page.into_iter().map(|found| found.value);
        found.extend(page.filter(|record| Some(record.uid) != own && record.removal != Some(Removal::RemoveSecrets)));
    }
}

fn is_twin(one: &SyncSpec, other: &SyncSpec) -> bool {
    let source = |spec: &SyncSpec| (spec.source.environment.clone(), spec.source.path.clone());
    let keys = |spec: &SyncSpec| {
        let options = &spec.options;
        let affixes = (options.key_template.clone(), options.key_prefix.clone(), options.key_suffix.clone());
        (affixes, options.key_case, options.key_names.clone())
    };
    // Both ways: what only one of them says may lead elsewhere.
    let is_one_place = leads_to(one, Target::of(other)) && leads_to(other, Target::of(one));
    is_one_place && one.config == other.config && source(one) == source(other) && keys(one) == keys(other)
}

/// Whether the sync says what the target says; of the destination what the target names.
fn leads_to(spec: &SyncSpec, target: Target<'_>) -> bool {
    let named = |name: &str| spec.destination.get(name);
    spec.integration == *target.integration
        && target.config.is_none_or(|config| spec.config == Some(config))
        && spec.parameters == *target.parameters
        && target.destination.iter().all(|(name, value)| named(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(change: impl FnOnce(&mut Value)) -> SyncSpec {
        let mut spec = json!({"id": "a", "displayName": "a", "integration": "ssm",
            "config": "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20", "parameters": {"region": "eu-west-1"},
            "source": {"environment": "prod", "path": "/app"}, "destination": {"path": "/app/", "tier": "Standard"}});
        change(&mut spec);
        serde_json::from_value(spec).expect("all else has defaults")
    }

    #[test]
    fn a_twin_shares_source_place_and_keys() {
        let one = spec(|_| {});
        assert!(is_twin(&one, &spec(|spec| spec["id"] = json!("b"))));
        assert!(!is_twin(&one, &spec(|spec| spec["source"]["path"] = json!("/other"))));
        assert!(!is_twin(&one, &spec(|spec| spec["destination"]["path"] = json!("/other/"))));
        assert!(!is_twin(&one, &spec(|spec| spec["parameters"]["region"] = json!("us-east-1"))));
        let root = spec(|spec| spec["destination"] = json!({}));
        assert!(!is_twin(&one, &root) && !is_twin(&root, &one));
        assert!(!is_twin(&one, &spec(|spec| spec["options"] = json!({"keyPrefix": "B_"}))));
        assert!(!is_twin(&one, &spec(|spec| spec["config"] = json!("0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d21"))));
    }

    #[test]
    fn a_place_is_told_by_what_is_named_of_it() {
        let (one, other) = (spec(|_| {}), spec(|spec| spec["destination"] = json!({"path": "/app/"})));
        let place = Target { config: None, ..Target::of(&other) };
        assert!(leads_to(&one, place));
        let elsewhere = spec(|spec| spec["destination"] = json!({"path": "/b/"}));
        assert!(!leads_to(&one, Target { config: None, ..Target::of(&elsewhere) }));
    }
}
