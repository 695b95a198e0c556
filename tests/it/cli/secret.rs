//! Secrets: set, read, listed, imported.

use keyferry_tests::fake_plugins::FakePlugins;
use keyferry_tests::served::Served;
use keyferry_tests::shell::Shell;

use super::PROGRAM;

#[tokio::test]
async fn secrets_are_set_read_and_deleted() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    for line in [
        "keyferry secret set /app/GREETING=hello '/app/DB=postgres://${GREETING}' ROOT=r",
        "printf 'from a pipe\\n' | keyferry secret set /app/PIPED",
        "keyferry secret get /app/GREETING",
        "keyferry secret get /app/PIPED",
        "keyferry secret set /app/GREETING=welcome --json",
        "keyferry secret get app/GREETING --json",
        "keyferry secret get /app/GREETING --version 1",
        "keyferry secret list /app",
        "keyferry secret list -r",
        "keyferry secret list /app --json",
        "keyferry secret delete /app/PIPED",
        "keyferry secret get /app/PIPED",
        "keyferry secret get /app/PIPED --json",
        "keyferry secret delete /app/PIPED",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("secrets", shell.transcript());
}

#[tokio::test]
async fn what_cannot_be_set_is_told_and_nothing_is_set() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    for line in [
        "keyferry secret set /app/A=1 /app/B",
        "keyferry secret set /app/",
        "keyferry secret set /app/A=1 /app/A=2",
        "keyferry secret set '/my app/A=1' '/app/ A=1'",
        "keyferry secret set /app/A=1 --environment nowhere",
        "printf '\\377\\376' | keyferry secret set /app/BINARY",
        "keyferry secret list -r",
    ] {
        shell.run(line).await;
    }
    insta::assert_snapshot!("refused", shell.transcript());
}

#[tokio::test]
async fn value_comes_back_as_it_went_in() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let shell = Shell::at(PROGRAM, &served);
    // One line end is the pipe's; all else is the value's.
    for (sent, kept) in
        [("a \\n\\n", "a \n"), ("\\tx", "\tx"), ("", ""), ("-----\\r\\n", "-----"), ("é\\n$HOME", "é\n$HOME")]
    {
        shell.quietly(&format!("printf -- '{sent}' | keyferry secret set /A")).await.expect(0);
        assert_eq!(shell.quietly("keyferry secret get /A").await.expect(0).stdout, format!("{kept}\n"), "{sent}");
    }
}

#[tokio::test]
async fn files_are_imported_whole() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    shell.write(
        "acme.env",
        "# of the old vault\nA=1\nexport B = two words # comment\nC='literal $X \\n'\nD=\"line\\nnext \\\"q\\\" $A\"\nE=\n",
    );
    shell.write("acme.json", "{\"TEXT\": \"x\", \"NUMBER\": 5432, \"FLAG\": true}\n");
    for line in [
        "cat acme.env",
        "keyferry secret import acme.env --path /env",
        "for name in A B C D E; do keyferry secret get /env/$name; done",
        "keyferry secret import acme.json --path json --json",
        "for name in TEXT NUMBER FLAG; do keyferry secret get /json/$name; done",
        "keyferry secret import - --path /piped --format json < acme.json",
        "keyferry secret list -r",
    ] {
        shell.run(line).await.expect(0);
    }
    insta::assert_snapshot!("imports", shell.transcript());
}

#[tokio::test]
async fn nothing_of_a_bad_file_is_imported() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    shell.write("bad.env", "GOOD=1\nhunter2\nQUOTED=\"x\ny\" hunter2\nGOOD=hunter2\na/b=hunter2\nOPEN='hunter2\n");
    shell.write("bad.json", "{\"GOOD\": \"1\", \"DEEP\": {\"a\": \"hunter2\"}, \"GOOD\": \"hunter2\"}");
    shell.write("list.json", "[\"hunter2\"]");
    shell.write("good.env", "GOOD=1\n");
    for line in [
        "keyferry secret import bad.env",
        "keyferry secret import bad.env --json",
        "keyferry secret import bad.json",
        "keyferry secret import list.json",
        "keyferry secret import good.env --path '/no such'",
        "keyferry secret import absent.env",
        "keyferry secret list -r",
    ] {
        shell.run(line).await;
    }
    let transcript = shell.transcript();
    assert!(!transcript.contains("hunter2"), "{transcript}");
    insta::assert_snapshot!("bad_files", transcript);
}

#[tokio::test]
async fn long_file_is_imported_in_parts() {
    let served = Served::with_plugins(&FakePlugins::new()).await;
    let mut shell = Shell::at(PROGRAM, &served);
    let lines: String = (0..1_201).map(|n| format!("K{n:04}={n}\n")).collect();
    shell.write("long.env", &lines);
    shell.run("keyferry secret import long.env --path /long").await.expect(0);
    shell.run("keyferry secret list /long | tail -n 1").await.expect(0);
    insta::assert_snapshot!("long_file", shell.transcript());
}
