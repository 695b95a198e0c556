//! From the component's exports to the traits. Everything that crosses the boundary is converted here and nowhere else.

mod convert;

use serde_json::{Map, Value};

use crate::bindings::plugin::exports::keyferry::integration::{destination as wire_destination, integration as wire};
use crate::bindings::plugin::keyferry::integration::types::{Connection as WireConnection, Error as WireError};
use crate::description::{plugin_metadata, verifier_metadata};
use crate::settings::object_from_json;
use crate::{Batch, ChoiceScope, Connection, Destination, Error, Finished, Integration, Question, Settings};

/// Exports a plugin that can be synced to: a type that implements [`Integration`] and [`Destination`].
///
/// ```ignore
/// keyferry_sdk::export!(ParameterStore);
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__export::Exported<$plugin>;
    $crate::__export::plugin::export!(Exported with_types_in $crate::__export::plugin);
        };
        const _: fn(&$plugin) -> $crate::Metadata = $crate::plugin_metadata::<$plugin>;
    };
}

/// Exports a plugin that only describes and verifies: a type that implements [`Integration`].
///
/// ```ignore
/// keyferry_sdk::export_verifier!(StatusPage);
/// ```
#[macro_export]
macro_rules! export_verifier {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__export::ExportedVerifier<$plugin>;
            $crate::__export_keyferry_integration_integration_1_0_0_cabi!(
                Exported with_types_in $crate::__export::plugin::exports::keyferry::integration::integration
            );
        };
        const _: fn(&$plugin) -> $crate::Metadata = $crate::verifier_metadata::<$plugin>;
    };
}

/// A plugin with a destination, as the component's exports.
#[derive(Debug)]
pub struct Exported<P>(std::marker::PhantomData<P>);

/// A plugin without a destination, as the component's exports.
#[derive(Debug)]
pub struct ExportedVerifier<P>(std::marker::PhantomData<P>);

/// The most of a panic's own words that reach the log.
const PANIC_MESSAGE_CHARACTERS_MAX: usize = 200;

/// A fresh plugin, and a hook that tells where a panic happened before it becomes a trap.
///
/// A message made at run time may quote a value, so only literal ones are told.
fn begin<P: Default>() -> P {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::verifier::__link_custom_section_describing_imports();
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
        crate::log::error(panic_line(&place, message));
    }));
    P::default()
}

#[cfg_attr(not(any(test, target_arch = "wasm32")), expect(dead_code, reason = "a component's hook calls it"))]
fn panic_line(place: &str, message: &str) -> String {
    let message = message.chars().take(PANIC_MESSAGE_CHARACTERS_MAX).collect::<String>();
    format!("the plugin panicked at {place}: {message}")
}

fn connection<S: Settings>(wire: WireConnection) -> Result<Connection<S>, Error> {
    let raw = raw_connection(wire)?;
    let Connection { settings, auth_method, plugin_settings, credentials } = raw;
    Ok(Connection { settings: S::from_object(&settings)?, auth_method, plugin_settings, credentials })
}

fn raw_connection(wire: WireConnection) -> Result<Connection<Map<String, Value>>, Error> {
    Ok(Connection {
        settings: object_from_json(&wire.settings)?,
        auth_method: wire.auth_method,
        plugin_settings: object_from_json(&wire.plugin_settings)?,
        credentials: object_from_json(&wire.credentials)?,
    })
}

fn describe(metadata: &crate::Metadata) -> String {
    serde_json::to_string(metadata).expect("metadata is plain data with text keys, which JSON can always hold")
}

/// Implements `integration` once for both, since only the metadata differs.
macro_rules! integration_exports {
    ($exported:ident, $bound:ident, $metadata:ident) => {
        impl<P: $bound + Default> wire::Guest for $exported<P> {
            fn describe() -> String {
                describe(&$metadata(&begin::<P>()))
            }

            fn verify(wire: WireConnection) -> Result<wire::Account, WireError> {
                let plugin = begin::<P>();
                Ok(plugin.verify(&connection(wire)?)?.into())
            }

            fn choices(
                wire: WireConnection,
                scope: String,
                parameter: String,
                known: String,
                cursor: Option<String>,
            ) -> Result<wire::ChoicePage, WireError> {
                let question = question(wire, &scope, parameter, known, cursor)?;
                Ok(begin::<P>().choices(&question)?.into())
            }
        }
    };
}

integration_exports!(Exported, Destination, plugin_metadata);
integration_exports!(ExportedVerifier, Integration, verifier_metadata);

fn question(
    wire: WireConnection,
    scope: &str,
    parameter: String,
    known: String,
    cursor: Option<String>,
) -> Result<Question, Error> {
    use keyferry_contract::vocabulary::choice_scope;
    let scope = match scope {
        choice_scope::CONNECTION => ChoiceScope::Connection,
        choice_scope::DESTINATION => ChoiceScope::Destination,
        _ => return Err(Error::unsupported("the host asks for options of an unknown scope")),
    };
    Ok(Question { connection: raw_connection(wire)?, scope, parameter, known: object_from_json(&known)?, cursor })
}

fn context_from<C: serde::de::DeserializeOwned>(context: Option<String>) -> Result<Option<C>, Error> {
    let read = |context: String| serde_json::from_str(&context);
    context.map(read).transpose().map_err(|_| Error::other("the context of an earlier call cannot be read"))
}

impl<P: Destination + Default> wire_destination::Guest for Exported<P> {
    fn check(wire: WireConnection, target: String) -> Result<wire::Account, WireError> {
        let plugin = begin::<P>();
        Ok(plugin.check(&connection(wire)?, &P::Target::from_json(&target)?)?.into())
    }

    fn identify(wire: WireConnection, target: String) -> Result<(String, String), WireError> {
        let plugin = begin::<P>();
        let identity = plugin.identify(&connection(wire)?, &P::Target::from_json(&target)?)?;
        Ok((identity.namespace, identity.prefix))
    }

    fn observe(
        wire: WireConnection,
        target: String,
        scope: wire_destination::Scope,
        cursor: Option<String>,
    ) -> Result<wire_destination::Observation, WireError> {
        let plugin = begin::<P>();
        let target = P::Target::from_json(&target)?;
        let observation = plugin.observe(&connection(wire)?, &target, &scope.into(), cursor.as_deref())?;
        Ok(convert::observation(observation)?)
    }

    fn apply(
        wire: WireConnection,
        target: String,
        changes: Vec<wire_destination::Change>,
        document_version: Option<String>,
        context: Option<String>,
    ) -> Result<wire_destination::Application, WireError> {
        let plugin = begin::<P>();
        let target = P::Target::from_json(&target)?;
        let changes = changes.into_iter().map(Into::into).collect();
        let batch = Batch { changes, document_version, context: context_from(context)? };
        Ok(plugin.apply(&connection(wire)?, &target, batch)?.into())
    }

    fn finish(
        wire: WireConnection,
        target: String,
        changed: Vec<String>,
        context: Option<String>,
    ) -> Result<(), WireError> {
        let plugin = begin::<P>();
        let target = P::Target::from_json(&target)?;
        let finished = Finished { changed, context: context_from(context)? };
        Ok(plugin.finish(&connection(wire)?, &target, finished)?)
    }
}

#[cfg(test)]
mod tests;
