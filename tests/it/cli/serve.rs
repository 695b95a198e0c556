//! Why a host does not start, and that `check` finds out without starting one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use keyferry_tests::program::Host;
use keyferry_tests::shell::Shell;

use super::PROGRAM;

/// A shell whose host has never been started.
fn fresh() -> Shell {
    let mut shell = Shell::new(PROGRAM);
    shell.set("KEYFERRY__CRYPTO__ROOT_KEY_FILE", &shell.folder().join("root.key").display().to_string());
    shell.set("KEYFERRY__SERVER__LISTEN", "127.0.0.1:0");
    shell
}

/// Starts the host and stops it; what it said.
async fn serve_once(shell: &Shell) -> String {
    let mut host = shell.start("keyferry serve --data-dir data --administrator-token-file token");
    host.says("listening on").await;
    host.terminate();
    let ran = host.ended().await;
    ran.expect(0).stderr
}

/// A shell whose host has a store with a root key.
async fn shell() -> Shell {
    let shell = fresh();
    serve_once(&shell).await;
    shell
}

#[tokio::test]
async fn check_before_the_first_start_makes_nothing() {
    let mut shell = fresh();
    for (line, code) in [
        ("keyferry check --data-dir data", 0),
        ("keyferry check --data-dir data --json", 0),
        ("KEYFERRY__CRYPTO__ROOT_KEY_FILE=data/root.key keyferry check --data-dir data", 2),
        ("KEYFERRY__CRYPTO__ROOT_PROVIDER=env KEYFERRY_ROOT_KEY=hunter2 keyferry check --data-dir data", 2),
        (": > file", 0),
        ("keyferry check --data-dir file/data", 2),
        ("keyferry token --administrator --data-dir data", 4),
        ("ls -A", 0),
    ] {
        shell.run(line).await.expect(code);
    }
    insta::assert_snapshot!("first_start", shell.transcript());
    let said = serve_once(&shell).await;
    assert!(said.contains("keep a copy of it"), "{said}");
}

#[tokio::test]
async fn first_token_is_not_lost_to_a_file_that_cannot_be_written() {
    let shell = fresh();
    let line = "keyferry serve --data-dir data --administrator-token-file absent/token";
    let refused = shell.quietly(line).await.expect(2);
    assert!(refused.stderr.contains("`absent/token` cannot be written"), "{}", refused.stderr);
    assert!(!shell.folder().join("data").exists(), "nothing is made before");
    let said = serve_once(&shell).await;
    assert!(said.contains("good for 30 days, to token"), "{said}");
    assert!(fs::read_to_string(shell.folder().join("token")).unwrap().starts_with("eyJ"));
}

#[tokio::test]
async fn sound_host_is_checked_without_being_served() {
    let mut shell = shell().await;
    shell.run("keyferry check --data-dir data").await.expect(0);
    shell.run("keyferry check --data-dir data --json").await.expect(0);
    insta::assert_snapshot!("sound", shell.transcript());
    let mode = fs::metadata(shell.folder().join("root.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o400);
}

#[tokio::test]
async fn wrong_configuration_is_told_whole_and_with_what_was_meant() {
    let mut shell = fresh();
    shell.write(
        "wrong.toml",
        "[server]\nlistn = '127.0.0.1:0'\nshutdown_timeout = '10'\n[storage]\nx = 1\n[sync]\nruns_max = -1\n",
    );
    shell.write("broken.toml", "[server\n");
    for line in [
        "keyferry serve --config wrong.toml",
        "keyferry check --config wrong.toml --json",
        "keyferry serve --config broken.toml",
        "keyferry check --config absent.toml",
        "KEYFERRY__SERVER__LISTEN=nowhere KEYFERRY__EGRES__LOOPBACK=* keyferry check",
        "KEYFERRY__EGRESS__PRIVATE_RANGES=10.0.0.0/99 keyferry check --data-dir data",
        "KEYFERRY__TELEMETRY__LOG=foo=bar=baz keyferry check --data-dir data",
        "KEYFERRY__SYNC__RUNS_MAX=0 KEYFERRY__STORE__DATA_DIR= keyferry check",
        "keyferry dev --listen 0.0.0.0:0",
        "keyferry dev --listen 127.0.0.1:0 --plugins absent",
    ] {
        shell.run(line).await.expect(2);
    }
    insta::assert_snapshot!("configuration", shell.transcript());
}

#[tokio::test]
async fn root_key_that_is_not_the_stores_opens_nothing() {
    let mut shell = shell().await;
    shell.run("head -c 32 /dev/urandom > other.key && chmod 600 other.key").await.expect(0);
    shell.run("cp other.key open.key && chmod 644 open.key").await.expect(0);
    shell.run("cp other.key data/inside.key").await.expect(0);
    for file in ["other.key", "open.key", "data/inside.key", "absent.key"] {
        let variable = format!("KEYFERRY__CRYPTO__ROOT_KEY_FILE=$PWD/{file}");
        shell.run(&format!("{variable} keyferry check --data-dir data")).await.expect(2);
    }
    let environment = "KEYFERRY__CRYPTO__ROOT_PROVIDER=env KEYFERRY_ROOT_KEY";
    shell.run(&format!("{environment}=hunter2 keyferry serve --data-dir data")).await.expect(2);
    shell.run("keyferry check --data-dir data").await.expect(0);
    let transcript = shell.transcript();
    assert!(!transcript.lines().any(|line| line.contains("hunter2") && !line.starts_with('$')), "{transcript}");
    insta::assert_snapshot!("root_key", transcript);
}

#[tokio::test]
async fn data_directory_and_address_belong_to_one_host() {
    let host = Host::serve(PROGRAM).await;
    let mut shell = Shell::new(PROGRAM);
    let data = host.data().display().to_string();
    shell.filter(&format!("{}|\\$DATA", regex::escape(&data)), "[data]");
    shell.set("DATA", &data);
    shell.set("KEYFERRY__CRYPTO__ROOT_KEY_FILE", &shell.folder().join("root.key").display().to_string());
    shell.run("keyferry check --data-dir $DATA").await.expect(5);
    let address = host.client().url().trim_start_matches("http://").to_owned();
    for command in ["serve", "check"] {
        shell.run(&format!("keyferry {command} --data-dir own --listen {address}")).await.expect(5);
    }
    insta::assert_snapshot!("taken", shell.transcript());
}

#[tokio::test]
async fn damaged_store_is_told_as_such() {
    let mut shell = shell().await;
    for line in [
        "head -c 100 data/keyferry.redb > half && cp half data/keyferry.redb",
        "keyferry check --data-dir data",
        ": > data/keyferry.redb",
        "keyferry check --data-dir data",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("damaged", shell.transcript());
}
