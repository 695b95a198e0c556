//! Tries to go around the host's HTTP with a socket of its own.

use std::net::TcpStream;

use keyferry_test_guests::*;

struct ConnectsBySockets;

impl Behaviour for ConnectsBySockets {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        TcpStream::connect("127.0.0.1:80").map(|_| account("connected")).map_err(|failure| error(failure.to_string()))
    }
}

keyferry_test_guests::guest!(ConnectsBySockets);
