//! Whose the token is, whether it may read what is needed, and which datacenter answers.

use keyferry_sdk::http::Method;
use keyferry_sdk::{Account, Error, ErrorKind};

use crate::client::{Client, error, found, succeed};
use crate::config::Target;
use crate::model::Token;

/// The token behind the requests. Consul tells everyone about their own.
pub(crate) fn account(client: Client<'_>) -> Result<Account, Error> {
    let response = client.request(Method::Get, "acl/token/self").send()?;
    if response.status() == 401 && response.text().contains("ACL support disabled") {
        // There is nobody to be, and nothing that could be refused.
        return Ok(Account::new("anonymous").with_detail("accessControl", "disabled"));
    }
    let token: Token = succeed(response)?.json()?;
    let account = Account::new(token.accessor_id);
    let account = if token.description.is_empty() { account } else { account.with_display_name(token.description) };
    Ok(match token.expiration_time {
        Some(time) => account.with_detail("expirationTime", time),
        None => account,
    })
}

/// Lists names alone, which Consul allows to whoever may read them. Whether they may be written shows at the first write.
pub(crate) fn check(client: Client<'_>, target: &Target) -> Result<Account, Error> {
    let mut account = account(client)?;
    let names = client.key_request(Method::Get, &target.path).query("keys", "true").query("separator", "/");
    let listed = found(names.send()?).map(drop);
    match listed.and_then(|()| require_read(client, target)) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            account.missing_permissions.push(format!("key_prefix \"{}\" {{ policy = \"read\" }}", target.path));
        }
        Err(error) => return Err(error),
    }
    Ok(account)
}

/// Whether the prefix may be read. A listing leaves out what may not be, so an empty one alone proves nothing; the key that
/// is named like the prefix is refused (403) unless the whole prefix is allowed.
pub(crate) fn require_read(client: Client<'_>, target: &Target) -> Result<(), Error> {
    found(client.key_request(Method::Get, &target.path).send()?).map(drop)
}

/// The name of the datacenter that is meant. Every token may ask for the names of all of them, and where there is only one,
/// that is it. Which of several one is talking to would need `agent:read`, so there the connection has to say.
pub(crate) fn datacenter(client: Client<'_>) -> Result<String, Error> {
    if let Some(datacenter) = client.named_datacenter() {
        return Ok(datacenter);
    }
    let response = client.request(Method::Get, "catalog/datacenters").send()?;
    if !response.is_success() {
        return Err(error(&response));
    }
    let names: Vec<String> = response.json()?;
    match <[String; 1]>::try_from(names) {
        Ok([only]) => Ok(only),
        Err(names) if names.is_empty() => Err(response.annotate(Error::other("Consul names no datacenter"))),
        Err(_) => {
            Err(Error::invalid_setting("datacenter", "several datacenters are federated: name the one that is meant"))
        }
    }
}
