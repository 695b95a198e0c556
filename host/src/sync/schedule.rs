//! Which syncs a change touches, and which of the due ones begin now.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::breaker::Breakers;
use super::engine::EngineOptions;
use super::rest::Rests;
use crate::domain::id::{ConnectionUid, FolderUid, SyncUid, TenantUid};
use crate::domain::name::FOLDER_DEPTH_MAX;
use crate::domain::sync::Trigger;
use crate::domain::{Code, Result, Timestamp};
use crate::records::sync_state::{self, Due, Wanted};
use crate::records::{Key, View, folders, syncs};
use crate::service::context::Core;
use crate::service::resolve::affected_folders;
use crate::service::syncs::source::note_name;
use crate::service::syncs::trigger::{self, Pace};
use crate::transact;

const PAGE: usize = 1_000;
/// Syncs that begin at one folder, or that use one connection.
const SYNCS_MAX: usize = 10_000;

/// Carries every marker of a changed folder to the syncs that it touches. A crash in between repeats a trigger; nothing is
/// lost, because a marker goes only while it is the one that was carried.
pub(super) async fn fan_out(core: &Core) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let view = core.records.view().await?;
        let markers = view.scan_clear(&sync_state::dirty_prefix(), after.as_deref(), PAGE).await?;
        let Some((last, _)) = markers.last() else { return Ok(()) };
        after = Some(last.as_bytes().to_vec());
        for (marker, _) in &markers {
            match carry(core, marker).await {
                // The tenant is gone: so are its syncs.
                Err(error) if error.code() == Code::NotFound => drop_marker(core, marker).await?,
                Err(error) if error.code() == Code::Unavailable => return Err(error),
                // The marker stays, and nobody else waits for it.
                Err(error) => {
                    tracing::error!(error.code = %error.code(), "a change of a folder cannot be carried to its syncs");
                }
                Ok(()) => {}
            }
        }
    }
}

async fn carry(core: &Core, marker: &Key) -> Result<()> {
    let Some((tenant, folder)) = place_of(marker) else { return drop_marker(core, marker).await };
    transact!(core.records, |tx| {
        if tx.get_clear(marker).await?.is_some() {
            for sync in touched(tx.view(), tenant, folder).await? {
                or_skip(sync, raise(core, tenant, sync).await)?;
            }
            tx.delete(marker);
        }
    });
    Ok(())
}

async fn drop_marker(core: &Core, marker: &Key) -> Result<()> {
    transact!(core.records, |tx| {
        tx.get_clear(marker).await?;
        tx.delete(marker);
    });
    Ok(())
}

fn place_of(marker: &Key) -> Option<(TenantUid, FolderUid)> {
    let (tenant, folder) = marker.components().split_first_chunk::<16>()?;
    Some((TenantUid::from_bytes(*tenant), FolderUid::from_bytes(folder.try_into().ok()?)))
}

/// Each sync in a transaction of its own: triggers of many syncs never wait for one another.
async fn raise(core: &Core, tenant: TenantUid, sync: SyncUid) -> Result<()> {
    transact!(core.records, |tx| {
        if let Some(record) = syncs::read(tx.view(), tenant, sync).await?.filter(|record| record.removal.is_none()) {
            let record = note_name(&mut tx, tenant, record).await?;
            let cause = (Trigger::Source, Pace::Debounced);
            trigger::raise(&mut tx, tenant, &record, cause, core.clock.now()).await?;
        }
    });
    Ok(())
}

/// The syncs whose outcome a change in this folder can alter: through imports and references, and from above through
/// recursive selections.
async fn touched(view: &View, tenant: TenantUid, changed: FolderUid) -> Result<BTreeSet<SyncUid>> {
    let mut found = BTreeSet::new();
    for folder in affected_folders(view, tenant, changed).await? {
        found.extend(syncs::selecting(view, tenant, folder, SYNCS_MAX).await?);
        let mut above = parent_of(view, tenant, folder).await?;
        for _ in 0..FOLDER_DEPTH_MAX {
            let Some(ancestor) = above else { break };
            for sync in syncs::selecting(view, tenant, ancestor, SYNCS_MAX).await? {
                let record = or_skip(sync, syncs::read(view, tenant, sync).await)?;
                if record.is_some_and(|record| record.spec.source.recursive) {
                    found.insert(sync);
                }
            }
            above = parent_of(view, tenant, ancestor).await?;
        }
    }
    Ok(found)
}

/// What of one sync does not open keeps no other one from running.
pub(super) fn or_skip<T: Default>(sync: SyncUid, outcome: Result<T>) -> Result<T> {
    match outcome {
        Err(error) if error.code() == Code::RecordUnreadable => {
            tracing::error!(sync.uid = %sync, "a sync cannot be told of a change: what is stored of it does not open");
            Ok(T::default())
        }
        other => other,
    }
}

async fn parent_of(view: &View, tenant: TenantUid, folder: FolderUid) -> Result<Option<FolderUid>> {
    Ok(folders::read(view, tenant, folder).await?.and_then(|folder| folder.parent))
}

/// What is running, and how much more may.
pub(super) struct Load {
    options: EngineOptions,
    running: HashSet<SyncUid>,
    per_tenant: HashMap<TenantUid, usize>,
    per_connection: HashMap<ConnectionUid, usize>,
}

impl Load {
    pub(super) fn new(options: EngineOptions, running: &HashMap<SyncUid, (TenantUid, ConnectionUid)>) -> Self {
        let mut load =
            Self { options, running: HashSet::new(), per_tenant: HashMap::new(), per_connection: HashMap::new() };
        for (sync, (tenant, connection)) in running {
            load.take(*sync, *tenant, *connection);
        }
        load
    }

    fn take(&mut self, sync: SyncUid, tenant: TenantUid, connection: ConnectionUid) {
        self.running.insert(sync);
        *self.per_tenant.entry(tenant).or_default() += 1;
        *self.per_connection.entry(connection).or_default() += 1;
    }

    fn is_full(&self) -> bool {
        self.running.len() >= self.options.runs_max
    }

    fn has_room_for_tenant(&self, tenant: TenantUid) -> bool {
        self.per_tenant.get(&tenant).copied().unwrap_or_default() < self.options.runs_per_tenant_max
    }

    fn has_room_for_connection(&self, connection: ConnectionUid) -> bool {
        self.per_connection.get(&connection).copied().unwrap_or_default() < self.options.runs_per_connection_max
    }
}

/// What keeps syncs from beginning although they are due.
#[derive(Clone, Copy)]
pub(super) struct Waits<'a> {
    pub(super) breakers: &'a Breakers,
    pub(super) rests: &'a Rests,
}

/// What begins now, and how long until something else is due.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) begin: Vec<(Due, ConnectionUid)>,
    pub(super) next: Option<Duration>,
    /// Syncs that have something to do, and begin later.
    pub(super) pending: usize,
}

impl Chosen {
    fn look_again(&mut self, wait: Duration) {
        self.next = Some(self.next.map_or(wait, |next| next.min(wait)));
    }
}

/// Round robin over tenants, so that one with many due syncs does not keep the others waiting; within a tenant whoever
/// waits longest. Turns are counted in runs and not in requests, since no run holds up the runs of others: a tenant has few at a
/// time, and each connection its own rate. Nothing begins on a connection whose vendor does not answer. What is beyond a limit
/// is not even read.
pub(super) async fn choose(view: &View, load: &mut Load, waits: Waits<'_>, now: Timestamp) -> Result<Chosen> {
    let mut chosen = Chosen::default();
    let mut waiting: BTreeMap<TenantUid, Vec<Due>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = sync_state::due(view, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(*last);
        for due in page {
            if load.running.contains(&due.sync) {
                continue;
            }
            chosen.pending += 1;
            let at = waits.rests.until(due.sync).map_or(due.at, |until| until.max(due.at));
            if at > now {
                chosen.look_again(at.since(now));
            } else {
                waiting.entry(due.tenant).or_default().push(due);
            }
        }
    }
    let mut queues: VecDeque<(TenantUid, VecDeque<Due>)> = waiting
        .into_iter()
        .map(|(tenant, mut dues)| {
            dues.sort_by_key(|due| due.at);
            (tenant, dues.into())
        })
        .collect();
    // Tenants with the fewest runs go first.
    queues.make_contiguous().sort_by_key(|(tenant, _)| load.per_tenant.get(tenant).copied().unwrap_or_default());
    while let Some((tenant, mut dues)) = queues.pop_front() {
        if load.is_full() {
            break;
        }
        // The end of a run lets the engine look again.
        if !load.has_room_for_tenant(tenant) {
            continue;
        }
        let Some(due) = dues.pop_front() else { continue };
        let connection = connection_of(view, &due).await?;
        if load.has_room_for_connection(connection) {
            match admit(view, waits.breakers, (&due, connection), now).await? {
                Ok(()) => {
                    load.take(due.sync, tenant, connection);
                    chosen.begin.push((due, connection));
                    chosen.pending -= 1;
                }
                Err(until) => chosen.look_again(until.since(now)),
            }
        } else {
            leave_out(view, (tenant, connection), &mut dues).await?;
        }
        queues.push_back((tenant, dues));
    }
    Ok(chosen)
}

/// Takes the syncs of a connection that is at its limit out of a queue: the index names them, and none of them is opened.
async fn leave_out(
    view: &View,
    (tenant, connection): (TenantUid, ConnectionUid),
    dues: &mut VecDeque<Due>,
) -> Result<()> {
    let using: HashSet<SyncUid> = syncs::using(view, tenant, connection, SYNCS_MAX).await?.into_iter().collect();
    dues.retain(|due| !using.contains(&due.sync));
    Ok(())
}

/// Whether the breaker lets a sync begin, which it may do for who asks.
async fn admit(
    view: &View,
    breakers: &Breakers,
    (due, connection): (&Due, ConnectionUid),
    now: Timestamp,
) -> Result<Result<(), Timestamp>> {
    let of = (due.tenant, connection);
    match breakers.admit(of, due.sync, false, now) {
        Ok(()) => Ok(Ok(())),
        Err(_) => {
            let wanted = unless_unreadable(Wanted::read(view, due.tenant, due.sync).await)?;
            let is_asked =
                wanted.and_then(|wanted| wanted.pending).is_some_and(|pending| pending.at_once || pending.is_afresh);
            Ok(breakers.admit(of, due.sync, is_asked, now))
        }
    }
}

/// The connection that a due sync uses. One that cannot be read is run all the same: the run tells what is wrong.
async fn connection_of(view: &View, due: &Due) -> Result<ConnectionUid> {
    let record = unless_unreadable(syncs::read(view, due.tenant, due.sync).await)?.flatten();
    Ok(record.map_or(ConnectionUid::from_bytes([0; 16]), |record| record.connection))
}

/// What was read; `None` where it cannot be, which is no other tenant's trouble. Only a store that fails is everybody's.
fn unless_unreadable<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.code() == Code::Unavailable => Err(error),
        Err(_) => Ok(None),
    }
}
