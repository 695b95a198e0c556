//! Does what a plugin should, and echoes what it is given.

use keyferry_test_guests::*;

struct WellBehaved;

impl Behaviour for WellBehaved {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let url = member(&connection.settings, "url").unwrap_or("https://vendor.example/whoami");
        let response = http::send(&get(url)).map_err(failed)?;
        if response.status == 401 {
            let kind = "unauthenticated".to_owned();
            return Err(Error { kind, http_status: Some(401), ..error("the vendor rejected the credentials") });
        }
        log::emit("info", "verified");
        let mut account = account(String::from_utf8_lossy(&response.body));
        account.details.push(("settings".to_owned(), connection.settings));
        account.details.push(("method".to_owned(), connection.auth_method));
        account.details.push(("credentials".to_owned(), connection.credentials));
        account.details.push(("features".to_owned(), host_info::features().join(",")));
        account.details.push(("environment".to_owned(), std::env::vars().count().to_string()));
        Ok(account)
    }

    fn choices(_connection: Connection, parameter: String, cursor: Option<String>) -> Result<ChoicePage, Error> {
        let choice = Choice { value: parameter, label: cursor.unwrap_or_default(), description: None };
        Ok(ChoicePage { choices: vec![choice], next: Some("2".to_owned()) })
    }

    fn check(_connection: Connection, destination: String) -> Result<Account, Error> {
        Ok(account(destination))
    }

    fn identify(_connection: Connection, destination: String) -> Result<(String, String), Error> {
        let path = member(&destination, "path").unwrap_or("/");
        Ok(("test:place".to_owned(), path.to_owned()))
    }

    fn observe(_connection: Connection, scope: Scope, cursor: Option<String>) -> Result<Observation, Error> {
        let keys = match scope {
            Scope::All => vec!["first".to_owned(), "second".to_owned()],
            Scope::Keys(keys) => keys,
        };
        let entries = keys.into_iter().map(|key| Entry {
            value: ObservedValue::Readable(format!("value of {key}")),
            key,
            version: Some("1".to_owned()),
            reference: None,
            attributes: vec![("tier".to_owned(), "standard".to_owned())],
        });
        Ok(Observation { next: cursor, context: Some("context".to_owned()), ..observation(entries.collect()) })
    }

    fn apply(
        _connection: Connection,
        changes: Vec<Change>,
        document_version: Option<String>,
        context: Option<String>,
    ) -> Result<Application, Error> {
        let outcomes = changes.into_iter().map(|change| match change {
            Change::Put(put) if put.value.is_empty() => {
                Outcome::Failed(Error { kind: "invalid-item".to_owned(), ..error("empty values are not allowed") })
            }
            Change::Put(put) => Outcome::Applied(Applied { version: Some(put.value), reference: context.clone() }),
            Change::Delete(delete) => Outcome::Unchanged(Applied { version: None, reference: Some(delete.key) }),
        });
        Ok(Application { outcomes: outcomes.collect(), document_version })
    }

    fn finish(_connection: Connection, changed: Vec<String>, _context: Option<String>) -> Result<(), Error> {
        if changed.is_empty() { Err(error("finish without a change")) } else { Ok(()) }
    }
}

keyferry_test_guests::guest!(WellBehaved);
