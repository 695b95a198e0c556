//! The template of a request, and its filling.

use keyferry_sdk::Error;
use keyferry_sdk::http::{Method, Request};

use crate::EGRESS;
use crate::body::Body;
use crate::parameters::{Parameters, Values};
use crate::template::{ITEM_NAMES, Template};
use crate::url::{FillError, UrlTemplate};

/// A request with places to be filled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestTemplate {
    /// Where it stands, such as `pluginSettings.put`.
    pub(crate) field: String,
    pub(crate) method: Method,
    pub(crate) url: UrlTemplate,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) body: Body,
}

impl RequestTemplate {
    /// The names outside the URL.
    pub(crate) fn names_beside_url(&self) -> Vec<&str> {
        let mut names = self.body.names();
        names.extend(self.headers.iter().flat_map(|(_, template)| template.names()));
        names
    }

    pub(crate) fn uses(&self, name: &str) -> bool {
        self.url.names().any(|used| used == name) || self.names_beside_url().contains(&name)
    }

    /// Adds what is wrong with the names, each with the template that it stands in.
    pub(crate) fn check_names(&self, parameters: &Parameters, item: &[&str], problems: &mut Vec<(String, String)>) {
        let mut check = |member: &str, names: Vec<&str>| {
            let wrong = names.into_iter().filter_map(|name| parameters.problem(name, item));
            problems.extend(wrong.map(|problem| (format!("{}.{member}", self.field), problem)));
        };
        check("url", self.url.names().collect());
        for (name, template) in &self.headers {
            check(&format!("headers.{name}"), template.names().collect());
        }
        let member = match &self.body {
            Body::None => return,
            Body::Json(_) => "json",
            Body::Text(_) => "body",
            Body::Form(_) => "form",
        };
        check(member, self.body.names());
    }

    /// The request for these values.
    pub(crate) fn fill(&self, base_url: &str, values: &Values<'_>) -> Result<Request, Error> {
        let url = self.url.fill(base_url, values).map_err(|error| self.refuse(&error))?;
        self.fill_at(url, values)
    }

    /// The same with another URL.
    pub(crate) fn fill_at(&self, url: String, values: &Values<'_>) -> Result<Request, Error> {
        let mut request = Request::new(self.method, EGRESS, url);
        for (name, template) in &self.headers {
            let text = template.expand(|name| values.get(name).to_owned());
            if text.contains(char::is_control) {
                let message = format!("the header `{name}` would hold a control character");
                return Err(self.fault(template.names(), message));
            }
            if !text.is_empty() {
                request = request.header(name, text);
            }
        }
        self.add_body(request, values)
    }

    fn add_body(&self, request: Request, values: &Values<'_>) -> Result<Request, Error> {
        let text = |template: &Template| template.expand(|name| values.get(name).to_owned());
        match &self.body {
            Body::None => Ok(request),
            Body::Json(json) => request.json(&json.fill(values)),
            Body::Text(template) => Ok(request.body("text/plain; charset=utf-8", text(template))),
            Body::Form(fields) => {
                let fields = fields.iter().map(|(name, template)| (name.as_str(), text(template))).collect::<Vec<_>>();
                Ok(request.form(&fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()))
            }
        }
    }

    fn refuse(&self, error: &FillError) -> Error {
        match error {
            FillError::Empty(name) => {
                let message = format!("`{{{{{name}}}}}` in the path of `{}.url` has no value", self.field);
                self.fault([name.as_str()].into_iter(), message)
            }
            FillError::DotSegment => {
                let message = format!("`{}.url` would have `.` or `..` in its path, which leads elsewhere", self.field);
                self.fault(self.url.names(), message)
            }
        }
    }

    /// The item is at fault where one of its own names is filled in, else the setting.
    fn fault<'a>(&self, mut names: impl Iterator<Item = &'a str>, message: String) -> Error {
        if names.any(|name| ITEM_NAMES.contains(&name)) {
            Error::invalid_item(message)
        } else {
            Error::invalid_setting(format!("{}.url", self.field), message)
        }
    }
}
