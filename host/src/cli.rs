//! The command line: `run` parses, dispatches, prints and yields the exit code.

pub mod args;
pub mod client;
pub mod exit;
pub mod output;

mod config;
mod dev;
mod events;
mod input;
mod integration;
mod plugin;
mod progress;
mod secret;
mod serve;
mod sync;
mod tenant;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Arguments, Command};
use client::Client;
use exit::{Exit, Failure};
use output::Output;

/// Runs the command of this process's command line.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap knows which of its messages go to which stream. Nobody is left to tell when that fails.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    if matches!(arguments.command, Command::CompileWorker(_)) {
        return crate::app::compile_worker();
    }
    let output = Output::new(arguments.json);
    match dispatch(arguments, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    runtime.block_on(execute(arguments, output))
}

async fn execute(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let client = || Client::new(&arguments.connection);
    match arguments.command {
        Command::Serve(arguments) => serve::serve(&arguments, output).await?,
        Command::Dev(arguments) => dev::dev(&arguments, output).await?,
        Command::Check(arguments) => serve::check(&arguments, output).await?,
        Command::Plugin(command) => plugin::run(command, &arguments.connection, output).await?,
        Command::Openapi => output.raw(&crate::app::openapi_json()),
        Command::Completions { shell } => completions(shell, output),
        Command::Tenant(command) => tenant::tenant(command, &client()?, output).await?,
        Command::Environment(command) => tenant::environment(command, &client()?, output).await?,
        Command::Integration(command) => integration::run(command, &client()?, output).await?,
        Command::Config(command) => config::run(command, &client()?, output).await?,
        Command::Secret(command) => secret::run(command, &client()?, output).await?,
        Command::Sync(command) => sync::run(command, &client()?, output).await?,
        Command::Token(token) => token::run(&token, client, output).await?,
        // The worker takes over the process before any of this; see `run`.
        Command::CompileWorker(_) => {}
    }
    Ok(())
}

fn completions(shell: clap_complete::Shell, output: Output) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible_commands(), "keyferry", &mut script);
    output.raw(&String::from_utf8_lossy(&script));
}

/// The command line without what is hidden, which completion would offer all the same.
fn visible_commands() -> clap::Command {
    let all = Arguments::command();
    let visible = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let command = clap::Command::new("keyferry").version(env!("CARGO_PKG_VERSION"));
    command.args(all.get_arguments().cloned()).subcommands(visible)
}
