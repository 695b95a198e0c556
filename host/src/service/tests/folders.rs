//! Deleting folders while something else happens to what is in them.

use super::ground::{House, place, set};
use crate::domain::Code;
use crate::records::Kind;
use crate::service::folders::Contents;

#[tokio::test]
async fn a_secret_that_is_moved_away_while_its_folder_is_deleted_stays() {
    let house = House::new().await;
    let moved = house.set("/from", "MOVED", "1").await;
    house.set("/from", "LEFT", "2").await;
    house.folder("/to").await;
    let (services, ctx) = (house.services.clone(), house.ctx.clone());
    house.store.before_next_commit(async move {
        let places = (&place("/from"), &place("/to"));
        services.secrets.relocate(&ctx, places, &[moved], false).await.expect("it is there");
    });
    let deleted = house.services.folders.delete(&house.ctx, &place("/from"), Contents::Removed).await;
    deleted.expect("a folder");
    assert_eq!(house.value("/to", "MOVED").await.as_deref(), Some("1"));
    assert_eq!(house.rows(Kind::SecretValue).await, 1);
}

#[tokio::test]
async fn a_version_that_is_written_while_the_folder_is_deleted_goes_with_it() {
    let house = House::new().await;
    house.set("/from/below", "A", "1").await;
    let (services, ctx) = (house.services.clone(), house.ctx.clone());
    house.store.before_next_commit(async move {
        set(&services, &ctx, "/from/below", "A", "2").await;
    });
    let deleted = house.services.folders.delete(&house.ctx, &place("/from"), Contents::Removed).await;
    deleted.expect("a folder");
    for kind in [Kind::SecretOverview, Kind::SecretByName, Kind::SecretValue] {
        assert_eq!(house.rows(kind).await, 0, "{kind:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_renamed_while_it_is_deleted_stays_under_its_new_name() {
    let house = House::new().await;
    house.set("/from", "A", "1").await;
    let (services, ctx) = (house.services.clone(), house.ctx.clone());
    house.store.before_next_commit(async move {
        let name = "kept".parse().expect("a name");
        services.folders.rename(&ctx, &place("/from"), &name).await.expect("a folder");
    });
    let deleted = house.services.folders.delete(&house.ctx, &place("/from"), Contents::Removed).await;
    assert_eq!(deleted.expect_err("it is gone from there").code(), Code::NotFound);
    assert_eq!(house.value("/kept", "A").await.as_deref(), Some("1"));
}
