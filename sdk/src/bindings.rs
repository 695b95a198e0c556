//! The generated bindings of both worlds. Nothing of them is part of the SDK's interface.

#![allow(
    clippy::all,
    dead_code,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes,
    reason = "generated; the canonical ABI is raw memory, and which lints fire depends on target and generator"
)]

/// The world of plugins that can be synced to. Its types serve both worlds.
pub mod plugin {
    wit_bindgen::generate!({
        path: "../wit/integration.wit",
        world: "plugin",
        pub_export_macro: true,
    });
}

/// The world of plugins that only describe and verify. Only its description of itself is used, which the linker finds in
/// a custom section: every plugin is at least this, and `export!` adds the rest.
pub(crate) mod verifier {
    wit_bindgen::generate!({
        path: "../wit/integration.wit",
        world: "verifier",
        with: {
            "keyferry:integration/types@1.0.0": crate::bindings::plugin::keyferry::integration::types,
            "keyferry:integration/http@1.0.0": crate::bindings::plugin::keyferry::integration::http,
            "keyferry:integration/log@1.0.0": crate::bindings::plugin::keyferry::integration::log,
            "keyferry:integration/host-info@1.0.0": crate::bindings::plugin::keyferry::integration::host_info,
        },
    });
}
