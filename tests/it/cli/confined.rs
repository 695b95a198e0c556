//! A host with little address space, as `ulimit -v` leaves it.

use std::fs;

use keyferry_tests::guests;
use keyferry_tests::shell::Shell;
use serde_json::json;

use super::PROGRAM;

/// Enough for a few instances and for a compilation, and far too little for the pool: 24 GiB, in units of 1 KiB.
const CONFINED: &str = "ulimit -v 25165824; ";

/// Enough for a compilation, which takes 4 GiB at most, and too little for the host and the 4 GiB of addresses of one memory.
const CRAMPED: &str = "ulimit -v 4300000; ";

const WARNING: &str = "plugin instances are allocated on demand";

/// A shell with a component of a plugin in its folder.
fn shell() -> Shell {
    let mut shell = Shell::new(PROGRAM);
    shell.set("KEYFERRY__CRYPTO__ROOT_KEY_FILE", &shell.folder().join("root.key").display().to_string());
    let metadata = json!({"id": "acme", "version": "1.1.0", "displayName": "Acme"});
    fs::write(shell.folder().join("acme.wasm"), guests::describing(&metadata)).unwrap();
    shell
}

#[tokio::test]
async fn host_without_room_for_its_pool_says_so_once() {
    let shell = shell();
    for (limit, expected) in [("", 0), (CONFINED, 1)] {
        let serve = "exec keyferry serve --listen 127.0.0.1:0 --data-dir data";
        let mut host = shell.start(&format!("sh -c '{limit}{serve}'"));
        host.says("listening on").await;
        host.terminate();
        let said = host.ended().await.expect(0).stderr;
        assert_eq!(said.matches(WARNING).count(), expected, "{said}");
    }
}

#[tokio::test]
async fn plugin_runs_without_room_for_the_pool() {
    let inspected = shell().quietly(&format!("{CONFINED}keyferry plugin inspect acme.wasm --json")).await.expect(0);
    assert_eq!(inspected.json()["metadata"]["id"], "acme", "{inspected:#?}");
}

#[tokio::test]
async fn plugin_is_not_to_blame_where_no_instance_has_room() {
    let refused = shell().quietly(&format!("{CRAMPED}keyferry plugin inspect acme.wasm")).await.expect(5);
    assert!(refused.stderr.contains("the host has no room for another plugin call now"), "{refused:#?}");
}
