//! A project to work in, with one environment.

use http::Method;
use keyferry_tests::api::{Answer, Caller, TestApi};
use serde_json::{Value, json};

/// The tenant `acme` with the environment `dev`, under the name of a project.
pub(super) struct Project {
    pub(super) api: TestApi,
    /// Its UUID.
    pub(super) id: String,
}

impl Project {
    pub(super) async fn start() -> Self {
        let api = TestApi::start().await;
        api.tenant("acme").await;
        api.admin().post("/v1/tenants/acme/environments", &json!({"slug": "dev"})).await.expect(201);
        let id = api.admin().get("/v1/tenants/acme").await.expect(200).text_at("/uid");
        Self { api, id }
    }

    /// The owner.
    pub(super) fn owner(&self) -> Caller<'_> {
        self.api.admin()
    }

    /// A member with these scopes or this role: its token.
    pub(super) async fn member(&self, name: &str, role_or_scopes: &str) -> String {
        self.api.member("acme", name, role_or_scopes).await.1
    }

    /// A body with the project's id, the environment `dev` and these members.
    pub(super) fn body(&self, members: &Value) -> Value {
        let mut body = json!({"workspaceId": self.id, "environment": "dev"});
        let body_members = body.as_object_mut().expect("it is an object");
        body_members.extend(members.as_object().expect("they are members").clone());
        body
    }

    /// The query with the project's id and the environment `dev`.
    pub(super) fn query(&self, rest: &str) -> String {
        format!("workspaceId={}&environment=dev{rest}", self.id)
    }

    /// Creates a secret in the root of `dev`.
    pub(super) async fn secret(&self, name: &str, value: &str) -> Answer {
        self.secret_at("/", name, value).await
    }

    /// Creates a secret in a folder of `dev`, which is made where it is missing.
    pub(super) async fn secret_at(&self, path: &str, name: &str, value: &str) -> Answer {
        if path != "/" {
            let made = json!({"path": path});
            self.owner().post("/v1/tenants/acme/environments/dev/folders", &made).await.expect(201);
        }
        let body = self.body(&json!({"secretPath": path, "secretValue": value}));
        self.owner().post(&format!("/api/v3/secrets/raw/{name}"), &body).await.expect(200)
    }

    /// Reads a secret of the root of `dev`.
    pub(super) async fn read(&self, name: &str, rest: &str) -> Answer {
        self.owner().get(&format!("/api/v3/secrets/raw/{name}?{}", self.query(rest))).await
    }

    /// Lists secrets of the root of `dev`.
    pub(super) async fn list(&self, rest: &str) -> Answer {
        self.owner().get(&format!("/api/v3/secrets/raw?{}", self.query(rest))).await.expect(200)
    }

    /// DELETE with a body.
    pub(super) async fn delete(&self, path: &str, members: &Value) -> Answer {
        self.owner().call(Method::DELETE, path, Some(&self.body(members))).await
    }
}

/// Names and values of secrets, in their order.
pub(super) fn pairs(secrets: &Value) -> Vec<(String, String)> {
    let text = |secret: &Value, name: &str| secret[name].as_str().expect("it is a text").to_owned();
    let secrets = secrets.as_array().expect("it is a list");
    secrets.iter().map(|secret| (text(secret, "secretKey"), text(secret, "secretValue"))).collect()
}

/// The same of texts, to compare with.
pub(super) fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
