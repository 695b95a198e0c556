//! Writing: transactions of up to 64 operations, each all or nothing.
//!
//! A transaction's body is limited like a value is, and holds values in base64; a value that does not fit into one is
//! written by itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyferry_sdk::http::{Method, Response};
use keyferry_sdk::{Applied, Change, Error, ErrorKind, Outcome, Precondition, Put};

use crate::client::{Client, error, is_unknown_token, succeed};
use crate::config::{Target, is_dot_segment};
use crate::model::{KvOperation, Operation, Transaction, TransactionError};

/// Consul's limits as it comes: operations of a transaction, bytes of a value and of a transaction's body.
pub(crate) const OPERATIONS_PER_TRANSACTION: usize = 64;
pub(crate) const VALUE_BYTES_MAX: usize = 512 * 1024;
const BODY_BYTES_MAX: usize = 512 * 1024;

/// One batch of one destination.
pub(crate) struct Writer<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) target: &'a Target,
}

/// One change, ready to be sent.
struct Prepared {
    /// Where it stands among the changes.
    index: usize,
    name: String,
    /// The operation as JSON.
    operation: Vec<u8>,
}

impl Writer<'_> {
    /// One outcome per change, in order.
    pub(crate) fn apply(&self, changes: &[Change]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::NotAttempted; changes.len()];
        let mut group = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            match self.prepare(index, change) {
                Err(error) => outcomes[index] = Outcome::Failed(error),
                Ok(prepared) if prepared.operation.len() + BRACKETS_BYTES > BODY_BYTES_MAX => {
                    if self.commit(&mut group, &mut outcomes) || self.put_alone(index, change, &mut outcomes) {
                        return outcomes;
                    }
                }
                Ok(prepared) => {
                    if !fits(&group, &prepared) && self.commit(&mut group, &mut outcomes) {
                        return outcomes;
                    }
                    group.push(prepared);
                }
            }
        }
        self.commit(&mut group, &mut outcomes);
        outcomes
    }

    fn prepare(&self, index: usize, change: &Change) -> Result<Prepared, Error> {
        let name = self.target.name_of(change.key());
        let kv = match change {
            Change::Put(put) => {
                check_value(put)?;
                let index = expected_index(&put.precondition, &put.key)?;
                let verb = if index.is_some() { "cas" } else { "set" };
                KvOperation { verb, key: &name, value: Some(STANDARD.encode(&put.value)), index }
            }
            Change::Delete(delete) => {
                let index = expected_index(&delete.precondition, &delete.key)?;
                let verb = if index.is_some() { "delete-cas" } else { "delete" };
                KvOperation { verb, key: &name, value: None, index }
            }
        };
        // The serializer's own message may quote the value.
        let operation = serde_json::to_vec(&Operation { kv });
        let operation = operation.map_err(|_| Error::other("an operation cannot be written as JSON"))?;
        Ok(Prepared { index, name, operation })
    }

    /// Sends a transaction and empties the group; true if what follows would meet the same fate.
    fn commit(&self, group: &mut Vec<Prepared>, outcomes: &mut [Outcome]) -> bool {
        let group = std::mem::take(group);
        if group.is_empty() {
            return false;
        }
        let operations = group.iter().map(|prepared| prepared.operation.as_slice()).collect::<Vec<_>>();
        let body = [b"[".as_slice(), &operations.join(&b','), b"]"].concat();
        let request = self.client.request(Method::Put, "txn").body("application/json", body);
        let result = request.send().map_err(Error::from);
        match result.and_then(|response| self.told(&group, &response)) {
            Ok(told) => {
                let is_stopped =
                    told.values().any(|outcome| matches!(outcome, Outcome::Failed(error) if error.stops_batch()));
                for (index, outcome) in told {
                    outcomes[index] = outcome;
                }
                is_stopped
            }
            Err(error) => {
                for prepared in &group {
                    outcomes[prepared.index] = Outcome::from(Err(error.clone()));
                }
                error.stops_batch()
            }
        }
    }

    /// What became of each change of a transaction.
    fn told(&self, group: &[Prepared], response: &Response) -> Result<BTreeMap<usize, Outcome>, Error> {
        match response.status() {
            200..=299 => Ok(committed(group, response)),
            409 => self.rolled_back(group, response),
            413 => Err(error(response).with_message("the transaction is larger than Consul is configured to take")),
            _ => Err(error(response)),
        }
    }

    /// Nothing was changed: the operations at fault are told, the others were not attempted.
    fn rolled_back(&self, group: &[Prepared], response: &Response) -> Result<BTreeMap<usize, Outcome>, Error> {
        let told: Transaction = response.json()?;
        let faults = told.errors.unwrap_or_default();
        let mut outcomes = BTreeMap::new();
        for fault in &faults {
            let Some(prepared) = group.get(fault.op_index) else { continue };
            let fault = response.annotate(self.fault(prepared, fault));
            outcomes.insert(prepared.index, Outcome::Failed(fault));
        }
        if outcomes.is_empty() {
            return Err(response.annotate(Error::conflict("Consul rolled the transaction back without telling why")));
        }
        Ok(outcomes)
    }

    fn fault(&self, prepared: &Prepared, fault: &TransactionError) -> Error {
        let name = &prepared.name;
        if is_unknown_token(&fault.what) {
            Error::new(ErrorKind::Unauthenticated, "Consul does not know the token")
        } else if fault.what.contains("Permission denied") {
            Error::new(ErrorKind::PermissionDenied, format!("the token's policies do not allow to write `{name}`"))
        } else if fault.what.contains("index is stale") {
            Error::conflict(format!("`{name}` has changed since it was observed"))
        } else {
            Error::invalid_item(format!("Consul refused the operation on `{name}`"))
        }
    }

    /// Writes a value that no transaction holds; true if what follows would meet the same fate.
    fn put_alone(&self, index: usize, change: &Change, outcomes: &mut [Outcome]) -> bool {
        let result = match change {
            Change::Put(put) => self.put_large(put),
            Change::Delete(_) => Err(Error::invalid_item("the key is too long for a transaction")),
        };
        let is_stopped = result.as_ref().is_err_and(Error::stops_batch);
        outcomes[index] = Outcome::from(result);
        is_stopped
    }

    fn put_large(&self, put: &Put) -> Result<Applied, Error> {
        let name = self.target.name_of(&put.key);
        if name.split('/').any(is_dot_segment) {
            return Err(Error::invalid_item(format!("`{}` would lead elsewhere in a URL", put.key)));
        }
        let mut request = self.client.key_request(Method::Put, &name);
        if let Some(index) = expected_index(&put.precondition, &put.key)? {
            request = request.query("cas", &index.to_string());
        }
        let response = succeed(request.body("application/octet-stream", put.value.as_bytes()).send()?)?;
        // The answer tells whether the comparison held, and no index.
        match response.text().trim() {
            "true" => Ok(Applied::default()),
            "false" => Err(response.annotate(Error::conflict(format!("`{name}` has changed since it was observed")))),
            _ => Err(response
                .annotate(Error::other("Consul did not tell whether it stored the value"))
                .with_unknown_outcome()),
        }
    }
}

const BRACKETS_BYTES: usize = 2;

fn fits(group: &[Prepared], next: &Prepared) -> bool {
    let bytes = group.iter().map(|prepared| prepared.operation.len() + 1).sum::<usize>();
    group.len() < OPERATIONS_PER_TRANSACTION && bytes + next.operation.len() + BRACKETS_BYTES <= BODY_BYTES_MAX
}

/// Everything was carried out. An answer that cannot be read only tells no versions.
fn committed(group: &[Prepared], response: &Response) -> BTreeMap<usize, Outcome> {
    let told = response.json::<Transaction>().ok().and_then(|told| told.results).unwrap_or_default();
    let written = told.into_iter().filter_map(|result| result.kv);
    let versions = written.map(|written| (written.key, written.modify_index)).collect::<BTreeMap<_, _>>();
    let outcome = |prepared: &Prepared| {
        let version = versions.get(&prepared.name).map(u64::to_string);
        (prepared.index, Outcome::Applied(Applied { version, reference: None }))
    };
    group.iter().map(outcome).collect()
}

/// The index to compare with: none to compare nothing, 0 for a key that must not exist.
fn expected_index(precondition: &Precondition, key: &str) -> Result<Option<u64>, Error> {
    match precondition {
        Precondition::None => Ok(None),
        Precondition::MustNotExist => Ok(Some(0)),
        Precondition::Matches(version) => match version.parse() {
            Ok(index) if index > 0 => Ok(Some(index)),
            _ => Err(Error::conflict(format!("`{key}` is expected in a version that is none of Consul's"))),
        },
    }
}

fn check_value(put: &Put) -> Result<(), Error> {
    if put.value.len() > VALUE_BYTES_MAX {
        let bytes = put.value.len();
        let message = format!("`{}` has a value of {bytes} bytes; Consul stores at most {VALUE_BYTES_MAX}", put.key);
        return Err(Error::invalid_item(message));
    }
    Ok(())
}
