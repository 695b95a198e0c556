//! The template of a URL: the origin at its start, then path and query, into which nothing can break out.

use keyferry_sdk::http::Request;

use crate::parameters::Values;
use crate::template::{ITEM_NAMES, Piece, Problem, Template};

/// The connection parameter that holds the origin.
pub(crate) const BASE_URL: &str = "baseUrl";

/// A URL with places to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate {
    path: Template,
    query: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: Template,
    value: Option<Template>,
}

/// Why a URL cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FillError {
    /// A place in the path would be empty, so that the request would meet another resource.
    Empty(String),
    /// A segment of the path would be `.` or `..`, which leads elsewhere.
    DotSegment,
}

impl UrlTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let whole = Template::parse(text)?;
        let Some((Piece::Name(origin), rest)) = whole.pieces().split_first() else {
            return Err("must begin with `{{baseUrl}}`");
        };
        if origin != BASE_URL {
            return Err("must begin with `{{baseUrl}}`");
        }
        let is_apart = match rest.first() {
            None => true,
            Some(Piece::Text(text)) => text.starts_with(['/', '?']),
            Some(Piece::Name(_)) => false,
        };
        if !is_apart {
            return Err("must go on with `/` or `?` after `{{baseUrl}}`");
        }
        let rest = Template::of(rest);
        check_rest(&rest)?;
        let (path, query) = rest.split_once('?');
        let members = query.map(|query| query.split('&')).unwrap_or_default();
        let members = members.iter().filter(|member| !member.pieces().is_empty());
        let query = members.map(|member| member.split_once('=')).map(|(name, value)| Member { name, value }).collect();
        Ok(Self { path, query })
    }

    /// Every name but that of the origin.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let in_query = self
            .query
            .iter()
            .flat_map(|member| member.name.names().chain(member.value.iter().flat_map(Template::names)));
        self.path.names().chain(in_query)
    }

    /// The URL at `base_url`.
    pub(crate) fn fill(&self, base_url: &str, values: &Values<'_>) -> Result<String, FillError> {
        if let Some(name) = self.path.names().find(|name| values.get(name).is_empty()) {
            return Err(FillError::Empty(name.to_owned()));
        }
        let path = self.path.expand(|name| Request::encode_segment(values.get(name)));
        if path.split('/').any(is_dot_segment) {
            return Err(FillError::DotSegment);
        }
        let members = self.members(|name| Request::encode_segment(values.get(name)));
        let separator = if members.is_empty() { "" } else { "?" };
        Ok(format!("{base_url}{path}{separator}{}", members.join("&")))
    }

    /// The URL without its origin, with parameters filled in and `{key}` for what differs between items; members of the
    /// query in order, since theirs has no meaning.
    pub(crate) fn shape(&self, values: &Values<'_>) -> String {
        let fill = |name: &str| match ITEM_NAMES.contains(&name) {
            true => format!("{{{name}}}"),
            false => Request::encode_segment(values.get(name)),
        };
        let mut members = self.members(fill);
        members.sort();
        let separator = if members.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path.expand(fill), members.join("&"))
    }

    /// The members of the query; one that comes out empty is left out.
    fn members(&self, fill: impl Fn(&str) -> String) -> Vec<String> {
        let is_left_out = |template: &Template, text: &str| text.is_empty() && template.names().next().is_some();
        let member = |member: &Member| {
            let name = member.name.expand(&fill);
            if is_left_out(&member.name, &name) {
                return None;
            }
            let Some(template) = &member.value else { return Some(name) };
            let value = template.expand(&fill);
            (!is_left_out(template, &value)).then(|| format!("{name}={value}"))
        };
        self.query.iter().filter_map(member).collect()
    }
}

fn check_rest(rest: &Template) -> Result<(), Problem> {
    for name in rest.names() {
        if name == BASE_URL {
            return Err("may have `{{baseUrl}}` only at its start");
        }
        // URLs are logged on the way, by proxies and at the far side.
        if name == "value" {
            return Err("may not hold `{{value}}`: a secret does not belong in a URL");
        }
    }
    let is_unfit =
        |character: char| character.is_whitespace() || character.is_control() || matches!(character, '#' | '\\');
    let has_unfit = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains(is_unfit));
    match rest.pieces().iter().any(has_unfit) {
        true => Err("has a space, a control character, a backslash or a fragment"),
        false => Ok(()),
    }
}

/// As URL parsers see it: an encoded dot is a dot.
fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parameters::Parameters;

    fn fill(template: &str, key: &str, cursor: &str) -> Result<String, FillError> {
        let connection = json!({"space": "a b/ü", "none": ""});
        let parameters = Parameters::new(connection.as_object().expect("an object"), &Default::default(), &[]);
        let values = Values { parameters: &parameters, item: &[("key", key), ("cursor", cursor)] };
        UrlTemplate::parse(template).expect(template).fill("https://h", &values)
    }

    #[test]
    fn values_are_percent_encoded_everywhere_but_at_the_start() {
        for (template, expected) in [
            ("{{baseUrl}}", "https://h"),
            ("{{baseUrl}}/v1/{{key}}", "https://h/v1/K%2F%3F%23%26"),
            ("{{baseUrl}}/{{space}}/x", "https://h/a%20b%2F%C3%BC/x"),
            ("{{baseUrl}}/v1?k={{key}}&fixed=1", "https://h/v1?k=K%2F%3F%23%26&fixed=1"),
            ("{{baseUrl}}?{{key}}=1", "https://h?K%2F%3F%23%26=1"),
        ] {
            assert_eq!(fill(template, "K/?#&", "").as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_query_member_that_comes_out_empty_is_left_out() {
        for (template, cursor, expected) in [
            ("{{baseUrl}}/v?cursor={{cursor}}", "", "https://h/v"),
            ("{{baseUrl}}/v?cursor={{cursor}}", "c=1", "https://h/v?cursor=c%3D1"),
            ("{{baseUrl}}/v?a=1&cursor={{cursor}}&b={{none}}&flag&empty=", "", "https://h/v?a=1&flag&empty="),
            ("{{baseUrl}}/v?at=x{{cursor}}", "", "https://h/v?at=x"),
            ("{{baseUrl}}/v?{{none}}=1", "", "https://h/v"),
        ] {
            assert_eq!(fill(template, "K", cursor).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_key_cannot_lead_to_another_resource() {
        let template = "{{baseUrl}}/v1/variables/{{key}}";
        for key in [".", ".."] {
            assert_eq!(fill(template, key, ""), Err(FillError::DotSegment), "{key}");
        }
        assert_eq!(fill(template, "", ""), Err(FillError::Empty("key".into())));
        assert_eq!(fill(template, "../x", "").as_deref(), Ok("https://h/v1/variables/..%2Fx"));
        assert_eq!(fill("{{baseUrl}}/%2E{{key}}", ".", ""), Err(FillError::DotSegment));
    }

    #[test]
    fn what_could_leave_the_origin_is_refused() {
        for template in [
            "",
            "https://h/v1",
            "/v1",
            "{{other}}/v1",
            "x{{baseUrl}}/v1",
            "{{baseUrl}}.evil.example/",
            "{{baseUrl}}@evil.example/",
            "{{baseUrl}}:8443/",
            "{{baseUrl}}{{key}}",
            "{{baseUrl}}/{{baseUrl}}",
            "{{baseUrl}}/v1#x",
            "{{baseUrl}}/v 1",
            "{{baseUrl}}\\v1",
            "{{baseUrl}}/{{value}}",
            "{{baseUrl}}/v1?v={{value}}",
        ] {
            assert!(UrlTemplate::parse(template).is_err(), "{template}");
        }
    }
}
