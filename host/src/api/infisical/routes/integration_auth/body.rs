//! What requests say of a native integration's credentials.

use std::collections::BTreeMap;

use keyferry_contract::LegacyScope;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::fields::{At, Fields, Patch, Read, read};
use crate::api::infisical::extract;
use crate::api::infisical::native::TEXT_MAX;
use crate::domain::error::violation;
use crate::domain::integration::legacy::member;
use crate::domain::settings::{Given, MASK};
use crate::domain::{Code, Error, Result, Secret, Violation};
use crate::records::connections::ConnectionRecord;
use crate::service::connections::{ConnectionChange, Entered, GivenAuth};
use crate::service::integrations::LegacyIntegration;

/// Members that hold a credential.
const CREDENTIALS: [&str; 4] = ["accessId", "accessToken", "refreshToken", "awsAssumeIamRoleArn"];
/// The longest credential, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 16 << 10;
/// The longest slug.
const SLUG_MAX: usize = 150;

/// Credentials of a native integration.
#[derive(ToSchema)]
#[schema(as = InfisicalIntegrationAuthIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewAuth` reads")]
pub(super) struct NewAuthSchema {
    /// The project's UUID or slug; `projectId` is the same.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    workspace_id: String,
    /// Which integration the credentials are for.
    #[schema(example = "aws-parameter-store")]
    integration: String,
    #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
    access_id: Option<String>,
    #[schema(example = "...")]
    access_token: Option<String>,
    #[schema(example = json!(null))]
    aws_assume_iam_role_arn: Option<String>,
    /// Where the vendor answers, in place of its own address.
    #[schema(example = json!(null))]
    url: Option<String>,
    #[schema(example = json!(null))]
    namespace: Option<String>,
    #[schema(example = json!(null))]
    refresh_token: Option<String>,
}

/// What changes of the credentials; what is left out stays.
#[derive(ToSchema)]
#[schema(as = InfisicalIntegrationAuthPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `Said` reads")]
pub(super) struct AuthPatchSchema {
    access_id: Option<String>,
    access_token: Option<String>,
    aws_assume_iam_role_arn: Option<String>,
    url: Option<String>,
    namespace: Option<String>,
    refresh_token: Option<String>,
}

/// An integration auth to be made.
pub(super) struct NewAuth {
    pub(super) project: String,
    pub(super) integration: String,
    pub(super) said: Said,
}

impl Read for NewAuth {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = extract::project(fields);
        let integration = fields.required("integration", read::filled_text(SLUG_MAX));
        let said = Said::read(fields);
        Some(Self { project: project?, integration: integration?, said: said? })
    }
}

/// Everything that is said with a credential; empty members are as if they were not there.
pub(super) struct Said {
    credential: BTreeMap<&'static str, Secret<String>>,
    members: Map<String, Value>,
}

impl Read for Said {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let url = fields.optional("url", address);
        let namespace = fields.optional("namespace", read::text(TEXT_MAX));
        let credential = CREDENTIALS.map(|name| (name, fields.optional(name, read::secret(CREDENTIAL_BYTES_MAX))));
        let members = [("url", url?), ("namespace", namespace?)];
        let members = members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?))));
        let mut given = BTreeMap::new();
        for (name, secret) in credential {
            given.extend(secret?.filter(|secret| !secret.expose().is_empty()).map(|secret| (name, secret)));
        }
        Some(Self { credential: given, members: members.collect() })
    }
}

/// An absolute address, or nothing.
fn address(at: &At<'_>, value: Value) -> Option<String> {
    let text = read::text(TEXT_MAX)(at, value)?;
    let is_good = text.is_empty() || url::Url::parse(&text).is_ok_and(|url| url.has_host());
    if is_good { Some(text) } else { at.refuse(violation::MALFORMED, "must be an absolute address") }
}

impl Said {
    /// The auth method that the credential is for.
    pub(super) fn method<'i>(&self, integration: &'i LegacyIntegration) -> Option<&'i str> {
        integration.map.auth_method(&self.credential.keys().copied().collect())
    }

    /// The address that is named, where one is.
    pub(super) fn address(&self) -> Option<&str> {
        member(&self.members, "url").and_then(Value::as_str)
    }

    /// The connection to be made.
    ///
    /// # Errors
    /// `not_supported` when the integration's plugin declares no credentials for this dialect; `invalid_request` for a
    /// credential that it has no use for.
    pub(super) fn made(self, integration: &LegacyIntegration, sent_name: &str) -> Result<ConnectionChange> {
        let mut parameters = Map::new();
        integration.map.settle(LegacyScope::Connection, &self.members, true, &mut parameters);
        parameters.retain(|name, _| !integration.map.open_parameters().contains(name));
        let mut presentation = self.members.clone();
        presentation.insert("integration".to_owned(), Value::from(sent_name));
        Ok(ConnectionChange {
            display_name: Patch::Set(integration.display_name.chars().take(100).collect()),
            entered: Entered {
                parameters: Patch::Set(Given::from(parameters)),
                auth: Patch::Set(self.auth(integration)?),
                open_parameters: Some(integration.map.open_parameters()),
                ..Entered::default()
            },
            presentation: Patch::Set(presentation),
            publishes: true,
            leaves_origin: self.address().is_none(),
            ..ConnectionChange::default()
        })
    }

    /// What becomes of a connection.
    ///
    /// # Errors
    /// As [`Said::made`].
    pub(super) fn changed(
        self,
        integration: &LegacyIntegration,
        present: &ConnectionRecord,
    ) -> Result<ConnectionChange> {
        let mut parameters = present.draft.parameters.clone().unwrap_or_default();
        integration.map.settle(LegacyScope::Connection, &self.members, false, &mut parameters);
        let is_same = present.draft.parameters.as_ref() == Some(&parameters);
        parameters.extend(present.draft.secret_parameters.iter().map(|name| (name.clone(), Value::from(MASK))));
        let mut presentation = present.presentation.clone();
        presentation.extend(self.members.clone());
        let auth = if self.credential.is_empty() { Patch::Keep } else { Patch::Set(self.auth(integration)?) };
        let parameters = if is_same { Patch::Keep } else { Patch::Set(Given::from(parameters)) };
        Ok(ConnectionChange {
            entered: Entered { parameters, auth, ..Entered::default() },
            presentation: Patch::Set(presentation),
            publishes: true,
            ..ConnectionChange::default()
        })
    }

    fn auth(&self, integration: &LegacyIntegration) -> Result<GivenAuth> {
        let Some(method) = self.method(integration) else {
            let detail = format!("`{}` cannot be connected to in this dialect: use a config", integration.name);
            return Err(Error::new(Code::NotSupported, detail));
        };
        let members: Vec<(&str, &str)> = integration.map.credential_members(method).collect();
        let refused = self.credential.keys().filter(|name| !members.iter().any(|(member, _)| member == *name));
        let refused: Vec<Violation> = refused
            .map(|name| {
                Violation::new(format!("/{name}"), violation::NOT_SUPPORTED, "is not taken by this integration")
            })
            .collect();
        if !refused.is_empty() {
            return Err(Error::invalid(refused));
        }
        let parameters = members.into_iter().filter_map(|(member, parameter)| {
            Some((parameter.to_owned(), Value::String(self.credential.get(member)?.expose().clone())))
        });
        let parameters = Some(Given::from(parameters.collect::<Map<_, _>>()));
        Ok(GivenAuth { method: Some(method.to_owned()), level: None, parameters })
    }
}
