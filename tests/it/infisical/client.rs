//! A client of the tenant `acme`, and how it logs in.

use keyferry_tests::api::{Answer, TestApi};
use serde_json::{Value, json};

/// A client of the tenant `acme`.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Client {
    /// An identity whose home is `acme`, with one client secret.
    pub(super) async fn new(api: &TestApi, name: &str, role: &str, login: Value) -> Self {
        let mut body = login;
        body["name"] = json!(name);
        body["role"] = json!(role);
        let id = api.admin().post("/v1/tenants/acme/identities", &body).await.expect(201).text_at("/id");
        let path = format!("/v1/tenants/acme/identities/{id}/clientSecrets");
        let secret = api.admin().post(&path, &json!({"name": "one"})).await.expect(201).text_at("/clientSecret");
        Self { id, secret }
    }

    /// Logs in, from an address where one is given.
    pub(super) async fn log_in(&self, api: &TestApi, address: Option<&str>) -> Answer {
        log_in(api, (&self.id, &self.secret), address).await
    }

    pub(super) async fn token(&self, api: &TestApi) -> String {
        self.log_in(api, None).await.expect(200).text_at("/accessToken")
    }
}

pub(super) async fn log_in(api: &TestApi, (id, secret): (&str, &str), address: Option<&str>) -> Answer {
    let nobody = api.anonymous();
    let caller = match address {
        Some(address) => nobody.from_address(address),
        None => nobody,
    };
    let pair = json!({"clientId": id, "clientSecret": secret});
    caller.post("/api/v1/auth/universal-auth/login", &pair).await
}
