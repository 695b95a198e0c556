//! Completion scripts: what a shell makes of them where it is there, and that they know the commands.

use std::process::Command;

use keyferry_tests::shell::Shell;

use super::PROGRAM;

#[tokio::test]
async fn bash_completes_commands_and_options() {
    let mut shell = Shell::new(PROGRAM);
    shell.write(
        "ask.sh",
        "eval \"$(keyferry completions bash)\"\n\
         ask() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _keyferry keyferry \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"\n\
         printf '%s\\n' \"${COMPREPLY[*]}\"; }\n\
         ask keyferry in\nask keyferry sync r\nask keyferry sync run --ap\nask keyferry plugin new --lang ''\n",
    );
    shell.run("bash ask.sh").await.expect(0);
    insta::assert_snapshot!("bash", shell.transcript());
}

#[tokio::test]
async fn every_script_knows_every_command() {
    let shell = Shell::new(PROGRAM);
    for (name, check) in [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish --no-execute")] {
        let script = shell.quietly(&format!("keyferry completions {name}")).await.expect(0).stdout;
        for word in ["integration", "environment", "import", "approve", "administrator-token-file", "completions"] {
            assert!(script.contains(word), "{name} does not know `{word}`");
        }
        assert!(!script.contains("compile-worker"), "{name} offers what is not for people");
        shell.write(name, &script);
        let is_there = Command::new(name).arg("-c").arg("true").status().is_ok_and(|status| status.success());
        if is_there {
            let checked = shell.quietly(&format!("{check} ./{name}")).await;
            assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{name}");
        }
    }
}

#[tokio::test]
async fn unknown_shells_are_refused_with_the_known_ones() {
    let mut shell = Shell::new(PROGRAM);
    shell.run("keyferry completions cmd").await.expect(2);
    insta::assert_snapshot!("unknown_shell", shell.transcript());
}
