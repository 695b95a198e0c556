//! Reading back what was written.

use std::collections::HashMap;
use std::time::Duration;

use keyferry_contract::SyncReads;

use super::apply::Written;
use super::caller::Caller;
use super::halt::{Halt, failure};
use super::journal::{Journal, Row};
use super::observe::look_at;
use super::plan::{KeyedHasher, value_hash};
use super::prepare::Steps;
use crate::domain::Code;
use crate::domain::destination::{Attributes, DestinationIdentity, ObservedEntry, ObservedValue};
use crate::domain::sync::{FailureClass, LedgerEntry, Owned, RunEvent, RunFailure};

/// Vendors whose reads lag behind their writes get so many further looks.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Reads back for one run.
pub(super) struct Verification<'a> {
    pub(super) caller: &'a Caller<'a>,
    pub(super) journal: &'a Journal<'a>,
    pub(super) identity: &'a DestinationIdentity,
    pub(super) hasher: &'a dyn KeyedHasher,
}

impl Verification<'_> {
    /// Looks at every key that was written; records the versions that are seen. What comes back is the failure of keys that
    /// do not show what was written.
    pub(super) async fn run(&self, written: &[Written]) -> Result<Option<RunFailure>, Halt> {
        if written.is_empty() || self.caller.open.rules.reads == SyncReads::Nothing {
            return Ok(None);
        }
        let mut differing = self.look(written).await?;
        for wait in WAITS {
            if differing.is_empty() {
                break;
            }
            self.caller.interrupt.or(self.caller.core.clock.sleep(wait)).await?;
            differing = self.look(&differing).await?;
        }
        let (keys, differ) = (written.len() as u64, differing.len() as u64);
        self.journal.step(RunEvent::Verified { keys, differing: differ });
        Ok((differ > 0).then(|| {
            let message = format!("{differ} of {keys} keys do not show what was written to them");
            failure(FailureClass::Retry, Code::PluginFailed, message)
        }))
    }

    async fn look(&self, written: &[Written]) -> Result<Vec<Written>, Halt> {
        let keys: Vec<String> = written.iter().map(|written| written.key.clone()).collect();
        let look = look_at(self.caller, &keys).await?;
        let seen: HashMap<&str, &ObservedEntry> =
            look.observed.entries.iter().map(|entry| (entry.key.as_str(), entry)).collect();
        let (mut rows, mut differing) = (Vec::new(), Vec::new());
        for written in written {
            match seen.get(written.key.as_str()) {
                Some(entry) if self.shows(entry, written) => rows.extend(refreshed(entry, written)),
                None if !look.observed.complete => {}
                _ => differing.push(written.clone()),
            }
        }
        self.journal.rows(self.identity, &rows, &[]).await?;
        Ok(differing)
    }

    /// What cannot be read is believed.
    fn shows(&self, entry: &ObservedEntry, written: &Written) -> bool {
        let ObservedValue::Readable(value) = &entry.value else { return true };
        let attributes: Attributes = written
            .owned
            .attributes
            .iter()
            .map(|(name, wanted)| (name.clone(), entry.attributes.get(name).unwrap_or(wanted).clone()))
            .collect();
        let sync = self.journal.lease.sync;
        value_hash(self.hasher, sync, &written.absolute, value.expose(), &attributes) == written.owned.hash
    }
}

/// The row with the version and handle that are seen now, where they are not what was recorded.
fn refreshed(entry: &ObservedEntry, written: &Written) -> Option<Row> {
    let digest = match &entry.value {
        ObservedValue::Digest(digest) => Some(digest.clone()),
        _ => None,
    };
    let owned = Owned {
        version: entry.version.clone().or(digest).or_else(|| written.owned.version.clone()),
        reference: entry.reference.clone().or_else(|| written.owned.reference.clone()),
        ..written.owned.clone()
    };
    let entry = LedgerEntry { owned: Some(owned.clone()), intent: None };
    (owned != written.owned).then(|| Row { absolute: written.absolute.clone(), entry })
}
