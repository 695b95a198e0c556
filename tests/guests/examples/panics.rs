//! Panics, saying a secret that it was given.

use keyferry_test_guests::*;

struct Panics;

impl Behaviour for Panics {
    fn verify(connection: Connection) -> Result<Account, Error> {
        panic!("cannot go on with {}", connection.credentials)
    }

    fn check(_connection: Connection, _destination: String) -> Result<Account, Error> {
        std::process::exit(3)
    }
}

keyferry_test_guests::guest!(Panics);
