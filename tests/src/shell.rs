//! Somebody at a shell with the real program in the path. What they enter and what is answered is kept as a transcript, to be
//! compared with the one that was approved.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::served::{Served, TENANT};

/// No command of these tests takes longer, even on a machine that has much else to do.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// See the module.
pub struct Shell {
    folder: TempDir,
    environment: Vec<(String, String)>,
    transcript: String,
    filters: Vec<(Regex, String)>,
}

/// What a command line answered.
#[derive(Clone, Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same, which ended with this exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

impl Shell {
    /// A shell that knows of no server. `program` is what `keyferry` runs.
    #[must_use]
    pub fn new(program: &str) -> Self {
        let folder = TempDir::new().expect("temporary folders can be made");
        for name in ["bin", "work"] {
            fs::create_dir(folder.path().join(name)).expect("a temporary folder is writable");
        }
        symlink(program, folder.path().join("bin/keyferry")).expect("a temporary folder is writable");
        let mut shell = Self { folder, environment: Vec::new(), transcript: String::new(), filters: Vec::new() };
        let path = std::env::var("PATH").unwrap_or_default();
        shell.set("PATH", &format!("{}:{path}", shell.folder.path().join("bin").display()));
        let home = shell.folder.path().display().to_string();
        shell.set("HOME", &home);
        shell.set("TERM", "dumb");
        for (pattern, shown) in [
            ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[id]"),
            ("[0-9a-f]{64}", "[hash]"),
            ("eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+", "[token]"),
            ("127\\.0\\.0\\.1:[0-9]+", "127.0.0.1:[port]"),
            ("\\b1[0-9]{12}\\b", "[time]"),
            // When an edit is noticed is the engine's affair.
            ("generation [0-9]+ of [0-9]+", "generation [n] of [n]"),
            ("(eneration\"): [0-9]+", "${1}: [n]"),
        ] {
            shell.filter(pattern, shown);
        }
        shell.filter(&regex::escape(&shell.folder().display().to_string()), "[here]");
        shell.filter(&regex::escape(&home), "[home]");
        shell
    }

    /// A shell whose environment names a server and its administrator.
    #[must_use]
    pub fn at(program: &str, served: &Served) -> Self {
        let mut shell = Self::new(program);
        shell.connect(&served.url, &served.api.administrator, TENANT);
        shell
    }

    /// Sets an environment variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Removes an environment variable.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Lets builds work as they do for whoever runs the tests, but for the target folder, which is each project's own. What
    /// cargo needs of the outside has been fetched for the tests themselves.
    pub fn allow_builds(&mut self) {
        let not_ours =
            ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_PRIMARY_", "CARGO_TARGET_DIR"];
        let own = ["PATH", "TERM", "KEYFERRY_URL", "KEYFERRY_TOKEN", "KEYFERRY_TENANT"];
        for (name, value) in std::env::vars() {
            if !own.contains(&name.as_str()) && !not_ours.iter().any(|prefix| name.starts_with(prefix)) {
                self.set(&name, &value);
            }
        }
        self.set("CARGO_NET_OFFLINE", "true");
        self.set("CARGO_TERM_COLOR", "never");
    }

    /// Shows `shown` in the transcript for what matches.
    ///
    /// # Panics
    /// When `pattern` is none.
    pub fn filter(&mut self, pattern: &str, shown: &str) {
        self.filters.push((Regex::new(pattern).expect("it is a pattern"), shown.to_owned()));
    }

    /// Names a server and whom to be there.
    pub fn connect(&mut self, url: &str, token: &str, tenant: &str) {
        self.set("KEYFERRY_URL", url);
        self.set("KEYFERRY_TOKEN", token);
        self.set("KEYFERRY_TENANT", tenant);
    }

    /// The folder that commands are run in.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file into that folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("a temporary folder is writable");
    }

    /// Runs a line without noting it down.
    pub async fn quietly(&self, line: &str) -> Ran {
        let ran = tokio::time::timeout(COMMAND_LIMIT, self.command(line).output()).await;
        let output = ran.unwrap_or_else(|_| panic!("`{line}` does not end")).expect("there is a shell");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("commands print text");
        Ran {
            code: output.status.code().unwrap_or_else(|| panic!("`{line}` was killed")),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a line, and notes down what it prints and how it ends.
    pub async fn run(&mut self, line: &str) -> Ran {
        let ran = self.quietly(line).await;
        self.note(line, &ran);
        ran
    }

    /// Starts a program whose progress matters.
    #[must_use]
    pub fn start(&self, line: &str) -> Running {
        let mut child = self.command(&format!("exec {line}")).spawn().expect("there is a shell");
        let stderr = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        Running { line: line.to_owned(), child, stderr, said: String::new() }
    }

    /// Notes down what a program answered that was started.
    pub fn note(&mut self, line: &str, ran: &Ran) {
        let transcript = &mut self.transcript;
        writeln!(transcript, "$ {line}").expect("text can be appended to");
        for (sign, text) in [("", &ran.stdout), ("2> ", &ran.stderr)] {
            for line in text.lines() {
                writeln!(transcript, "{sign}{line}").expect("text can be appended to");
            }
        }
        if ran.code != 0 {
            writeln!(transcript, "exit code {}", ran.code).expect("text can be appended to");
        }
        transcript.push('\n');
    }

    /// All that was noted down, with whatever differs from run to run replaced.
    #[must_use]
    pub fn transcript(&self) -> String {
        let filter = |text: String, (pattern, shown): &(Regex, String)| pattern.replace_all(&text, shown).into_owned();
        self.filters.iter().fold(self.transcript.trim_end().to_owned(), filter)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env_clear().envs(self.environment.iter().cloned()).current_dir(self.folder());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// A program that runs; it ends with this.
pub struct Running {
    line: String,
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Running {
    /// Waits until standard error has a line with `text` in it, and returns what came up to there.
    ///
    /// # Panics
    /// When the program ends before.
    pub async fn says(&mut self, text: &str) -> String {
        let mut until = String::new();
        while let Some(line) = self.next_line().await {
            writeln!(until, "{line}").expect("text can be appended to");
            if line.contains(text) {
                return until;
            }
        }
        panic!("`{}` ended without saying `{text}`:\n{}", self.line, self.said);
    }

    async fn next_line(&mut self) -> Option<String> {
        let line = tokio::time::timeout(COMMAND_LIMIT, self.stderr.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("`{}` falls silent:\n{}", self.line, self.said));
        let line = line.expect("standard error is text")?;
        writeln!(self.said, "{line}").expect("text can be appended to");
        Some(line)
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// What `kill` and a supervisor do.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("the program runs"), signal).expect("a child can be signalled");
    }

    /// Waits for the end; standard error is all that it ever said.
    pub async fn ended(mut self) -> Ran {
        let mut stdout = self.child.stdout.take().expect("standard output is piped");
        let reading = read_all(&mut stdout);
        let talking = async { while self.next_line().await.is_some() {} };
        let (stdout, ()) = tokio::join!(reading, talking);
        let status = self.child.wait().await.expect("a child ends");
        Ran { code: status.code().expect("nobody killed it"), stdout, stderr: self.said }
    }
}

async fn read_all(from: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).await.expect("standard output is text");
    text
}
