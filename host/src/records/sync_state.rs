//! Where a sync stands: each part under a key of its own, so that triggers, heartbeats and ledger writes never conflict.

use serde::{Deserialize, Serialize};

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::destination::DestinationIdentity;
use crate::domain::id::{Digest, RunUid, SyncUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::sync::{Approval, SyncState, Verification};
use crate::domain::{Result, Timestamp};

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident = $byte:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        crate::json_record!($name, SyncState);

        impl $name {
            /// The key of this part.
            #[must_use]
            pub fn key(tenant: TenantUid, sync: SyncUid) -> Key {
                Key::new(tenant, Kind::SyncState).uid(sync.as_bytes()).bytes(&[$byte])
            }

            /// The part, or what holds before it is first written.
            ///
            /// # Errors
            /// As [`View::get`].
            pub async fn read(view: &View, tenant: TenantUid, sync: SyncUid) -> Result<Self> {
                Ok(view.get(&Self::key(tenant, sync)).await?.unwrap_or_default())
            }

            /// As [`Self::read`], held to stand still until the transaction commits.
            ///
            /// # Errors
            /// As [`Transaction::get`].
            pub async fn read_for_update(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid) -> Result<Self> {
                Ok(tx.get(&Self::key(tenant, sync)).await?.unwrap_or_default())
            }

            /// Writes the part.
            ///
            /// # Errors
            /// As [`Transaction::put`].
            pub async fn write(&self, tx: &mut Transaction, tenant: TenantUid, sync: SyncUid) -> Result<()> {
                tx.put(&Self::key(tenant, sync), self).await
            }
        }
    )*};
}

parts! {
    /// What is wanted. Every trigger raises the generation and nothing else.
    Wanted = 1 {
        generation: u64,
        /// The run that the next attempt belongs to.
        pending: Option<Pending>,
        /// The import that somebody asked for.
        import: Option<Pending>,
        /// The check for drift that is due, or was asked for.
        check: Option<Pending>,
        /// The removal that somebody asked for, of what the sync wrote.
        removal: Option<Pending>,
        /// The run that has begun and not ended; left by a crash when no lease holds.
        running: Option<RunUid>,
    }

    /// The generation that a run ended with, whatever came of it.
    Attempted = 2 { generation: u64, }

    /// The last run that carried out everything.
    Applied = 3 {
        generation: u64,
        at: Option<Timestamp>,
    }

    /// Where the ledger's keys stand, and what wrote them.
    Place = 4 {
        identity: Option<DestinationIdentity>,
        plugin_version: String,
        plugin_digest: Option<Digest>,
        restore_epoch: u64,
    }

    /// Raised whenever a lease is taken; whoever holds an older one can write nothing.
    Fence = 5 { number: u64, }

    /// Who works on the sync until when.
    Lease = 6 {
        fence: u64,
        boot_epoch: u64,
        expires_at: Timestamp,
    }

    /// How the last run ended.
    Status = 7 {
        state: SyncState,
        last_run: Option<RunUid>,
        at: Timestamp,
        /// What the vendor said of the destination since then.
        verification: Option<Verification>,
    }

    /// The run that somebody wants ended.
    Cancel = 8 { run: Option<RunUid>, }

    /// What came into the source from the destination.
    Import = 9 {
        /// The last run that was asked to import, or did so as a first run.
        run: Option<RunUid>,
        /// The import of a first run is done, and is not repeated.
        is_initial_done: bool,
    }

    /// The last run that was asked to delete what the sync wrote.
    Removed = 11 { run: Option<RunUid>, }

    /// What is known of keys of ours that somebody else changed.
    Drift = 10 {
        /// When the destination was last looked at.
        checked_at: Option<Timestamp>,
        /// The last check that ended.
        check: Option<RunUid>,
        /// How many keys differ from what was written, and are left so.
        count: u64,
        /// The first of them, at most [`DRIFTED_KEYS_MAX`].
        keys: Vec<String>,
        /// The next check counts from here.
        since: Option<Timestamp>,
        /// When the engine asks again whether a check is due: the entry in the index.
        look_at: Option<Timestamp>,
        /// The life of the host in which a check that fell into a standstill was put off; each does so once.
        put_off_in: u64,
    }
}

/// Keys that are named of those that somebody else changed.
pub const DRIFTED_KEYS_MAX: usize = 100;

impl Wanted {
    /// The run that begins now, taken from those that wait: an import before a run, which then carries what came in, a removal
    /// after it, and a check last.
    pub fn take_due(&mut self, now: Timestamp) -> Option<RunUid> {
        let waiting = [&mut self.import, &mut self.pending, &mut self.removal, &mut self.check];
        let due = waiting.into_iter().find_map(|slot| slot.take_if(|pending| pending.due_at <= now));
        due.map(|pending| pending.run)
    }

    /// When the engine is to look at the sync: at once for a run that broke off, never when nothing waits.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let waiting = [&self.import, &self.pending, &self.removal, &self.check].into_iter().flatten();
        let broken_off = self.running.map(|_| Timestamp::default());
        waiting.map(|pending| pending.due_at).chain(broken_off).min()
    }

    /// Writes the part, and when the engine is to look at the sync.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub async fn write_due(&self, tx: &mut Transaction, tenant: TenantUid, sync: SyncUid) -> Result<()> {
        match self.due_at() {
            Some(at) => put_due(tx, tenant, sync, at),
            None => delete_due(tx, tenant, sync),
        }
        self.write(tx, tenant, sync).await
    }
}

impl Drift {
    /// Moves the entry in the index to another time; without one the sync is not looked at. The part must then be written.
    pub fn look_at(&mut self, tx: &mut Transaction, tenant: TenantUid, sync: SyncUid, at: Option<Timestamp>) {
        if let Some(before) = self.look_at {
            tx.delete(&check_key(Due { tenant, sync, at: before }));
        }
        if let Some(at) = at {
            tx.put_clear(&check_key(Due { tenant, sync, at }), &[]);
        }
        self.look_at = at;
    }
}

/// A run that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    pub run: RunUid,
    pub since: Timestamp,
    /// Somebody waits for it: no later trigger puts it off.
    #[serde(default)]
    pub at_once: bool,
    /// It waits at least so long, after a failure.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// It waits because the vendor rejected the credential.
    #[serde(default)]
    pub is_rejected: bool,
    /// Something changed that may have mended what failed: it tries even where the connection is left alone.
    #[serde(default)]
    pub is_afresh: bool,
    /// When it begins.
    #[serde(default)]
    pub due_at: Timestamp,
}

impl Pending {
    /// A run that begins at once, whatever comes.
    #[must_use]
    pub const fn at_once(run: RunUid, now: Timestamp) -> Self {
        Self { run, since: now, at_once: true, not_before: None, is_rejected: false, is_afresh: false, due_at: now }
    }

    /// The same run, which waits for nothing that was before: for quiet at most.
    #[must_use]
    pub fn afresh(self, now: Timestamp) -> Self {
        Self { since: now, not_before: None, is_rejected: false, is_afresh: true, due_at: now, ..self }
    }
}

/// All parts of one sync, to be watched.
#[must_use]
pub fn parts_prefix(tenant: TenantUid, sync: SyncUid) -> Key {
    Key::new(tenant, Kind::SyncState).uid(sync.as_bytes())
}

/// Removes every part.
pub fn remove(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid) {
    for part in [
        Wanted::key(tenant, sync),
        Attempted::key(tenant, sync),
        Applied::key(tenant, sync),
        Place::key(tenant, sync),
        Fence::key(tenant, sync),
        Lease::key(tenant, sync),
        Status::key(tenant, sync),
        Cancel::key(tenant, sync),
        Import::key(tenant, sync),
        Drift::key(tenant, sync),
        Removed::key(tenant, sync),
        approval_key(tenant, sync),
    ] {
        tx.delete(&part);
    }
}

crate::json_record!(Approval, Approval);

/// The key of the approval that the next run may use.
#[must_use]
pub fn approval_key(tenant: TenantUid, sync: SyncUid) -> Key {
    Key::new(tenant, Kind::Approval).uid(sync.as_bytes())
}

/// A sync that the engine has something to do for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub tenant: TenantUid,
    pub sync: SyncUid,
    pub at: Timestamp,
}

fn due_key(tenant: TenantUid, sync: SyncUid) -> Key {
    Key::system(Kind::SyncDue).uid(tenant.as_bytes()).uid(sync.as_bytes())
}

/// All keys of due syncs, to be watched.
#[must_use]
pub fn due_prefix() -> Key {
    Key::system(Kind::SyncDue)
}

fn check_key(Due { tenant, sync, at }: Due) -> Key {
    let at = u64::try_from(at.unix_ms()).unwrap_or_default();
    Key::system(Kind::SyncCheck).number(at).uid(tenant.as_bytes()).uid(sync.as_bytes())
}

/// At most `limit` syncs of which the engine asks whether a check is due, the earliest first.
///
/// # Errors
/// As [`View::get`].
pub async fn checks(view: &View, limit: usize) -> Result<Vec<Due>> {
    let found = view.scan_clear(&Key::system(Kind::SyncCheck), None, limit).await?;
    Ok(found.into_iter().filter_map(|(key, _)| check_in(&key)).collect())
}

fn check_in(key: &Key) -> Option<Due> {
    let (at, rest) = key.components().split_first_chunk::<8>()?;
    let (tenant, sync) = rest.split_first_chunk::<16>()?;
    Some(Due {
        tenant: TenantUid::from_bytes(*tenant),
        sync: SyncUid::from_bytes(sync.try_into().ok()?),
        at: Timestamp::from_unix_ms(i64::try_from(u64::from_be_bytes(*at)).ok()?),
    })
}

/// Takes a sync out of the index of checks: for one that is gone.
pub fn delete_check(tx: &mut Transaction, due: Due) {
    tx.delete(&check_key(due));
}

/// All keys of markers of changed folders, to be watched.
#[must_use]
pub fn dirty_prefix() -> Key {
    Key::system(Kind::Dirty)
}

/// The marker of a plugin that was switched, or that may do other things than before.
#[must_use]
pub fn plugin_marker(plugin: &Slug) -> Key {
    Key::system(Kind::PluginChanged).text(plugin.as_str())
}

/// All keys of markers of changed plugins, to be watched.
#[must_use]
pub fn plugin_markers() -> Key {
    Key::system(Kind::PluginChanged)
}

/// Notes when the engine is to look at a sync; blind, the last writer wins.
pub fn put_due(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid, at: Timestamp) {
    tx.put_clear(&due_key(tenant, sync), &at.unix_ms().to_be_bytes());
}

/// Notes that there is nothing to do.
pub fn delete_due(tx: &mut Transaction, tenant: TenantUid, sync: SyncUid) {
    tx.delete(&due_key(tenant, sync));
}

/// At most `limit` syncs that are due now or later, after one where given.
///
/// # Errors
/// As [`View::get`].
pub async fn due(view: &View, after: Option<&Due>, limit: usize) -> Result<Vec<Due>> {
    let after = after.map(|due| due_key(due.tenant, due.sync));
    let found = view.scan_clear(&due_prefix(), after.as_ref().map(Key::as_bytes), limit).await?;
    Ok(found.into_iter().filter_map(|(key, at)| due_in(&key, &at)).collect())
}

fn due_in(key: &Key, at: &[u8]) -> Option<Due> {
    let (tenant, sync) = key.components().split_first_chunk::<16>()?;
    Some(Due {
        tenant: TenantUid::from_bytes(*tenant),
        sync: SyncUid::from_bytes(sync.try_into().ok()?),
        at: Timestamp::from_unix_ms(i64::from_be_bytes(at.try_into().ok()?)),
    })
}

fn host_number_key(name: &str) -> Key {
    Key::system(Kind::HostSetting).text(name)
}

/// Begins a new life of the host: leases of earlier ones are void from then on.
///
/// # Errors
/// `unavailable` when the store fails.
pub async fn raise_boot_epoch(records: &super::Records) -> Result<u64> {
    let key = host_number_key("boot-epoch");
    let epoch = crate::transact!(records, |tx| {
        let before = number_in(tx.get_clear(&key).await?);
        tx.put_clear(&key, &(before + 1).to_be_bytes());
        before + 1
    });
    Ok(epoch)
}

/// How often the store came from a backup.
///
/// # Errors
/// As [`View::get`].
pub async fn restore_epoch(view: &View) -> Result<u64> {
    Ok(number_in(view.get_clear(&host_number_key("restore-epoch")).await?))
}

/// Notes that the store came from a backup: every sync asks before its next write.
///
/// # Errors
/// `unavailable` when the store fails.
pub async fn raise_restore_epoch(records: &super::Records) -> Result<u64> {
    let key = host_number_key("restore-epoch");
    let epoch = crate::transact!(records, |tx| {
        let before = number_in(tx.get_clear(&key).await?);
        tx.put_clear(&key, &(before + 1).to_be_bytes());
        before + 1
    });
    Ok(epoch)
}

fn number_in(bytes: Option<Vec<u8>>) -> u64 {
    bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map_or(0, u64::from_be_bytes)
}

/// How often a plugin's digest broke down for a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// In a row.
    pub breakdowns: u32,
}

crate::json_record!(Quarantine, Quarantine);

/// The key of a digest's record.
#[must_use]
pub fn quarantine_key(tenant: TenantUid, digest: Digest) -> Key {
    Key::new(tenant, Kind::Quarantine).bytes(digest.as_bytes())
}
