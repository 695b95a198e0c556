use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "compile-worker") {
        return keyferry::runtime::compile_worker_main();
    }
    ExitCode::FAILURE
}
