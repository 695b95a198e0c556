//! Options of the configuration, as the program that runs with them shows.

use keyferry_tests::shell::{Running, Shell};
use serde_json::Value;

use super::PROGRAM;

/// 32 bytes in hexadecimal.
const ROOT_KEY: &str = "6bde1c0f9a7d42e35b8816c4f02d97ae6bde1c0f9a7d42e35b8816c4f02d97ae";

/// A shell whose host takes the root key from the environment.
fn shell() -> Shell {
    let mut shell = Shell::new(PROGRAM);
    shell.set("KEYFERRY__SERVER__LISTEN", "127.0.0.1:0");
    shell.set("KEYFERRY__CRYPTO__ROOT_PROVIDER", "env");
    shell.set("KEYFERRY_ROOT_KEY", ROOT_KEY);
    shell
}

/// A host that listens, and what it said until then; the shell knows its address as `$URL`.
async fn serving(shell: &mut Shell) -> (Running, String) {
    let mut host = shell.start("keyferry serve --data-dir data --administrator-token-file token");
    let mut said = host.says("listening on ").await;
    let url = said.trim_end().rsplit(' ').next().expect("the address comes last").to_owned();
    said += &host.says("token").await;
    shell.set("URL", &url);
    (host, said)
}

async fn stopped(host: Running) -> String {
    host.terminate();
    host.ended().await.expect(0).stderr
}

#[tokio::test]
async fn root_key_of_the_environment_opens_the_store_again() {
    let mut shell = shell();
    let (host, _) = serving(&mut shell).await;
    let said = stopped(host).await;
    assert!(said.contains("root key: $KEYFERRY_ROOT_KEY") && !said.contains(ROOT_KEY), "{said}");
    let checked = shell.quietly("keyferry check --data-dir data").await.expect(0);
    assert!(checked.stdout.contains("order"), "{checked:?}");
    shell.set("KEYFERRY_ROOT_KEY", &ROOT_KEY.replace('6', "7"));
    let refused = shell.quietly("keyferry check --data-dir data").await.expect(2);
    assert!(refused.stderr.contains("root key"), "{}", refused.stderr);
}

#[tokio::test]
async fn log_for_machines_has_the_id_of_each_request() {
    let mut shell = shell();
    shell.set("KEYFERRY__TELEMETRY__LOG_FORMAT", "json");
    let (host, _) = serving(&mut shell).await;
    let seen = shell.quietly("curl -s -D - -o body $URL/v1/tenants | grep -i x-request-id").await.expect(0).stdout;
    let id = seen.trim().rsplit(' ').next().expect("the id comes last").to_owned();
    let log = stopped(host).await;
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("a line of the log is JSON")).collect();
    let of_request = |line: &&Value| line["span"]["request.id"] == id.as_str() && line["message"] == "answered";
    let answered = lines.iter().find(of_request).unwrap_or_else(|| panic!("{id} is not in\n{log}"));
    assert_eq!(answered["http.route"], "/v1/tenants");
    assert_eq!(answered["http.status"], 401);
    assert_eq!(answered["level"], "INFO");
}

/// How many of twenty requests in a row are answered with 200, and how many with 429.
async fn twenty_answers(rate: &[(&str, &str)]) -> (usize, usize) {
    let mut shell = shell();
    for (option, value) in rate {
        shell.set(&format!("KEYFERRY__SERVER__REQUESTS_{option}"), value);
    }
    let (host, _) = serving(&mut shell).await;
    let requests = " -o body $URL/v1/tenants".repeat(20);
    let asked = format!("curl -s -w '%{{http_code}}\\n' -H \"Authorization: Bearer $(cat token)\"{requests}");
    let answers = shell.quietly(&asked).await.expect(0).stdout;
    stopped(host).await;
    let count = |status| answers.lines().filter(|line| *line == status).count();
    (count("200"), count("429"))
}

#[tokio::test]
async fn callers_are_held_to_the_rate() {
    let (passed, refused) = twenty_answers(&[("PER_SECOND", "1"), ("BURST", "1")]).await;
    assert!(passed >= 1 && refused >= 1 && passed + refused == 20, "{passed} and {refused}");
    assert_eq!(twenty_answers(&[("PER_SECOND", "0")]).await, (20, 0));
}
