//! What the test guests share: the bindings of the contract, a behaviour that harms nobody, and a macro that exports it.
//!
//! A guest overrides the functions that it misuses. Where it needs an address, the test hands it over in the settings.

wit_bindgen::generate!({
    path: "../../wit/integration.wit",
    world: "plugin",
    pub_export_macro: true,
    default_bindings_module: "keyferry_test_guests",
});

pub use exports::keyferry::integration::destination::{
    Application, Applied, Change, Delete, Entry, Observation, ObservedValue, Outcome, Precondition, Put, Scope,
};
pub use exports::keyferry::integration::integration::{Account, Choice, ChoicePage};
pub use keyferry::integration::http::{Failure, Header, Request, Response};
pub use keyferry::integration::types::{Connection, Error};
pub use keyferry::integration::{host_info, http, log};

/// A guest: every function has a harmless default.
pub trait Behaviour {
    fn describe() -> String {
        r#"{"id":"test-guest","version":"1.0.0"}"#.to_owned()
    }

    fn verify(_connection: Connection) -> Result<Account, Error> {
        Ok(account("tester"))
    }

    fn choices(_connection: Connection, _parameter: String, _cursor: Option<String>) -> Result<ChoicePage, Error> {
        Ok(ChoicePage { choices: Vec::new(), next: None })
    }

    fn check(_connection: Connection, _destination: String) -> Result<Account, Error> {
        Ok(account("tester"))
    }

    fn identify(_connection: Connection, _destination: String) -> Result<(String, String), Error> {
        Ok(("test:place".to_owned(), String::new()))
    }

    fn observe(_connection: Connection, _scope: Scope, _cursor: Option<String>) -> Result<Observation, Error> {
        Ok(observation(Vec::new()))
    }

    fn apply(
        _connection: Connection,
        changes: Vec<Change>,
        document_version: Option<String>,
        _context: Option<String>,
    ) -> Result<Application, Error> {
        let outcomes = changes.iter().map(|_| Outcome::Applied(Applied { version: None, reference: None })).collect();
        Ok(Application { outcomes, document_version })
    }

    fn finish(_connection: Connection, _changed: Vec<String>, _context: Option<String>) -> Result<(), Error> {
        Ok(())
    }
}

/// Exports a type that implements [`Behaviour`].
#[macro_export]
macro_rules! guest {
    ($guest:ident) => {
        impl $crate::exports::keyferry::integration::integration::Guest for $guest {
            fn describe() -> String {
                <$guest as $crate::Behaviour>::describe()
            }

            fn verify(connection: $crate::Connection) -> Result<$crate::Account, $crate::Error> {
                <$guest as $crate::Behaviour>::verify(connection)
            }

            fn choices(
                connection: $crate::Connection,
                _scope: String,
                parameter: String,
                _known: String,
                cursor: Option<String>,
            ) -> Result<$crate::ChoicePage, $crate::Error> {
                <$guest as $crate::Behaviour>::choices(connection, parameter, cursor)
            }
        }

        impl $crate::exports::keyferry::integration::destination::Guest for $guest {
            fn check(
                connection: $crate::Connection,
                destination: String,
            ) -> Result<$crate::Account, $crate::Error> {
                <$guest as $crate::Behaviour>::check(connection, destination)
            }

            fn identify(
                connection: $crate::Connection,
                destination: String,
            ) -> Result<(String, String), $crate::Error> {
                <$guest as $crate::Behaviour>::identify(connection, destination)
            }

            fn observe(
                connection: $crate::Connection,
                _destination: String,
                scope: $crate::Scope,
                cursor: Option<String>,
            ) -> Result<$crate::Observation, $crate::Error> {
                <$guest as $crate::Behaviour>::observe(connection, scope, cursor)
            }

            fn apply(
                connection: $crate::Connection,
                _destination: String,
                changes: Vec<$crate::Change>,
                document_version: Option<String>,
                context: Option<String>,
            ) -> Result<$crate::Application, $crate::Error> {
                <$guest as $crate::Behaviour>::apply(connection, changes, document_version, context)
            }

            fn finish(
                connection: $crate::Connection,
                _destination: String,
                changed: Vec<String>,
                context: Option<String>,
            ) -> Result<(), $crate::Error> {
                <$guest as $crate::Behaviour>::finish(connection, changed, context)
            }
        }

        $crate::export!($guest with_types_in $crate);
    };
}

/// An account with this id and nothing else.
pub fn account(id: impl Into<String>) -> Account {
    Account { id: id.into(), display_name: None, details: Vec::new(), expires_at: None, missing_permissions: Vec::new() }
}

/// A complete, last page.
pub fn observation(entries: Vec<Entry>) -> Observation {
    Observation { entries, next: None, complete: true, document_version: None, context: None }
}

/// An error of kind `other`.
pub fn error(message: impl Into<String>) -> Error {
    Error {
        kind: "other".to_owned(),
        message: message.into(),
        field: None,
        http_status: None,
        retry_after_ms: None,
        request_id: None,
    }
}

/// An authenticated GET through the egress entry `api`.
pub fn get(url: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        egress: "api".to_owned(),
        authenticate: true,
        timeout_ms: None,
    }
}

/// The text of a flat JSON object's member that is a string without escapes; guests need no more of JSON.
pub fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let start = object.find(&format!("\"{name}\":\""))? + name.len() + 4;
    object[start..].split('"').next()
}

/// What a failure says, as a guest would report it.
pub fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Denied(reason) => error(format!("denied: {reason}")),
        Failure::NotSent(reason) => error(format!("not sent: {reason}")),
        Failure::OutcomeUnknown(reason) => error(format!("outcome unknown: {reason}")),
        Failure::TooLarge => error("too large"),
        Failure::Budget => error("budget"),
        Failure::Other(reason) => error(reason),
    }
}
