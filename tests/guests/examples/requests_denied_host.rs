//! Requests the address that it is told, which is none of its own; with `then` it goes on afterwards.

use keyferry_test_guests::*;

struct RequestsDeniedHost;

impl Behaviour for RequestsDeniedHost {
    fn verify(connection: Connection) -> Result<Account, Error> {
        let url = member(&connection.settings, "url").unwrap_or("http://169.254.169.254/latest/meta-data/");
        match (http::send(&get(url)), member(&connection.settings, "then")) {
            (Ok(response), _) => Ok(account(response.status.to_string())),
            (Err(failure), None) => Err(failed(failure)),
            (Err(_), Some("succeed")) => Ok(account("without it")),
            (Err(_), Some("panic")) => panic!("the request was refused"),
            (Err(_), Some(other)) => {
                http::send(&get(other)).map_err(failed)?;
                Err(error("the other place did not like it"))
            }
        }
    }
}

keyferry_test_guests::guest!(RequestsDeniedHost);
