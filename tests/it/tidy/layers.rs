//! Which layer of the host may know which, and which crate belongs to which layer. A new edge is an edit of these tables,
//! in the commit that needs it.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use super::tree::{Source, shipped, without_tests};
use super::{Finding, assert_tidy};

/// A layer, and the layers that it may name.
const EDGES: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["app", "build", "config", "domain", "service", "telemetry"]),
    // The composition root: the only place that sees adapters.
    (
        "app",
        &[
            "api",
            "build",
            "config",
            "crypto",
            "domain",
            "egress",
            "ports",
            "records",
            "runtime",
            "service",
            "store",
            "sync",
            "telemetry",
        ],
    ),
    // Counts behind `ports::meter`.
    ("telemetry", &["config", "ports", "domain"]),
    ("config", &["domain"]),
    // Services hand out records as they are; what goes on the wire is made of them in `api` alone.
    ("api", &["service", "records", "ports", "domain"]),
    ("sync", &["service", "records", "ports", "domain"]),
    ("service", &["records", "ports", "domain"]),
    ("records", &["ports", "domain"]),
    ("store", &["ports", "domain"]),
    ("crypto", &["ports", "domain"]),
    ("egress", &["ports", "domain"]),
    ("runtime", &["ports", "domain"]),
    ("ports", &["domain"]),
    ("domain", &[]),
    ("build", &[]),
    ("lib", &[]),
];

/// A crate, and the layers that may name it.
const CONFINED: &[(&str, &[&str])] = &[
    ("aes_gcm", &["crypto"]),
    ("aws_sigv4", &["egress"]),
    ("axum", &["api"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("indicatif", &["cli"]),
    ("redb", &["store"]),
    ("tower_http", &["api"]),
    ("utoipa", &["api"]),
    ("utoipa_axum", &["api"]),
    ("wasmtime", &["runtime"]),
    ("wasmtime_wasi", &["runtime"]),
];

/// Functions of `std::env` that read or change the environment, and who may.
const ENVIRONMENT: &[&str] = &["var", "var_os", "vars", "vars_os", "set_var", "remove_var"];
const ENVIRONMENT_LAYERS: &[&str] = &["config", "build"];

/// The layer of a file of the host, and how deep its module lies in the crate.
fn layer_of(path: &str) -> Option<(&str, usize)> {
    let inside = path.strip_prefix("host/src/")?.strip_suffix(".rs")?;
    let layer = inside.split('/').next()?;
    let depth = if ["lib", "main"].contains(&inside) { 0 } else { inside.split('/').count() };
    Some((layer, depth))
}

fn check(source: &Source) -> Vec<Finding> {
    let Some((layer, depth)) = layer_of(&source.path) else { return Vec::new() };
    let mut names = Names { crate_depth: depth, of_crate: BTreeSet::new(), paths: BTreeSet::new() };
    names.read(without_tests(source.tokens()), depth);
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == layer) else {
        let instead = "add it to `EDGES` in tests/it/tidy/layers.rs with what it may know";
        return vec![Finding::new(&source.path, 0, format!("`{layer}` is no known layer"), instead)];
    };
    let known: BTreeSet<_> = EDGES.iter().map(|(name, _)| *name).collect();
    let edges = names.of_crate.iter().filter(|(_, name)| {
        let is_layer = known.contains(name.as_str()) && name != layer;
        layer != "lib" && is_layer && !allowed.contains(&name.as_str())
    });
    let edges = edges.map(|(line, name)| {
        let instead = format!("`{layer}` may know {allowed:?}; go through a port, or give it what it needs from `app`");
        Finding::new(&source.path, *line, format!("`{layer}` names `{name}`"), instead)
    });
    edges.chain(confined(source, layer, &names)).collect()
}

fn confined<'a>(source: &'a Source, layer: &'a str, names: &'a Names) -> impl Iterator<Item = Finding> + 'a {
    let crates = names.paths.iter().filter_map(move |(line, first, _)| {
        let (name, layers) = CONFINED.iter().find(|(name, _)| name == first)?;
        let instead = format!("it belongs to {layers:?}; say it in terms of a port or the domain");
        (!layers.contains(&layer))
            .then(|| Finding::new(&source.path, *line, format!("`{layer}` names the crate `{name}`"), instead))
    });
    let environment = names.paths.iter().filter_map(move |(line, first, second)| {
        let reads = first == "env" && ENVIRONMENT.contains(&second.as_str()) && !ENVIRONMENT_LAYERS.contains(&layer);
        let instead = "take the value from `config`, the only reader of the environment";
        reads.then(|| Finding::new(&source.path, *line, "the environment is read here", instead))
    });
    crates.chain(environment)
}

/// What a file names, with line numbers.
struct Names {
    crate_depth: usize,
    /// Modules at the crate's root.
    of_crate: BTreeSet<(usize, String)>,
    /// The first two parts of every path, and of each of its tails.
    paths: BTreeSet<(usize, String, String)>,
}

impl Names {
    /// Reads tokens of a module that lies `depth` below the crate's root.
    fn read(&mut self, tokens: TokenStream, depth: usize) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(ident) => {
                    let Some(next) = after_colons(&tokens, at) else { continue };
                    let reaches_root = match ident.to_string().as_str() {
                        "crate" => true,
                        // The binary names the library by its name.
                        "keyferry" => self.crate_depth == 0,
                        "super" => supers_until(&tokens, at) == depth,
                        _ => false,
                    };
                    self.note(ident, &first_names(next), reaches_root);
                }
                TokenTree::Group(group) => {
                    let inner = usize::from(is_module_body(&tokens, at));
                    self.read(group.stream(), depth + inner);
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, first: &Ident, names: &[String], reaches_root: bool) {
        let line = first.span().start().line;
        for name in names {
            if reaches_root {
                self.of_crate.insert((line, name.clone()));
            }
            self.paths.insert((line, first.to_string(), name.clone()));
        }
    }
}

/// How many `super` stand in a row, ending here.
fn supers_until(tokens: &[TokenTree], at: usize) -> usize {
    let is_super = |at: usize| matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == "super");
    (0..).map_while(|back: usize| at.checked_sub(back * 3)).take_while(|at| is_super(*at)).count()
}

/// The token behind `name ::`, if those stand here.
fn after_colons(tokens: &[TokenTree], at: usize) -> Option<&TokenTree> {
    let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    (is_colon(at + 1) && is_colon(at + 2)).then(|| tokens.get(at + 3)).flatten()
}

/// The names that a path goes on with: one, or each of a group in braces.
fn first_names(next: &TokenTree) -> Vec<String> {
    match next {
        TokenTree::Ident(ident) => vec![ident.to_string()],
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let parts = tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
            parts.filter_map(|part| part.first()).map(TokenTree::to_string).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the group here is the body of `mod name { .. }`.
fn is_module_body(tokens: &[TokenTree], at: usize) -> bool {
    at.checked_sub(2)
        .and_then(|at| tokens.get(at))
        .is_some_and(|token| matches!(token, TokenTree::Ident(ident) if ident == "mod"))
}

#[test]
fn layers_know_only_what_they_may() {
    let findings: Vec<_> = shipped().flat_map(check).collect();
    assert_tidy(&findings);
}

#[test]
fn forbidden_edges_and_crates_are_caught_however_they_are_written() {
    for (path, text) in [
        ("host/src/store/redb.rs", "use crate::service::secrets;"),
        ("host/src/store/redb.rs", "use crate::{domain::Id, crypto};"),
        ("host/src/store/redb.rs", "fn f() { crate::api::router(); }"),
        ("host/src/store/redb.rs", "use super::super::api;"),
        ("host/src/store.rs", "use super::api;"),
        ("host/src/store.rs", "mod inner { use super::super::{api}; }"),
        ("host/src/domain/id.rs", "use crate::ports::Clock;"),
        ("host/src/main.rs", "fn main() { keyferry::app::run(); }"),
        ("host/src/api/router.rs", "use crate::store;"),
        ("host/src/service/secrets.rs", "m!(crate::store::open());"),
        ("host/src/service/secrets.rs", "use axum::Json;"),
        ("host/src/api/router.rs", "fn f() { wasmtime::Engine::default(); }"),
        ("host/src/api/router.rs", "fn f() { std::env::var(\"X\"); }"),
        ("host/src/unknown.rs", ""),
    ] {
        assert_eq!(check(&Source::new(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn allowed_edges_pass() {
    for (path, text) in [
        (
            "host/src/store/redb.rs",
            "use crate::ports::kv; use super::memory; use crate::store::memory as m; use redb::Table;",
        ),
        ("host/src/store/redb.rs", "#[cfg(test)] mod tests { use crate::crypto::Sealer; }"),
        ("host/src/store.rs", "mod inner { use super::api; }"),
        ("host/src/app.rs", "use crate::{store, runtime, api::router};"),
        ("host/src/config/source.rs", "fn f() { std::env::var(\"X\"); }"),
        ("host/src/runtime/worker.rs", "fn f() { std::env::current_exe(); }"),
        ("plugins/http/src/lib.rs", "use crate::store;"),
    ] {
        assert_eq!(check(&Source::new(path, text)), [], "{path}: {text}");
    }
}
