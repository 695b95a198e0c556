//! Listing what is there: Consul gives everything under a prefix in one answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyferry_sdk::http::{Failure, Method};
use keyferry_sdk::{Entry, Error, Observation, Scope};

use crate::check::require_read;
use crate::client::{Client, found};
use crate::config::Target;
use crate::model::Pair;

pub(crate) fn observe(client: Client<'_>, target: &Target, scope: &Scope) -> Result<Observation, Error> {
    let request = client.key_request(Method::Get, &target.path).query("recurse", "true");
    let response = request.send().map_err(|failure| match failure {
        Failure::TooLarge => {
            Error::unsupported("there is more under the path than Consul and the host hand over at once")
        }
        failure => Error::from(failure),
    })?;
    let Some(response) = found(response)? else {
        require_read(client, target)?;
        return Ok(Observation::complete(Vec::new()));
    };
    let pairs: Vec<Pair> = response.json()?;
    let is_asked = |key: &str| match scope {
        Scope::All => true,
        Scope::Keys(keys) => keys.iter().any(|asked| asked == key),
    };
    let entry = |pair: Pair| {
        let key = target.key_of(&pair.key).filter(|key| is_asked(key))?;
        // What is no text was written by somebody else, and is never taken for equal to one of ours.
        let entry = match text(pair.value.as_deref().unwrap_or_default()) {
            Some(value) => Entry::readable(key, value),
            None => Entry::hidden(key),
        };
        Some(entry.with_version(pair.modify_index.to_string()))
    };
    Ok(Observation::complete(pairs.into_iter().filter_map(entry).collect()))
}

fn text(base64: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(base64).ok()?).ok()
}
