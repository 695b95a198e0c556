//! Live options of an integration auth, for people who choose: the plugin's choices under the names of the dialect.

use axum::extract::State;
use keyferry_contract::LegacyScope;
use serde_json::{Map, Value};
use utoipa_axum::routes;

use super::{KIND, found};
use crate::api::extract::Path;
use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::client::Client;
use crate::api::infisical::extract::Params;
use crate::api::infisical::native::{TEXT_MAX, told};
use crate::api::problem::Problem;
use crate::api::router::Routes;
use crate::api::state::ApiState;
use crate::domain::destination::Choice;
use crate::domain::id::ConnectionUid;
use crate::domain::{Error, Result};
use crate::service::connections::{ChoiceQuery, ChoiceScope};
use crate::service::context::TenantCtx;
use crate::service::integrations::LegacyIntegration;

/// Pages of choices that one answer holds.
const PAGES_MAX: usize = 20;

/// One kind of list.
#[derive(Clone, Copy)]
struct Picker {
    /// The last segment of its path.
    segment: &'static str,
    /// The member of the answer that holds it.
    list: &'static str,
    /// The members of an item that hold the value to be sent and the words for people; a list of bare values has neither.
    item: Option<(&'static str, &'static str)>,
    /// The members that its values are sent as; the first that the plugin has choices for counts.
    members: &'static [&'static str],
}

const fn picker(
    (segment, list): (&'static str, &'static str),
    item: Option<(&'static str, &'static str)>,
    members: &'static [&'static str],
) -> Picker {
    Picker { segment, list, item, members }
}

const APPS: Picker = picker(("apps", "apps"), Some(("appId", "name")), &["appId", "app"]);
const TEAMS: Picker = picker(("teams", "teams"), Some(("id", "name")), &["owner"]);
const OF_A_VENDOR: [Picker; 16] = [
    picker(("kms-keys", "kmsKeys"), Some(("id", "alias")), &["metadata.kmsKeyId"]),
    APPS,
    picker(("containers", "containers"), Some(("appId", "name")), &["appId"]),
    picker(("jobs", "jobs"), Some(("appId", "name")), &["appId"]),
    picker(("regions", "regions"), Some(("id", "name")), &["region"]),
    picker(("branches", "branches"), None, &["path"]),
    picker(("groups", "groups"), Some(("groupId", "name")), &["targetServiceId"]),
    picker(("orgs", "orgs"), Some(("orgId", "name")), &["owner"]),
    picker(("workspaces", "workspaces"), Some(("slug", "name")), &["owner"]),
    picker(("envs", "envs"), Some(("envId", "name")), &["targetEnvironmentId", "targetEnvironment"]),
    picker(("environments", "environments"), Some(("environmentId", "name")), &["targetEnvironmentId"]),
    picker(("projects", "projects"), Some(("projectId", "name")), &["targetServiceId"]),
    picker(("services", "services"), Some(("serviceId", "name")), &["targetServiceId"]),
    picker(("secret-groups", "secretGroups"), Some(("groupId", "name")), &["targetServiceId"]),
    picker(("build-configs", "buildConfigs"), Some(("buildConfigId", "name")), &["targetEnvironmentId"]),
    picker(("pipelines", "pipelines"), Some(("pipelineId", "name")), &["targetServiceId"]),
];

pub(super) fn routes() -> Routes {
    Routes::new().add(routes!(apps)).add(routes!(teams)).add(routes!(of_a_vendor))
}

/// Members of integrations that are chosen already; what else a query says is ignored.
struct Known(Map<String, Value>);

impl Read for Known {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        const NAMES: [&str; 9] = [
            "app",
            "appId",
            "owner",
            "region",
            "path",
            "scope",
            "targetEnvironment",
            "targetEnvironmentId",
            "targetServiceId",
        ];
        fields.aliases("owner", &["teamId", "orgId", "repoOwner", "accountId"]);
        fields.aliases("appId", &["repoName", "projectId"]);
        fields.aliases("targetEnvironmentId", &["environmentId"]);
        let mut known = Map::new();
        for (name, text) in NAMES.map(|name| (name, fields.optional(name, read::text(TEXT_MAX)))) {
            known.extend(text?.map(|text| (name.to_owned(), Value::String(text))));
        }
        Some(Self(known))
    }
}

/// List the places that an integration can lead to.
#[utoipa::path(get, path = "/api/v1/integration-auth/{integrationAuthId}/apps",
    operation_id = "infisical.integrationAuth.apps", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:write", "integrations:read"])),
    params(("integrationAuthId" = String, Path, description = "The integration auth's id"),
        ("teamId" = Option<String>, Query, description = "The team whose places are meant")),
    responses((status = 200, description = "`apps`: a list of `appId` and `name`", body = Object)))]
async fn apps(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<ConnectionUid>,
    Params(Known(known)): Params<Known>,
) -> Result<axum::Json<Value>, Problem> {
    Ok(picked(&state, &client, uid, (APPS, known)).await?)
}

/// List the teams of an integration auth.
#[utoipa::path(get, path = "/api/v1/integration-auth/{integrationAuthId}/teams",
    operation_id = "infisical.integrationAuth.teams", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:write", "integrations:read"])),
    params(("integrationAuthId" = String, Path, description = "The integration auth's id")),
    responses((status = 200, description = "`teams`: a list of `id` and `name`", body = Object)))]
async fn teams(
    State(state): State<ApiState>,
    client: Client,
    Path(uid): Path<ConnectionUid>,
    Params(Known(known)): Params<Known>,
) -> Result<axum::Json<Value>, Problem> {
    Ok(picked(&state, &client, uid, (TEAMS, known)).await?)
}

/// List what else can be chosen of a vendor: `kms-keys`, `regions`, `branches`, `orgs`, `envs` and more.
#[utoipa::path(get, path = "/api/v1/integration-auth/{integrationAuthId}/{vendor}/{picker}",
    operation_id = "infisical.integrationAuth.choices", tag = "Infisical: native integrations",
    security(("bearer" = ["integrations:write", "integrations:read"])),
    params(("integrationAuthId" = String, Path, description = "The integration auth's id"),
        ("vendor" = String, Path, description = "The vendor's name, which is not looked at"),
        ("picker" = String, Path, description = "What is chosen"),
        ("region" = Option<String>, Query, description = "The region that is meant"),
        ("appId" = Option<String>, Query, description = "The place that is meant")),
    responses((status = 200, description = "A list under the picker's name", body = Object)))]
async fn of_a_vendor(
    State(state): State<ApiState>,
    client: Client,
    axum::extract::Path(path): axum::extract::Path<(String, String, String)>,
    Params(Known(known)): Params<Known>,
) -> Result<axum::Json<Value>, Problem> {
    let (uid, _, segment) = path;
    let uid = uid.parse().map_err(|_| Error::not_found(KIND))?;
    let picker = OF_A_VENDOR.iter().find(|picker| picker.segment == segment);
    let picker = picker.ok_or_else(|| Error::not_found("list"))?;
    Ok(picked(&state, &client, uid, (*picker, known)).await?)
}

async fn picked(
    state: &ApiState,
    client: &Client,
    uid: ConnectionUid,
    (picker, known): (Picker, Map<String, Value>),
) -> Result<axum::Json<Value>> {
    let ctx = client.holding(uid.as_bytes(), KIND).await?;
    let (_, integration) = found(state, &ctx, uid).await?;
    let chosen = choices(state, &ctx, (uid, &integration), (picker, &known)).await;
    let chosen = chosen.map_err(|error| told(error, &integration.map, None))?;
    let items: Vec<Value> = chosen.into_iter().map(|choice| item(picker, choice)).collect();
    Ok(axum::Json(Value::Object(Map::from_iter([(picker.list.to_owned(), Value::Array(items))]))))
}

/// Everything that can be chosen; nothing where the plugin has no choices for it.
async fn choices(
    state: &ApiState,
    ctx: &TenantCtx,
    (uid, integration): (ConnectionUid, &LegacyIntegration),
    (picker, known): (Picker, &Map<String, Value>),
) -> Result<Vec<Choice>> {
    let Some(mut query) = query(integration, picker, known) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = state.services.connections.choices(ctx, &integration.id, uid, &query).await?;
        all.extend(page.choices);
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

fn query(integration: &LegacyIntegration, picker: Picker, known: &Map<String, Value>) -> Option<ChoiceQuery> {
    let map = &integration.map;
    let scopes =
        [(LegacyScope::Destination, ChoiceScope::Destination), (LegacyScope::Connection, ChoiceScope::Connection)];
    let asked = picker.members.iter().flat_map(|member| scopes.map(|(legacy, scope)| (legacy, scope, *member)));
    let mut dynamic = asked.filter_map(|(legacy, scope, member)| {
        map.parameter_of(legacy, member).filter(|parameter| parameter.dynamic).map(|parameter| (scope, parameter))
    });
    let (scope, parameter) = dynamic.next()?;
    let (mut destination, mut connection) = (Map::new(), Map::new());
    map.settle(LegacyScope::Destination, known, false, &mut destination);
    map.settle(LegacyScope::Connection, known, false, &mut connection);
    connection.retain(|name, _| map.open_parameters().contains(name));
    let (known, chosen) = match scope {
        ChoiceScope::Destination => (destination, connection),
        ChoiceScope::Connection => (connection, Map::new()),
    };
    Some(ChoiceQuery { scope, parameter: parameter.name.clone(), known, chosen, cursor: None })
}

fn item(picker: Picker, choice: Choice) -> Value {
    match picker.item {
        None => Value::String(choice.value),
        Some((value, label)) => {
            let members = [(value, choice.value), (label, choice.label)];
            Value::Object(members.map(|(name, text)| (name.to_owned(), Value::String(text))).into_iter().collect())
        }
    }
}
