//! Asks for more memory than it is granted, notices the refusal and goes on.

use keyferry_test_guests::*;

struct TriesBigAllocations;

impl Behaviour for TriesBigAllocations {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        let mut hoard: Vec<u8> = Vec::new();
        let refused = hoard.try_reserve_exact(1 << 30).is_err();
        std::hint::black_box(&hoard);
        Ok(account(if refused { "refused" } else { "granted" }))
    }
}

keyferry_test_guests::guest!(TriesBigAllocations);
