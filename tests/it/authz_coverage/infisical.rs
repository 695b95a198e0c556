//! The Infisical dialect, whose routes name the project in the path, in the query, in the body, or by an object of it.
//!
//! Each operation is asked for as its document says: what names a project or an object of it comes from [`Acme`], everything
//! else from the examples. An operation that cannot be asked for like that fails the test: it needs an example, or a line in
//! [`Acme`].

use std::collections::BTreeMap;

use http::Method;
use keyferry::domain::access::Scope;
use keyferry_tests::api::{Answer, Caller, TestApi};
use keyferry_tests::fake_plugins::{self, FakePlugins, RIGHT};
use serde_json::{Value, json};

/// Operations that concern no one project: of everybody who has a good token. This list may only shrink.
const OF_ANYBODY: [&str; 4] = [
    "infisical.integrationAuth.options",
    "infisical.projects.list",
    "infisical.serviceTokens.read",
    "infisical.workspaces.list",
];
/// Operations of who administers the host.
const OF_ADMINISTRATORS: [&str; 1] = ["infisical.workspacesV2.create"];

struct Operation {
    id: String,
    method: Method,
    path: String,
    query: Vec<String>,
    body: Option<Vec<Member>>,
    needs: Vec<String>,
}

/// Every operation of the dialect that needs a token.
fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&keyferry::api::openapi_json()).expect("the document is JSON");
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("there are paths") {
        if !path.starts_with("/api/") {
            continue;
        }
        for (method, operation) in item.as_object().expect("a path has operations") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let security = operation["security"].as_array().into_iter().flatten();
            let Some(needs) = security.filter_map(|one| one.get("bearer")?.as_array()).next() else { continue };
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
            all.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase().parse().expect("it is a method"),
                path: path.clone(),
                query: query.map(ToOwned::to_owned).collect(),
                body: members(&document, operation),
                needs: needs.iter().filter_map(|scope| scope.as_str().map(ToOwned::to_owned)).collect(),
            });
        }
    }
    all
}

/// A member of a request body.
struct Member {
    name: String,
    example: Option<Value>,
    is_required: bool,
}

fn members(document: &Value, operation: &Value) -> Option<Vec<Member>> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
    let schema =
        schema["$ref"].as_str().and_then(|target| document.pointer(target.strip_prefix('#')?)).unwrap_or(schema);
    let is_required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let members = schema["properties"].as_object()?.iter().map(|(name, property)| Member {
        name: name.clone(),
        example: property.get("example").cloned(),
        is_required: is_required(name),
    });
    Some(members.collect())
}

/// Parameter Store under all names that clients of the dialect have for it, with all that can be chosen.
fn cloud() -> Value {
    let mut metadata = fake_plugins::parameter_store();
    let chosen = ["kmsKeyId", "project", "team"].map(|name| json!({"name": name, "dynamic": true}));
    metadata["destinationMetadata"].as_array_mut().expect("it has parameters").extend(chosen);
    let field =
        |name: &str, scope: &str, parameter: &str| json!({"field": name, "scope": scope, "parameter": parameter});
    let key = |name: &str, parameter: &str| json!({"field": name, "scope": "AUTH", "method": "access-key", "parameter": parameter});
    let region = field("region", "CONNECTION", "region");
    metadata["legacyNames"] = json!(["cloud"]);
    metadata["legacyFields"] = json!([
        key("accessId", "accessKeyId"),
        key("accessToken", "secretAccessKey"),
        region,
        field("path", "DESTINATION", "path"),
        field("appId", "DESTINATION", "project"),
        field("owner", "DESTINATION", "team"),
        field("metadata.kmsKeyId", "DESTINATION", "kmsKeyId")
    ]);
    metadata["infisical"] = json!({"app": "aws", "appName": "AWS",
        "methods": [{"name": "access-key", "auth": "access-key", "credentials": [
            field("accessKeyId", "AUTH", "accessKeyId"), field("secretAccessKey", "AUTH", "secretAccessKey"),
            {"field": "region", "scope": "CONNECTION", "parameter": "region", "defaultValue": "us-east-1"}]}],
        "destination": {"slug": "parameters", "name": "Parameters",
            "config": [region, field("path", "DESTINATION", "path")]},
        "choices": [{"path": "kms-keys", "scope": "DESTINATION", "parameter": "kmsKeyId", "list": "kmsKeys", "value": "id",
            "label": "alias", "query": [region]}]});
    metadata
}

/// A tenant with one object of each kind.
struct Acme {
    api: TestApi,
    /// What names the project and its objects: `{name}` in a path, `name` in a query or a body; for one operation alone with
    /// the operation's id before it.
    known: BTreeMap<String, Value>,
    owner: String,
    stranger: String,
}

impl Acme {
    async fn new() -> Self {
        let api = TestApi::with_plugins(&FakePlugins::new()).await;
        api.plugin(&cloud()).await;
        api.tenant("acme").await;
        api.tenant("other").await;
        let (_, owner) = api.member("acme", "owner", "OWNER").await;
        let (_, stranger) = api.member("other", "stranger", "OWNER").await;
        let mut acme = Self { api, known: BTreeMap::new(), owner, stranger };
        let project = acme.know_project().await;
        acme.know_identity().await;
        acme.know_secrets(&project).await;
        acme.know_connections(&project).await;
        acme.know_syncs(&project).await;
        acme
    }

    fn know(&mut self, all: &[(&str, &str)]) {
        self.known.extend(all.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    }

    async fn know_project(&mut self) -> String {
        let project = self.api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid");
        self.know(&[
            ("projectId", &project),
            ("workspaceId", &project),
            ("{projectId}", &project),
            ("{project}", &project),
        ]);
        project
    }

    /// An identity that may no more than whoever manages identities, since only so it can be managed by one.
    async fn know_identity(&mut self) {
        let (identity, _) = self.api.member("acme", "managed", "identities:write").await;
        let secrets = format!("/v1/tenants/acme/identities/{identity}/clientSecrets");
        let secret = self.api.admin().get(&secrets).await.expect(200).text_at("/items/0/id");
        self.know(&[("{identityId}", &identity), ("{clientSecretId}", &secret)]);
    }

    /// An environment with a folder, and in it a secret, a tag and an import.
    async fn know_secrets(&mut self, project: &str) {
        let admin = self.api.admin();
        let environments = format!("/api/v1/projects/{project}/environments");
        let dev = admin.post(&environments, &json!({"name": "Development", "slug": "dev"})).await.expect(200);
        let in_dev = |more: Value| {
            let mut body = json!({"projectId": project, "environment": "dev"});
            body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            body
        };
        let app = admin.post("/api/v1/folders", &in_dev(json!({"name": "app", "path": "/"}))).await.expect(200);
        admin.post("/api/v1/folders", &in_dev(json!({"name": "shared", "path": "/"}))).await.expect(200);
        let secret = in_dev(json!({"secretPath": "/app", "secretValue": "value"}));
        let secret = admin.post("/api/v3/secrets/raw/HOST", &secret).await.expect(200);
        let tags = format!("/api/v1/projects/{project}/tags");
        let tag = admin.post(&tags, &json!({"slug": "blue", "color": "#0000ff"})).await.expect(200);
        let import = in_dev(json!({"path": "/app", "import": {"environment": "dev", "path": "/shared"}}));
        let import = admin.post("/api/v1/secret-imports", &import).await.expect(200);
        let id = |answer: &Answer| found_id(&answer.json).unwrap_or_else(|| panic!("no id: {}", answer.text));
        let (dev, app, secret, tag, import) = (id(&dev), id(&app), id(&secret), id(&tag), id(&import));
        self.know(&[
            ("{environment}", &dev),
            ("{folder}", &app),
            ("{secretId}", &secret),
            ("{secretName}", "HOST"),
            ("{tag}", &tag),
            ("{secretImport}", &import),
            ("{slug}", "acme"),
            ("infisical.environments.readBySlug{slug}", "dev"),
            ("infisical.workspaceTags.readBySlug{slug}", "blue"),
            ("infisical.projectTags.readBySlug{slug}", "blue"),
            ("infisical.foldersV1.readAt{folder}", project),
            ("infisical.foldersV1.readAt{environment}", "dev"),
            ("{path}", "%2Fapp"),
            ("environment", "dev"),
            ("secretPath", "/app"),
            ("secretValue", "value"),
            ("path", "/app"),
            ("projectSlug", project),
            ("sourceEnvironment", "dev"),
            ("destinationEnvironment", "dev"),
            ("destinationSecretPath", "/shared"),
        ]);
        for (name, value) in [
            ("folders", json!([{"id": app, "name": "renamed"}])),
            ("import", json!({"environment": "dev", "path": "/shared"})),
            ("secretIds", json!([secret])),
            ("secrets", json!([{"secretKey": "HOST", "secretValue": "value"}])),
        ] {
            self.known.insert(name.to_owned(), value);
        }
    }

    /// A connection of each kind, in which one credential is right.
    async fn know_connections(&mut self, project: &str) {
        let admin = self.api.admin();
        let credentials = json!({"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": RIGHT});
        let request =
            json!({"name": "existing", "method": "access-key", "projectId": project, "credentials": credentials});
        let connection = admin.post("/api/v1/app-connections/aws", &request).await.expect(200);
        let request =
            json!({"workspaceId": project, "integration": "cloud", "accessId": "AKIAEXAMPLE", "accessToken": RIGHT});
        let auth = admin.post("/api/v1/integration-auth/access-token", &request).await.expect(200);
        let (connection, auth) = (found_id(&connection.json), found_id(&auth.json));
        let (connection, auth) = (connection.expect("an id"), auth.expect("an id"));
        self.know(&[
            ("{app}", "aws"),
            ("{connectionId}", &connection),
            ("{connectionName}", "existing"),
            ("{choices}", "kms-keys"),
            ("connectionId", &connection),
            ("{integrationAuthId}", &auth),
            ("{vendor}", "aws"),
            ("{picker}", "kms-keys"),
            ("integrationAuthId", &auth),
            ("infisical.integrationAuth.createintegration", "cloud"),
            ("infisical.integrationAuth.deleteAllintegration", "cloud"),
            ("accessId", "AKIAEXAMPLE"),
            ("accessToken", RIGHT),
            ("region", "us-east-1"),
        ]);
        self.known.insert("credentials".to_owned(), credentials);
    }

    /// A sync over each connection.
    async fn know_syncs(&mut self, project: &str) {
        let admin = self.api.admin();
        let (connection, auth) = (self.known["connectionId"].clone(), self.known["integrationAuthId"].clone());
        let destination = |path: &str| json!({"region": "us-east-1", "path": path});
        let options = json!({"initialSyncBehavior": "overwrite-destination"});
        let request = json!({"name": "existing", "projectId": project, "connectionId": connection, "environment": "dev",
            "secretPath": "/app", "destinationConfig": destination("/existing/"), "syncOptions": options});
        let sync = admin.post("/api/v1/secret-syncs/parameters", &request).await.expect(200);
        let request = json!({"integrationAuthId": auth, "sourceEnvironment": "dev", "secretPath": "/app",
            "region": "us-east-1", "path": "/native/"});
        let integration = admin.post("/api/v1/integration", &request).await.expect(200);
        let (sync, integration) = (found_id(&sync.json), found_id(&integration.json));
        self.know(&[
            ("{destination}", "parameters"),
            ("{syncId}", &sync.expect("an id")),
            ("{syncName}", "existing"),
            ("importBehavior", "prioritize-source"),
            ("{integrationId}", &integration.expect("an id")),
            ("infisical.integration.createpath", "/created/"),
            ("infisical.integration.updatepath", "/updated/"),
        ]);
        self.known.insert("infisical.integration.updateisActive".to_owned(), json!(false));
        self.known.insert("destinationConfig".to_owned(), destination("/new/"));
        self.known.insert("syncOptions".to_owned(), options);
    }

    /// What stands for a name in an operation.
    fn value(&self, operation: &Operation, name: &str) -> Option<&Value> {
        self.known.get(&format!("{}{name}", operation.id)).or_else(|| self.known.get(name))
    }

    fn text(&self, operation: &Operation, name: &str) -> Option<&str> {
        self.value(operation, name).map(|value| value.as_str().expect("what stands in an address is text"))
    }

    /// Asks for an operation as its document says.
    async fn call(&self, caller: &Caller<'_>, operation: &Operation) -> Answer {
        let mut path = operation.path.clone();
        while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
            let name = path[start..=end].to_owned();
            let id = self.text(operation, &name);
            let id = id.unwrap_or_else(|| panic!("{}: nothing is known to stand for `{name}`", operation.id));
            path.replace_range(start..=end, id);
        }
        let query = operation.query.iter().filter_map(|name| Some(format!("{name}={}", self.text(operation, name)?)));
        let query: Vec<String> = query.collect();
        let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
        let body = operation.body.as_ref().map(|members| self.body(operation, members));
        caller.call(operation.method.clone(), &path, body.as_ref()).await
    }

    fn body(&self, operation: &Operation, members: &[Member]) -> Value {
        let filled = members.iter().filter_map(|member| {
            let value = self.value(operation, &member.name).or(member.example.as_ref());
            let is_missed = value.is_none() && member.is_required;
            assert!(!is_missed, "{}: `{}` has no example", operation.id, member.name);
            Some((member.name.clone(), value?.clone()))
        });
        Value::Object(filled.collect())
    }

    /// The token of a member that may everything but this.
    async fn all_but(&self, scope: &str) -> String {
        let others: Vec<&str> = Scope::ALL.iter().map(|one| one.text()).filter(|one| *one != scope).collect();
        self.api.member("acme", &format!("lacks {scope}"), &others.join(",")).await.1
    }
}

/// The first id of an answer, wherever it stands.
fn found_id(value: &Value) -> Option<String> {
    let members = value.as_object()?;
    let own = members.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    own.or_else(|| members.values().find_map(found_id))
}

/// What is wrong with who may ask for an operation.
async fn faults(operation: &Operation) -> Vec<String> {
    let acme = Acme::new().await;
    let api = &acme.api;
    let mut faults = Vec::new();
    let expect = |who: &str, answer: &Answer, status: u16, error: Option<&str>| {
        let is_as_expected = answer.status == status && error.is_none_or(|error| answer.json["error"] == error);
        (!is_as_expected).then(|| format!("{}, {who}: {} {}", operation.id, answer.status, answer.text))
    };
    faults.extend(expect("nobody", &acme.call(&api.anonymous(), operation).await, 401, None));
    for (who, caller) in [("a bad token", api.bearer("x.y.z")), ("a bad key", api.api_key("kf_api_x"))] {
        faults.extend(expect(who, &acme.call(&caller, operation).await, 403, Some("TokenError")));
    }
    if OF_ADMINISTRATORS.contains(&operation.id.as_str()) {
        faults.extend(expect(
            "an owner",
            &acme.call(&api.bearer(&acme.owner), operation).await,
            403,
            Some("PermissionDenied"),
        ));
        return faults;
    }
    if !OF_ANYBODY.contains(&operation.id.as_str()) {
        faults.extend(expect("a stranger", &acme.call(&api.bearer(&acme.stranger), operation).await, 404, None));
    }
    for scope in &operation.needs {
        let lacking = acme.all_but(scope).await;
        let answer = acme.call(&api.bearer(&lacking), operation).await;
        faults.extend(expect(&format!("without {scope}"), &answer, 403, Some("PermissionDenied")));
        if !answer.text.contains(&format!("`{scope}`")) {
            faults.push(format!("{}: the scope is not named: {}", operation.id, answer.text));
        }
    }
    let needs = if operation.needs.is_empty() { vec!["audit:read".to_owned()] } else { operation.needs.clone() };
    let (_, enough) = api.member("acme", "needs no more", &needs.join(",")).await;
    let answer = acme.call(&api.bearer(&enough), operation).await;
    if [401, 403, 404, 422].contains(&answer.status.as_u16()) {
        faults.push(format!("{}, with {needs:?}: {} {}", operation.id, answer.status, answer.text));
    }
    faults
}

#[tokio::test]
async fn who_may_not_is_refused_and_who_may_is_not() {
    let all = operations();
    assert!(all.len() >= 9, "the operations are in the document");
    let mut found = Vec::new();
    for operation in &all {
        found.extend(faults(operation).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
