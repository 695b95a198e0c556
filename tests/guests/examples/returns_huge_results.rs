//! Returns more than a result may hold, in one piece and in many.

use keyferry_test_guests::*;

struct ReturnsHugeResults;

impl Behaviour for ReturnsHugeResults {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        Ok(account("x".repeat(2 << 20)))
    }

    fn choices(_connection: Connection, _parameter: String, _cursor: Option<String>) -> Result<ChoicePage, Error> {
        let choice = Choice { value: String::new(), label: String::new(), description: None };
        Ok(ChoicePage { choices: vec![choice; 100_000], next: None })
    }

    fn observe(_connection: Connection, _scope: Scope, _cursor: Option<String>) -> Result<Observation, Error> {
        Ok(Observation { context: Some("x".repeat(65 << 10)), ..observation(Vec::new()) })
    }

    fn finish(_connection: Connection, _changed: Vec<String>, _context: Option<String>) -> Result<(), Error> {
        Err(error("x".repeat(2 << 20)))
    }
}

keyferry_test_guests::guest!(ReturnsHugeResults);
