//! Whether a sync's destination can be reached and written to, before its first run.

use std::time::{Duration, Instant};

use super::Syncs;
use crate::domain::id::{SyncUid, TenantUid};
use crate::domain::sync::{SyncSpec, SyncState, Verification};
use crate::domain::{Code, Error, Result};
use crate::records::sync_state::Status;
use crate::service::destinations::Target;
use crate::service::failure::call_error;
use crate::transact;

/// How long the vendor may take while somebody waits for the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl Syncs {
    /// Asks the plugin for the destination's identity and for permissions that are lacking, and keeps the answer with the sync
    /// until a run knows more. That something is lacking is no error: it can be mended before the first run.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub(super) async fn verify(&self, tenant: TenantUid, sync: SyncUid, spec: &SyncSpec) -> Result<()> {
        let asked = tokio::time::timeout(PATIENCE, self.missing_permissions(tenant, spec)).await;
        let slow =
            |_| Error::new(Code::PluginTimedOut, format!("the vendor took longer than {} s", PATIENCE.as_secs()));
        let verification = Verification::of(asked.map_err(slow).flatten(), self.core.clock.now());
        if let Some(failure) = &verification.failure {
            tracing::info!(sync.id = %spec.id, error.code = %failure.code, "the destination could not be verified");
        }
        transact!(self.core.records, |tx| {
            let status = Status::read_for_update(&mut tx, tenant, sync).await?;
            let state = match (status.last_run, verification.is_good()) {
                (Some(_), _) => status.state,
                (None, true) => SyncState::Pending,
                (None, false) => SyncState::Unverified,
            };
            let (at, verification) = (verification.at, Some(verification.clone()));
            Status { state, at, verification, ..status }.write(&mut tx, tenant, sync).await?;
        });
        Ok(())
    }

    async fn missing_permissions(&self, tenant: TenantUid, spec: &SyncSpec) -> Result<Vec<String>> {
        let open = self.destinations.open(tenant, Target::of(spec)).await?;
        let deadline = Some(Instant::now() + PATIENCE);
        let call = || open.call(self.core.egress.open(open.egress.clone(), deadline));
        self.core.runner.identify(call(), &open.destination).await.map_err(call_error)?;
        Ok(self.core.runner.check(call(), &open.destination).await.map_err(call_error)?.missing_permissions)
    }
}
