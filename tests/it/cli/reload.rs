//! `dev` takes up what is edited while it runs, and goes on with what it has when that cannot be built.

use std::fs;
use std::path::Path;

use keyferry_tests::shell::Shell;
use serde_json::Value;

use super::project;

/// Replaces text in a file, as an editor does that saves by renaming.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "`{from}` is not in {}", file.display());
    let saved = file.with_extension("saved");
    fs::write(&saved, text.replace(from, to)).unwrap();
    fs::rename(saved, file).unwrap();
}

/// Lets a shell reach the host that `dev` started.
fn connect(shell: &mut Shell) {
    let lines = fs::read_to_string(shell.folder().join("data/dev.env")).unwrap();
    for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
        shell.set(name, value);
    }
}

/// The plugin as the API shows it.
async fn shown(shell: &Shell) -> Value {
    let listed = shell.quietly("keyferry plugin list --json").await.expect(0).json();
    let plugin = listed[0].clone();
    assert_eq!((&plugin["id"], &plugin["state"]), (&"acme-reload".into(), &"ACTIVE".into()), "{listed:#}");
    plugin
}

#[tokio::test]
async fn edited_plugin_is_reloaded_and_a_broken_one_is_told() {
    let (mut shell, project) = project::new("acme-reload").await;
    let (source, manifest) = (project.join("src/lib.rs"), project.join("Cargo.toml"));
    let plugins = project.display();
    let mut dev = shell.start(&format!("keyferry dev --listen 127.0.0.1:0 --data-dir data --plugins '{plugins}'"));
    dev.says("DEVELOPMENT HOST").await;
    connect(&mut shell);
    assert_eq!(shown(&shell).await["description"], "Variables of a project.");

    edit(&source, "Variables of a project.", "Variables of many projects.");
    dev.says("plugin acme-reload is active").await;
    assert_eq!(shown(&shell).await["description"], "Variables of many projects.");

    edit(&source, "fn describe(&self)", "fn described(&self)");
    let said = dev.says("hint: the plugins stay as they are until the sources can be built").await;
    assert!(said.contains("`described` is not a member of trait `Integration`"), "{said}");
    assert!(said.contains("error: cannot build acme-reload"), "{said}");
    assert_eq!(shown(&shell).await["description"], "Variables of many projects.");

    edit(&manifest, "version = \"0.1.0\"", "version = \"0.2.0\"");
    dev.says("error: cannot build acme-reload").await;
    edit(&source, "fn described(&self)", "fn describe(&self)");
    dev.says("plugin acme-reload is active").await;
    let plugin = shown(&shell).await;
    assert_eq!((&plugin["version"], &plugin["activeVersion"]), (&"0.2.0".into(), &"0.2.0".into()));

    dev.interrupt();
    let ran = dev.ended().await.expect(0);
    assert!(ran.stderr.ends_with("stopping\n"), "{}", ran.stderr);
}
