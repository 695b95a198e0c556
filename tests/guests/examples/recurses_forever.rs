//! Calls itself without end.

use keyferry_test_guests::*;

struct RecursesForever;

impl Behaviour for RecursesForever {
    fn verify(connection: Connection) -> Result<Account, Error> {
        Ok(account(descend(connection.settings.len() as u64).to_string()))
    }
}

/// Keeps nothing in linear memory, so that it is the machine's stack that runs out, and combines its result so that no
/// compiler can make a loop of it.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { descend(depth + 1).rotate_left(3) ^ depth }
}

keyferry_test_guests::guest!(RecursesForever);
