//! Following a run: by its events, without them, on a terminal, and until somebody presses Ctrl-C.

use std::time::Duration;

use keyferry_tests::program::eventually;
use keyferry_tests::served::{Fault, Served};
use keyferry_tests::shelf::Shelf;
use keyferry_tests::shell::Shell;
use serde_json::Value;

use super::sync::{CREATE, shell};

const LIMIT: Duration = Duration::from_secs(60);

async fn sync(served: &Served) -> Value {
    served.api.admin().get("/v1/tenants/acme/syncs/app").await.expect(200).json
}

/// A shell with the sync `app`, whose run will wait until the shelf is opened.
async fn before_a_long_run() -> (Shelf, Served, Shell) {
    let shelf = Shelf::default();
    let (served, mut shell) = shell(&shelf).await;
    shell.run(CREATE).await.expect(0);
    shelf.close();
    (shelf, served, shell)
}

#[tokio::test]
async fn steps_are_told_as_they_happen() {
    let (shelf, _served, mut shell) = before_a_long_run().await;
    let line = "keyferry sync run app";
    let mut running = shell.start(line);
    let before = running.says("planned").await;
    assert!(before.contains("2 secrets at the source"), "{before}");
    shelf.open();
    let ran = running.ended().await.expect(0);
    shell.note(line, &ran);
    insta::assert_snapshot!("steps", shell.transcript());
}

#[tokio::test]
async fn interrupted_follower_leaves_the_run_going() {
    let (shelf, served, mut shell) = before_a_long_run().await;
    let line = "keyferry sync run app";
    let mut running = shell.start(line);
    running.says("planned").await;
    running.interrupt();
    let ran = running.ended().await.expect(130);
    shell.note(line, &ran);
    assert_eq!(sync(&served).await["state"], "RUNNING");

    let line = "keyferry sync watch app";
    let mut watching = shell.start(line);
    watching.says("planned").await;
    shelf.open();
    let ran = watching.ended().await.expect(0);
    shell.note(line, &ran);
    assert_eq!(shelf.items().len(), 2);
    insta::assert_snapshot!("interrupted", shell.transcript());
}

#[tokio::test]
async fn run_is_left_and_cancelled() {
    let (shelf, served, mut shell) = before_a_long_run().await;
    let accepted = shell.run("keyferry sync run app --no-wait").await.expect(0);
    assert_eq!(accepted.stdout.trim().len(), 36, "it is the run's id");
    eventually("the run has begun", LIMIT, async || (sync(&served).await["state"] == "RUNNING").then_some(())).await;
    shell.run("keyferry sync cancel app").await.expect(0);
    let watching = shell.start("keyferry sync watch app");
    shelf.open();
    let ran = watching.ended().await;
    // What was under way when the run was cancelled may have been all there was.
    assert!([0, 3].contains(&ran.code), "{ran:#?}");
}

#[tokio::test]
async fn cut_stream_is_taken_up_again_where_it_was_cut() {
    let (shelf, served, shell) = before_a_long_run().await;
    served.break_streams(&[Fault::Cut, Fault::Refuse]);
    let line = "keyferry sync run app";
    let mut running = shell.start(line);
    running.says("planned").await;
    eventually("both streams broke", LIMIT, async || (served.faults_left() == 0).then_some(())).await;
    shelf.open();
    let ran = running.ended().await.expect(0);
    for step in ["started", "2 secrets at the source", "planned: 2 create"] {
        assert_eq!(ran.stderr.matches(step).count(), 1, "{step} is told once:\n{}", ran.stderr);
    }
    assert!(ran.stderr.contains("2 of 2 keys done"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "succeeded: 2 create\n");
}

#[tokio::test]
async fn run_is_followed_without_events() {
    let (shelf, served, shell) = before_a_long_run().await;
    served.break_streams(&[Fault::RefuseAll]);
    let running = shell.start("keyferry sync run app");
    eventually("the run has begun", LIMIT, async || (sync(&served).await["state"] == "RUNNING").then_some(())).await;
    shelf.open();
    let ran = running.ended().await.expect(0);
    assert!(ran.stderr.contains("2 of 2 keys done"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "succeeded: 2 create\n");
}

#[tokio::test]
async fn terminal_shows_a_bar_and_clears_it() {
    let shelf = Shelf::default();
    let (_served, mut shell) = shell(&shelf).await;
    shell.quietly(CREATE).await.expect(0);
    shell.set("TERM", "xterm");
    // Python's `pty` gives the program a terminal, and passes on what it writes there.
    shell.write("terminal.py", "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))\n");
    let ran = shell.quietly("python3 terminal.py keyferry sync run app").await.expect(0);
    assert!(ran.stdout.contains(&format!("[{}] 2/2", "█".repeat(30))), "{:?}", ran.stdout);
    assert!(!ran.stdout.contains("0/0"), "no bar before there is something to be measured: {:?}", ran.stdout);
    // Clearing moves to the start of the line and erases it.
    assert!(ran.stdout.trim_end().ends_with("\u{1b}[2Ksucceeded: 2 create"), "{:?}", ran.stdout);
    let silent = shell.quietly("python3 terminal.py keyferry sync run app --json").await.expect(0);
    assert!(silent.stdout.starts_with('{') && !silent.stdout.contains('\u{1b}'), "{:?}", silent.stdout);
}
