//! Listing items, page by page.

use keyferry_sdk::http::{Request, Response};
use keyferry_sdk::page::{Page, next_link};
use keyferry_sdk::{Entry, Error, ErrorKind, Observation, ObservedValue};
use serde_json::Value;

use crate::Context;
use crate::apply::is_entity_tag;
use crate::caller::{Caller, read};
use crate::declaration::{List, Paging};
use crate::origin;
use crate::pointer::scalar;

/// The host bears 100 requests and 8 MiB per call; what is listed beyond goes into a further call.
const PAGES_PER_CALL_MAX: usize = 20;
const BYTES_PER_CALL_MAX: usize = 2 * 1024 * 1024;

/// A listing by page number that goes on for ever has no number that repeats.
const PAGE_NUMBERS_MAX: u64 = 100_000;

/// One listing of one destination.
pub(crate) struct Listing<'a> {
    pub(crate) list: &'a List,
    pub(crate) caller: &'a Caller,
}

impl Listing<'_> {
    /// The items from `cursor` on, as far as one call reaches.
    pub(crate) fn observe(&self, cursor: Option<&str>) -> Result<Observation<Context>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut cursor = cursor.map(str::to_owned);
        let mut bytes = 0;
        for _ in 0..PAGES_PER_CALL_MAX {
            let page = self.fetch(cursor.as_deref())?;
            self.refuse_circle(cursor.as_deref(), &page, &entries)?;
            bytes += page.items.iter().map(entry_bytes).sum::<usize>();
            entries.extend(page.items);
            cursor = page.next;
            if cursor.is_none() || bytes >= BYTES_PER_CALL_MAX {
                break;
            }
        }
        let is_tagged = |entry: &Entry| entry.version.as_deref().is_some_and(is_entity_tag);
        // A page without items tells nothing; the host keeps what an earlier one told.
        let context = (!entries.is_empty()).then(|| Context { has_entity_tags: entries.iter().any(is_tagged) });
        Ok(Observation { context, ..Observation::page(Page { items: entries, next: cursor }) })
    }

    /// Reads one page, to see whether it can be read.
    pub(crate) fn probe(&self) -> Result<(), Error> {
        self.fetch(None).map(drop)
    }

    fn fetch(&self, cursor: Option<&str>) -> Result<Page<Entry>, Error> {
        let number = self.number(cursor)?;
        let response = read(self.request(cursor, number)?)?;
        let body: Value = response.json()?;
        let items = self.entries(&body).map_err(|error| response.annotate(error))?;
        let next = match &self.list.paging {
            Paging::Single => None,
            Paging::Cursor(pointer) => pointer.text(&body),
            Paging::Page { size, .. } => {
                let is_last = items.is_empty() || size.is_some_and(|size| items.len() < size);
                (!is_last).then(|| (number + 1).to_string())
            }
            Paging::Link => next_link(&response).map(|target| self.path_of(&target)).transpose()?,
        };
        Ok(Page { items, next })
    }

    fn request(&self, cursor: Option<&str>, number: u64) -> Result<Request, Error> {
        let number = number.to_string();
        let item = [("cursor", cursor.unwrap_or_default()), ("page", number.as_str())];
        match (&self.list.paging, cursor) {
            (Paging::Link, Some(path)) => {
                let url = format!("{}{}", self.caller.base_url, self.path_of(path)?);
                self.list.request.fill_at(url, &self.caller.values(&item))
            }
            _ => self.caller.request(&self.list.request, &item),
        }
    }

    fn number(&self, cursor: Option<&str>) -> Result<u64, Error> {
        let Paging::Page { first, .. } = self.list.paging else { return Ok(0) };
        let Some(cursor) = cursor else { return Ok(first) };
        let number = cursor.parse::<u64>().ok().filter(|number| *number <= first.saturating_add(PAGE_NUMBERS_MAX));
        number.ok_or_else(|| Error::other("the listing has too many pages, or goes on from none of them"))
    }

    /// Path and query of a link, which a listing follows only within its own origin.
    fn path_of(&self, target: &str) -> Result<String, Error> {
        let path = origin::path_at(&self.caller.base_url, target);
        // A query alone would otherwise run into the port.
        let path = path.map(|path| if path.starts_with('/') { path.to_owned() } else { format!("/{path}") });
        path.ok_or_else(|| Error::other("the `Link` header leads to another origin, where the credential must not go"))
    }

    /// A listing that goes in circles proves no absence.
    fn refuse_circle(&self, cursor: Option<&str>, page: &Page<Entry>, seen: &[Entry]) -> Result<(), Error> {
        let repeats_cursor = page.next.is_some() && page.next.as_deref() == cursor;
        let repeats_items = matches!(self.list.paging, Paging::Page { .. })
            && page.items.first().is_some_and(|first| seen.iter().any(|entry| entry.key == first.key));
        match repeats_cursor || repeats_items {
            true => Err(Error::new(ErrorKind::Unavailable, "the listing repeats a page")),
            false => Ok(()),
        }
    }

    fn entries(&self, body: &Value) -> Result<Vec<Entry>, Error> {
        let items = self.list.items.find(body);
        match (&self.list.key, items) {
            // What some APIs write for an empty list.
            (_, Some(Value::Null)) => Ok(Vec::new()),
            (Some(pointer), Some(Value::Array(items))) => {
                let entry = |item: &Value| pointer.text(item).map(|key| self.entry(key, item));
                let entries = items.iter().map(entry).collect::<Option<Vec<_>>>();
                entries.ok_or_else(|| Error::other(format!("an item has no text at `{}`", pointer.as_str())))
            }
            (None, Some(Value::Object(members))) => {
                Ok(members.iter().map(|(key, item)| self.entry(key.clone(), item)).collect())
            }
            (key, _) => {
                let expected = if key.is_some() { "list" } else { "object" };
                Err(Error::other(format!("the answer has no {expected} at `{}`", self.list.items.as_str())))
            }
        }
    }

    fn entry(&self, key: String, item: &Value) -> Entry {
        let value = self.list.value.as_ref().and_then(|pointer| pointer.find(item)).and_then(scalar);
        let text = |pointer: &Option<crate::pointer::Pointer>| pointer.as_ref().and_then(|pointer| pointer.text(item));
        let entry = match value {
            Some(value) => Entry::readable(key, value),
            None => Entry::hidden(key),
        };
        Entry { version: text(&self.list.version), reference: text(&self.list.reference), ..entry }
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    let value = match &entry.value {
        ObservedValue::Readable(value) | ObservedValue::Digest(value) => value.len(),
        ObservedValue::Hidden => 0,
    };
    entry.key.len() + value
}

/// The entity tag of an answer, as the version of what it holds.
pub(crate) fn entity_tag(response: &Response) -> Option<&str> {
    response.header("etag").map(str::trim).filter(|tag| is_entity_tag(tag))
}
