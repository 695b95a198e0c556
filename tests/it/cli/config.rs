//! Connections: made, published, tested, deleted.

use keyferry_tests::fake_plugins::{FakePlugins, RIGHT, parameter_store};
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;
use serde_json::json;

use super::PROGRAM;

async fn shell() -> (Served, Shell) {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    served.api.plugin(&parameter_store()).await;
    let shell = Shell::at(PROGRAM, &served);
    shell.write("right", &format!("{RIGHT}\n"));
    (served, shell)
}

#[tokio::test]
async fn connection_lives_from_draft_to_deletion() {
    let (_served, mut shell) = shell().await;
    let create =
        "keyferry config create aws-parameter-store --auth access-key -c accessKeyId=AKIA -c secretAccessKey=@right";
    let made = shell.run(&format!("{create} -p region=eu-west-1 --draft --display-name Staging")).await.expect(0);
    shell.set("ID", made.stdout.trim());
    for line in [
        "keyferry config get aws-parameter-store $ID",
        "keyferry config publish aws-parameter-store $ID --note first",
        "keyferry config verify aws-parameter-store $ID",
        "keyferry config verify aws-parameter-store $ID --json",
        "keyferry config list aws-parameter-store",
        "keyferry config delete aws-parameter-store $ID",
        "keyferry config get aws-parameter-store $ID",
        "keyferry config list aws-parameter-store --json",
    ] {
        shell.run(line).await;
    }
    shell.run(&format!("{create} -p region=eu-west-1 --json")).await.expect(0);
    shell.run("keyferry config list aws-parameter-store").await.expect(0);
    let transcript = shell.transcript();
    assert!(!transcript.contains(RIGHT), "{transcript}");
    insta::assert_snapshot!("connection", transcript);
}

#[tokio::test]
async fn draft_that_cannot_be_published_is_told() {
    let (_served, mut shell) = shell().await;
    shell.run("keyferry config create aws-parameter-store -p region=eu-west-1").await.expect(2);
    shell.run("keyferry config list aws-parameter-store").await.expect(0);
    insta::assert_snapshot!("unpublished", shell.transcript());
}

#[tokio::test]
async fn parameters_have_the_types_that_the_integration_asks_for() {
    let (_served, shell) = shell().await;
    for (entered, kept) in [("region=42", "42"), ("region='\"42\"'", "42"), ("region=eu", "eu")] {
        let line = format!("keyferry config create aws-parameter-store -p {entered} -p retries=3 --draft --json");
        let made = shell.quietly(&line).await.expect(0).json();
        assert_eq!(
            (&made["parameters"]["region"], &made["parameters"]["retries"]),
            (&json!(kept), &json!(3)),
            "{made}"
        );
    }
}

#[tokio::test]
async fn everything_wrong_with_a_connection_is_told_at_once() {
    let (_served, mut shell) = shell().await;
    for line in [
        "keyferry config create aws-parameter-store --auth acces-key -p regoin=eu-west-1 -p retries=11",
        "keyferry config create aws-parameter-store --auth access-key -p region=eu-west-1 -c secretAccessKey=@right",
        "keyferry config create aws-parameter-store -p region=eu-west-1 -c accessKeyId=AKIA",
        "keyferry config create absent -p a=b",
        "keyferry config create absent -p a=1",
        "keyferry config verify aws-parameter-store nonsense",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("wrong", shell.transcript());
}
