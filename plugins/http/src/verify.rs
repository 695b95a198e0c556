//! Whose the credentials are.

use keyferry_sdk::{Account, Error};
use serde_json::Value;

use crate::caller::{Caller, read};
use crate::declaration::{Declaration, missing};

/// Sends the declared request; its answer tells the account where the declaration says so.
pub(crate) fn verify(declaration: &Declaration, caller: &Caller) -> Result<Account, Error> {
    let verify = declaration.verify.as_ref().ok_or_else(|| missing("pluginSettings.verify"))?;
    declaration.check_verify_names(&caller.parameters)?;
    let response = read(caller.request(&verify.request, &[])?)?;
    let mut account = Account::new(caller.origin());
    let pointers = [&verify.id, &verify.display_name];
    if pointers.iter().all(|pointer| pointer.is_none()) {
        return Ok(account);
    }
    let body: Value = response.json()?;
    if let Some(pointer) = &verify.id {
        let id = pointer.text(&body);
        let absent = || response.annotate(Error::other(format!("the answer has no text at `{}`", pointer.as_str())));
        account.id = id.ok_or_else(absent)?;
    }
    account.display_name = verify.display_name.as_ref().and_then(|pointer| pointer.text(&body));
    Ok(account)
}
