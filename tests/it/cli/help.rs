//! What every command says of itself.

use keyferry_tests::shell::{Ran, Shell};

use super::PROGRAM;

/// The commands that a help text lists.
fn commands(help: &Ran) -> Vec<String> {
    let listed = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // A description that is too long goes on, further to the right.
    let names = listed.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test]
async fn every_command_explains_itself() {
    let mut shell = Shell::new(PROGRAM);
    let mut pending = vec![String::new()];
    let mut seen = 0;
    while let Some(command) = pending.pop() {
        let help = shell.run(&format!("keyferry{command} --help")).await.expect(0);
        pending.extend(commands(&help).into_iter().rev().map(|name| format!("{command} {name}")));
        seen += 1;
    }
    assert!(seen > 40, "only {seen} commands are found");
    insta::assert_snapshot!("help", shell.transcript());
}

#[tokio::test]
async fn wrong_command_lines_are_answered_with_what_was_meant() {
    let mut shell = Shell::new(PROGRAM);
    for line in [
        "keyferry",
        "keyferry sink list",
        "keyferry serve --listn 127.0.0.1:0",
        "keyferry sync rum app",
        "keyferry secret set",
        "keyferry config create shelf -c token",
        "keyferry plugin new acme --lang cobol",
        "keyferry --version",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("wrong_command_lines", shell.transcript());
}
