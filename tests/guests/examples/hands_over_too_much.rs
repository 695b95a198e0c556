//! Hands the host more in one call than one call may carry.

use keyferry_test_guests::*;

struct HandsOverTooMuch;

impl Behaviour for HandsOverTooMuch {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        log::emit("info", &"x".repeat(5 << 20));
        Ok(account("logged"))
    }

    fn check(_connection: Connection, _destination: String) -> Result<Account, Error> {
        let body = Some(vec![0; 5 << 20]);
        http::send(&Request { method: "POST".to_owned(), body, ..get("https://vendor.example") }).map_err(failed)?;
        Ok(account("sent"))
    }
}

keyferry_test_guests::guest!(HandsOverTooMuch);
