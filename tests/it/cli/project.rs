//! A new plugin's way from nothing to a running host, by the commands that `plugin new` names.

use std::fs;
use std::path::{Path, PathBuf};

use keyferry_tests::program::Host;
use keyferry_tests::shell::Shell;

use super::PROGRAM;

/// A new project in the current folder of a shell that may build. Its folder is always the same one, since cargo and our own
/// builds tell projects by place: what earlier tests compiled of its dependencies stays in its target folder.
pub(super) async fn new(name: &str) -> (Shell, PathBuf) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects");
    let (project, kept) = (home.join(name), home.join(format!("{name}-target")));
    fs::create_dir_all(&home).unwrap();
    if project.join("target").is_dir() {
        let _ = fs::remove_dir_all(&kept);
        fs::rename(project.join("target"), &kept).unwrap();
    }
    let _ = fs::remove_dir_all(&project);

    let mut shell = Shell::new(PROGRAM);
    shell.allow_builds();
    shell.quietly(&format!("keyferry plugin new {name} --path '{}'", home.display())).await.expect(0);
    if kept.is_dir() {
        fs::rename(&kept, project.join("target")).unwrap();
    }
    // The versions that are tested here, rather than today's newest.
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"), project.join("Cargo.lock")).unwrap();
    (shell, project)
}

#[tokio::test]
async fn new_project_is_tested_built_and_installed_in_three_commands() {
    let host = Host::serve(PROGRAM).await;
    let (mut shell, project) = new("acme-vault").await;
    shell.connect(host.client().url(), host.client().token(), "none");
    let enter = format!("cd '{}'", project.display());

    let tested = shell.quietly(&format!("{enter} && cargo test")).await.expect(0);
    assert!(tested.stdout.contains("test result: ok. 7 passed"), "{tested:#?}");
    let built = shell.quietly(&format!("{enter} && keyferry plugin build")).await.expect(0);
    assert_eq!(Path::new(built.stdout.trim()), project.join("target/plugins/acme-vault.wasm"));
    let installed = shell.quietly(&format!("{enter} && keyferry plugin install target/plugins/acme-vault.wasm")).await;
    assert_eq!(installed.expect(0).stdout, "installed `acme-vault` 0.1.0\n");

    let listed = shell.quietly("keyferry plugin list --json").await.expect(0).json();
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&"acme-vault".into(), &"ACTIVE".into()), "{listed:#}");
    let compared = shell.quietly(&format!("{enter} && keyferry plugin inspect target/plugins/acme-vault.wasm")).await;
    let compared = compared.expect(0).stdout;
    assert!(compared.ends_with("AGAINST 0.1.0 (active): it inherits the grants\n\nnothing changes\n"), "{compared}");
}
