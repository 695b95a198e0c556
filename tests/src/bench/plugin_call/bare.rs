//! wasmtime as its guide shows it.

use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use self::keyferry::integration::http::{Failure, Request, Response};
use self::keyferry::integration::types::Connection;

wasmtime::component::bindgen!({
    path: "../wit/integration.wit",
    world: "verifier",
    imports: { "keyferry:integration/http.send": async },
    exports: { default: async },
});

/// A component that was compiled and linked once.
pub(super) struct BareRuntime {
    engine: Engine,
    pre: VerifierPre<State>,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl BareRuntime {
    pub(super) fn load(component: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(4).total_core_instances(100).total_memories(8).total_tables(16).total_stacks(8);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine starts");
        let component = Component::new(&engine, component).expect("the component compiles");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI is defined once");
        Verifier::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state).expect("so are the imports");
        let pre = linker.instantiate_pre(&component).and_then(VerifierPre::new).expect("the component is a verifier");
        Self { engine, pre }
    }

    /// Instantiates, calls, drops.
    pub(super) async fn verify(&self) {
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        let instance = self.pre.instantiate_async(&mut store).await.expect("the component instantiates");
        let connection = Connection {
            settings: "{}".to_owned(),
            plugin_settings: "{}".to_owned(),
            auth_method: String::new(),
            credentials: "{}".to_owned(),
        };
        let guest = instance.keyferry_integration_integration();
        let verified = guest.call_verify(&mut store, &connection).await.expect("the guest does not trap");
        assert!(verified.is_ok(), "{verified:?}");
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl self::keyferry::integration::types::Host for State {}

impl self::keyferry::integration::http::Host for State {
    async fn send(&mut self, _: Request) -> Result<Response, Failure> {
        Ok(Response { status: 200, headers: Vec::new(), body: super::ANSWER.as_bytes().to_vec() })
    }
}

impl self::keyferry::integration::log::Host for State {
    fn emit(&mut self, _: String, _: String) {}
}

impl self::keyferry::integration::host_info::Host for State {
    fn features(&mut self) -> Vec<String> {
        Vec::new()
    }
}
