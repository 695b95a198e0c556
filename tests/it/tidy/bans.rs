//! Words and names that have no place in the project, each with what stands in for it.

use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Source, TREE};
use super::{Finding, assert_tidy};

/// Where a ban holds.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    /// Every text file.
    Everywhere,
    /// All Rust.
    Rust,
    /// Rust of tests.
    Tests,
    /// Rust that is shipped.
    Shipped,
}

impl Scope {
    fn holds(self, source: &Source) -> bool {
        let is_rust = source.is_rust();
        match self {
            Self::Everywhere => true,
            Self::Rust => is_rust,
            Self::Tests => is_rust && (source.is_test_only() || source.text.contains("#[cfg(test)]")),
            Self::Shipped => is_rust && !source.is_test_only(),
        }
    }
}

struct Ban {
    scope: Scope,
    pattern: Regex,
    instead: &'static str,
    /// Files and folders that may, each by its nature.
    except: &'static [&'static str],
}

static BANS: LazyLock<Vec<Ban>> = LazyLock::new(|| {
    let ban = |scope, pattern: &str, instead| Ban {
        scope,
        pattern: pattern.parse().expect("a pattern"),
        instead,
        except: &[],
    };
    vec![
        ban(Scope::Everywhere, r"\b(TO[D]O|FIX[M]E|XX[X])\b", "do it now, or write an issue"),
        ban(Scope::Rust, r"\b(todo|unimplemented|dbg)!\s*[(\[{]", "write the code, or return `Code::NotSupported`"),
        Ban {
            // A hostile guest must misbehave.
            except: &["tests/guests/"],
            ..ban(Scope::Rust, r"\bthread::sleep\b", "await a condition, or a fake clock")
        },
        ban(Scope::Tests, r"#\[ignore", "mend the test, or delete it"),
        ban(Scope::Tests, r"\bfn test_\w+\(", "name the behaviour as a sentence, without the prefix"),
        Ban {
            except: &["host/src/main.rs", "host/src/cli/exit.rs"],
            ..ban(Scope::Shipped, r"\bprocess::exit\b", "return an exit code through `cli::exit`")
        },
        Ban {
            except: &["host/src/runtime/artifact.rs"],
            ..ban(
                Scope::Shipped,
                r"\bunsafe\s*[{(]|\bunsafe (fn|impl|trait)\b",
                "safe Rust; only `Component::deserialize` has no such way",
            )
        },
        ban(
            Scope::Everywhere,
            r"(^|[^A-Za-z0-9_./])/(work|farm|root)/",
            "a path from the configuration or a temporary folder",
        ),
        ban(
            Scope::Everywhere,
            r"(?i)\bsub[a]gents?\b|\bclaud[e]\b|\bchat[g]pt\b",
            "the project speaks of itself alone",
        ),
    ]
});

/// Names of files and modules that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "misc", "stuff"];

fn banned(source: &Source) -> Vec<Finding> {
    let holding = BANS
        .iter()
        .filter(|ban| ban.scope.holds(source) && !ban.except.iter().any(|place| source.path.starts_with(place)));
    let mut findings = Vec::new();
    for ban in holding {
        for (at, line) in source.text.lines().enumerate() {
            if let Some(found) = ban.pattern.find(line) {
                findings.push(Finding::new(&source.path, at + 1, format!("`{}`", found.as_str().trim()), ban.instead));
            }
        }
    }
    findings
}

fn badly_named(path: &str) -> Option<Finding> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.strip_suffix(".rs")?;
    if stem == "mod" {
        let instead = "`foo.rs` beside the folder `foo`";
        return Some(Finding::new(path, 0, "`mod.rs`", instead));
    }
    EMPTY_NAMES
        .contains(&stem)
        .then(|| Finding::new(path, 0, format!("`{stem}` says nothing"), "name it for what it knows"))
}

fn undocumented_module(source: &Source) -> Option<Finding> {
    let begins_well = source.text.trim_start().starts_with("//!") || source.text.trim_start().starts_with("#![doc");
    let is_module =
        source.is_rust() && !source.is_test_only() && !source.is_template() && !source.path.ends_with("/main.rs");
    (is_module && !begins_well).then(|| {
        Finding::new(&source.path, 1, "no `//!` at the top", "tell in 1 to 6 lines what lives here and what must not")
    })
}

#[test]
fn banned_words_stand_nowhere() {
    let own = ["tests/it/tidy/bans.rs"];
    let findings: Vec<_> = TREE.iter().filter(|source| !own.contains(&source.path.as_str())).flat_map(banned).collect();
    assert_tidy(&findings);
}

#[test]
fn files_have_telling_names() {
    let findings: Vec<_> = TREE.iter().filter_map(|source| badly_named(&source.path)).collect();
    assert_tidy(&findings);
}

#[test]
fn modules_tell_what_they_are_for() {
    let findings: Vec<_> = TREE.iter().filter_map(undocumented_module).collect();
    assert_tidy(&findings);
}

#[test]
fn each_ban_catches_what_it_names() {
    for (path, text) in [
        ("README.md", concat!("TO", "DO: write")),
        ("host/src/a.rs", concat!("todo", "!()")),
        ("host/src/a.rs", "dbg!(x);"),
        ("tests/it/a.rs", concat!("std::thread", "::sleep(d);")),
        ("tests/it/a.rs", concat!("#[", "ignore = \"slow\"]")),
        ("tests/it/a.rs", "fn test_it() {}"),
        ("host/src/a.rs", "std::process::exit(1)"),
        ("host/src/a.rs", "unsafe { f() }"),
        ("host/src/runtime/a.rs", "unsafe { f() }"),
        ("host/docs/a.md", concat!("see /ro", "ot/x")),
        ("host/docs/a.md", concat!("Sub", "agent")),
    ] {
        assert_eq!(banned(&Source::new(path, text)).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("host/src/main.rs", "std::process::exit(1)"),
        ("host/src/a.rs", "fn test_helper_is_fine_outside_tests() {}"),
        ("host/docs/a.md", "GET /v1/work/items, a/root/b"),
        ("host/src/a.rs", "tokio::time::sleep(d).await"),
        ("host/src/runtime/artifact.rs", "unsafe { f() }"),
        ("tests/guests/examples/sleeps.rs", "std::thread::sleep(d);"),
    ] {
        assert_eq!(banned(&Source::new(path, text)), [], "{path}: {text}");
    }
    assert!(badly_named("host/src/api/mod.rs").is_some() && badly_named("host/src/utils.rs").is_some());
    assert!(badly_named("host/src/model.rs").is_none());
    assert!(undocumented_module(&Source::new("host/src/a.rs", "use x;")).is_some());
    assert!(undocumented_module(&Source::new("host/src/a.rs", "//! A.\nuse x;")).is_none());
}
