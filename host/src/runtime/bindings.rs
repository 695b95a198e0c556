//! The contract as wasmtime binds it. Interfaces are looked up one by one, so a component may export more than the host knows.

wasmtime::component::bindgen!({
    path: "../wit/integration.wit",
    world: "plugin",
    imports: {
        "keyferry:integration/http.send": async | trappable,
        "keyferry:integration/log.emit": trappable,
        "keyferry:integration/host-info.features": trappable,
    },
    exports: { default: async },
});
