//! Verification: the plugin makes its cheapest authenticated call, and what comes of it is a result, not an error.

use super::open::OpenConnection;
use super::{Connections, Parts};
use crate::domain::destination::Account;
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::domain::plugin::{CallFailure, Operation};
use crate::domain::{Code, Error, Result};
use crate::records::connections::{self as rows, ConnectionRecord, ConnectionState, VerificationRecord};
use crate::records::{View, credentials, integrations as integration_rows};
use crate::service::audit;
use crate::service::connections::settle::{Secrets, Settled, require_bound};
use crate::service::context::TenantCtx;
use crate::service::failure::{call_error, reported_code};
use crate::service::integrations::resolve::ResolvedIntegration;
use crate::transact;

/// How a verification ended.
#[derive(Clone, Debug)]
pub struct Verification {
    pub account: Option<Account>,
    /// Why the credentials do not work, as a code and in words; `None`: they do.
    pub failure: Option<(Code, String)>,
}

impl Connections {
    /// Tests what was settled from a request; nothing is stored.
    pub(in crate::service) async fn verify_settled(
        &self,
        ctx: &TenantCtx,
        integration: &ResolvedIntegration,
        settled: Settled,
    ) -> Result<Verification> {
        require_testable(integration, &settled.state)?;
        self.audit_use(ctx, "integrations.verifyConfig", integration.id.as_str()).await?;
        let parts = Parts { tenant: ctx.tenant(), connection: None, state: &settled.state, secrets: settled.secrets };
        self.run_verify(&super::open::open(integration, parts)?).await
    }

    /// Tests the stored draft of a connection, and stores how it ended.
    pub(in crate::service) async fn verify_stored(
        &self,
        ctx: &TenantCtx,
        view: &View,
        integration: &ResolvedIntegration,
        connection: &ConnectionRecord,
    ) -> Result<Verification> {
        require_testable(integration, &connection.draft)?;
        let opened = Self::open_state(view, ctx.tenant(), integration, (connection, &connection.draft)).await?;
        self.audit_use(ctx, "configs.verifyAuth", &connection.uid.to_string()).await?;
        let verification = self.run_verify(&opened).await?;
        let record = VerificationRecord {
            succeeded: verification.failure.is_none(),
            account: verification.account.clone(),
            error: verification.failure.as_ref().map(|(_, error)| error.clone()),
            digest: opened.plugin.digest,
            at: self.core.clock.now(),
        };
        self.store_verification(ctx.tenant(), connection, &record).await?;
        Ok(verification)
    }

    /// Records that a credential is about to be used, before it is.
    pub(in crate::service) async fn audit_use(
        &self,
        ctx: &TenantCtx,
        action: &'static str,
        resource: &str,
    ) -> Result<()> {
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| audit::record(&mut tx, ctx, now, action, resource).await?);
        Ok(())
    }

    async fn run_verify(&self, opened: &OpenConnection) -> Result<Verification> {
        self.catalogue.load(opened.plugin.digest).await?;
        let session = self.core.egress.open(opened.egress.clone(), Some(opened.deadline(Operation::Verify)));
        match self.core.runner.verify(opened.call(session.clone())).await {
            Ok(_) if opened.is_brokered && session.observed().authenticated_successes == 0 => {
                let error =
                    "the plugin took the credentials as good without a single authenticated request that succeeded";
                Ok(Verification { account: None, failure: Some((Code::PluginContractBroken, error.to_owned())) })
            }
            Ok(account) => Ok(Verification { account: Some(account), failure: None }),
            Err(CallFailure::Reported(reported)) => {
                Ok(Verification { account: None, failure: Some((reported_code(reported.kind), reported.message)) })
            }
            Err(failure @ CallFailure::Denied { .. }) => {
                Ok(Verification { account: None, failure: Some((Code::EgressDenied, failure.to_string())) })
            }
            Err(failure) => Err(call_error(failure)),
        }
    }

    /// Stores a verification beside a connection that is still the one it tells of. What shows it changes its version.
    pub(in crate::service) async fn store_verification(
        &self,
        tenant: TenantUid,
        connection: &ConnectionRecord,
        verification: &VerificationRecord,
    ) -> Result<()> {
        transact!(self.core.records, |tx| {
            let Some(present) = rows::read_for_update(&mut tx, tenant, connection.uid).await? else { return Ok(()) };
            if present.value.draft != connection.draft {
                return Ok(());
            }
            rows::write_verification(&mut tx, tenant, connection.uid, verification).await?;
            tx.put(&rows::key(tenant, connection.uid), &present.value).await?;
            if present.value.is_default
                && let Some(owner) =
                    integration_rows::find_for_update(&mut tx, tenant, &present.value.integration).await?
            {
                tx.put(&integration_rows::key(tenant, owner.value.uid), &owner.value).await?;
            }
        });
        Ok(())
    }

    /// Opens one state of a connection, its draft or a revision, at the view that it was read at.
    ///
    /// # Errors
    /// As [`super::open::open`], and `credential_rebind_refused` when the credential was entered for something else.
    pub(in crate::service) async fn open_state(
        view: &View,
        tenant: TenantUid,
        integration: &ResolvedIntegration,
        (connection, state): (&ConnectionRecord, &ConnectionState),
    ) -> Result<OpenConnection> {
        let credential = Self::credential(view, tenant, connection.uid, state).await?;
        if let Some(credential) = &credential {
            require_bound(credential, integration, state)?;
        }
        let secrets = Secrets::of(credential.as_ref());
        super::open::open(integration, Parts { tenant, connection: Some(connection.uid), state, secrets })
    }

    /// The credential that a state holds, at the view that the state was read at: a later one may hold it no longer.
    pub(in crate::service) async fn credential(
        view: &View,
        tenant: TenantUid,
        connection: ConnectionUid,
        state: &ConnectionState,
    ) -> Result<Option<credentials::CredentialRecord>> {
        let Some(uid) = state.credential else { return Ok(None) };
        let found = credentials::read(view, tenant, connection, uid).await?;
        let missing = || Error::new(Code::RecordUnreadable, "the connection's credential is missing");
        found.map(Some).ok_or_else(missing)
    }
}

/// # Errors
/// `config_test_unsupported`.
fn require_testable(integration: &ResolvedIntegration, state: &ConnectionState) -> Result<()> {
    let method = state.auth.as_ref().and_then(|auth| integration.method(&auth.method));
    match method {
        Some(method) if method.config_test_supported => Ok(()),
        Some(_) => {
            let detail = "this auth method cannot be tested: its `configTestSupported` is false";
            Err(Error::new(Code::ConfigTestUnsupported, detail))
        }
        None => Err(Error::new(Code::ConfigTestUnsupported, "there is no credential to test")),
    }
}
