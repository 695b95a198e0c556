//! Connections that are tested, made and published in one go.

use super::settle::{Form, Settled, Standing, settle};
use super::{ConnectionChange, ConnectionView, Connections, Verification};
use crate::domain::access::Scope;
use crate::domain::id::ConnectionUid;
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Expected, Result, Versioned};
use crate::records::connections::VerificationRecord;
use crate::service::context::TenantCtx;
use crate::service::integrations::resolve::ResolvedIntegration;

impl Connections {
    /// Tests what was entered at the vendor; only then makes the connection, published at once.
    ///
    /// # Errors
    /// As [`Connections::create`]; as [`Connections::verify`], where a credential that does not work is an error as well, in the
    /// plugin's words.
    pub async fn connect(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        new: ConnectionChange,
    ) -> Result<Versioned<ConnectionView>> {
        ctx.require(Scope::IntegrationsWrite)?;
        let resolved = self.resolved(ctx, integration).await?;
        let settled = settle(&resolved, new.entered.clone(), Standing::default(), &Form::of_connection())?;
        let proof = self.prove(ctx, &resolved, settled).await?;
        let made = self.create(ctx, integration, ConnectionChange { publishes: true, ..new }).await?;
        self.keep_proof(ctx, &made.value, proof).await?;
        Ok(made)
    }

    /// As [`Connections::connect`], for a connection that is there: what was entered for it replaces what stood there.
    ///
    /// # Errors
    /// As [`Connections::update`] and [`Connections::connect`]; `contention` when the connection was changed meanwhile.
    pub async fn reconnect(
        &self,
        ctx: &TenantCtx,
        integration: &Slug,
        uid: ConnectionUid,
        change: ConnectionChange,
    ) -> Result<Versioned<ConnectionView>> {
        ctx.require(Scope::IntegrationsWrite)?;
        let enters = !(change.entered.parameters.is_keep() && change.entered.auth.is_keep());
        if !enters {
            return self.update(ctx, integration, uid, change, &Expected::Any).await;
        }
        let resolved = self.resolved(ctx, integration).await?;
        let view = self.core.records.view().await?;
        let present = self.find(&view, ctx.tenant(), integration, uid, false).await?;
        let credential = Self::credential(&view, ctx.tenant(), uid, &present.value.draft).await?;
        let standing = Standing { state: Some(&present.value.draft), credential: credential.as_ref() };
        let settled = settle(&resolved, change.entered.clone(), standing, &Form::of_connection())?;
        let proof = self.prove(ctx, &resolved, settled).await?;
        let expected = Expected::OneOf(vec![present.version.to_string()]);
        let change = ConnectionChange { publishes: true, ..change };
        let changed =
            self.update(ctx, integration, uid, change, &expected).await.map_err(|error| match error.code() {
                Code::PreconditionFailed => {
                    Error::new(Code::Contention, "the connection was changed meanwhile; try again")
                }
                _ => error,
            })?;
        self.keep_proof(ctx, &changed.value, proof).await?;
        Ok(changed)
    }

    /// Makes the vendor say that a credential works; `None` for a method that cannot be tested.
    async fn prove(
        &self,
        ctx: &TenantCtx,
        integration: &ResolvedIntegration,
        settled: Settled,
    ) -> Result<Option<VerificationRecord>> {
        let method = settled.state.auth.as_ref().and_then(|auth| integration.method(&auth.method));
        if !method.is_some_and(|method| method.config_test_supported) {
            return Ok(None);
        }
        let digest = integration.active()?.digest;
        let unproven = |code, reason: &str| Error::new(code, format!("unable to validate connection: {reason}"));
        match self.verify_settled(ctx, integration, settled).await {
            Ok(Verification { failure: Some((code, reason)), .. }) => Err(unproven(code, &reason)),
            Ok(Verification { account, failure: None }) => {
                let at = self.core.clock.now();
                Ok(Some(VerificationRecord { succeeded: true, account, error: None, digest, at }))
            }
            Err(error) if error.violations().is_empty() => {
                let told = unproven(error.code(), error.detail());
                Err(match error.retry_after() {
                    Some(wait) => told.with_retry_after(wait),
                    None => told,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn keep_proof(
        &self,
        ctx: &TenantCtx,
        made: &ConnectionView,
        proof: Option<VerificationRecord>,
    ) -> Result<()> {
        match proof {
            Some(proof) => self.store_verification(ctx.tenant(), &made.record, &proof).await,
            None => Ok(()),
        }
    }
}
