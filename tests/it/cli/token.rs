//! Tokens for machine identities, and what administrators make.

use keyferry_tests::fake_plugins::FakePlugins;
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;
use serde_json::json;

use super::PROGRAM;

/// An identity with a client secret in `client-secret`, and its id in `$ID`.
async fn identity(shell: &mut Shell, served: &Served) {
    let made = served.api.admin().post("/v1/tenants/acme/identities", &json!({"name": "ci", "role": "OWNER"})).await;
    let id = made.expect(201).text_at("/id");
    let secrets = format!("/v1/tenants/acme/identities/{id}/clientSecrets");
    let secret = served.api.admin().post(&secrets, &json!({"name": "test"})).await.expect(201).text_at("/clientSecret");
    shell.write("client-secret", &format!("{secret}\n"));
    shell.set("ID", &id);
}

#[tokio::test]
async fn token_is_exchanged_and_lets_in() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    identity(&mut shell, &served).await;
    shell.unset("KEYFERRY_TOKEN");
    for line in [
        "keyferry token --client-id $ID --client-secret-file client-secret",
        "keyferry token --client-id $ID --json < client-secret",
        "KEYFERRY_TOKEN=$(keyferry token --client-id $ID < client-secret) keyferry environment list",
    ] {
        shell.run(line).await.expect(0);
    }
    shell.run("echo wrong | keyferry token --client-id $ID").await.expect(3);
    shell.run("keyferry token --client-id $ID --client-secret-file absent").await.expect(2);
    insta::assert_snapshot!("token", shell.transcript());
}

#[tokio::test]
async fn tenants_and_environments_are_made_and_listed() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    for line in [
        "keyferry tenant create other --display-name Other",
        "keyferry tenant create other",
        "keyferry tenant create 'not a name'",
        "keyferry tenant list",
        "keyferry tenant list --json",
        "keyferry environment create prod --display-name Production --json",
        "keyferry environment create staging",
        "keyferry environment list",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("tenants", shell.transcript());
}
