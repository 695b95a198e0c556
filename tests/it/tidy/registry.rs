//! The registry of error codes and the page that documents it say the same. `UPDATE=1 cargo tidy` writes the page anew.

use std::fmt::Write;
use std::fs;

use keyferry::domain::error::{Class, Code, Retry};

use super::tree::root;

const PAGE: &str = "host/docs/errors.md";

const HEAD: &str = "# Errors

Every failing response is `application/problem+json` (RFC 9457) with one of these codes in `code`, which is the last part of
`type` as well. Codes are only ever added; each is produced by a test (`tests/it/error_codes.rs`). *Retry* tells whether the
same request can succeed later without a change; where a time is known, `Retry-After` carries it.

This page is generated from `host/src/domain/error.rs`; `UPDATE=1 cargo tidy` writes it anew.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for code in Code::ALL {
        let retry = match code.retry() {
            Retry::Never => "no",
            Retry::Later => "later",
        };
        write!(page, "\n## {code}\n\n{}.\n\nClass: {}. Retry: {retry}.\n", code.title(), class(code.class())).unwrap();
    }
    page
}

fn class(class: Class) -> String {
    // `PreconditionFailed` reads as `precondition failed`.
    let mut words = String::new();
    for letter in format!("{class:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[test]
fn error_codes_are_documented() {
    let place = root().join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, page()).unwrap();
    }
    let written = fs::read_to_string(&place).unwrap_or_default();
    assert!(written == page(), "{PAGE} does not say what the registry says; `UPDATE=1 cargo tidy` writes it anew");
}

#[test]
fn page_tells_everything_about_a_code() {
    let page = page();
    let section = page.split("\n## ").find(|section| section.starts_with("precondition_failed\n")).unwrap();
    assert!(section.contains("If-Match") && section.contains("Class: precondition failed. Retry: no."), "{section}");
    assert_eq!(page.matches("\n## ").count(), Code::ALL.len());
}
