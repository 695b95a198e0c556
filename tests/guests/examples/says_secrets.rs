//! Says the secret that it was given wherever it can speak, plain and in disguise.

use keyferry_test_guests::*;

struct SaysSecrets;

impl Behaviour for SaysSecrets {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let secret = secret(&connection);
        log::emit("info", &format!("log {secret} {}", hex(&secret)));
        eprintln!("stderr {secret}");
        Ok(Account {
            id: format!("id {secret}"),
            display_name: Some(format!("name {secret}")),
            details: vec![(format!("detail {secret}"), hex(&secret))],
            expires_at: None,
            missing_permissions: vec![format!("permission {secret}")],
        })
    }

    fn choices(connection: Connection, _parameter: String, _cursor: Option<String>) -> Result<ChoicePage, Error> {
        let secret = secret(&connection);
        let choice = Choice { value: secret.clone(), label: secret.clone(), description: Some(secret) };
        Ok(ChoicePage { choices: vec![choice], next: None })
    }

    fn check(connection: Connection, _destination: String) -> Result<Account, Error> {
        let secret = secret(&connection);
        Err(Error {
            kind: secret.clone(),
            message: format!("message {secret}"),
            field: Some(secret.clone()),
            http_status: None,
            retry_after_ms: None,
            request_id: Some(secret),
        })
    }

    fn apply(
        connection: Connection,
        changes: Vec<Change>,
        document_version: Option<String>,
        _context: Option<String>,
    ) -> Result<Application, Error> {
        let outcomes = changes.iter().map(|_| Outcome::Failed(error(secret(&connection)))).collect();
        Ok(Application { outcomes, document_version })
    }
}

fn secret(connection: &Connection) -> String {
    member(&connection.credentials, "token").unwrap_or("no token").to_owned()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

keyferry_test_guests::guest!(SaysSecrets);
