//! Never leaves bulk memory instructions, which check the epoch only once each.

use keyferry_test_guests::*;

struct FillsMemoryForever;

impl Behaviour for FillsMemoryForever {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        let mut memory = vec![0_u8; 16 << 20];
        let mut byte = 0_u8;
        loop {
            byte = byte.wrapping_add(1);
            memory.fill(byte);
            memory.copy_within(..8 << 20, 8 << 20);
            std::hint::black_box(&memory);
        }
    }
}

keyferry_test_guests::guest!(FillsMemoryForever);
