//! Never returns.

use keyferry_test_guests::*;

struct LoopsForever;

impl Behaviour for LoopsForever {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        loop {
            std::hint::spin_loop();
        }
    }
}

keyferry_test_guests::guest!(LoopsForever);
