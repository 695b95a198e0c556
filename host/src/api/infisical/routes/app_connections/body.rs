//! What requests say of a connection.

use keyferry_contract::InfisicalMethod;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::api::fields::{At, Fields, Patch, Read, read};
use crate::api::infisical::extract::optional_project;
use crate::domain::error::violation;
use crate::domain::integration::facade::Facade;
use crate::domain::name::Slug;
use crate::domain::{Error, Result, Violation, suggestion};

/// Characters of a name: as many as a config's display name can have.
const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 256;
const METHOD_MAX: usize = 150;

/// The project that a listing is of.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Scope {
    /// The project's UUID; the caller's home project when it is left out.
    #[param(rename = "projectId")]
    pub(super) project: Option<String>,
}

impl Read for Scope {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { project: optional_project(fields)? })
    }
}

/// A connection to be made.
#[derive(ToSchema)]
#[schema(as = InfisicalNewAppConnection, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewConnection` reads")]
pub(super) struct NewConnectionSchema {
    /// Letters, digits, `_` and `-`; one of its kind in the project.
    #[schema(example = "aws-production", max_length = 100)]
    name: String,
    #[schema(example = "access-key")]
    method: String,
    /// By the method.
    #[schema(value_type = Object, example = json!({"accessKeyId": "AKIA...", "secretAccessKey": "..."}))]
    credentials: Value,
    #[schema(max_length = 256)]
    description: Option<String>,
    /// The project that it belongs to; the caller's home project when it is left out.
    project_id: Option<String>,
    /// The integration to connect, where several share the app.
    integration: Option<String>,
}

pub(super) struct NewConnection {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) credentials: Map<String, Value>,
    pub(super) description: Option<String>,
    pub(super) project: Option<String>,
    pub(super) integration: Option<Slug>,
}

impl Read for NewConnection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", name);
        let method = fields.required("method", read::filled_text(METHOD_MAX));
        let credentials = fields.required("credentials", trimmed_members);
        let description = fields.optional("description", read::text(DESCRIPTION_MAX));
        let project = optional_project(fields);
        let integration = fields.optional("integration", read::name::<Slug>);
        let unsupported = unsupported(fields);
        Some(Self {
            name: name?,
            method: method?,
            credentials: credentials?,
            description: description?,
            project: project?,
            integration: integration?,
        })
        .filter(|_| unsupported.is_some())
    }
}

/// What may change of a connection.
#[derive(ToSchema)]
#[schema(as = InfisicalAppConnectionPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `ConnectionPatch` reads")]
pub(super) struct ConnectionPatchSchema {
    #[schema(max_length = 100)]
    name: Option<String>,
    /// All of them, by the method that the connection has.
    #[schema(value_type = Option<Object>)]
    credentials: Option<Value>,
    /// `null` clears it.
    #[schema(max_length = 256)]
    description: Option<String>,
}

pub(super) struct ConnectionPatch {
    pub(super) name: Option<String>,
    pub(super) credentials: Option<Map<String, Value>>,
    pub(super) description: Patch<String>,
}

impl Read for ConnectionPatch {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let new_name = fields.optional("name", name);
        let credentials = fields.optional("credentials", trimmed_members);
        let description = fields.patch("description", read::text(DESCRIPTION_MAX));
        let unsupported = unsupported(fields);
        Some(Self { name: new_name?, credentials: credentials?, description: description? })
            .filter(|_| unsupported.is_some())
    }
}

fn name(at: &At<'_>, value: Value) -> Option<String> {
    let name = read::name::<Slug>(at, value)?;
    if name.as_str().len() > NAME_MAX {
        return at.refuse(violation::TOO_LONG, format!("must have at most {NAME_MAX} characters"));
    }
    Some(name.into())
}

/// Texts among the credentials are trimmed, as all texts of this dialect are.
fn trimmed_members(at: &At<'_>, value: Value) -> Option<Map<String, Value>> {
    let mut members = read::members(at, value)?;
    for value in members.values_mut() {
        if let Value::String(text) = value {
            let trimmed = text.trim();
            if trimmed.len() != text.len() {
                *text = trimmed.to_owned();
            }
        }
    }
    Some(members)
}

/// What this host does not have is refused, never silently dropped.
fn unsupported(fields: &mut Fields<'_>) -> Option<()> {
    let mut all = Some(());
    for name in ["gatewayId", "gatewayPoolId", "isPlatformManagedCredentials"] {
        let is_asked_for = !matches!(fields.take(name), None | Some(Value::Null | Value::Bool(false)));
        if is_asked_for {
            all = fields.refuse(name, violation::NOT_SUPPORTED, "is not offered by this host");
        }
    }
    all
}

/// The way to connect that a request names.
///
/// # Errors
/// `invalid_request`.
pub(super) fn method<'f>(facade: &'f Facade, name: &str) -> Result<&'f InfisicalMethod> {
    facade.method(name).ok_or_else(|| {
        let known = facade.names().methods.iter().map(|method| method.name.as_str());
        let words = known.clone().collect::<Vec<_>>().join("`, `");
        let detail = format!("must be one of `{words}`{}", suggestion::hint(name, known));
        Error::invalid(vec![Violation::new("/method", violation::NOT_AN_OPTION, detail)])
    })
}

/// Where a setting stands in a request.
pub(super) fn credential_place(method: &InfisicalMethod, place: &str) -> Option<String> {
    Facade::credential_member(method, place).map(|member| format!("/credentials/{member}"))
}
