//! Follows redirects by itself, wherever they lead, with authentication.

use keyferry_test_guests::*;

struct FollowsRedirects;

impl Behaviour for FollowsRedirects {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let mut url = member(&connection.settings, "url").unwrap_or("https://vendor.example/").to_owned();
        loop {
            let response = http::send(&get(&url)).map_err(failed)?;
            let location = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("location"));
            match location {
                Some(location) if response.status / 100 == 3 => url = location.value.clone(),
                _ => return Ok(account(response.status.to_string())),
            }
        }
    }
}

keyferry_test_guests::guest!(FollowsRedirects);
