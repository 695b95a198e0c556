//! A tenant with secrets, a vendor, and an engine between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyferry_contract::{SyncReads, SyncRules};
use serde_json::{Map, Value};

use super::ground::{CountingEgress, Fuse, MortalStore, TurnedClock};
use super::vendor::Vendor;
use crate::crypto::{Keyring, LocalRoot};
use crate::domain::id::{ConnectionUid, Digest, TenantUid};
use crate::domain::name::Slug;
use crate::domain::plugin::Limits;
use crate::domain::sync::{Plan, PlanHash, Run, RunFailure, RunState, SyncSpec};
use crate::domain::{Code, Expected, Result};
use crate::ports::clock::Clock;
use crate::ports::egress::{EgressAuth, EgressScope};
use crate::ports::kv::{Batch, KvStore};
use crate::ports::meter::NoMeter;
use crate::ports::plugin::ConnectionView;
use crate::ports::sealer::SystemSealer;
use crate::records::syncs::Removal;
use crate::records::{Key, Records, Transaction, ledger};
use crate::service::context::{Core, TenantCtx};
use crate::service::destinations::Target;
use crate::service::destinations::{Destinations, OpenDestination};
use crate::service::environments::{Environments, NewEnvironment};
use crate::service::folders::{Folders, Place};
use crate::service::secrets::{ReadOptions, SecretChange, Secrets};
use crate::service::syncs::trigger::connection_changed;
use crate::service::syncs::{Activity, RunView, SyncChange, SyncView, Syncs};
use crate::store::memory::MemoryStore;
use crate::sync::{EngineOptions, SyncEngine};
use crate::transact;

/// One connection to the vendor, with rules that tests may change.
pub(super) struct OneDestination {
    pub(super) rules: Mutex<SyncRules>,
    pub(super) version: Mutex<String>,
    pub(super) rejected: Mutex<Vec<RunFailure>>,
}

pub(super) fn connection() -> ConnectionUid {
    ConnectionUid::from_bytes([4; 16])
}

#[async_trait]
impl Destinations for OneDestination {
    async fn attach(&self, _tx: &mut Transaction, _tenant: TenantUid, _target: Target<'_>) -> Result<ConnectionUid> {
        Ok(connection())
    }

    async fn open(&self, tenant: TenantUid, target: Target<'_>) -> Result<OpenDestination> {
        Ok(OpenDestination {
            connection: connection(),
            revision: "revision-1".to_owned(),
            plugin: "vendor".to_owned(),
            plugin_version: self.version.lock().expect("no panic").clone(),
            digest: Digest::from_bytes([5; 32]),
            limits: Limits::default(),
            view: ConnectionView::default(),
            egress: EgressScope {
                tenant,
                connection: Some(connection()),
                plugin: "vendor".to_owned(),
                entries: Vec::new(),
                settings: BTreeMap::new(),
                auth: EgressAuth::default(),
                ca_bundle: None,
                external_id: None,
                requests_max: 100,
            },
            secrets: Vec::new(),
            rules: self.rules.lock().expect("no panic").clone(),
            destination: target.destination.clone(),
        })
    }

    async fn rejected(&self, _tenant: TenantUid, _connection: ConnectionUid, failure: &RunFailure) -> Result<()> {
        self.rejected.lock().expect("no panic").push(failure.clone());
        Ok(())
    }
}

/// Everything.
pub(super) struct World {
    pub(super) store: Arc<dyn KvStore>,
    system: Arc<dyn SystemSealer>,
    pub(super) clock: Arc<TurnedClock>,
    pub(super) vendor: Vendor,
    pub(super) destination: Arc<OneDestination>,
    pub(super) core: Core,
    pub(super) engine: SyncEngine,
    pub(super) syncs: Syncs,
    pub(super) ctx: TenantCtx,
}

pub(super) fn rules(reads: SyncReads) -> SyncRules {
    SyncRules { reads, deletes: true, batch_size: 2, concurrency: 2, empty_values: true, ..SyncRules::default() }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(SyncReads::Values).await
    }

    pub(super) async fn with(reads: SyncReads) -> Self {
        let root = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".into();
        let root = LocalRoot::from_text(&root).expect("a root key");
        let (keyring, _) = Keyring::create(&root).await.expect("a keyring");
        let system: Arc<dyn SystemSealer> = Arc::new(keyring);
        let store: Arc<dyn KvStore> = Arc::new(MemoryStore::new());
        let clock = Arc::new(TurnedClock::new());
        let vendor = Vendor::new(reads);
        let destination = Arc::new(OneDestination {
            rules: Mutex::new(rules(reads)),
            version: Mutex::new("1.0.0".to_owned()),
            rejected: Mutex::default(),
        });
        let core = ground(&store, &system, &clock, &vendor);
        core.records.initialise().await.expect("the system range");
        let ctx = tenant(&core).await;
        let environments = Environments::new(core.clone());
        for slug in ["prod", "lib"] {
            let new = NewEnvironment { slug: slug.parse().expect("a slug"), display_name: None, position: None };
            environments.create(&ctx, &new).await.expect("an environment");
        }
        let engine = engine(core.clone(), &destination).await;
        let syncs = Syncs::new(core.clone(), Arc::clone(&destination) as _);
        syncs.plan_with(Arc::new(engine.clone()));
        Self { store, system, clock, vendor, destination, core, engine, syncs, ctx }
    }

    /// The host dies with the fuse: store and vendor stop answering; what they hold stays.
    pub(super) async fn run_until_death(&self, fuse: &Arc<Fuse>) -> bool {
        let store: Arc<dyn KvStore> =
            Arc::new(MortalStore { beneath: Arc::clone(&self.store), fuse: Arc::clone(fuse) });
        self.vendor.set_fuse(Some(Arc::clone(fuse)));
        let core = ground(&store, &self.system, &self.clock, &self.vendor);
        let mortal = async {
            let engine = engine(core, &self.destination).await;
            engine.run_due().await.expect("a store");
        };
        let died = tokio::select! {
            () = fuse.burnt() => true,
            () = mortal => false,
        };
        self.vendor.set_fuse(None);
        died
    }

    /// The next start of the host.
    pub(super) async fn restart(&mut self) {
        self.core = ground(&self.store, &self.system, &self.clock, &self.vendor);
        self.engine = engine(self.core.clone(), &self.destination).await;
        self.syncs = Syncs::new(self.core.clone(), Arc::clone(&self.destination) as _);
        self.syncs.plan_with(Arc::new(self.engine.clone()));
    }

    /// The same ground over another store, which leads to the same rows.
    pub(super) fn core_over(&self, store: Arc<dyn KvStore>) -> Core {
        ground(&store, &self.system, &self.clock, &self.vendor)
    }

    pub(super) async fn another_tenant(&self) -> TenantUid {
        tenant(&self.core).await.tenant()
    }

    /// Leaves a row that nobody can open.
    pub(super) async fn spoil(&self, key: &Key) {
        let put = vec![(key.as_bytes().to_vec(), b"no envelope".to_vec())];
        self.store.commit(Batch { put, ..Batch::default() }).await.expect("a store");
    }

    pub(super) async fn set(&self, path: &str, name: &str, value: &str) {
        self.set_in("prod", path, name, value).await;
    }

    pub(super) async fn set_in(&self, environment: &str, path: &str, name: &str, value: &str) {
        let change = SecretChange { value: Some(value.into()), ..SecretChange::default() };
        let name = name.parse().expect("a name");
        Secrets::new(self.core.clone())
            .set(&self.ctx, &place(environment, path), &name, change, &Expected::Any)
            .await
            .expect("a secret");
    }

    pub(super) async fn set_many(&self, count: usize) {
        for index in 0..count {
            self.set("/app", &format!("K{index:03}"), &format!("v{index}")).await;
        }
    }

    pub(super) async fn unset(&self, path: &str, name: &str) {
        let secrets = Secrets::new(self.core.clone());
        secrets
            .delete(&self.ctx, &place("prod", path), &name.parse().expect("a name"), &Expected::Any)
            .await
            .expect("a secret");
    }

    /// The value of a secret of `/app` as it is stored, references and all.
    pub(super) async fn secret(&self, name: &str) -> Option<String> {
        let options = ReadOptions { values: true, ..ReadOptions::default() };
        let name = name.parse().expect("a name");
        let read = Secrets::new(self.core.clone()).read(&self.ctx, &place("prod", "/app"), &name, options).await;
        match read {
            Ok(read) => read.value.map(|value| value.expose().clone()),
            Err(error) => {
                assert_eq!(error.code(), Code::NotFound);
                None
            }
        }
    }

    pub(super) fn folders(&self) -> Folders {
        Folders::new(self.core.clone())
    }

    /// Makes the sync `s` of `/app`, changed as the test needs it, and lets markers of before its time settle.
    pub(super) async fn sync(&self, change: impl FnOnce(&mut SyncSpec)) -> SyncView {
        self.sync_named("s", change).await
    }

    pub(super) async fn sync_named(&self, id: &str, change: impl FnOnce(&mut SyncSpec)) -> SyncView {
        self.engine.run_due().await.expect("a store");
        let mut spec = spec(id);
        change(&mut spec);
        self.syncs.create(&self.ctx, spec).await.expect("a sync")
    }

    pub(super) fn spec_of(&self, id: &str, change: impl FnOnce(&mut SyncSpec)) -> SyncSpec {
        let mut spec = spec(id);
        change(&mut spec);
        spec
    }

    /// Changes the sync `s`.
    pub(super) async fn change(&self, change: impl Fn(&mut SyncSpec) + Send + Sync) {
        let change = |mut spec: SyncSpec| {
            change(&mut spec);
            spec
        };
        self.try_change(&change).await.expect("a sync");
    }

    /// Changes the sync `s`, its source aside.
    pub(super) async fn try_change(&self, apply: &(dyn Fn(SyncSpec) -> SyncSpec + Send + Sync)) -> Result<SyncView> {
        self.try_change_with(apply, false).await
    }

    pub(super) async fn try_change_with(
        &self,
        apply: &(dyn Fn(SyncSpec) -> SyncSpec + Send + Sync),
        names_source: bool,
    ) -> Result<SyncView> {
        let change = SyncChange { apply, names_source, activity: Activity::Stays };
        self.syncs.update(&self.ctx, &slug("s"), change, &Expected::Any).await
    }

    /// The settings or the credential of the connection changed.
    pub(super) async fn change_connection(&self) {
        let now = self.clock.now();
        let changed: Result<()> = async {
            transact!(self.core.records, |tx| connection_changed(&mut tx, self.ctx.tenant(), connection(), now)
                .await?);
            Ok(())
        }
        .await;
        changed.expect("a store");
    }

    /// Runs now and gives the run as it ended, or as far as it got.
    pub(super) async fn run(&self) -> RunView {
        self.run_approved(None).await
    }

    pub(super) async fn run_approved(&self, approved: Option<PlanHash>) -> RunView {
        let run = self.syncs.run(&self.ctx, &slug("s"), approved).await.expect("a run");
        self.engine.run_due().await.expect("a store");
        self.run_view(&run).await
    }

    pub(super) async fn run_view(&self, run: &Run) -> RunView {
        self.syncs.read_run(&self.ctx, &slug("s"), run.uid).await.expect("a run")
    }

    /// Lets so much time pass, and does what is due then.
    pub(super) async fn pass(&self, time: Duration) -> usize {
        let carried = self.engine.run_due().await.expect("a store");
        self.clock.turn(time);
        carried + self.engine.run_due().await.expect("a store")
    }

    pub(super) async fn view(&self) -> SyncView {
        self.syncs.read(&self.ctx, &slug("s")).await.expect("a sync")
    }

    pub(super) async fn plan(&self) -> Plan {
        self.syncs.plan(&self.ctx, &slug("s")).await.expect("a plan").plan
    }

    pub(super) async fn delete(&self, removal: Removal) {
        self.syncs.delete(&self.ctx, &slug("s"), removal, &Expected::Any).await.expect("a sync");
        self.engine.run_due().await.expect("a store");
    }

    pub(super) async fn owned(&self, sync: &SyncView) -> Vec<String> {
        let view = self.core.records.view().await.expect("a store");
        let rows = ledger::read_all(&view, self.ctx.tenant(), sync.record.uid).await.expect("a ledger");
        rows.into_iter().filter(|(_, row)| row.owned.is_some()).map(|(absolute, _)| absolute).collect()
    }

    /// That the destination holds exactly this, and that another run would find nothing to do.
    pub(super) async fn assert_settled(&self, expected: &BTreeMap<String, String>) {
        assert_eq!(self.vendor.values(), *expected);
        self.vendor.take_writes();
        let run = self.run().await;
        assert_eq!(run.run.state, RunState::Succeeded, "{:?}", run.run.failure);
        assert_eq!(self.vendor.take_writes(), [] as [String; 0], "a settled sync writes nothing");
    }
}

fn ground(store: &Arc<dyn KvStore>, system: &Arc<dyn SystemSealer>, clock: &Arc<TurnedClock>, vendor: &Vendor) -> Core {
    Core {
        records: Records::new(Arc::clone(store), Arc::clone(system)),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        runner: Arc::new(vendor.clone()),
        egress: Arc::new(CountingEgress::default()),
    }
}

async fn engine(core: Core, destination: &Arc<OneDestination>) -> SyncEngine {
    let destinations: Arc<dyn Destinations> = Arc::clone(destination) as _;
    let engine = SyncEngine::open(core, destinations, Arc::new(NoMeter), EngineOptions::default()).await;
    engine.expect("an engine")
}

async fn tenant(core: &Core) -> TenantCtx {
    let tenant = TenantUid::generate();
    let made: Result<()> = async {
        transact!(core.records, |tx| {
            tx.create_tenant_keys(tenant)?;
        });
        Ok(())
    }
    .await;
    made.expect("a tenant");
    TenantCtx::for_test(tenant, slug("acme"))
}

pub(super) fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

pub(super) fn place(environment: &str, path: &str) -> Place {
    Place { environment: slug(environment), path: path.parse().expect("a path") }
}

fn spec(id: &str) -> SyncSpec {
    SyncSpec {
        id: slug(id),
        display_name: id.to_owned(),
        integration: slug("vendor"),
        config: None,
        parameters: Map::new(),
        source: serde_json::from_str(r#"{"environment":"prod","path":"/app"}"#).expect("a selection"),
        destination: Map::from_iter([("path".to_owned(), Value::from("/app/"))]),
        options: crate::domain::sync::SyncOptions::default(),
        presentation: None,
    }
}

pub(super) fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
