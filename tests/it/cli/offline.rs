//! What is said when there is no server, or none that lets one in.

use keyferry_tests::fake_plugins::FakePlugins;
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;

use super::PROGRAM;

#[tokio::test]
async fn server_that_is_not_there_is_told_with_what_to_do() {
    let mut shell = Shell::new(PROGRAM);
    shell.write("acme.env", "A=1\n");
    // Port 1 is reserved, and nothing listens there.
    shell.set("KEYFERRY_URL", "http://127.0.0.1:1");
    for line in [
        "keyferry integration list",
        "keyferry secret import acme.env",
        "keyferry sync run app --json",
        "keyferry plugin list --url nonsense",
        "keyferry plugin install absent.wasm",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("no_server", shell.transcript());
}

#[tokio::test]
async fn commands_that_need_no_server_work_without_one() {
    let shell = Shell::new(PROGRAM);
    let document = shell.quietly("keyferry openapi").await.expect(0);
    assert_eq!(document.json()["openapi"], "3.1.0");
    shell.quietly("keyferry plugin new acme").await.expect(0);
    assert!(shell.folder().join("acme/src/lib.rs").is_file());
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let (_, member) = served.api.member("acme", "reader", "READER").await;
    let mut shell = Shell::at(PROGRAM, &served);
    shell.run("keyferry sync list --token eyJ.no.token").await.expect(3);
    shell.run("keyferry sync list --token \"$(printf 'eyJ.no.token\\r')\"").await.expect(3);
    shell.run("keyferry sync list --token 'two words'").await.expect(2);
    shell.unset("KEYFERRY_TOKEN");
    shell.run("keyferry sync list").await.expect(3);
    shell.set("KEYFERRY_TOKEN", &member);
    shell.run("keyferry secret set /app/A=1").await.expect(3);
    shell.run("keyferry plugin list --json").await.expect(3);
    shell.run("keyferry environment list --tenant other").await.expect(4);
    insta::assert_snapshot!("not_let_in", shell.transcript());
}
