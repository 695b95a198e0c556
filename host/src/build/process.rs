//! Runs programs with a time limit. A program that overstays is asked to end before it is killed, so that it can put
//! half-done work away.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::{Error, Result};

/// How long a program may take to end once asked.
const GRACE: Duration = Duration::from_secs(3);

/// The end of a failed program's talk that is worth repeating, in bytes.
const OUTPUT_BYTES_MAX: usize = 4 << 10;

/// A command that inherits nothing of a cargo that may be running us: a build must not depend on who asked for it.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        let inherited = name.to_string_lossy();
        let of_package = inherited.starts_with("CARGO_PKG_") || inherited.starts_with("CARGO_BIN_");
        if of_package || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_CRATE_NAME"].contains(&&*inherited) {
            command.env_remove(&name);
        }
    }
    // Flags meant for the host's own build would displace the ones that name the private sysroot.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Runs to the end and returns what was written to standard output.
pub(super) async fn stdout_of(command: &mut Command, limit: Duration) -> Result<String> {
    let program = name_of(command);
    let output = run(command, limit).await?;
    if !output.status.success() {
        return Err(Error::Failed { program, output: tail(&output.stderr) });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end, or to the limit.
pub(super) async fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    let program = name_of(command);
    let child = command.spawn().map_err(|source| Error::Spawn { program: program.clone(), source })?;
    let pid = child.id();
    let mut output = Box::pin(child.wait_with_output());
    let ended = match tokio::time::timeout(limit, &mut output).await {
        Ok(ended) => ended,
        Err(_) => {
            ask_to_end(pid);
            // Dropping the future afterwards kills what is still there.
            let _ = tokio::time::timeout(GRACE, output).await;
            return Err(Error::TimedOut { program, limit_s: limit.as_secs() });
        }
    };
    ended.map_err(|source| Error::Spawn { program, source })
}

/// Starts a program whose output is read while it runs.
pub(super) fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|source| Error::Spawn { program: name_of(command), source })
}

fn ask_to_end(pid: Option<u32>) {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

fn name_of(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let subcommand = command.get_args().next().filter(|argument| !argument.to_string_lossy().starts_with('-'));
    match subcommand {
        Some(argument) => format!("{} {}", program.display(), argument.display()),
        None => program.display().to_string(),
    }
}

/// The last part of a program's talk, cut at a line.
pub(super) fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    let start = text.len().saturating_sub(OUTPUT_BYTES_MAX);
    let start = text.char_indices().map(|(at, _)| at).find(|at| *at >= start).unwrap_or(0);
    match text.get(start..).and_then(|rest| rest.split_once('\n')) {
        Some((_, rest)) if start > 0 => format!("...\n{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn overstaying_program_is_ended() {
        let error = run(command("sleep").arg("60"), Duration::from_millis(20)).await.expect_err("ended early");
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    }

    #[tokio::test]
    async fn missing_program_is_named() {
        let error = run(&mut command("keyferry-no-such-program"), GRACE).await.expect_err("not there");
        assert_eq!(error.to_string(), "cannot run `keyferry-no-such-program`");
    }

    #[tokio::test]
    async fn failing_program_tells_its_last_words() {
        let error = stdout_of(command("sh").args(["-c", "echo gone >&2; exit 3"]), GRACE).await.expect_err("failed");
        assert_eq!(error.to_string(), "`sh` failed: gone");
    }

    #[test]
    fn long_talk_is_cut_at_a_line() {
        let talk = "0123456789\n".repeat(1000);
        let cut = tail(talk.as_bytes());
        assert!(cut.len() <= OUTPUT_BYTES_MAX + 4 && cut.starts_with("...\n0123456789\n"), "{cut}");
    }
}
