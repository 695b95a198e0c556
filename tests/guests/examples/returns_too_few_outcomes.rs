//! Answers a batch with one outcome less than it has changes.

use keyferry_test_guests::*;

struct ReturnsTooFewOutcomes;

impl Behaviour for ReturnsTooFewOutcomes {
    fn apply(
        _connection: Connection,
        changes: Vec<Change>,
        document_version: Option<String>,
        _context: Option<String>,
    ) -> Result<Application, Error> {
        let outcomes = changes.iter().skip(1).map(|_| Outcome::NotAttempted).collect();
        Ok(Application { outcomes, document_version })
    }

    fn identify(_connection: Connection, _destination: String) -> Result<(String, String), Error> {
        Ok((String::new(), "a\nb".to_owned()))
    }
}

keyferry_test_guests::guest!(ReturnsTooFewOutcomes);
