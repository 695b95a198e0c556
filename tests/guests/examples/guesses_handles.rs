//! Uses handles that it was never given.

use wasip2::io::streams::OutputStream;

use keyferry_test_guests::*;

struct GuessesHandles;

impl Behaviour for GuessesHandles {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let first: u32 = member(&connection.settings, "first").and_then(|first| first.parse().ok()).unwrap_or(0);
        for handle in first..first.saturating_add(1000) {
            // Safety: a wrong handle is what this guest is for; the host must refuse it.
            let stream = unsafe { OutputStream::from_handle(handle) };
            let _ = stream.check_write();
        }
        Ok(account("a thousand handles"))
    }

    fn check(_connection: Connection, _destination: String) -> Result<Account, Error> {
        let streams: Vec<OutputStream> = (0..100_000).map(|_| wasip2::cli::stdout::get_stdout()).collect();
        Ok(account(streams.len().to_string()))
    }
}

keyferry_test_guests::guest!(GuessesHandles);
