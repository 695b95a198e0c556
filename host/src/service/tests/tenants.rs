//! What destroying a tenant costs, and whom it concerns.

use std::collections::BTreeSet;

use super::ground::{House, tenant};
use crate::domain::access::{Role, Scope};
use crate::domain::id::IdentityUid;
use crate::domain::login::LoginChange;
use crate::domain::{Code, Expected};
use crate::records::{Key, Kind};
use crate::service::context::TenantCtx;
use crate::service::identities::NewIdentity;

async fn identity(house: &House, ctx: &TenantCtx, name: &str) -> IdentityUid {
    let (scopes, login) = (BTreeSet::new(), LoginChange::default());
    let name = name.parse().expect("a name");
    let new = NewIdentity { name, role: Some(Role::Owner), scopes, token_ttl: None, login };
    house.services.identities.create(ctx, &new).await.expect("an identity").value.uid
}

async fn identities(house: &House) -> usize {
    let view = house.services.core.records.view().await.expect("a store");
    view.keys(&Key::system(Kind::Identity)).await.expect("a store").len()
}

#[tokio::test]
async fn destroying_a_tenant_costs_the_same_however_many_identities_others_have() {
    let mut commits = Vec::new();
    for strangers in [0, 40] {
        let house = House::new().await;
        let other = tenant(&house.services, &house.host, "other").await;
        let guest = identity(&house, &other, "guest").await;
        for index in 0..strangers {
            identity(&house, &other, &format!("stranger {index}")).await;
        }
        house
            .services
            .identities
            .admit(&house.ctx, guest, None, BTreeSet::from([Scope::SecretsRead]))
            .await
            .expect("in");
        for index in 0..10 {
            identity(&house, &house.ctx, &format!("member {index}")).await;
        }
        let before = house.store.commits();
        house.services.tenants.delete(&house.host, "acme", &Expected::Any).await.expect("a tenant");
        commits.push(house.store.commits() - before);
        assert_eq!(identities(&house).await, strangers + 1, "only those whose home it was are gone");
        house.services.identities.read(&other, guest).await.expect("it is a member of its home");
        let gone = house.services.identities.read(&house.ctx, guest).await.expect_err("nobody is a member");
        assert_eq!(gone.code(), Code::NotFound);
        let view = house.services.core.records.view().await.expect("a store");
        let places = view.keys(&crate::records::access::memberships_of(guest)).await.expect("a store");
        assert_eq!(places.len(), 1, "its home alone");
    }
    assert_eq!(commits[0], commits[1]);
    assert!(commits[0] <= 5, "{} commits", commits[0]);
}
