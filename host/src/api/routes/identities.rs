//! Machine identities of a tenant, and their client secrets.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::api::auth::{Authorized, scopes};
use crate::api::dto::{Created, Done, scope_set};
use crate::api::etag::{IfMatch, Tagged};
use crate::api::extract::{Json, Path, Paths, Query};
use crate::api::fields::{Fields, Patch, Read, read};
use crate::api::page::{Page, Paging, PagingParams};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::routes::api_keys::ttl_days;
use crate::api::state::ApiState;
use crate::domain::access::{Role, Scope};
use crate::domain::error::violation;
use crate::domain::id::{IdentityUid, KeyUid};
use crate::domain::login::{LoginChange, USES_MAX};
use crate::domain::name::Label;
use crate::domain::{Error, Versioned};
use crate::service::identities::{Member, MemberChange, NewIdentity};
use crate::service::keys::{AccessKey, NewClientSecret};

pub(crate) mod login;

use login::{LockoutSchema, LoginOut, number, token_ttl};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(routes!(list, create))
        .add(routes!(read_one, update, delete))
        .add(routes!(revoke_tokens))
        .add(routes!(list_secrets, create_secret))
        .add(routes!(delete_secret))
}

/// Roles by their names on the wire.
const ROLES: &[(&str, Role)] = &[
    ("READER", Role::Reader),
    ("OPERATOR", Role::Operator),
    ("MANAGER", Role::Manager),
    ("OWNER", Role::Owner),
    ("AUDITOR", Role::Auditor),
];

fn role_name(role: Role) -> &'static str {
    ROLES.iter().find(|(_, one)| *one == role).map_or("UNSPECIFIED", |(name, _)| name)
}

/// An identity to be made, or one of another tenant to be admitted.
#[derive(ToSchema)]
#[schema(as = IdentityIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `IdentityIn` reads")]
struct IdentityInSchema {
    /// Unique in the host. Needed for a new identity.
    #[schema(example = "ci", max_length = 100)]
    name: Option<String>,
    /// An identity that exists, to be made a member of this tenant; then without `name` and `tokenTtlSeconds`.
    identity_id: Option<String>,
    /// A bundle of scopes: READER, OPERATOR, MANAGER, OWNER or AUDITOR.
    #[schema(example = "OPERATOR")]
    role: Option<String>,
    /// Scopes beyond those of the role.
    #[schema(example = json!(["secrets:reveal"]))]
    scopes: Option<Vec<String>>,
    /// How long access tokens are good for: 60 seconds to one year, 30 days when left out.
    #[schema(example = 2_592_000)]
    token_ttl_seconds: Option<u64>,
    /// Whether it has client secrets at all: true when left out.
    takes_client_secrets: Option<bool>,
    /// How long a token is good for at most, by renewals: 60 seconds to one year, 30 days when left out.
    #[schema(example = 2_592_000)]
    token_max_ttl_seconds: Option<u64>,
    /// Requests that one token is good for; 0 or left out: any number.
    #[schema(example = 0)]
    token_uses_max: Option<u64>,
    /// From where tokens and API keys are taken; empty or left out: anywhere.
    #[schema(example = json!([]))]
    token_networks: Option<Vec<String>>,
    /// From where client secrets are taken; empty or left out: anywhere.
    #[schema(example = json!(["10.20.0.0/16"]))]
    client_secret_networks: Option<Vec<String>>,
    lockout: Option<LockoutSchema>,
}

pub(crate) struct IdentityIn {
    name: Option<Label>,
    identity: Option<IdentityUid>,
    role: Option<Role>,
    scopes: BTreeSet<Scope>,
    token_ttl: Option<Duration>,
    login: LoginChange,
}

impl Read for IdentityIn {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.optional("name", read::name);
        let identity = fields.optional("identityId", read::parsed("must be the id of an identity"));
        let role = fields.optional("role", read::choice(ROLES));
        let scopes = fields.or("scopes", BTreeSet::new(), scope_set);
        let token_ttl = fields.optional("tokenTtlSeconds", token_ttl);
        let login = LoginChange::read(fields);
        let either = match (&name, &identity) {
            (Some(None), Some(None)) => fields.refuse("name", violation::REQUIRED, "is required, or `identityId`"),
            (Some(Some(_)), Some(Some(_))) => {
                fields.refuse("name", violation::FORBIDDEN, "must be left out beside `identityId`")
            }
            _ => Some(()),
        };
        let bounds_login = token_ttl.flatten().is_some() || login.as_ref().is_some_and(|login| !login.is_empty());
        let admitted = match &identity {
            Some(Some(_)) if bounds_login => {
                let detail = "must be left out beside `identityId`, as must all that bounds tokens and client secrets";
                fields.refuse("tokenTtlSeconds", violation::FORBIDDEN, detail)
            }
            _ => Some(()),
        };
        let (name, identity, role, scopes) = (name?, identity?, role?, scopes?);
        let whole = Self { name, identity, role, scopes, token_ttl: token_ttl?, login: login? };
        either.and(admitted).map(|()| whole)
    }
}

/// What may change of a member.
#[derive(ToSchema)]
#[schema(as = IdentityPatch, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `MemberChange` reads")]
struct IdentityPatchSchema {
    /// Null takes the role away.
    #[schema(example = "READER")]
    role: Option<String>,
    /// Replace the scopes beyond those of the role.
    scopes: Option<Vec<String>>,
    /// A disabled identity is refused everywhere. Only from its home.
    is_disabled: Option<bool>,
    /// Only from its home, as are the members below.
    #[schema(example = 3600)]
    token_ttl_seconds: Option<u64>,
    /// Whether it has client secrets at all. False deletes those there are, and refuses all tokens it was given
    /// so far.
    takes_client_secrets: Option<bool>,
    /// How long a token is good for at most, by renewals: 60 seconds to one year.
    #[schema(example = 2_592_000)]
    token_max_ttl_seconds: Option<u64>,
    /// Requests that one token is good for; 0: any number.
    #[schema(example = 0)]
    token_uses_max: Option<u64>,
    /// From where tokens and API keys are taken; empty: anywhere.
    #[schema(example = json!([]))]
    token_networks: Option<Vec<String>>,
    /// From where client secrets are taken; empty: anywhere.
    #[schema(example = json!(["10.20.0.0/16"]))]
    client_secret_networks: Option<Vec<String>>,
    lockout: Option<LockoutSchema>,
}

impl Read for MemberChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let role = fields.patch("role", read::choice(ROLES));
        let scopes = fields.optional("scopes", scope_set);
        let is_disabled = fields.optional("isDisabled", read::boolean);
        let token_ttl = fields.optional("tokenTtlSeconds", token_ttl);
        let login = LoginChange::read(fields);
        fields.ignore(&["id", "name", "isAdministrator", "isHome", "createdAt", "modifiedAt"]);
        let role = match role? {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(role) => Some(Some(role)),
        };
        Some(Self { role, scopes: scopes?, is_disabled: is_disabled?, token_ttl: token_ttl?, login: login? })
    }
}

/// A machine identity, as a member of a tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Identity)]
struct IdentityOut {
    /// Also the client id of its secrets.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    #[schema(example = "ci")]
    name: String,
    #[schema(example = "OPERATOR")]
    role: Option<&'static str>,
    /// Beyond those of the role.
    #[schema(example = json!([]))]
    scopes: Vec<&'static str>,
    is_disabled: bool,
    /// Whether it administers the host.
    is_administrator: bool,
    /// Whether this tenant is the identity's home, which alone may disable it or give it client secrets.
    is_home: bool,
    #[schema(example = 2_592_000)]
    token_ttl_seconds: u64,
    #[serde(flatten)]
    login: LoginOut,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_760_000_000_000_i64)]
    modified_at: i64,
}

impl From<Member> for IdentityOut {
    fn from(member: Member) -> Self {
        Self {
            id: member.uid.to_string(),
            name: member.name,
            role: member.role.map(role_name),
            scopes: member.scopes.iter().map(|scope| scope.text()).collect(),
            is_disabled: member.is_disabled,
            is_administrator: member.is_administrator,
            is_home: member.is_home,
            token_ttl_seconds: member.token_ttl.as_secs(),
            login: member.login.into(),
            created_at: member.created_at.unix_ms(),
            modified_at: member.modified_at.unix_ms(),
        }
    }
}

/// Create an identity, or admit one of another tenant.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/identities", operation_id = "identities.create", tag = "access",
    security(("bearer" = ["identities:write"])), request_body = IdentityInSchema,
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses((status = 201, description = "The identity", body = IdentityOut),
        (status = 409, description = "The name is taken, or the identity is a member")))]
async fn create(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Json(body): Json<IdentityIn>,
) -> Result<Created<IdentityOut>, Problem> {
    let IdentityIn { name, identity, role, scopes, token_ttl, login } = body;
    let identities = &state.services.identities;
    let member = match (identity, name) {
        (Some(uid), _) => identities.admit(&ctx, uid, role, scopes).await?,
        (None, Some(name)) => identities.create(&ctx, &NewIdentity { name, role, scopes, token_ttl, login }).await?,
        (None, None) => return Err(Error::internal("the reader demands one of both").into()),
    };
    let location = format!("/v1/tenants/{}/identities/{}", ctx.slug(), member.value.uid);
    Ok(Created { location, resource: Tagged::stored(member.map(IdentityOut::from)) })
}

struct ListQuery {
    paging: Paging,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { paging: Paging::read(fields)? })
    }
}

/// List the members of a tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/identities", operation_id = "identities.list", tag = "access",
    security(("bearer" = ["identities:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"), PagingParams),
    responses((status = 200, description = "Identities, oldest first", body = Page<IdentityOut>)))]
async fn list(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesRead>,
    Query(ListQuery { paging }): Query<ListQuery>,
) -> Result<axum::Json<Page<IdentityOut>>, Problem> {
    let cursors = state.services.cursors(&ctx).await?;
    let bound: &[&[u8]] = &[b"identities"];
    let page = state.services.identities.list(&ctx, paging.cursor(&cursors, bound)?.as_deref(), paging.size).await?;
    Ok(axum::Json(Page {
        items: page.items.into_iter().map(IdentityOut::from).collect(),
        next_page_token: page.next.map(|cursor| cursors.seal(bound, &cursor)).unwrap_or_default(),
        total_count: None,
    }))
}

/// Read an identity.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/identities/{identity}", operation_id = "identities.read", tag = "access",
    security(("bearer" = ["identities:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "The identity", body = IdentityOut)))]
async fn read_one(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesRead>,
    Path(identity): Path<IdentityUid>,
) -> Result<Tagged<IdentityOut>, Problem> {
    let member = state.services.identities.read(&ctx, identity).await?;
    Ok(Tagged::stored(member.map(IdentityOut::from)))
}

/// Change what an identity may do here, or disable it.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/identities/{identity}", operation_id = "identities.update",
    tag = "access", security(("bearer" = ["identities:write"])), request_body = IdentityPatchSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is meant for")),
    responses((status = 200, description = "The identity", body = IdentityOut),
        (status = 409, description = "Only the identity's home may do this")))]
async fn update(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Path(identity): Path<IdentityUid>,
    IfMatch(expected): IfMatch,
    Json(change): Json<MemberChange>,
) -> Result<Tagged<IdentityOut>, Problem> {
    let member = state.services.identities.update(&ctx, identity, &change, &expected).await?;
    Ok(Tagged::stored(member.map(IdentityOut::from)))
}

/// End a membership; at its home, delete the identity with all its keys.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/identities/{identity}", operation_id = "identities.delete",
    tag = "access", security(("bearer" = ["identities:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the deletion is meant for")),
    responses((status = 204, description = "It is gone")))]
async fn delete(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Path(identity): Path<IdentityUid>,
    IfMatch(expected): IfMatch,
) -> Result<Done, Problem> {
    state.services.identities.delete(&ctx, identity, &expected).await?;
    Ok(Done)
}

/// Refuse all access tokens that an identity was given so far.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/identities/{identity}:revokeTokens",
    operation_id = "identities.revokeTokens", tag = "access", security(("bearer" = ["identities:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id")),
    responses((status = 204, description = "They are refused from now on"),
        (status = 409, description = "Only the identity's home may do this")))]
async fn revoke_tokens(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Path(identity): Path<IdentityUid>,
) -> Result<Done, Problem> {
    state.services.identities.revoke_tokens(&ctx, identity).await?;
    Ok(Done)
}

/// A client secret to be made.
#[derive(ToSchema)]
#[schema(as = ClientSecretIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `NewClientSecret` reads")]
struct ClientSecretInSchema {
    #[schema(example = "2026", max_length = 100)]
    name: String,
    /// 1 to 365; 90 when left out.
    #[schema(example = 90)]
    ttl_days: Option<u32>,
    /// How often it may be exchanged; 0 or left out: any number of times.
    #[schema(example = 0)]
    uses_max: Option<u64>,
}

impl Read for NewClientSecret {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", read::name);
        let ttl = fields.optional("ttlDays", ttl_days);
        let uses_max = fields.or("usesMax", 0, number(0..=USES_MAX));
        Some(Self { name: Some(name?), ttl: ttl?, uses_max: uses_max? })
    }
}

/// A client secret; the secret itself is shown once, when it is made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClientSecret)]
struct ClientSecretOut {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    id: String,
    #[schema(example = "2026")]
    name: String,
    /// What the secret begins with, after `kf_secret_`.
    #[schema(example = "0a1B2c3D4e5F6g7H")]
    public_id: String,
    /// Sent as `clientId` beside the secret.
    client_id: String,
    /// Only in the answer that made it; null ever after.
    #[schema(example = "kf_secret_...")]
    client_secret: Option<String>,
    /// How often it was exchanged, where that is limited.
    #[schema(example = 0)]
    uses: u64,
    /// How often it may be; 0: any number of times.
    #[schema(example = 0)]
    uses_max: u64,
    #[schema(example = 1_760_000_000_000_i64)]
    created_at: i64,
    #[schema(example = 1_767_776_000_000_i64)]
    expires_at: i64,
}

impl From<AccessKey> for ClientSecretOut {
    fn from(key: AccessKey) -> Self {
        Self {
            id: key.uid.to_string(),
            name: key.name,
            public_id: key.public_id,
            client_id: key.identity.to_string(),
            client_secret: None,
            uses: key.uses,
            uses_max: key.uses_max,
            created_at: key.created_at.unix_ms(),
            expires_at: key.expires_at.unix_ms(),
        }
    }
}

/// Create a client secret of an identity.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/identities/{identity}/clientSecrets",
    operation_id = "clientSecrets.create", tag = "access", security(("bearer" = ["identities:write"])),
    request_body = ClientSecretInSchema,
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id")),
    responses((status = 201, description = "The client secret, shown this once", body = ClientSecretOut),
        (status = 409, description = "Only the identity's home may do this")))]
async fn create_secret(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Path(identity): Path<IdentityUid>,
    Json(new): Json<NewClientSecret>,
) -> Result<Created<ClientSecretOut>, Problem> {
    let made = state.services.keys.create_client_secret(&ctx, identity, &new).await?;
    let location = format!("/v1/tenants/{}/identities/{identity}/clientSecrets/{}", ctx.slug(), made.key.uid);
    let shown = Some(made.text.expose().clone());
    let body = ClientSecretOut { client_secret: shown, ..ClientSecretOut::from(made.key) };
    Ok(Created { location, resource: Tagged::stored(Versioned { value: body, version: made.version }) })
}

/// List the client secrets of an identity, without the secrets.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/identities/{identity}/clientSecrets",
    operation_id = "clientSecrets.list", tag = "access", security(("bearer" = ["identities:read"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id")),
    responses((status = 200, description = "Client secrets, oldest first", body = Page<ClientSecretOut>),
        (status = 409, description = "Only the identity's home may do this")))]
async fn list_secrets(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesRead>,
    Path(identity): Path<IdentityUid>,
) -> Result<axum::Json<Page<ClientSecretOut>>, Problem> {
    let keys = state.services.keys.list_client_secrets(&ctx, identity).await?;
    Ok(axum::Json(Page::whole(keys.into_iter().map(ClientSecretOut::from).collect())))
}

/// End a client secret.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/identities/{identity}/clientSecrets/{secret}",
    operation_id = "clientSecrets.delete", tag = "access", security(("bearer" = ["identities:write"])),
    params(("tenant" = String, Path, description = "The tenant's id"),
        ("identity" = String, Path, description = "The identity's id"),
        ("secret" = String, Path, description = "The client secret's id")),
    responses((status = 204, description = "It is good no more"),
        (status = 409, description = "Only the identity's home may do this")))]
async fn delete_secret(
    State(state): State<ApiState>,
    ctx: Authorized<scopes::IdentitiesWrite>,
    Paths(identity, secret): Paths<IdentityUid, KeyUid>,
) -> Result<Done, Problem> {
    state.services.keys.delete_client_secret(&ctx, identity, secret).await?;
    Ok(Done)
}
