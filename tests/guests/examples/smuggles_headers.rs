//! Sends headers that belong to the host, hidden and open, and a million of them.

use keyferry_test_guests::*;

struct SmugglesHeaders;

impl Behaviour for SmugglesHeaders {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let url = member(&connection.settings, "url").unwrap_or("https://vendor.example/");
        let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
        let attempts = [
            header("X-Innocent", "a\r\nX-Smuggled: b"),
            header("X-Innocent\r\nX-Smuggled", "b"),
            header("Host", "internal.example"),
            header("Transfer-Encoding", "chunked"),
            header("Content-Length", "0"),
            header("Authorization", "Bearer stolen"),
            header("Proxy-Authorization", "Basic stolen"),
            header("Connection", "upgrade"),
        ];
        let mut passed = Vec::new();
        for attempt in attempts {
            let name = attempt.name.clone();
            if http::send(&Request { headers: vec![attempt], ..get(url) }).is_ok() {
                passed.push(name);
            }
        }
        if passed.is_empty() { Err(error("nothing passed")) } else { Ok(account(passed.join(","))) }
    }

    fn check(connection: Connection, _destination: String) -> Result<Account, Error> {
        let url = member(&connection.settings, "url").unwrap_or("https://vendor.example/");
        let headers = vec![Header { name: String::new(), value: String::new() }; 1_000_000];
        http::send(&Request { headers, ..get(url) }).map_err(failed)?;
        Ok(account("a million headers"))
    }
}

keyferry_test_guests::guest!(SmugglesHeaders);
