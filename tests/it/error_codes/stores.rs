//! A store that fails, is slow, or does not hold what was put there.

use keyferry_tests::api::TestApi;
use keyferry_tests::faulty_store::Fault;
use serde_json::json;
use uuid::Uuid;

use super::Told;

const TENANT: &str = "/v1/tenants/acme";
/// What lies in the tenant's own range.
const ENVIRONMENTS: &str = "/v1/tenants/acme/environments";
const KEYS: &str = "/v1/tenants/acme/apiKeys";

async fn acme() -> (TestApi, Uuid) {
    let api = TestApi::start().await;
    api.tenant("acme").await;
    let uid = api.admin().get(TENANT).await.expect(200).text_at("/uid").parse().expect("a uid");
    (api, uid)
}

async fn with(fault: Fault) -> TestApi {
    let (api, _) = acme().await;
    api.store.set(fault);
    api
}

pub(super) async fn unreadable() -> Told {
    Told::Problem(with(Fault::Reads).await.admin().get(TENANT).await)
}

pub(super) async fn commits_that_lose() -> Told {
    Told::Problem(with(Fault::Conflicts).await.admin().post(KEYS, &json!({"name": "k"})).await)
}

pub(super) async fn sent_while_under_way() -> Told {
    let api = with(Fault::Waits).await;
    let (caller, body) = (api.admin().with("idempotency-key", "one"), json!({"name": "k"}));
    let second = async {
        api.store.is_waited_for().await;
        let answer = caller.post(KEYS, &body).await;
        api.store.set(Fault::None);
        answer
    };
    let (first, second) = tokio::join!(caller.post(KEYS, &body), second);
    first.expect(201);
    Told::Problem(second)
}

/// The keys are open already: they are damaged too.
pub(super) async fn damaged_records() -> Told {
    let (api, tenant) = acme().await;
    api.admin().get(ENVIRONMENTS).await.expect(200);
    api.store.damage(tenant.as_bytes()).await;
    Told::Problem(api.admin().get(ENVIRONMENTS).await)
}

/// The keys are opened anew, as after a start.
pub(super) async fn damaged_keys() -> Told {
    let (api, tenant) = acme().await;
    api.store.damage(tenant.as_bytes()).await;
    api.services.core.records.forget_sealer(keyferry::domain::id::TenantUid::from_bytes(tenant.into_bytes()));
    Told::Problem(api.admin().get(ENVIRONMENTS).await)
}
