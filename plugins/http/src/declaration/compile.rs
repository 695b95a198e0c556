//! From what is written to types. Every problem is noted; the first one that is met does not hide the others.

use keyferry_sdk::Error;
use keyferry_sdk::http::Method;

use super::{Declaration, List, Paging, Replace, Verify, Write, raw, refuse};
use crate::body::{Body, Json};
use crate::pointer::Pointer;
use crate::request::RequestTemplate;
use crate::template::{Problem, Template};
use crate::url::UrlTemplate;

/// The declaration that was written, or everything that is wrong with it.
pub(super) fn declaration(raw: &raw::Settings) -> Result<Declaration, Error> {
    let mut compiler = Compiler { problems: Vec::new() };
    let declaration = Declaration {
        verify: raw.verify.as_ref().and_then(|operation| compiler.verify(operation)),
        list: raw.list.as_ref().and_then(|operation| compiler.list(operation)),
        create: raw.create.as_ref().and_then(|operation| compiler.write("create", Method::Post, operation)),
        put: raw.put.as_ref().and_then(|operation| compiler.write("put", Method::Put, operation)),
        delete: raw.delete.as_ref().and_then(|operation| compiler.request("delete", Method::Delete, operation)),
        replace: raw.replace.as_ref().and_then(|operation| compiler.replace(operation)),
        destination_names: raw.destination_metadata.iter().map(|parameter| parameter.name.clone()).collect(),
    };
    compiler.check_whole(raw);
    refuse(compiler.problems)?;
    Ok(declaration)
}

struct Compiler {
    problems: Vec<(String, String)>,
}

impl Compiler {
    fn note(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.problems.push((field.into(), problem.into()));
    }

    fn take<T>(&mut self, field: &str, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.note(field, problem)).ok()
    }

    fn check_whole(&mut self, raw: &raw::Settings) {
        if raw.replace.is_none() {
            return;
        }
        for (name, operation) in
            [("list", &raw.list), ("create", &raw.create), ("put", &raw.put), ("delete", &raw.delete)]
        {
            if operation.is_some() {
                self.note(format!("pluginSettings.{name}"), "cannot stand beside `replace`");
            }
        }
        if !raw.sync.as_ref().is_some_and(|sync| sync.document) {
            // In several batches each would overwrite what another one wrote.
            self.note("pluginSettings.sync.document", "must be true where `replace` writes the whole at once");
        }
    }

    fn verify(&mut self, raw: &raw::Operation) -> Option<Verify> {
        let request = self.request("verify", Method::Get, raw);
        let account = raw.account.as_ref();
        let id = self.pointer("verify.account.id", account.and_then(|account| account.id.as_deref()));
        let display_name =
            self.pointer("verify.account.displayName", account.and_then(|account| account.display_name.as_deref()));
        Some(Verify { request: request?, id, display_name })
    }

    fn list(&mut self, raw: &raw::Operation) -> Option<List> {
        let request = self.request("list", Method::Get, raw);
        let items = self.pointer("list.items", Some(raw.items.as_deref().unwrap_or_default()));
        let paging = self.paging(raw);
        let list = List {
            items: items.unwrap_or_else(Pointer::root),
            key: self.pointer("list.key", raw.key.as_deref()),
            value: self.pointer("list.value", raw.value.as_deref()),
            version: self.pointer("list.version", raw.version.as_deref()),
            reference: self.pointer("list.reference", raw.reference.as_deref()),
            request: request?,
            paging: paging?,
        };
        self.check_paging(&list);
        Some(list)
    }

    fn paging(&mut self, raw: &raw::Operation) -> Option<Paging> {
        match (&raw.next, &raw.paging) {
            (Some(_), Some(_)) => {
                self.note("pluginSettings.list.paging", "cannot stand beside `next`");
                None
            }
            (Some(next), None) => self.pointer("list.next", Some(next)).map(Paging::Cursor),
            (None, Some(raw::Paging::Page { first, size })) => Some(Paging::Page { first: *first, size: *size }),
            (None, Some(raw::Paging::Link {})) => Some(Paging::Link),
            (None, None) => Some(Paging::Single),
        }
    }

    /// A listing that cannot name its next page would read the first one for ever.
    fn check_paging(&mut self, list: &List) {
        let is_by_cursor = matches!(list.paging, Paging::Cursor(_));
        let is_by_page = matches!(list.paging, Paging::Page { .. });
        for (name, member, is_needed) in [("cursor", "next", is_by_cursor), ("page", "paging", is_by_page)] {
            let is_used = list.request.uses(name);
            if is_needed && !is_used {
                self.note("pluginSettings.list.url", format!("needs `{{{{{name}}}}}`, as `{member}` says"));
            } else if is_used && !is_needed {
                self.note("pluginSettings.list.url", format!("has `{{{{{name}}}}}`, which needs `{member}`"));
            }
        }
    }

    fn write(&mut self, name: &str, default: Method, raw: &raw::Operation) -> Option<Write> {
        let request = self.request(name, default, raw);
        let version = self.pointer(&format!("{name}.version"), raw.version.as_deref());
        let reference = self.pointer(&format!("{name}.reference"), raw.reference.as_deref());
        Some(Write { request: request?, version, reference })
    }

    fn replace(&mut self, raw: &raw::Operation) -> Option<Replace> {
        let request = self.request("replace", Method::Put, raw);
        let at = self.pointer("replace.at", Some(raw.at.as_deref().unwrap_or_default()));
        let into = self.pointer("replace.into", raw.into.as_deref());
        if request.as_ref().is_some_and(|request| request.body != Body::None) {
            self.note("pluginSettings.replace", "has no body of its own: the document is the body");
        }
        Some(Replace { request: request?, at: at?, into })
    }

    fn pointer(&mut self, field: &str, text: Option<&str>) -> Option<Pointer> {
        text.and_then(|text| self.take(&format!("pluginSettings.{field}"), Pointer::parse(text)))
    }

    fn request(&mut self, name: &str, default: Method, raw: &raw::Operation) -> Option<RequestTemplate> {
        let field = format!("pluginSettings.{name}");
        let method = raw.method.as_deref().map_or(Ok(default), method);
        let method = self.take(&format!("{field}.method"), method);
        let url = self.take(&format!("{field}.url"), UrlTemplate::parse(&raw.url));
        let mut headers = Vec::with_capacity(raw.headers.len());
        for (name, text) in &raw.headers {
            let template = self.take(&format!("{field}.headers.{name}"), Template::parse(text));
            headers.extend(template.map(|template| (name.clone(), template)));
        }
        let body = self.body(&field, raw);
        Some(RequestTemplate { method: method?, url: url?, headers, body: body?, field })
    }

    fn body(&mut self, field: &str, raw: &raw::Operation) -> Option<Body> {
        match (&raw.json, &raw.body, &raw.form) {
            (None, None, None) => Some(Body::None),
            (Some(json), None, None) => self.take(&format!("{field}.json"), Json::parse(json)).map(Body::Json),
            (None, Some(text), None) => self.take(&format!("{field}.body"), Template::parse(text)).map(Body::Text),
            (None, None, Some(fields)) => {
                let parse = |(name, text): (&String, &String)| Ok((name.clone(), Template::parse(text)?));
                let fields = fields.iter().map(parse).collect::<Result<_, Problem>>();
                self.take(&format!("{field}.form"), fields).map(Body::Form)
            }
            _ => {
                self.note(field, "has more than one of `json`, `body` and `form`");
                None
            }
        }
    }
}

fn method(name: &str) -> Result<Method, Problem> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        "PUT" => Ok(Method::Put),
        "PATCH" => Ok(Method::Patch),
        "DELETE" => Ok(Method::Delete),
        _ => Err("is no method that is sent: GET, HEAD, POST, PUT, PATCH or DELETE"),
    }
}
