//! Makes ten million tiny host calls.

use keyferry_test_guests::*;

struct FloodsHostCalls;

impl Behaviour for FloodsHostCalls {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        let features: usize = (0..10_000_000).map(|_| host_info::features().len()).sum();
        Ok(account(features.to_string()))
    }
}

keyferry_test_guests::guest!(FloodsHostCalls);
