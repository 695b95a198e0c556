//! How long a file and a function may be. Tests beside the code do not count.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::spanned::Spanned;

use super::tree::{Source, TREE, shipped, without_tests};
use super::{Finding, assert_tidy};

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 70;
/// Files should stay near 150 lines; half of them may be longer than this only when the layout has gone wrong.
const FILE_LINES_MEDIAN_MAX: usize = 200;

/// Lines of a file that are not taken up by modules for tests.
fn lines(source: &Source) -> usize {
    let of_tests: usize = source.syntax().items.iter().filter(|item| is_for_tests(item)).map(span_lines).sum();
    source.text.lines().count() - of_tests
}

fn is_for_tests(item: &syn::Item) -> bool {
    let syn::Item::Mod(module) = item else { return false };
    module.attrs.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn span_lines(spanned: &impl Spanned) -> usize {
    let span = spanned.span();
    span.end().line - span.start().line + 1
}

fn long_file(source: &Source) -> Option<Finding> {
    let lines = lines(source);
    let instead = format!("{FILE_LINES_MAX} is the cap: part it by what its pieces know");
    (lines > FILE_LINES_MAX).then(|| Finding::new(&source.path, 0, format!("{lines} lines"), instead))
}

fn long_functions(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    find_long_functions(&source.path, without_tests(source.tokens()), &mut findings);
    findings
}

/// Goes by tokens, so that functions inside macros count as well.
fn find_long_functions(path: &str, tokens: TokenStream, findings: &mut Vec<Finding>) {
    let mut open: Option<Ident> = None;
    let mut follows_fn = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if follows_fn => open = Some(ident),
            TokenTree::Ident(ident) => {
                follows_fn = ident == "fn";
                continue;
            }
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Brace
                    && let Some(name) = open.take()
                {
                    findings.extend(long_function(path, &name, group.span_close().end().line));
                }
                find_long_functions(path, group.stream(), findings);
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => open = None,
            _ => {}
        }
        follows_fn = false;
    }
}

fn long_function(path: &str, name: &Ident, end_line: usize) -> Option<Finding> {
    let start_line = name.span().start().line;
    let lines = end_line - start_line + 1;
    let instead = format!("{FUNCTION_LINES_MAX} is the cap: name its steps");
    (lines > FUNCTION_LINES_MAX).then(|| Finding::new(path, start_line, format!("`{name}` has {lines} lines"), instead))
}

#[test]
fn files_are_short() {
    let rust = TREE.iter().filter(|source| source.is_rust() && !source.is_template());
    let findings: Vec<_> = rust.filter_map(long_file).collect();
    assert_tidy(&findings);
}

#[test]
fn files_are_short_on_the_whole() {
    let mut all: Vec<usize> = shipped().filter(|source| source.path.starts_with("host/src/")).map(lines).collect();
    all.sort_unstable();
    let median = all.get(all.len() / 2).copied().unwrap_or_default();
    assert!(
        median <= FILE_LINES_MEDIAN_MAX,
        "the median file of the host has {median} lines; part the longest by what they know"
    );
}

#[test]
fn functions_are_short() {
    let findings: Vec<_> = shipped().flat_map(long_functions).collect();
    assert_tidy(&findings);
}

#[test]
fn what_is_too_long_is_caught_and_tests_do_not_count() {
    let long = "let _ = 1;\n".repeat(FUNCTION_LINES_MAX);
    for holder in [
        "fn f() {\nBODY}",
        "impl X {\nfn f(&self) {\nBODY}\n}",
        "trait X {\nfn f() {\nBODY}\n}",
        "fn o() { fn f() {\nBODY} }",
    ] {
        let source = Source::new("x.rs", &holder.replace("BODY", &long));
        assert!(!long_functions(&source).is_empty(), "{holder}");
        let in_tests = Source::new("x.rs", &format!("#[cfg(test)]\nmod tests {{\n{}\n}}", source.text));
        assert_eq!(long_functions(&in_tests), []);
    }
    let filler = "const A: u8 = 1;\n".repeat(FILE_LINES_MAX);
    assert!(long_file(&Source::new("x.rs", &filler)).is_none());
    assert!(long_file(&Source::new("x.rs", &format!("{filler}const B: u8 = 1;\n"))).is_some());
    assert!(long_file(&Source::new("x.rs", &format!("{filler}#[cfg(test)]\nmod tests {{\n{filler}}}\n"))).is_none());
    assert!(long_file(&Source::new("x.rs", &format!("#[cfg(test)]\nmod tests {{\n{filler}}}\n"))).is_none());
}
