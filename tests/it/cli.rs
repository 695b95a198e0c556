//! The command line: each story is compared with the transcript that was approved, in `snapshots` beside it.
//!
//! `INSTA_UPDATE=always cargo test cli` writes the transcripts anew; look at the difference.

mod completions;
mod config;
mod confined;
mod dev;
mod follow;
mod help;
mod integration;
mod offline;
mod options;
mod plugin;
mod project;
mod reload;
mod secret;
mod serve;
mod sync;
mod token;

use std::fs;
use std::path::{Path, PathBuf};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_keyferry-under-test");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/cli")
}

/// Every approved transcript by its file's name, without insta's heading.
fn transcripts() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder().join("snapshots")).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        let transcript = text.splitn(3, "---\n").nth(2).unwrap_or_default().to_owned();
        (entry.file_name().into_string().unwrap(), transcript)
    };
    entries.map(read).collect()
}

#[test]
fn every_transcript_is_compared_with_something() {
    for (name, _) in transcripts() {
        // `it__cli__secret__imports.snap` is named in `secret.rs`.
        let part = name.strip_prefix("it__cli__").and_then(|rest| rest.strip_suffix(".snap")?.split_once("__"));
        let (module, story) = part.unwrap_or_else(|| panic!("`{name}` is no transcript: remove it"));
        let source = fs::read_to_string(folder().join(module).with_extension("rs")).unwrap_or_default();
        assert!(source.contains(&format!("(\"{story}\", ")), "nothing is compared with `{name}`: remove it");
    }
}

#[test]
fn examples_of_the_documentation_are_what_the_program_prints() {
    let page = fs::read_to_string(folder().join("../../../host/docs/cli.md")).unwrap();
    let transcripts: Vec<String> =
        transcripts().into_iter().map(|(_, text)| format!("\n\n{}\n\n$ ", text.trim())).collect();
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let examples: Vec<String> = blocks
        .flat_map(|block| format!("\n{block}").split("\n$ ").skip(1).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(examples.len() > 20, "only {} examples are found", examples.len());
    for example in examples {
        let whole = format!("\n\n$ {}\n\n$ ", example.trim());
        assert!(transcripts.iter().any(|text| text.contains(&whole)), "no test sees this:\n$ {example}");
    }
}
