//! What the host does for itself while it serves: deletions that a crash cut off, what has expired, and a look at every row.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::service::Services;
use crate::store::RedbStore;

/// How often answers kept for idempotency keys, and sessions of access tokens, are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// How often the whole store is looked through, in sweeps.
const SCRUB_EVERY_SWEEPS: u32 = 24;
/// Pause between batches of a scrub, so that it is not felt.
const SCRUB_PAUSE: Duration = Duration::from_millis(20);

/// Begins; ends when the task is aborted, at any point without harm.
pub(super) fn begin(services: Services, store: Arc<RedbStore>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = services.tenants.resume_deletions().await {
            tracing::error!(error = &error as &dyn std::error::Error, "deletions of tenants could not be resumed");
        }
        for round in 1_u32.. {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = services.idempotency.sweep().await {
                tracing::error!(error = &error as &dyn std::error::Error, "expired answers could not be swept");
            }
            if let Err(error) = services.access.sweep().await {
                tracing::error!(error = &error as &dyn std::error::Error, "sessions that are over could not be swept");
            }
            if round % SCRUB_EVERY_SWEEPS == 0 {
                scrub(&store).await;
            }
        }
    })
}

async fn scrub(store: &RedbStore) {
    match store.scrub(SCRUB_PAUSE).await {
        Ok(report) if report.is_clean() => tracing::info!(rows = report.rows, "the store was looked through"),
        Ok(report) => tracing::error!(rows = report.rows, damaged = report.damaged_rows, "the store is damaged"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store could not be looked through")
        }
    }
}
