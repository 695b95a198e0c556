//! Bringing values of a destination into the source, as new secrets and new versions: all at once, and nothing is written to
//! the destination.
//!
//! The destination is looked at first. What comes in is decided within the transaction that writes it, so that nothing which
//! somebody else writes meanwhile is lost; a run that broke off has imported everything or nothing, and knows which.

mod commit;
mod decide;
mod source;

use std::collections::BTreeSet;

use self::decide::Import;
pub(super) use self::decide::{ImportPlan, Wish};
use self::source::Source;
use super::caller::Caller;
use super::halt::Halt;
use super::observe::{Look, look};
use super::prepare::{OwnershipHasher, named};
use crate::domain::destination::DestinationIdentity;
use crate::domain::id::TenantUid;
use crate::domain::name::SecretName;
use crate::domain::sync::mapping::KeyMap;
use crate::domain::sync::{FailureClass, Priority, Selector};
use crate::domain::{Code, Secret};
use crate::records::sync_state::{self, Applied};
use crate::records::syncs::SyncRecord;
use crate::records::{View, claims, ledger};
use crate::service::syncs::require_importable;

/// Secrets that one import can write.
const SECRETS_MAX: usize = 5_000;
/// Bytes of all their values.
const BYTES_MAX: usize = 64 << 20;

/// One import of one sync.
pub(super) struct Importing<'a> {
    pub(super) tenant: TenantUid,
    pub(super) record: &'a SyncRecord,
    pub(super) caller: &'a Caller<'a>,
    pub(super) wish: Wish,
}

/// What is at the destination.
pub(super) struct Seen {
    identity: DestinationIdentity,
    look: Look,
}

impl Seen {
    pub(super) fn entries(&self) -> u64 {
        self.look.observed.entries.len() as u64
    }
}

impl Importing<'_> {
    /// Looks at the destination.
    pub(super) async fn look(&self, view: &View) -> Result<Seen, Halt> {
        require_importable(self.caller.open.rules.reads, &self.record.spec)?;
        let identity = self.caller.identify().await?;
        let source = Source::names(view, self.tenant, self.record).await?;
        let map = self.map(&source)?;
        let asked: BTreeSet<String> = source.secrets.keys().map(|name| map.key_of(name.as_str())).collect();
        Ok(Seen { identity, look: look(self.caller, &asked).await? })
    }

    /// Decides what comes in, against the source as `view` has it.
    pub(super) async fn plan(&self, view: &View, seen: &Seen) -> Result<ImportPlan, Halt> {
        let (tenant, spec) = (self.tenant, &self.record.spec);
        let source = Source::values(view, tenant, self.record).await?;
        let selector = Selector::new(&spec.source).map_err(|_| {
            Halt::failed(FailureClass::Configuration, Code::InvalidRequest, "the selection holds a glob that is none")
        })?;
        let import = Import {
            sync: self.record.uid,
            identity: &seen.identity,
            entries: &seen.look.observed.entries,
            map: &self.map(&source)?,
            selector: &selector,
            source: &source.secrets,
            ledger: &ledger::read_all(view, tenant, self.record.uid).await?,
            claims: &claims::under(view, tenant, &seen.identity).await?,
            rules: &self.caller.open.rules,
            wish: &self.wish,
        };
        let planned = import.plan(&OwnershipHasher(view.sealer(tenant).await?))?;
        refuse_too_much(&planned.writes)?;
        Ok(planned)
    }

    fn map<'m>(&'m self, source: &'m Source) -> Result<KeyMap<'m>, Halt> {
        KeyMap::new(&self.record.spec.options, source.environment.as_str()).map_err(|problem| {
            let message = format!("the key template {problem}");
            Halt::failed(FailureClass::Configuration, Code::InvalidRequest, message)
        })
    }
}

/// Whose values win when this sync's next run imports first; `None`: it does not, or has done so.
pub(super) async fn initial(view: &View, tenant: TenantUid, record: &SyncRecord) -> Result<Option<Priority>, Halt> {
    let Some(prioritize) = record.spec.options.initial_import().filter(|_| record.removal.is_none()) else {
        return Ok(None);
    };
    let is_first_run = Applied::read(view, tenant, record.uid).await?.at.is_none();
    let is_done = sync_state::Import::read(view, tenant, record.uid).await?.is_initial_done;
    Ok((is_first_run && !is_done).then_some(prioritize))
}

fn refuse_too_much(writes: &[(SecretName, Secret<String>)]) -> Result<(), Halt> {
    let bytes: usize = writes.iter().map(|(_, value)| value.expose().len()).sum();
    if writes.len() <= SECRETS_MAX && bytes <= BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "an import brings in at most {SECRETS_MAX} secrets and {} MiB at once; select less, beginning with {}",
        BYTES_MAX >> 20,
        named(writes.iter().take(1).map(|(name, _)| format!("`{name}`")))
    );
    Err(Halt::failed(FailureClass::Configuration, Code::InvalidRequest, message))
}
