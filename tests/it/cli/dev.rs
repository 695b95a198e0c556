//! `dev` from its greeting to its end: what it says to try can be tried, and what it says is removed is removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyferry_tests::program::eventually;
use keyferry_tests::shell::{Running, Shell};

use super::PROGRAM;

/// One bundled plugin is enough, and nobody edits it.
const DEV: &str = concat!(
    "keyferry dev --listen 127.0.0.1:0 --no-reload --plugins '",
    env!("CARGO_MANIFEST_DIR"),
    "/../plugins/http'"
);

const START_LIMIT: Duration = Duration::from_secs(120);

/// A shell whose temporary files are in a folder of its own, with a name that takes care to be quoted.
fn shell() -> (Shell, PathBuf) {
    let mut shell = Shell::new(PROGRAM);
    shell.allow_builds();
    let temporary = shell.folder().join("it's temporary");
    fs::create_dir(&temporary).unwrap();
    shell.set("TMPDIR", &temporary.display().to_string());
    (shell, temporary)
}

/// The throw-away folders of development hosts.
fn throw_away(temporary: &Path) -> Vec<String> {
    let names = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("keyferry-dev-")).collect()
}

/// Waits for the greeting, and does in another terminal what it says, then `more`. Answers what that printed.
async fn follow(dev: &mut Running, more: &str) -> String {
    let said = dev.says("keyferry integration list").await;
    let (_, advice) = said.split_once("Try, in another terminal:\n").unwrap();
    assert_eq!(advice.lines().filter(|line| !line.is_empty()).count(), 3, "{advice}");
    let other_terminal = Shell::new(PROGRAM);
    other_terminal.quietly(&format!("set -e\n{advice}\n{more}")).await.expect(0).stdout
}

const READ_BACK: &str = "keyferry secret get /app/GREETING";

#[tokio::test]
async fn greeting_can_be_followed_and_the_throw_away_folder_goes() {
    for stop in [Running::terminate, Running::interrupt] {
        let (shell, temporary) = shell();
        let mut dev = shell.start(DEV);
        let printed = follow(&mut dev, READ_BACK).await;
        assert!(printed.contains("\nhttp ") && printed.ends_with("\nhello\n"), "{printed}");
        assert_eq!(throw_away(&temporary).len(), 1);

        stop(&dev);
        let said = dev.ended().await.expect(0).stderr;
        assert!(said.contains("(removed at the end)") && said.ends_with("stopping\n"), "{said}");
        assert_eq!(throw_away(&temporary), Vec::<String>::new());
    }
}

#[tokio::test]
async fn given_folder_is_kept_with_what_was_stored() {
    let (shell, temporary) = shell();
    let line = format!("{DEV} --data-dir 'kept data'");
    let mut dev = shell.start(&line);
    follow(&mut dev, "").await;
    dev.terminate();
    let said = dev.ended().await.expect(0).stderr;
    assert!(said.contains("kept data (kept)") && said.ends_with("stopping\n"), "{said}");
    assert_eq!(throw_away(&temporary), Vec::<String>::new());

    let mut dev = shell.start(&line);
    dev.says("DEVELOPMENT HOST").await;
    let read = shell.quietly(&format!("set -a; . './kept data/dev.env'; {READ_BACK}")).await.expect(0);
    assert_eq!(read.stdout, "hello\n");
    dev.interrupt();
    dev.ended().await.expect(0);
}

/// Puts a `cargo` into the path that says when it is to build, and never ends.
fn never_building(shell: &mut Shell) -> PathBuf {
    let (bin, builds) = (shell.folder().join("bin"), shell.folder().join("builds"));
    fs::create_dir(&bin).unwrap();
    let real = env!("CARGO");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = build ]; then : > '{}'; exec sleep 600; fi\nexec '{real}' \"$@\"\n",
        builds.display()
    );
    fs::write(bin.join("cargo"), script).unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let programs = shell.folder().join("../bin");
    shell.set("PATH", &format!("{}:{}:{path}", bin.display(), programs.display()));
    builds
}

#[tokio::test]
async fn stopped_while_it_builds_it_leaves_nothing_behind() {
    for stop in [Running::terminate, Running::interrupt] {
        let (mut shell, temporary) = shell();
        let builds = never_building(&mut shell);
        shell.quietly("keyferry plugin new slow").await.expect(0);
        let dev = shell.start("keyferry dev --listen 127.0.0.1:0 --plugins slow");
        eventually("cargo builds", START_LIMIT, async || builds.exists().then_some(())).await;
        assert_eq!(throw_away(&temporary).len(), 1);

        stop(&dev);
        let said = dev.ended().await.expect(0).stderr;
        assert!(said.ends_with("stopping\n"), "{said}");
        assert_eq!(throw_away(&temporary), Vec::<String>::new());
    }
}
