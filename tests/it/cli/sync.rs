//! Syncs: made, planned, run, approved, paused, deleted.

use std::time::Duration;

use keyferry_tests::program::eventually;
use keyferry_tests::served::Served;
use keyferry_tests::shelf::{REFUSED, Shelf};
use keyferry_tests::shell::Shell;
use serde_json::json;

use super::PROGRAM;

const LIMIT: Duration = Duration::from_secs(60);

/// A shell with a connection to the shelf in `$SHELF`, and two secrets in `/app`.
pub(super) async fn shell(shelf: &Shelf) -> (Served, Shell) {
    let served = Served::with_shelf(shelf).await;
    let mut shell = Shell::at(PROGRAM, &served);
    let made = shell.quietly("keyferry config create shelf --auth none").await.expect(0);
    shell.set("SHELF", made.stdout.trim());
    shell.quietly("keyferry secret set /app/A=1 /app/B=2").await.expect(0);
    (served, shell)
}

/// Makes the sync `app`, which runs only when it is told to.
pub(super) const CREATE: &str =
    "keyferry sync create app --integration shelf --config $SHELF --path /app -d path=/ -o autoSync=false";

#[tokio::test]
async fn sync_is_made_planned_run_and_deleted() {
    let shelf = Shelf::default();
    let (_served, mut shell) = shell(&shelf).await;
    for line in [
        CREATE,
        "keyferry sync status app",
        "keyferry sync watch app",
        "keyferry sync plan app",
        "keyferry sync run app",
        "keyferry sync status app",
        "keyferry sync watch app",
        "keyferry secret set /app/A=3 /app/C=4",
        "keyferry secret delete /app/B",
        "keyferry sync plan app",
        "keyferry sync plan app --json",
        "keyferry sync run app --json",
        "keyferry sync list",
        "keyferry sync list --json",
        "keyferry sync pause app",
        "keyferry sync run app",
        "keyferry sync status app",
        "keyferry sync resume app",
        "keyferry sync cancel app",
        "keyferry sync delete app",
        "keyferry sync status app",
    ] {
        shell.run(line).await;
    }
    let kept = shelf.items().clone();
    assert_eq!(kept, [("A", "3"), ("C", "4")].map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    insta::assert_snapshot!("sync", shell.transcript());
}

#[tokio::test]
async fn text_of_digits_is_text_where_text_is_meant() {
    let (_served, shell) = shell(&Shelf::default()).await;
    let create = "keyferry sync create app --integration shelf --config $SHELF --path /app";
    let options = "-d 'path=\"/\"' -o keyPrefix=1 -o autoSync=false -o driftCheckIntervalSeconds=3600";
    let made = shell.quietly(&format!("{create} {options} --json")).await.expect(0).json();
    assert_eq!(made["destination"]["path"], "/");
    assert_eq!((&made["options"]["keyPrefix"], &made["options"]["autoSync"]), (&json!("1"), &json!(false)), "{made}");
    assert_eq!(made["options"]["driftCheckIntervalSeconds"], 3600, "{made}");
    let removing = shell.quietly("keyferry sync delete app --remove-secrets --json").await.expect(0);
    assert_eq!(removing.json(), json!({"removing": "app"}));
}

#[tokio::test]
async fn blocked_plan_is_shown_and_approved_by_its_hash() {
    let shelf = Shelf::default();
    let (_served, mut shell) = shell(&shelf).await;
    shelf.put("A", "theirs");
    shell.run(CREATE).await.expect(0);
    let plan = shell.run("keyferry sync plan app --json").await.expect(0).json();
    shell.set("HASH", plan["planHash"].as_str().expect("a plan has a hash"));
    shell.run("keyferry sync plan app").await.expect(0);
    shell.run("keyferry sync run app").await.expect(3);
    shell.run("keyferry sync status app").await.expect(0);
    shell.run("keyferry sync run app --json").await.expect(3);
    assert_eq!(shelf.items()["A"], "theirs");
    shell.run("keyferry sync run app --approve 0000").await;
    shell.run("keyferry sync run app --approve $HASH").await.expect(0);
    assert_eq!(shelf.items()["A"], "1");
    shelf.put("FOREIGN", "theirs");
    shell.run("keyferry sync delete app --remove-secrets").await.expect(0);
    let only_foreign = async || (shelf.items().keys().collect::<Vec<_>>() == ["FOREIGN"]).then_some(());
    eventually("what was ours is gone", LIMIT, only_foreign).await;
    insta::assert_snapshot!("blocked", shell.transcript());
}

#[tokio::test]
async fn values_are_imported_and_drift_is_found() {
    let shelf = Shelf::default();
    let (_served, mut shell) = shell(&shelf).await;
    shelf.put("A", "1");
    shelf.put("OLD_TOKEN", "from before");
    shelf.put("legacy/key", "unnameable");
    shell.run(CREATE).await.expect(0);
    shell.run("keyferry sync import app --prioritize source").await.expect(0);
    shell.run("keyferry secret list /app").await.expect(0);
    shell.run("keyferry sync run app").await.expect(0);
    shell.run("keyferry sync check app").await.expect(0);
    shelf.put("OLD_TOKEN", "changed by somebody");
    shell.run("keyferry sync check app").await.expect(0);
    shell.run("keyferry sync status app").await.expect(0);
    shell.run("keyferry sync check app --json").await.expect(0);
    assert_eq!(shelf.items()["OLD_TOKEN"], "changed by somebody", "a check writes nothing");
    insta::assert_snapshot!("import_and_check", shell.transcript());
}

#[tokio::test]
async fn keys_that_fail_are_listed_and_the_others_arrive() {
    let shelf = Shelf::default();
    let (_served, mut shell) = shell(&shelf).await;
    shell.quietly(&format!("keyferry secret set /app/{REFUSED}=x")).await.expect(0);
    shell.run(CREATE).await.expect(0);
    shell.run("keyferry sync run app").await.expect(5);
    shell.run("keyferry sync status app").await.expect(0);
    assert_eq!(shelf.items().len(), 2);
    insta::assert_snapshot!("partial", shell.transcript());
}

#[tokio::test]
async fn sync_that_cannot_be_is_refused() {
    let (_served, mut shell) = shell(&Shelf::default()).await;
    for line in [
        "keyferry sync create app --integration shelf --config $SHELF --path /absent -d path=/",
        "keyferry sync create app --integration shelf --config $SHELF --path /app",
        "keyferry sync create app --integration shelf --config $SHELF --path /app -d path=/ -o onConflict=ASK -o autosync=no",
        "keyferry sync create app --integration absent --path /app",
        "keyferry sync create app",
        "keyferry sync run absent",
        "keyferry sync plan absent --json",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("refused", shell.transcript());
}
