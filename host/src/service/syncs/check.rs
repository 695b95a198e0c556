//! Whether a sync's destination can be reached and written to, before its first run.

use std::time::{Duration, Instant};

use super::Syncs;
use crate::domain::id::TenantUid;
use crate::domain::sync::{SyncSpec, SyncState};
use crate::domain::{Code, Error, Result};
use crate::service::destinations::Target;

/// How long the vendor may take while somebody waits for the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl Syncs {
    /// Asks the plugin for the destination's identity and permissions. A vendor that cannot be reached leaves the sync
    /// unverified; one that is reached and says no is an error.
    pub(super) async fn probe(&self, tenant: TenantUid, spec: &SyncSpec) -> Result<SyncState> {
        match tokio::time::timeout(PATIENCE, self.identify_and_check(tenant, spec)).await {
            Ok(Ok(())) => Ok(SyncState::Pending),
            Ok(Err(error)) => {
                tracing::info!(sync.id = %spec.id, error.code = %error.code(), "the destination could not be verified");
                Ok(SyncState::Unverified)
            }
            Err(_) => Ok(SyncState::Unverified),
        }
    }

    async fn identify_and_check(&self, tenant: TenantUid, spec: &SyncSpec) -> Result<()> {
        let open = self.destinations.open(tenant, Target::of(spec)).await?;
        let deadline = Some(Instant::now() + PATIENCE);
        let call = || open.call(self.core.egress.open(open.egress.clone(), deadline));
        self.core.runner.identify(call(), &open.destination).await.map_err(unreached)?;
        self.core.runner.check(call(), &open.destination).await.map_err(unreached)?;
        Ok(())
    }
}

fn unreached(failure: crate::domain::plugin::CallFailure) -> Error {
    Error::new(Code::PluginFailed, "the destination could not be verified").with_source(failure)
}
