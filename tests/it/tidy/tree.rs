//! The checkout as the rules see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Every text file of the project, read once.
pub(super) static TREE: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let mut sources = Vec::new();
    read_below(root(), &mut sources);
    assert!(sources.len() > 30, "the checkout lies elsewhere");
    sources
});

/// The folder of the checkout.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the checkout")
}

/// One file.
pub(super) struct Source {
    /// From the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Templates hold placeholders, so they are not Rust yet.
    pub(super) fn is_template(&self) -> bool {
        self.path.starts_with("sdk/templates/")
    }

    /// The file as Rust.
    pub(super) fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{} does not parse: {error}", self.path))
    }

    pub(super) fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap_or_else(|error| panic!("{} does not lex: {error}", self.path))
    }

    /// Whether all of the file is compiled for tests only.
    pub(super) fn is_test_only(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || is_declared_for_tests(&self.path)
    }
}

/// Rust that is shipped: the host, the contract, the SDK and the plugins, but for files of tests.
pub(super) fn shipped() -> impl Iterator<Item = &'static Source> {
    let is_shipped = |source: &&Source| source.is_rust() && !source.is_template() && !source.is_test_only();
    TREE.iter().filter(is_shipped)
}

/// Whether the parent declares the file as `#[cfg(test)] mod name;`.
fn is_declared_for_tests(path: &str) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    let name = file.trim_end_matches(".rs");
    let parents = [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
    parents.iter().filter_map(|parent| fs::read_to_string(root().join(parent)).ok()).any(|text| {
        let mut lines = text.lines().map(str::trim).peekable();
        std::iter::from_fn(|| lines.next().map(|line| (line, lines.peek().copied().unwrap_or_default()))).any(
            |(line, next)| line == "#[cfg(test)]" && next.trim_start_matches("pub(crate) ") == format!("mod {name};"),
        )
    })
}

fn read_below(folder: &Path, sources: &mut Vec<Source>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder of the checkout").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_foreign = ["target", ".git", "node_modules", "__pycache__", ".venv"].contains(&name.as_str());
        if is_foreign || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            read_below(&path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).expect("it lies below the root").to_string_lossy().replace('\\', "/");
            sources.push(Source { path, text });
        }
    }
}

/// Takes out modules that are compiled for tests only, at any depth.
pub(super) fn without_tests(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if is_test_attribute(&tokens, at) {
            at += 2;
            // The item ends with its body or its semicolon, whichever comes first.
            while let Some(token) = tokens.get(at) {
                at += 1;
                let is_body = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                if is_body || matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';') {
                    break;
                }
            }
            continue;
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let mut inner = proc_macro2::Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token.clone(),
        });
        at += 1;
    }
    kept.into_iter().collect()
}

/// Whether `#[cfg(test)]` stands at this place.
fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let hash = matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
    let attribute = match tokens.get(at + 1) {
        Some(TokenTree::Group(group)) => group.stream().to_string().replace(' ', ""),
        _ => return false,
    };
    hash && attribute == "cfg(test)"
}

#[test]
fn code_for_tests_is_taken_out_at_any_depth() {
    let source =
        "fn a() {} #[cfg(test)] mod tests { fn b() {} } mod c { #[cfg(test)] use d; fn e() {} } #[cfg(test)] mod f;";
    let kept = without_tests(source.parse().unwrap()).to_string();
    assert_eq!(kept, "fn a () { } mod c { fn e () { } }");
}
