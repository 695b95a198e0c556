//! Custom methods: `/things/{id}:verb`.
//!
//! The router cannot match a literal suffix after a parameter. So a handler is documented under `{id}:verb` and routed
//! under `{id}/:verb`, and a request's path is rewritten the same way, but only where a documented path of that shape
//! exists: a secret may well be called `a:batch`.

use std::collections::HashMap;

use http::Uri;
use http::uri::PathAndQuery;

/// Turns a documented path into the one that is routed.
pub(crate) fn routed(documented: &str) -> String {
    match split_verb(documented) {
        Some((resource, verb)) => format!("{resource}/:{verb}"),
        None => documented.to_owned(),
    }
}

/// Turns a routed path into the documented one: for logs and metrics.
pub(crate) fn documented(routed: &str) -> String {
    routed.replace("/:", ":").replace("{*", "{")
}

/// The resource and the verb of a path that ends in a custom method.
fn split_verb(path: &str) -> Option<(&str, &str)> {
    let (resource, verb) = path.rsplit_once(':')?;
    let is_verb = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_verb && !resource.ends_with('/')).then_some((resource, verb))
}

/// The custom methods of the API, by verb.
#[derive(Debug, Default)]
pub(crate) struct CustomMethods(HashMap<String, Vec<Vec<Segment>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter,
}

impl CustomMethods {
    /// The custom methods among these documented paths.
    pub(crate) fn of<'p>(paths: impl Iterator<Item = &'p String>) -> Self {
        let mut methods = Self::default();
        for (resource, verb) in paths.filter_map(|path| split_verb(path)) {
            methods.0.entry(verb.to_owned()).or_default().push(segments(resource));
        }
        methods
    }

    /// The URI under which a request for a custom method is routed; none when the path names no such method.
    pub(crate) fn rewrite(&self, uri: &Uri) -> Option<Uri> {
        let (resource, verb) = split_verb(uri.path())?;
        let shapes = self.0.get(verb)?;
        if !shapes.iter().any(|shape| fits(resource, shape)) {
            return None;
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{resource}/:{verb}{query}")).ok()?);
        Uri::from_parts(parts).ok()
    }
}

fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text.starts_with('{') {
        true => Segment::Parameter,
        false => Segment::Literal(text.to_owned()),
    };
    path.split('/').map(segment).collect()
}

fn fits(path: &str, shape: &[Segment]) -> bool {
    let mut texts = path.split('/');
    let every = shape.iter().all(|segment| match (segment, texts.next()) {
        (Segment::Literal(literal), Some(text)) => literal == text,
        (Segment::Parameter, Some(text)) => !text.is_empty(),
        (_, None) => false,
    });
    every && texts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods() -> CustomMethods {
        let paths = ["/v1/a/{a}/b/{b}:go", "/v1/auth:token", "/v1/a/{a}/secrets:batch", "/v1/a/{a}/secrets/{*path}"];
        CustomMethods::of(paths.map(str::to_owned).iter())
    }

    #[test]
    fn documented_and_routed_paths_mirror_each_other() {
        for (path, expect) in
            [("/v1/b/{b}:go", "/v1/b/{b}/:go"), ("/v1/auth:token", "/v1/auth/:token"), ("/v1/b/{b}", "/v1/b/{b}")]
        {
            assert_eq!(routed(path), expect);
            assert_eq!(documented(expect), path);
        }
        assert_eq!(documented("/v1/x/{*path}"), "/v1/x/{path}");
    }

    #[test]
    fn only_paths_of_a_documented_shape_are_rewritten() {
        for (path, expect) in [
            ("/v1/a/1/b/2:go", Some("/v1/a/1/b/2/:go")),
            ("/v1/a/1/b/2:go?x=1:2", Some("/v1/a/1/b/2/:go?x=1:2")),
            ("/v1/a/1/b/x:y:go", Some("/v1/a/1/b/x:y/:go")),
            ("/v1/auth:token", Some("/v1/auth/:token")),
            ("/v1/a/1/secrets:batch", Some("/v1/a/1/secrets/:batch")),
            ("/v1/a/1/secrets/x:batch", None),
            ("/v1/a/1/b/:go", None),
            ("/v1/a/1/b/2:stop", None),
            ("/v1/a/1/b/2:", None),
            ("/v1/a//b/2:go", None),
            ("/v1/a/1/b/2/c:go", None),
        ] {
            let uri: Uri = path.parse().expect("it is a URI");
            assert_eq!(methods().rewrite(&uri).map(|uri| uri.to_string()).as_deref(), expect, "{path}");
        }
    }
}
