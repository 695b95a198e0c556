//! Connections (`configs` on the wire): drafts, their publication, and what is called with them.

mod choices;
mod connect;
pub(in crate::service) mod open;
mod origin;
pub(in crate::service) mod settle;
mod target;
mod used;
mod verify;
pub(in crate::service) mod write;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::audit;
use super::context::{Core, TenantCtx};
use super::integrations::resolve::{ResolvedIntegration, resolve};
use super::plugins::catalogue::Catalogue;
use super::syncs::trigger::connection_changed;
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::{ConnectionUid, RevisionUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::{self, Given, Surroundings};
use crate::domain::{Code, Error, Expected, Patch, Result, Timestamp, Versioned};
use crate::records::connections::{
    self as rows, ConnectionRecord, ConnectionState, PublishedRevision, RevisionRecord, VerificationRecord,
};
use crate::records::{Transaction, View, integrations as integration_rows};
use crate::transact;
use open::Parts;
use settle::{Form, Standing, settle};
use write::apply_settled;

pub use choices::{ChoiceQuery, ChoiceScope};
pub use open::OpenConnection;
pub use settle::{Entered, GivenAuth};
pub use used::UsedConnection;
pub use verify::Verification;

/// The published revisions that one connection can have.
const REVISIONS_MAX: u64 = 10_000;

/// Connections of a tenant.
#[derive(Clone)]
pub struct Connections {
    core: Core,
    catalogue: Catalogue,
}

/// What a request says of a config.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    pub display_name: Patch<String>,
    pub description: Patch<String>,
    pub entered: Entered,
    pub sandbox_mode: Patch<String>,
    pub presentation: Patch<Map<String, Value>>,
    /// Whether the draft is published with it.
    pub publishes: bool,
    /// Whether a new connection does not say yet where it leads: whoever enters its credential may say so with its first sync.
    pub leaves_origin: bool,
}

/// A connection as it is shown: nothing of its credential.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    pub record: ConnectionRecord,
    pub verification: Option<VerificationRecord>,
}

/// One page of connections.
#[derive(Debug)]
pub struct ConnectionPage {
    pub items: Vec<ConnectionView>,
    /// After which the next page begins; none at the end.
    pub next: Option<ConnectionUid>,
}

fn unknown() -> Error {
    Error::not_found("config")
}

impl Connections {
    pub(in crate::service) const fn new(core: Core, catalogue: Catalogue) -> Self {
        Self { core, catalogue }
    }

    /// Makes a draft. What is given is held to the metadata in full; `parameters` and `auth` may still be left out.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the integration, `invalid_request` with every violation.
    pub async fn create(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        new: ConnectionChange,
    ) -> Result<Versioned<ConnectionView>> {
        ctx.require(Scope::IntegrationsWrite)?;
        let resolved = self.resolved(ctx, integration).await?;
        let settled = settle(&resolved, new.entered, Standing::default(), &Form::of_connection())?;
        let now = self.core.clock.now();
        let mut record = ConnectionRecord {
            uid: ConnectionUid::generate(),
            integration: integration.clone(),
            is_default: false,
            display_name: new.display_name.apply(None),
            description: new.description.apply(None),
            presentation: new.presentation.apply(None).unwrap_or_default(),
            unsettled_by: new.leaves_origin.then_some(ctx.principal().identity),
            draft: ConnectionState::default(),
            published: None,
            latest_revision: 0,
            held_credentials: BTreeSet::new(),
            created_by: ctx.principal().identity,
            created_at: now,
            modified_at: now,
        };
        let sandbox_mode = new.sandbox_mode.apply(None);
        let version = transact!(self.core.records, |tx| {
            if let Some(custom) = &resolved.custom {
                // The integration may not vanish under its new connection, nor be deleted by who did not see it.
                let present = integration_rows::find_for_update(&mut tx, ctx.tenant(), integration).await?;
                let present = present.filter(|present| present.value.uid == custom.value.uid);
                let present = present.ok_or_else(|| Error::not_found("integration"))?;
                tx.put_clear(&integration_rows::members_key(ctx.tenant(), present.value.uid), record.uid.as_bytes());
            }
            rows::index(&mut tx, ctx.tenant(), &record);
            audit::record(&mut tx, ctx, now, "configs.create", record.uid.to_string()).await?;
            apply_settled(&mut tx, ctx.tenant(), &mut record, &settled, now).await?;
            record.draft.sandbox_mode.clone_from(&sandbox_mode);
            if new.publishes {
                publish_draft(&mut tx, ctx, (&resolved, &mut record), (None, now)).await?;
            }
            tx.put_with_version(&rows::key(ctx.tenant(), record.uid), &record).await?
        });
        Ok(Versioned { value: ConnectionView { record, verification: None }, version })
    }

    /// Connections of an integration in the order of their making, after `after`.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the integration.
    pub async fn list(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        after: Option<ConnectionUid>,
        limit: usize,
    ) -> Result<ConnectionPage> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        self.require_known(&view, ctx.tenant(), integration).await?;
        let mut found = rows::list(&view, ctx.tenant(), integration, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|connection| connection.value.uid);
        let mut items = Vec::with_capacity(found.len());
        for connection in found {
            let verification = rows::verification(&view, ctx.tenant(), connection.value.uid).await?;
            items.push(ConnectionView { record: connection.value, verification });
        }
        Ok(ConnectionPage { items, next })
    }

    /// One connection's draft.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn read(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
    ) -> Result<Versioned<ConnectionView>> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let found = self.find(&view, ctx.tenant(), integration, uid, false).await?;
        let verification = rows::verification(&view, ctx.tenant(), uid).await?;
        Ok(found.map(|record| ConnectionView { record, verification }))
    }

    /// The connection with this uid, of whatever integration. A default connection is none of these.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn find_by_uid(&self, ctx: &TenantCtx, uid: ConnectionUid) -> Result<Versioned<ConnectionView>> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let found = rows::read(&view, ctx.tenant(), uid).await?.filter(|found| !found.value.is_default);
        let found = found.ok_or_else(unknown)?;
        let verification = rows::verification(&view, ctx.tenant(), uid).await?;
        Ok(found.map(|record| ConnectionView { record, verification }))
    }

    /// Changes a draft: members left out stay, those given replace what stood there; a mask keeps the secret it stands for.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`, `invalid_request` with every violation,
    /// `credential_rebind_refused`.
    pub async fn update(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
        change: ConnectionChange,
        expected: &Expected,
    ) -> Result<Versioned<ConnectionView>> {
        ctx.require(Scope::IntegrationsWrite)?;
        let resolved = self.resolved(ctx, integration).await?;
        let now = self.core.clock.now();
        let updated = transact!(self.core.records, |tx| {
            let present = rows::read_for_update(&mut tx, ctx.tenant(), uid).await?;
            let present = present.filter(|found| belongs(&found.value, integration, false)).ok_or_else(unknown)?;
            expected.check(present.version)?;
            let mut record = present.value;
            let credential = Self::credential(tx.view(), ctx.tenant(), uid, &record.draft).await?;
            let standing = Standing { state: Some(&record.draft), credential: credential.as_ref() };
            let settled = settle(&resolved, change.entered.clone(), standing, &Form::of_connection())?;
            record.display_name = change.display_name.clone().apply(record.display_name);
            record.description = change.description.clone().apply(record.description);
            let sandbox_mode = change.sandbox_mode.clone().apply(settled.state.sandbox_mode.clone());
            apply_settled(&mut tx, ctx.tenant(), &mut record, &settled, now).await?;
            if settled.is_new_credential {
                // Where a credential leads may be said later by nobody but who entered it.
                record.unsettled_by = record.unsettled_by.map(|_| ctx.principal().identity);
            }
            record.draft.sandbox_mode = sandbox_mode;
            record.presentation = change.presentation.clone().apply(Some(record.presentation)).unwrap_or_default();
            if change.publishes {
                publish_draft(&mut tx, ctx, (&resolved, &mut record), (None, now)).await?;
            }
            audit::record(&mut tx, ctx, now, "configs.update", uid.to_string()).await?;
            let version = tx.put_with_version(&rows::key(ctx.tenant(), uid), &record).await?;
            Versioned { value: record, version }
        });
        let verification = rows::verification(&self.core.records.view().await?, ctx.tenant(), uid).await?;
        Ok(updated.map(|record| ConnectionView { record, verification }))
    }

    /// Deletes a connection that no sync uses, with its revisions and credentials.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`, `in_use`.
    pub async fn delete(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
        expected: &Expected,
    ) -> Result<()> {
        ctx.require(Scope::IntegrationsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let present = rows::read_for_update(&mut tx, ctx.tenant(), uid).await?;
            let present = present.filter(|found| belongs(&found.value, integration, false)).ok_or_else(unknown)?;
            expected.check(present.version)?;
            if rows::is_used(tx.view(), ctx.tenant(), uid).await? {
                return Err(Error::new(Code::InUse, "a sync uses this config; delete the sync first"));
            }
            rows::remove(&mut tx, ctx.tenant(), &present.value).await?;
            audit::record(&mut tx, ctx, now, "configs.delete", uid.to_string()).await?;
        });
        Ok(())
    }

    /// Makes the draft what syncs use from now on, as a new revision that never changes.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `precondition_failed`, `invalid_request` while something required is missing.
    pub async fn publish(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
        note: Option<&str>,
        expected: &Expected,
    ) -> Result<RevisionRecord> {
        ctx.require(Scope::IntegrationsWrite)?;
        let resolved = self.resolved(ctx, integration).await?;
        let now = self.core.clock.now();
        let revision = transact!(self.core.records, |tx| {
            let present = rows::read_for_update(&mut tx, ctx.tenant(), uid).await?;
            let present = present.filter(|found| belongs(&found.value, integration, false)).ok_or_else(unknown)?;
            expected.check(present.version)?;
            let mut record = present.value;
            let revision = publish_draft(&mut tx, ctx, (&resolved, &mut record), (note, now)).await?;
            tx.put(&rows::key(ctx.tenant(), uid), &record).await?;
            revision
        });
        Ok(revision)
    }

    /// Makes an earlier revision what syncs use from now on; the draft stays as it is.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for config and revision, `precondition_failed`, `invalid_request` when the integration has
    /// since come to require more than the revision has.
    pub async fn roll_back(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
        revision: RevisionUid,
        expected: &Expected,
    ) -> Result<RevisionRecord> {
        ctx.require(Scope::IntegrationsWrite)?;
        let resolved = self.resolved(ctx, integration).await?;
        let now = self.core.clock.now();
        Ok(transact!(self.core.records, |tx| {
            let present = rows::read_for_update(&mut tx, ctx.tenant(), uid).await?;
            let present = present.filter(|found| belongs(&found.value, integration, false)).ok_or_else(unknown)?;
            expected.check(present.version)?;
            let mut record = present.value;
            let found = rows::find_revision(tx.view(), ctx.tenant(), &record, revision).await?;
            let found = found.ok_or_else(|| Error::not_found("revision"))?;
            require_complete(&resolved, &found.state)?;
            record.published = Some(PublishedRevision { uid: found.uid, number: found.number });
            tx.put(&rows::key(ctx.tenant(), uid), &record).await?;
            connection_changed(&mut tx, ctx.tenant(), uid, now).await?;
            audit::record(&mut tx, ctx, now, "configs.rollback", uid.to_string()).await?;
            found
        }))
    }

    /// The revisions of a connection, newest first.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn revisions(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
        limit: usize,
    ) -> Result<Vec<RevisionRecord>> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let found = self.find(&view, ctx.tenant(), integration, uid, false).await?.value;
        let mut revisions = Vec::new();
        for number in (1..=found.latest_revision).rev().take(limit) {
            revisions.extend(rows::revision(&view, ctx.tenant(), uid, number).await?);
        }
        Ok(revisions)
    }

    /// Tests the credentials stored in a draft.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `config_test_unsupported`, `plugin_inactive`, `plugin_settings_missing`; how the plugin's
    /// call failed, where that says nothing of the credentials.
    pub async fn verify(&self, ctx: &TenantCtx, integration: &Slug, uid: ConnectionUid) -> Result<Verification> {
        ctx.require(Scope::IntegrationsWrite)?;
        let view = self.core.records.view().await?;
        let resolved = resolve(&view, &self.catalogue, ctx.tenant(), integration).await?;
        let connection = self.find(&view, ctx.tenant(), integration, uid, false).await?.value;
        self.verify_stored(ctx, &view, &resolved, &connection).await
    }

    async fn resolved(&self, ctx: &TenantCtx, integration: &Slug) -> Result<ResolvedIntegration> {
        resolve(&self.core.records.view().await?, &self.catalogue, ctx.tenant(), integration).await
    }

    /// An integration is known while it is one, and while connections of a plugin that is now stopped are still there.
    async fn require_known(&self, view: &View, tenant: TenantUid, integration: &Slug) -> Result<()> {
        match resolve(view, &self.catalogue, tenant, integration).await {
            Err(error) if error.code() == Code::NotFound && rows::has_any(view, tenant, integration).await? => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn find(
        &self,
        view: &View,
        tenant: TenantUid,
        integration: &Slug,
        uid: ConnectionUid,
        is_default: bool,
    ) -> Result<Versioned<ConnectionRecord>> {
        let found = rows::read(view, tenant, uid).await?;
        found.filter(|found| belongs(&found.value, integration, is_default)).ok_or_else(unknown)
    }
}

fn belongs(connection: &ConnectionRecord, integration: &Slug, is_default: bool) -> bool {
    connection.integration == *integration && connection.is_default == is_default
}

/// Makes the draft what syncs use, as a new revision; the record itself is left to the caller to write.
async fn publish_draft(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    (integration, record): (&ResolvedIntegration, &mut ConnectionRecord),
    (note, now): (Option<&str>, Timestamp),
) -> Result<RevisionRecord> {
    require_complete(integration, &record.draft)?;
    if record.latest_revision >= REVISIONS_MAX {
        return Err(Error::new(Code::WrongState, "this config has had too many revisions"));
    }
    record.latest_revision += 1;
    let revision = RevisionRecord {
        uid: RevisionUid::generate(),
        connection: record.uid,
        number: record.latest_revision,
        state: record.draft.clone(),
        note: note.map(str::to_owned),
        created_by: ctx.principal().identity,
        created_at: now,
    };
    record.published = Some(PublishedRevision { uid: revision.uid, number: revision.number });
    record.held_credentials.extend(revision.state.credential);
    rows::insert_revision(tx, ctx.tenant(), &revision).await?;
    connection_changed(tx, ctx.tenant(), record.uid, now).await?;
    audit::record(tx, ctx, now, "configs.publish", record.uid.to_string()).await?;
    Ok(revision)
}

/// What a draft may still lack, a published connection may not.
fn require_complete(integration: &ResolvedIntegration, draft: &ConnectionState) -> Result<()> {
    let mut violations = Violations::default();
    let root = Pointer::root();
    if draft.parameters.is_none() {
        let metadata = &integration.metadata.parameters_metadata;
        let surroundings = Surroundings::at(root.member("parameters"));
        violations.keep(settings::validate(metadata, Given::default(), &surroundings));
    }
    let methods = &integration.metadata.auth_metadata;
    let can_do_without =
        methods.is_empty() || methods.iter().any(|method| method.scheme == keyferry_contract::AuthScheme::None);
    if draft.auth.is_none() && !can_do_without {
        violations.add(
            &root.member("auth"),
            violation::REQUIRED,
            "is required: a credential for one of the auth methods",
        );
    }
    violations.into_result(()).map_err(Error::invalid)
}
