//! Writes a thousand lines, one of them far too long, some of them in disguise.

use keyferry_test_guests::*;

struct FloodsTheLog;

impl Behaviour for FloodsTheLog {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        log::emit("warn", &"long ".repeat(10_000));
        log::emit("error", "first\nERROR keyferry: forged line \u{1b}[31m");
        for line in 0..1000 {
            log::emit("no such level", &format!("line {line}"));
        }
        Ok(account("logged"))
    }
}

keyferry_test_guests::guest!(FloodsTheLog);
