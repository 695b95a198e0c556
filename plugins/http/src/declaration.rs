//! `pluginSettings`: what an integration declares of its API, parsed once into types.
//!
//! The host has checked it against the schema; here it is checked once more for what a schema cannot tell.

mod compile;
mod raw;

use keyferry_sdk::Error;
use serde_json::{Map, Value};

use crate::parameters::Parameters;
use crate::pointer::Pointer;
use crate::request::RequestTemplate;

/// Everything that is declared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declaration {
    pub(crate) verify: Option<Verify>,
    pub(crate) list: Option<List>,
    pub(crate) create: Option<Write>,
    pub(crate) put: Option<Write>,
    pub(crate) delete: Option<RequestTemplate>,
    pub(crate) replace: Option<Replace>,
    /// The parameters of a destination, with or without a value.
    pub(crate) destination_names: Vec<String>,
}

/// The cheapest request that needs the credentials.
#[derive(Clone, Debug)]
pub(crate) struct Verify {
    pub(crate) request: RequestTemplate,
    pub(crate) id: Option<Pointer>,
    pub(crate) display_name: Option<Pointer>,
}

/// How items are listed. All pointers but `items` start at an item.
#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) request: RequestTemplate,
    pub(crate) items: Pointer,
    /// `None`: the items are members of an object, named by their keys.
    pub(crate) key: Option<Pointer>,
    pub(crate) value: Option<Pointer>,
    pub(crate) version: Option<Pointer>,
    pub(crate) reference: Option<Pointer>,
    pub(crate) paging: Paging,
}

/// How the next page is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// There is none.
    Single,
    /// By a cursor that stands in the answer.
    Cursor(Pointer),
    /// By number, until a page is not full, or without `size` until one is empty.
    Page { first: u64, size: Option<usize> },
    /// By the `Link` header (RFC 8288).
    Link,
}

/// How one item is written, and where the answer tells what it became.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) request: RequestTemplate,
    pub(crate) version: Option<Pointer>,
    pub(crate) reference: Option<Pointer>,
}

/// How all items are written as one document.
#[derive(Clone, Debug)]
pub(crate) struct Replace {
    /// The writing request; the same URL is read with GET.
    pub(crate) request: RequestTemplate,
    /// Where the object of keys and values stands in what is read.
    pub(crate) at: Pointer,
    /// Where it stands in what is written; `None`: what was read is written back, with its changes.
    pub(crate) into: Option<Pointer>,
}

/// Names of the item that each operation knows.
const LIST_NAMES: [&str; 2] = ["cursor", "page"];
const PUT_NAMES: [&str; 4] = ["key", "value", "reference", "version"];
const DELETE_NAMES: [&str; 3] = ["key", "reference", "version"];

impl Declaration {
    /// Reads `pluginSettings`.
    ///
    /// # Errors
    /// `invalid-setting` naming the first member at fault and telling every one.
    pub(crate) fn read(settings: &Map<String, Value>) -> Result<Self, Error> {
        if settings.is_empty() {
            return Err(missing("pluginSettings"));
        }
        let raw = serde_json::from_value(Value::Object(settings.clone()));
        // The text names members and types, and settings hold no secrets.
        let raw =
            raw.map_err(|error| Error::invalid_setting("pluginSettings", format!("`pluginSettings`: {error}")))?;
        compile::declaration(&raw)
    }

    /// The request that writes: of the document, else of an item.
    pub(crate) fn writes(&self) -> Result<&RequestTemplate, Error> {
        match &self.replace {
            Some(replace) => Ok(&replace.request),
            None => Ok(&self.put()?.request),
        }
    }

    pub(crate) fn put(&self) -> Result<&Write, Error> {
        self.put.as_ref().ok_or_else(|| missing("pluginSettings.put"))
    }

    /// Whether every name in every template has a meaning.
    pub(crate) fn check_names(&self, parameters: &Parameters) -> Result<(), Error> {
        let mut problems = Vec::new();
        let mut check =
            |request: &RequestTemplate, names: &[&str]| request.check_names(parameters, names, &mut problems);
        if let Some(list) = &self.list {
            check(&list.request, &LIST_NAMES);
        }
        for write in self.create.iter().chain(&self.put) {
            check(&write.request, &PUT_NAMES);
        }
        if let Some(delete) = &self.delete {
            check(delete, &DELETE_NAMES);
        }
        if let Some(replace) = &self.replace {
            check(&replace.request, &[]);
        }
        refuse(problems)?;
        // A sync verifies too; without a destination only this one is ever asked.
        self.check_verify_names(parameters)
    }

    /// The same for the one request that is sent without a destination.
    pub(crate) fn check_verify_names(&self, parameters: &Parameters) -> Result<(), Error> {
        let mut problems = Vec::new();
        if let Some(verify) = &self.verify {
            verify.request.check_names(parameters, &[], &mut problems);
        }
        refuse(problems)
    }
}

/// A member that is needed and not there.
pub(crate) fn missing(field: &str) -> Error {
    Error::invalid_setting(field, format!("`{field}` is missing: it tells how to do this at the API"))
}

/// All problems as one error, if there are any.
fn refuse(problems: Vec<(String, String)>) -> Result<(), Error> {
    let Some((first, _)) = problems.first() else { return Ok(()) };
    let sentences = problems.iter().map(|(field, problem)| format!("`{field}`: {problem}")).collect::<Vec<_>>();
    Err(Error::invalid_setting(first.clone(), sentences.join("; ")))
}
