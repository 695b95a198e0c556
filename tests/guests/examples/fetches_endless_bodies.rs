//! Makes the host fetch bodies without end, from a place that never stops sending.

use keyferry_test_guests::*;

struct FetchesEndlessBodies;

impl Behaviour for FetchesEndlessBodies {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let url = member(&connection.settings, "url").unwrap_or("https://vendor.example/endless");
        let response = http::send(&get(url)).map_err(failed)?;
        Ok(account(response.body.len().to_string()))
    }

    fn check(connection: Connection, _destination: String) -> Result<Account, Error> {
        let url = member(&connection.settings, "url").unwrap_or("https://vendor.example/endless");
        let mut bytes = 0;
        loop {
            bytes += http::send(&get(url)).map_err(failed)?.body.len();
            if bytes > 1 << 30 {
                return Ok(account("a gigabyte"));
            }
        }
    }
}

keyferry_test_guests::guest!(FetchesEndlessBodies);
