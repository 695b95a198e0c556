//! Who begins, when more is due than may run at once; and that nobody waits for what cannot be read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::world::{World, slug};
use crate::domain::id::{ConnectionUid, FolderUid, RunUid, SyncUid, TenantUid};
use crate::domain::{Result, Timestamp};
use crate::ports::clock::Clock;
use crate::ports::fake::AttendedStore;
use crate::records::sync_state::{self, Fence, Lease, Pending, Wanted};
use crate::records::syncs::{self, SyncRecord};
use crate::records::{Records, folders};
use crate::sync::breaker::Breakers;
use crate::sync::engine::EngineOptions;
use crate::sync::rest::Rests;
use crate::sync::schedule::{Chosen, Load, Waits, choose};
use crate::transact;

const QUIET: Duration = Duration::from_secs(3);

type Running = HashMap<SyncUid, (TenantUid, ConnectionUid)>;

/// A connection of a tenant.
fn connection(tenant: TenantUid, number: u8) -> ConnectionUid {
    let mut bytes = *tenant.as_bytes();
    bytes[0] = number;
    ConnectionUid::from_bytes(bytes)
}

/// Makes syncs of a tenant that are due now.
async fn make_due(world: &World, pattern: &SyncRecord, of: (TenantUid, ConnectionUid), count: usize) -> Vec<SyncUid> {
    let made: Result<Vec<SyncUid>> = async {
        let mut made = Vec::with_capacity(count);
        for number in 0..count {
            let uid = SyncUid::generate();
            let mut record = SyncRecord { uid, connection: of.1, ..pattern.clone() };
            record.spec.id = slug(&format!("s-{}-{number}", of.1.as_bytes()[0]));
            transact!(world.core.records, |tx| {
                assert!(syncs::insert(&mut tx, of.0, &record).await?, "a new slug");
                sync_state::put_due(&mut tx, of.0, uid, Timestamp::from_unix_ms(1));
            });
            made.push(uid);
        }
        Ok(made)
    }
    .await;
    made.expect("a store")
}

async fn chosen(world: &World, records: &Records, options: EngineOptions, running: &Running) -> Chosen {
    let (breakers, rests) = (Breakers::default(), Rests::default());
    let waits = Waits { breakers: &breakers, rests: &rests };
    let view = records.view().await.expect("a store");
    choose(&view, &mut Load::new(options, running), waits, world.clock.now()).await.expect("a store")
}

const fn limits(runs: usize, per_tenant: usize, per_connection: usize) -> EngineOptions {
    EngineOptions {
        runs_max: runs,
        runs_per_tenant_max: per_tenant,
        runs_per_connection_max: per_connection,
        run_max: Duration::from_secs(3_600),
        drift_check_interval: Duration::ZERO,
        idle_max: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn limits_hold_for_all_for_a_tenant_and_for_a_connection() {
    let world = World::new().await;
    world.set_many(1).await;
    let pattern = world.sync(|_| ()).await.record;
    let (one, two) = (world.ctx.tenant(), world.another_tenant().await);
    for tenant in [one, two] {
        for number in 0..3 {
            make_due(&world, &pattern, (tenant, connection(tenant, number)), 3).await;
        }
    }
    let running_of = |tenant: TenantUid, connections: &[u8]| -> Running {
        let run = |number: &u8| (SyncUid::generate(), (tenant, connection(tenant, *number)));
        connections.iter().map(run).collect()
    };
    for (options, running, begun_of_one, begun_of_two) in [
        (limits(32, 4, 2), Running::new(), 4, 4),
        (limits(32, 9, 1), Running::new(), 3, 3),
        (limits(32, 9, 2), Running::new(), 6, 6),
        (limits(6, 4, 2), Running::new(), 3, 3),
        (limits(32, 4, 2), running_of(one, &[0, 1, 2, 2]), 0, 4),
        (limits(32, 9, 2), running_of(one, &[0, 0, 1, 1]), 2, 6),
        (limits(7, 4, 2), running_of(one, &[0, 1, 2]), 1, 3),
        (limits(3, 4, 2), running_of(two, &[0, 1, 2]), 0, 0),
    ] {
        let chosen = chosen(&world, &world.core.records, options, &running).await;
        let begun = |tenant| chosen.begin.iter().filter(|(due, _)| due.tenant == tenant).count();
        assert_eq!((begun(one), begun(two)), (begun_of_one, begun_of_two), "{options:?}, {} run", running.len());
        let used = chosen.begin.iter().map(|(_, connection)| connection);
        let mut per_connection: BTreeMap<ConnectionUid, usize> = BTreeMap::new();
        for connection in used.chain(running.values().map(|(_, connection)| connection)) {
            *per_connection.entry(*connection).or_default() += 1;
        }
        assert!(per_connection.values().all(|runs| *runs <= options.runs_per_connection_max), "{per_connection:?}");
        assert_eq!(chosen.pending, 18 - chosen.begin.len());
    }
}

#[tokio::test]
async fn what_is_beyond_a_limit_is_not_even_read() {
    let world = World::new().await;
    world.set_many(1).await;
    let pattern = world.sync(|_| ()).await.record;
    let tenant = world.ctx.tenant();
    let (busy, idle) = (connection(tenant, 1), connection(tenant, 2));
    make_due(&world, &pattern, (tenant, busy), 60).await;
    let attended = AttendedStore::over(Arc::clone(&world.store));
    let records = world.core_over(Arc::clone(&attended) as _).records;
    let running = |connection| -> Running { (0..2).map(|_| (SyncUid::generate(), (tenant, connection))).collect() };
    for (options, running, begun) in [
        (limits(32, 2, 2), running(idle), 0),
        (limits(32, 4, 2), running(busy), 0),
        (limits(32, 4, 2), running(idle), 2),
    ] {
        let before = attended.single_reads();
        let chosen = chosen(&world, &records, options, &running).await;
        assert_eq!(chosen.begin.len(), begun);
        let read = attended.single_reads() - before;
        assert!(read <= 8, "{read} rows were read of 60 syncs");
    }
}

#[tokio::test]
async fn a_sync_that_somebody_holds_is_left_alone_for_a_while() {
    let world = World::new().await;
    world.set_many(1).await;
    let sync = world.sync(|_| ()).await.record.uid;
    let tenant = world.ctx.tenant();
    let held: Result<()> = async {
        transact!(world.core.records, |tx| {
            let now = world.clock.now();
            let fence = Fence::read_for_update(&mut tx, tenant, sync).await?.number;
            let expires_at = now.after(Duration::from_secs(120));
            Lease { fence, boot_epoch: 1, expires_at }.write(&mut tx, tenant, sync).await?;
            let wanted =
                Wanted { generation: 1, pending: Some(Pending::at_once(RunUid::generate(), now)), ..Wanted::default() };
            wanted.write_due(&mut tx, tenant, sync).await?;
        });
        Ok(())
    }
    .await;
    held.expect("a store");

    let mut tries = 0;
    let settled = async { world.engine.run_due().await.expect("a store") };
    tokio::select! {
        ended = settled => tries += ended,
        () = turns(100_000) => panic!("the engine asks again and again"),
    }
    assert_eq!((tries, world.vendor.values().len()), (1, 0));
    assert_eq!(world.engine.run_due().await.expect("a store"), 0, "it rests");
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(world.engine.run_due().await.expect("a store"), 1, "and is tried again");
    world.clock.turn(Duration::from_secs(120));
    assert_eq!(world.engine.run_due().await.expect("a store"), 1);
    assert_eq!(world.vendor.value("K000").as_deref(), Some("v0"));
}

/// Lets others take so many turns.
async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nobody_else() {
    let world = World::new().await;
    world.set_many(1).await;
    world.sync(|_| ()).await;
    let spoilt = world.sync_named("t", |_| ()).await.record.uid;
    world.run().await;
    let (stranger, lost) = (world.another_tenant().await, FolderUid::generate());
    world.spoil(&folders::key(stranger, lost)).await;
    world.spoil(&syncs::key(world.ctx.tenant(), spoilt)).await;
    let marked: Result<()> = async {
        transact!(world.core.records, |tx| folders::mark_dirty(&mut tx, stranger, lost));
        Ok(())
    }
    .await;
    marked.expect("a store");

    world.set("/app", "K000", "changed").await;
    world.pass(QUIET).await;
    assert_eq!(world.vendor.value("K000").as_deref(), Some("changed"));
    let view = world.core.records.view().await.expect("a store");
    let left = view.scan_clear(&sync_state::dirty_prefix(), None, 10).await.expect("a store");
    let left: Vec<_> = left.into_iter().map(|(key, _)| key.as_bytes().to_vec()).collect();
    assert_eq!(left, [folders::dirty_key(stranger, lost).as_bytes()], "what could not be carried is kept");
}
