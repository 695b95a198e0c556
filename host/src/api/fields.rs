//! Reading requests: a body or a query becomes a typed input, and everything wrong with it is told at once.
//!
//! A reader goes through all members before it gives up on any: each step answers `Option`, where `None` means that the
//! complaint has been made, and `?` stands only where the result is put together. Members that no step asked for are
//! refused by name when the reader is done. Values never appear in a complaint.
//!
//! The Infisical dialect reads leniently ([`Manner`]): what its server ignores is ignored, what it trims is trimmed.

use std::cell::RefCell;

use serde_json::{Map, Value};

pub(crate) use crate::domain::Patch;
use crate::domain::error::violation;
use crate::domain::{Code, Error, Violation};

pub(crate) mod json;
pub(crate) mod read;

/// How many complaints one answer carries; a body of nothing but faults must not be answered with more than it holds.
const VIOLATIONS_MAX: usize = 100;
/// How much of an unknown member's name is repeated to the caller, in characters.
const NAME_SHOWN_MAX: usize = 64;

/// A type that requests are read into.
pub(crate) trait Read: Sized {
    /// Whether no body at all is the same as `{}`.
    const BODY_OPTIONAL: bool = false;

    /// Reads the members; `None` after at least one complaint.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Where complaints about one request gather.
#[derive(Debug, Default)]
pub(crate) struct Complaints(RefCell<Vec<Violation>>);

impl Complaints {
    fn push(&self, violation: Violation) {
        let mut all = self.0.borrow_mut();
        if all.len() < VIOLATIONS_MAX {
            all.push(violation);
        }
    }

    /// The value, when nothing was wrong.
    fn settle<T>(self, value: Option<T>) -> Result<T, Error> {
        let violations = self.0.into_inner();
        match value {
            Some(value) if violations.is_empty() => Ok(value),
            None if violations.is_empty() => {
                Err(Error::new(Code::InvalidRequest, "the request is not of the documented shape"))
            }
            _ => Err(Error::invalid(violations)),
        }
    }
}

/// How a request is read.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// A query: all values are text, and pointers name parameters.
    query: bool,
    /// Unknown members are ignored, texts are trimmed, numbers and booleans may be sent as text.
    lenient: bool,
}

/// A place in the request, where complaints can be made.
#[derive(Clone, Debug)]
pub(crate) struct At<'c> {
    pointer: String,
    manner: Manner,
    complaints: &'c Complaints,
}

impl<'c> At<'c> {
    /// Complains; answers `None` so that a reader can end with it.
    pub(crate) fn refuse<T>(&self, code: &'static str, detail: impl Into<String>) -> Option<T> {
        self.complaints.push(Violation::new(self.pointer.clone(), code, detail));
        None
    }

    /// Passes on what a deeper check found; its pointers are those of the whole request.
    pub(crate) fn complain(&self, violations: impl IntoIterator<Item = Violation>) {
        violations.into_iter().for_each(|violation| self.complaints.push(violation));
    }

    /// The place of a member or a list item below this one.
    pub(crate) fn below(&self, segment: &str) -> At<'c> {
        let pointer = if self.manner.query {
            format!("?{segment}")
        } else {
            format!("{}/{}", self.pointer, segment.replace('~', "~0").replace('/', "~1"))
        };
        At { pointer, manner: self.manner, complaints: self.complaints }
    }

    /// Whether numbers and booleans are read from text.
    const fn is_textual(&self) -> bool {
        self.manner.query || self.manner.lenient
    }

    const fn is_lenient(&self) -> bool {
        self.manner.lenient
    }
}

/// The members of one object, each to be asked for once.
pub(crate) struct Fields<'c> {
    at: At<'c>,
    members: Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'c> Fields<'c> {
    /// A member that must be there; `null` counts as missing.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(&At<'c>, Value) -> Option<T>,
    ) -> Option<T> {
        match self.take(name) {
            Some(value) if !value.is_null() => reader(&self.at.below(name), value),
            _ => self.refuse(name, violation::REQUIRED, "is required"),
        }
    }

    /// A member that may be left out or `null`.
    #[expect(clippy::option_option, reason = "the outer option tells whether a complaint was made")]
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(&At<'c>, Value) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) if !value.is_null() => reader(&self.at.below(name), value).map(Some),
            _ => Some(None),
        }
    }

    /// A member that has a default, also when it is `null`.
    pub(crate) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        reader: impl FnOnce(&At<'c>, Value) -> Option<T>,
    ) -> Option<T> {
        self.optional(name, reader).map(|given| given.unwrap_or(default))
    }

    /// A member of a partial update, where leaving out and `null` differ.
    pub(crate) fn patch<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(&At<'c>, Value) -> Option<T>,
    ) -> Option<Patch<T>> {
        match self.take(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(value) => reader(&self.at.below(name), value).map(Patch::Set),
        }
    }

    /// Members of responses that a client may send back, and that mean nothing in a request.
    pub(crate) fn ignore(&mut self, names: &[&'static str]) {
        for name in names {
            self.take(name);
        }
    }

    /// Other names that clients give a member; the first that says something counts, where the member itself does not.
    pub(crate) fn aliases(&mut self, name: &'static str, others: &[&'static str]) {
        for other in others {
            if let Some(value) = self.take_verbatim(other)
                && self.members.get(name).is_none_or(|present| says_nothing(present) && !says_nothing(&value))
            {
                self.members.insert(name.to_owned(), value);
            }
        }
    }

    /// The member as it is, but for the trimming of a lenient reading; for shapes that the other readers do not know.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        let value = self.take_verbatim(name);
        match value {
            Some(Value::String(text)) if self.at.manner.lenient => Some(Value::String(text.trim().to_owned())),
            value => value,
        }
    }

    /// The member as it is.
    pub(crate) fn take_verbatim(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }

    /// The place of a member, for readers of a value that was taken.
    pub(crate) fn place(&self, name: &str) -> At<'c> {
        self.at.below(name)
    }

    /// Complains of a member: for rules over several of them.
    pub(crate) fn refuse<T>(&self, name: &str, code: &'static str, detail: impl Into<String>) -> Option<T> {
        self.at.below(name).refuse(code, detail)
    }

    fn read_all<T: Read>(at: &At<'c>, members: Map<String, Value>) -> Option<T> {
        let mut fields = Self { at: at.clone(), members, known: Vec::new() };
        let value = T::read(&mut fields);
        if !at.manner.lenient {
            fields.refuse_unknown();
        }
        value
    }

    fn refuse_unknown(&self) {
        for name in self.members.keys() {
            let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
            let detail = nearest(name, &self.known).map_or_else(
                || "is not known here".to_owned(),
                |near| format!("is not known here; is `{near}` meant?"),
            );
            self.at.below(&shown).refuse::<()>(violation::UNKNOWN_MEMBER, detail);
        }
    }
}

/// Whether a member is there in name alone.
fn says_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Reads a request body.
///
/// # Errors
/// [`Code::MalformedBody`] when it is no JSON within the limits, [`Code::InvalidRequest`] with all violations.
pub(crate) fn read_body<T: Read>(bytes: &[u8]) -> Result<T, Error> {
    read_json(bytes, Manner::default())
}

/// As [`read_body`], leniently.
///
/// # Errors
/// As [`read_body`].
pub(crate) fn read_body_leniently<T: Read>(bytes: &[u8]) -> Result<T, Error> {
    read_json(bytes, Manner { lenient: true, query: false })
}

/// As [`read_body_leniently`], from the pairs of a form (`application/x-www-form-urlencoded`).
///
/// # Errors
/// [`Code::InvalidRequest`] with all violations.
pub(crate) fn read_form_leniently<T: Read>(bytes: &[u8]) -> Result<T, Error> {
    read_pairs(bytes, Manner { lenient: true, query: false })
}

fn read_json<T: Read>(bytes: &[u8], manner: Manner) -> Result<T, Error> {
    let value = match bytes {
        [] if T::BODY_OPTIONAL => Value::Object(Map::new()),
        bytes => json::parse(bytes)?,
    };
    let complaints = Complaints::default();
    let root = At { pointer: String::new(), manner, complaints: &complaints };
    let read = read::object::<T>(&root, value);
    complaints.settle(read)
}

/// Reads a query string. Names are accepted in every documented spelling; a repeated one is a list.
///
/// # Errors
/// [`Code::InvalidRequest`] with all violations.
pub(crate) fn read_query<T: Read>(query: &str) -> Result<T, Error> {
    read_pairs(query.as_bytes(), Manner { query: true, lenient: false })
}

/// As [`read_query`], leniently: clients send what is not set as empty, and one thing under two names.
///
/// # Errors
/// As [`read_query`].
pub(crate) fn read_query_leniently<T: Read>(query: &str) -> Result<T, Error> {
    read_pairs(query.as_bytes(), Manner { query: true, lenient: true })
}

fn read_pairs<T: Read>(pairs: &[u8], manner: Manner) -> Result<T, Error> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(pairs) {
        let value = Value::String(value.into_owned());
        if manner.lenient && manner.query && says_nothing(&value) {
            continue;
        }
        match members.entry(canonical_name(&name)) {
            serde_json::map::Entry::Vacant(entry) => _ = entry.insert(value),
            serde_json::map::Entry::Occupied(entry) if manner.lenient && *entry.get() == value => {}
            serde_json::map::Entry::Occupied(mut entry) => match entry.get_mut() {
                Value::Array(list) => list.push(value),
                first => *first = Value::Array(vec![first.take(), value]),
            },
        }
    }
    let complaints = Complaints::default();
    let root = At { pointer: String::new(), manner, complaints: &complaints };
    let read = Fields::read_all::<T>(&root, members);
    complaints.settle(read)
}

/// `page_size`, `PageSize` and `Paging.PageSize` are `pageSize`; the two documented forms of a token are `pageToken` and
/// `pageSkip`.
fn canonical_name(name: &str) -> String {
    let name = name.strip_prefix("Paging.").unwrap_or(name);
    let name = match name {
        "PageToken.Cursor" => "PageToken",
        "PageToken.Skip" => "PageSkip",
        name => name,
    };
    let mut canonical = String::with_capacity(name.len());
    let mut raise = false;
    for (index, c) in name.chars().enumerate() {
        match c {
            '_' => raise = true,
            c if raise => {
                canonical.extend(c.to_uppercase());
                raise = false;
            }
            c if index == 0 => canonical.extend(c.to_lowercase()),
            c => canonical.push(c),
        }
    }
    canonical
}

/// The known name that was probably meant.
pub(crate) fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), *candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The members that a reader asks for, to hold its documentation against.
#[cfg(test)]
pub(crate) fn known_members<T: Read>() -> Vec<&'static str> {
    let complaints = Complaints::default();
    let at = At { pointer: String::new(), manner: Manner::default(), complaints: &complaints };
    let mut fields = Fields { at, members: Map::new(), known: Vec::new() };
    let _ = T::read(&mut fields);
    fields.known.sort_unstable();
    fields.known
}

#[cfg(test)]
mod tests;
