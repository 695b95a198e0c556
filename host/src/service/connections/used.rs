//! Connections as syncs use them: as they are published, with what of their credentials is no secret.

use std::collections::BTreeMap;

use super::settle::Secrets;
use super::{Connections, rows};
use crate::domain::access::Scope;
use crate::domain::id::ConnectionUid;
use crate::domain::{Code, Error, Result};
use crate::ports::sealer::{HashPurpose, TenantSealer};
use crate::records::View;
use crate::service::context::TenantCtx;
use crate::service::integrations::resolve::resolve;

impl Connections {
    /// A published connection as syncs use it, of whatever integration.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `record_unreadable`.
    pub async fn used(&self, ctx: &TenantCtx, uid: ConnectionUid) -> Result<UsedConnection> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let found = rows::read(&view, ctx.tenant(), uid).await?.filter(|found| !found.value.is_default);
        let found = found.ok_or_else(super::unknown)?.value;
        let used = self.as_used(&view, ctx, found).await?;
        used.ok_or_else(|| Error::not_found("connection"))
    }

    /// All published connections, in the order of their making.
    ///
    /// # Errors
    /// `scope_missing`, `record_unreadable`.
    pub async fn all_used(&self, ctx: &TenantCtx) -> Result<Vec<UsedConnection>> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let mut found = Vec::new();
        for record in rows::all(&view, ctx.tenant()).await? {
            if !record.is_default {
                found.extend(self.as_used(&view, ctx, record).await?);
            }
        }
        Ok(found)
    }

    /// Whether a published connection other than `own` has this name.
    ///
    /// # Errors
    /// `scope_missing`, `record_unreadable`.
    pub async fn is_named(&self, ctx: &TenantCtx, name: &str, own: Option<ConnectionUid>) -> Result<bool> {
        ctx.require(Scope::IntegrationsRead)?;
        let view = self.core.records.view().await?;
        let all = rows::all(&view, ctx.tenant()).await?;
        let shown = all.iter().filter(|record| !record.is_default && record.published.is_some());
        Ok(shown.filter(|record| Some(record.uid) != own).any(|record| record.name() == name))
    }

    async fn as_used(
        &self,
        view: &View,
        ctx: &TenantCtx,
        record: rows::ConnectionRecord,
    ) -> Result<Option<UsedConnection>> {
        let Some(published) = record.published else { return Ok(None) };
        let revision = rows::revision(view, ctx.tenant(), record.uid, published.number).await?;
        let missing = || Error::new(Code::RecordUnreadable, "the published revision of a connection is missing");
        let state = revision.ok_or_else(missing)?.state;
        let credential = Self::credential(view, ctx.tenant(), record.uid, &state).await?;
        let integration = resolve(view, &self.catalogue, ctx.tenant(), &record.integration).await.ok();
        let method = state.auth.as_ref().map(|auth| auth.method.as_str());
        let method = integration.as_ref().zip(method).and_then(|(integration, method)| integration.method(method));
        let secrets = Secrets::of(credential.as_ref());
        let method = method.map(|method| secrets.guarded(method.clone()));
        let is_open = |name: &str| {
            let mut declared = method.iter().flat_map(|method| &method.parameters_metadata);
            declared.any(|parameter| parameter.name == name && !parameter.secret)
        };
        let auth = secrets.auth.iter().filter(|(name, _)| is_open(name));
        let auth = auth.map(|(name, value)| (name.clone(), value.expose().clone())).collect();
        let hash = credential_hash(&*view.sealer(ctx.tenant()).await?, &record, &state);
        Ok(Some(UsedConnection { record, state, auth, credential_hash: hash }))
    }
}

/// Another text for another credential, and for nothing else. It is made of the credential's uid, and keyed: it tells nothing of
/// what the credential is.
fn credential_hash(
    sealer: &dyn TenantSealer,
    record: &rows::ConnectionRecord,
    state: &rows::ConnectionState,
) -> String {
    let method = state.auth.as_ref().map(|auth| auth.method.as_bytes()).unwrap_or_default();
    let credential = state.credential.as_ref().map(|uid| uid.as_bytes().as_slice()).unwrap_or_default();
    let parts: [&[u8]; 4] = [b"credential", record.uid.as_bytes(), method, credential];
    data_encoding::HEXLOWER.encode(&sealer.hash(HashPurpose::Fingerprint, &parts).hash)
}

/// A connection as syncs use it, with what of its credential is no secret.
#[derive(Clone, Debug)]
pub struct UsedConnection {
    pub record: rows::ConnectionRecord,
    /// As it is published.
    pub state: rows::ConnectionState,
    /// Parameters of the auth method that are no secret, as text.
    pub auth: BTreeMap<String, String>,
    /// Another text for another credential.
    pub credential_hash: String,
}
