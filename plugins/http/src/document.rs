//! Writing all items as one document: it is read, changed, and written back whole.

use keyferry_sdk::http::{Method, Request, Response};
use keyferry_sdk::{Application, Applied, Batch, Change, Entry, Error, Observation, Outcome, Precondition};
use serde_json::{Map, Value};

use crate::apply::is_strong;
use crate::caller::Caller;
use crate::declaration::Replace;
use crate::observe::entity_tag;
use crate::pointer::{Pointer, scalar};
use crate::{Context, EGRESS};

/// Beyond this a number read as floating point is not written back as it was.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The document of one destination.
pub(crate) struct Document<'a> {
    pub(crate) replace: &'a Replace,
    pub(crate) caller: &'a Caller,
}

/// What stands there. Holds values, so it has no `Debug`.
pub(crate) struct Found {
    /// The whole answer; `None` if there is no document yet.
    whole: Option<Value>,
    tag: Option<String>,
}

impl Document<'_> {
    /// Reads the document at the URL that it is written to.
    pub(crate) fn read(&self) -> Result<Found, Error> {
        let request = self.caller.request(&self.replace.request, &[])?;
        let headers = self.replace.request.headers.iter().map(|(name, _)| name);
        let headers = headers.filter(|name| !name.eq_ignore_ascii_case("content-type"));
        let headers = headers.filter_map(|name| Some((name.clone(), request.header_value(name)?.to_owned())));
        let question =
            headers.fold(Request::get(EGRESS, request.url()), |request, (name, value)| request.header(name, value));
        let response = question.send()?;
        if response.status() == 404 {
            return Ok(Found { whole: None, tag: None });
        }
        let response = response.success()?;
        let tag = entity_tag(&response).map(str::to_owned);
        let found = Found { whole: Some(response.json()?), tag };
        self.members(&found).map_err(|error| response.annotate(error))?;
        Ok(found)
    }

    pub(crate) fn observe(&self) -> Result<Observation<Context>, Error> {
        let found = self.read()?;
        let entry = |(key, value): (String, Value)| match scalar(&value) {
            Some(value) => Entry::readable(key, value),
            None => Entry::hidden(key),
        };
        let entries = self.members(&found)?.into_iter().map(entry).collect();
        Ok(Observation { document_version: found.tag, ..Observation::complete(entries) })
    }

    /// All changes or none of them.
    pub(crate) fn apply(&self, batch: &Batch<Context>) -> Result<Application, Error> {
        // Nothing is written yet, whatever becomes of the question.
        let found = self.read().map_err(Error::with_certain_failure)?;
        let mut members = self.members(&found)?;
        if let Some(error) = conflict(batch, &found, &members) {
            return Ok(Application::document(batch.changes.len(), Err(error)));
        }
        if found.whole.as_ref().is_some_and(has_inexact_number) {
            return Err(Error::unsupported("the document holds a number that cannot be written back exactly"));
        }
        for change in &batch.changes {
            match change {
                Change::Put(put) => drop(members.insert(put.key.clone(), Value::String(put.value.clone()))),
                Change::Delete(delete) => drop(members.remove(&delete.key)),
            }
        }
        let request = self.caller.request(&self.replace.request, &[])?;
        let request = conditional(request, &found).json(&self.body(found.whole, members))?;
        Ok(match request.send().map_err(Error::from).and_then(Response::success) {
            Ok(response) => Application {
                outcomes: vec![Outcome::Applied(Applied::default()); batch.changes.len()],
                document_version: entity_tag(&response).map(str::to_owned),
            },
            Err(error) => Application::document(batch.changes.len(), Err(error)),
        })
    }

    /// The object of keys and values. A document without it is another kind of document, not an empty one.
    fn members(&self, found: &Found) -> Result<Map<String, Value>, Error> {
        let Some(whole) = &found.whole else { return Ok(Map::new()) };
        match self.replace.at.find(whole) {
            Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members.clone()),
            _ => Err(Error::other(format!("the document has no object at `{}`", self.replace.at.as_str()))),
        }
    }

    fn body(&self, whole: Option<Value>, members: Map<String, Value>) -> Value {
        let members = Value::Object(members);
        match (&self.replace.into, whole) {
            (Some(into), _) => nested(into, members),
            (None, None) => nested(&self.replace.at, members),
            (None, Some(mut whole)) => {
                if let Some(place) = whole.pointer_mut(self.replace.at.as_str()) {
                    *place = members;
                }
                whole
            }
        }
    }
}

/// Whether the document is another one than was observed.
fn conflict(batch: &Batch<Context>, found: &Found, members: &Map<String, Value>) -> Option<Error> {
    if batch.document_version.is_some() && batch.document_version != found.tag {
        return Some(Error::conflict("the document has changed since it was observed"));
    }
    let appeared = batch.changes.iter().find_map(|change| match change {
        Change::Put(put) if put.precondition == Precondition::MustNotExist => members.get_key_value(&put.key),
        Change::Put(_) | Change::Delete(_) => None,
    });
    appeared.map(|(key, _)| Error::conflict(format!("`{key}` has appeared since the document was observed")))
}

/// Nobody else's change is overwritten where the API tells entity tags (RFC 9110, 13.1).
fn conditional(request: Request, found: &Found) -> Request {
    match &found.tag {
        Some(tag) if is_strong(tag) => request.header("If-Match", tag),
        None if found.whole.is_none() && request.method() == Method::Put => request.header("If-None-Match", "*"),
        _ => request,
    }
}

/// An object in which `members` stand at a place.
fn nested(place: &Pointer, members: Value) -> Value {
    let wrap = |inner: Value, step: String| Value::Object(Map::from_iter([(step, inner)]));
    place.steps().into_iter().rev().fold(members, wrap)
}

/// Numbers are read as 64 bits; what does not fit would come back as another number, in items that are not ours.
fn has_inexact_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_none_or(|number| number.abs() >= EXACT_INTEGER_MAX)
        }
        Value::Array(items) => items.iter().any(has_inexact_number),
        Value::Object(members) => members.values().any(has_inexact_number),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
