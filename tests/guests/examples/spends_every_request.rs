//! Sends requests until it is told to stop.

use keyferry_test_guests::*;

struct SpendsEveryRequest;

impl Behaviour for SpendsEveryRequest {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        loop {
            http::send(&get("https://vendor.example/")).map_err(failed)?;
        }
    }
}

keyferry_test_guests::guest!(SpendsEveryRequest);
