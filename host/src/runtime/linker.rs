//! What a plugin may import, in one list, and what a component must be to become callable.

use keyferry_contract::WIT_VERSION;
use wasmtime::component::{Component, HasSelf, Instance, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::bindings::exports::keyferry::integration::{destination, integration};
use super::bindings::keyferry::integration::{host_info, http, log, types};
use super::error::{ExportMismatch, RunnerError};
use super::state::CallState;
use super::wasi;

/// The contract's own imports.
const CONTRACT_INTERFACES: [&str; 4] = [
    "keyferry:integration/host-info",
    "keyferry:integration/http",
    "keyferry:integration/log",
    "keyferry:integration/types",
];

/// Why a component cannot be linked; the text is for the plugin's author.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkFailure {
    #[error(
        "it imports {}, which no plugin may; this host offers {} and inert stubs of WASI 0.2 without sockets and HTTP",
        quoted(.0), offered()
    )]
    RefusedImports(Vec<String>),
    #[error(
        "it exports no `keyferry:integration/integration` that this host can call; the host speaks version {WIT_VERSION} of \
         the contract, the component exports {}", quoted(.exports)
    )]
    NoIntegration { exports: Vec<String> },
    #[error("its imports or exports have other types than version {WIT_VERSION} of the contract: {0}")]
    TypeMismatch(String),
}

/// A component that can be called: linked once, instantiated for every call.
pub(crate) struct Linked {
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) integration: integration::GuestIndices,
    pub(crate) destination: Option<destination::GuestIndices>,
    pub(crate) imports: Vec<String>,
}

impl Linked {
    /// The guest's `integration`, in an instance of this component.
    pub(crate) fn integration(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> wasmtime::Result<integration::Guest> {
        Ok(self.integration.load(store, instance).map_err(ExportMismatch)?)
    }

    /// The guest's `destination`, in an instance of this component.
    pub(crate) fn destination(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> wasmtime::Result<destination::Guest> {
        let destination = self.destination.as_ref().ok_or(RunnerError::NoDestination)?;
        Ok(destination.load(store, instance).map_err(ExportMismatch)?)
    }
}

/// Defines every import, once per engine.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)?;
    http::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)?;
    host_info::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut CallState| state)?;
    wasi::link(&mut linker)?;
    Ok(linker)
}

/// Checks a component against the list and resolves its imports and exports. Types are only compared in full when it is
/// instantiated, so success here is no proof yet.
pub(crate) fn link(linker: &Linker<CallState>, component: &Component) -> Result<Linked, LinkFailure> {
    let imports = imports(linker.engine(), component)?;
    let pre = linker.instantiate_pre(component).map_err(|error| mismatch(&error))?;
    let Ok(integration) = integration::GuestIndices::new(&pre) else {
        return Err(no_integration(linker.engine(), component));
    };
    let destination = match component.get_export_index(None, "keyferry:integration/destination@1.0.0") {
        Some(_) => Some(destination::GuestIndices::new(&pre).map_err(|error| mismatch(&error))?),
        None => None,
    };
    Ok(Linked { pre, integration, destination, imports })
}

fn imports(engine: &Engine, component: &Component) -> Result<Vec<String>, LinkFailure> {
    let names: Vec<String> = component.component_type().imports(engine).map(|(name, _)| printable(name)).collect();
    let refused: Vec<String> = names.iter().filter(|name| !is_allowed(name)).cloned().collect();
    if refused.is_empty() { Ok(names) } else { Err(LinkFailure::RefusedImports(refused)) }
}

/// Whether the interface is listed and its version is on the track that the host serves.
fn is_allowed(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    let listed = |list: &[&str]| list.contains(&interface);
    if listed(&CONTRACT_INTERFACES) {
        return version.split('.').next() == Some("1");
    }
    (listed(&wasi::INTERFACES) || listed(&wasi::INSECURE_RANDOM_INTERFACES)) && version.starts_with("0.2.")
}

fn no_integration(engine: &Engine, component: &Component) -> LinkFailure {
    let exports = component.component_type().exports(engine).take(20).map(|(name, _)| printable(name)).collect();
    LinkFailure::NoIntegration { exports }
}

fn mismatch(error: &wasmtime::Error) -> LinkFailure {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    LinkFailure::TypeMismatch(chain.join(": "))
}

/// Names come out of an untrusted file.
fn printable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(200).collect()
}

fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn offered() -> String {
    CONTRACT_INTERFACES.map(|interface| format!("`{interface}@{WIT_VERSION}`")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_interfaces_of_served_versions_are_allowed() {
        for (import, allowed) in [
            ("keyferry:integration/http@1.0.0", true),
            ("keyferry:integration/http@1.4.0", true),
            ("keyferry:integration/http@2.0.0", false),
            ("keyferry:integration/http@10.0.0", false),
            ("keyferry:integration/http", false),
            ("keyferry:integration/kv@1.1.0", false),
            ("wasi:io/streams@0.2.6", true),
            ("wasi:io/streams@0.3.0", false),
            ("wasi:io/streams@0.20.0", false),
            ("wasi:sockets/tcp@0.2.6", false),
            ("wasi:http/outgoing-handler@0.2.6", false),
            ("wasi:filesystem/preopens@0.2.6", true),
            ("env", false),
        ] {
            assert_eq!(is_allowed(import), allowed, "{import}");
        }
    }
}
