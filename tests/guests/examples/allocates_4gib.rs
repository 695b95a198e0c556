//! Takes memory until it has all that 32 bits can address.

use keyferry_test_guests::*;

struct Allocates4gib;

impl Behaviour for Allocates4gib {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        let mut hoard = Vec::new();
        for _ in 0..4096 {
            hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
        Ok(account(hoard.len().to_string()))
    }
}

keyferry_test_guests::guest!(Allocates4gib);
