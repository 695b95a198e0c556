//! Writing item by item.

use keyferry_sdk::http::{Method, Request, Response};
use keyferry_sdk::{Application, Applied, Change, Delete, Error, Precondition, Put};
use serde_json::Value;

use crate::Context;
use crate::caller::Caller;
use crate::declaration::{Declaration, Write};
use crate::observe::entity_tag;

/// One batch of one destination.
pub(crate) struct Writer<'a> {
    pub(crate) declaration: &'a Declaration,
    pub(crate) put: &'a Write,
    pub(crate) caller: &'a Caller,
    pub(crate) context: Context,
}

impl Writer<'_> {
    pub(crate) fn apply(&self, changes: &[Change]) -> Application {
        Application::each(changes, |change| match change {
            Change::Put(put) => self.put(put),
            Change::Delete(delete) => self.delete(delete),
        })
    }

    fn put(&self, put: &Put) -> Result<Applied, Error> {
        let write = self.write_for(put);
        let item = [
            ("key", put.key.as_str()),
            ("value", put.value.as_str()),
            ("reference", put.reference.as_deref().unwrap_or_default()),
            ("version", version(&put.precondition)),
        ];
        let request = self.caller.request(&write.request, &item)?;
        let response = self.conditional(request, &put.precondition).send()?.success()?;
        Ok(self.applied(write, put, &response))
    }

    /// `create` for what is not there yet, as far as is known, else `put`.
    fn write_for(&self, put: &Put) -> &Write {
        let lacks_reference = put.reference.is_none() && self.put.request.uses("reference");
        let is_new = put.precondition == Precondition::MustNotExist || lacks_reference;
        self.declaration.create.as_ref().filter(|_| is_new).unwrap_or(self.put)
    }

    /// What the answer tells. The item is written, so an answer that cannot be read only tells less.
    fn applied(&self, write: &Write, put: &Put, response: &Response) -> Applied {
        let is_tagged = self.context.has_entity_tags || is_entity_tag(version(&put.precondition));
        let tag = entity_tag(response).filter(|_| is_tagged).map(str::to_owned);
        let body = match (&write.version, &write.reference) {
            (None, None) => Value::Null,
            _ => response.json().unwrap_or_default(),
        };
        let text = |pointer: &Option<crate::pointer::Pointer>| pointer.as_ref().and_then(|pointer| pointer.text(&body));
        Applied { version: text(&write.version).or(tag), reference: text(&write.reference).or(put.reference.clone()) }
    }

    fn delete(&self, delete: &Delete) -> Result<Applied, Error> {
        let Some(template) = &self.declaration.delete else {
            let message = "`pluginSettings.delete` is missing: it tells how to delete";
            return Err(Error::unsupported(message).with_field("pluginSettings.delete"));
        };
        let item = [
            ("key", delete.key.as_str()),
            ("reference", delete.reference.as_deref().unwrap_or_default()),
            ("version", version(&delete.precondition)),
        ];
        let request = self.caller.request(template, &item)?;
        let response = self.conditional(request, &delete.precondition).send()?;
        if !matches!(response.status(), 404 | 410) {
            response.success()?;
        }
        Ok(Applied::default())
    }

    /// Conditional where the API tells its versions as entity tags (RFC 9110, 13.1); a header of the template prevails.
    fn conditional(&self, request: Request, precondition: &Precondition) -> Request {
        match precondition {
            Precondition::Matches(tag) if is_strong(tag) && request.header_value("If-Match").is_none() => {
                request.header("If-Match", tag)
            }
            // Only a PUT goes to the item itself; another method may go to a collection, which does exist.
            Precondition::MustNotExist
                if self.context.has_entity_tags
                    && request.method() == Method::Put
                    && request.header_value("If-None-Match").is_none() =>
            {
                request.header("If-None-Match", "*")
            }
            _ => request,
        }
    }
}

fn version(precondition: &Precondition) -> &str {
    match precondition {
        Precondition::Matches(version) => version,
        Precondition::None | Precondition::MustNotExist => "",
    }
}

/// Whether a text is an entity tag (RFC 9110, 8.8.3).
pub(crate) fn is_entity_tag(text: &str) -> bool {
    is_strong(text.strip_prefix("W/").unwrap_or(text))
}

/// Whether it is one that `If-Match` can compare; a weak one never matches.
pub(crate) fn is_strong(text: &str) -> bool {
    let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.is_some_and(|inside| inside.bytes().all(|byte| byte == b'!' || (b'#'..=b'~').contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_told_from_other_versions() {
        for (text, is_tag, strong) in [
            ("\"abc\"", true, true),
            ("\"\"", true, true),
            ("W/\"abc\"", true, false),
            ("abc", false, false),
            ("7", false, false),
            ("\"", false, false),
            ("\"a\"b\"", false, false),
            ("\"a b\"", false, false),
            ("\"a\r\n\"", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_entity_tag(text), is_strong(text)), (is_tag, strong), "{text}");
        }
    }
}
