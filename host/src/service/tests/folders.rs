//! Deleting folders while something else happens to what is in them.

use super::ground::{House, place, set};
use crate::domain::{Code, Expected};
use crate::records::Kind;
use crate::service::context::TenantCtx;
use crate::service::folders::{Contents, Folders, IMPORTS_MAX};

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
    let deleted = house.services.folders.delete(&house.ctx, &place("/from"), Contents::Removed, &Expected::Any).await;
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
    let deleted = house.services.folders.delete(&house.ctx, &place("/from"), Contents::Removed, &Expected::Any).await;
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
        services.folders.rename(&ctx, &place("/from"), &name, &Expected::Any).await.expect("a folder");
    });
    let deleted = house.services.folders.delete(&house.ctx, &place("/from"), Contents::Removed, &Expected::Any).await;
    assert_eq!(deleted.expect_err("it is gone from there").code(), Code::NotFound);
    assert_eq!(house.value("/kept", "A").await.as_deref(), Some("1"));
}

async fn import(folders: &Folders, ctx: &TenantCtx, (into, from): (&str, &str)) {
    folders.add_import(ctx, &place(into), &place(from)).await.expect("an import");
}

#[tokio::test]
async fn imports_of_folders_that_are_gone_take_no_room() {
    let house = House::new().await;
    let (folders, ctx) = (&house.services.folders, &house.ctx);
    house.set("/app", "A", "1").await;
    for _ in 0..=IMPORTS_MAX {
        house.set("/lib/deep", "A", "1").await;
        import(folders, ctx, ("/app", "/lib/deep")).await;
        import(folders, ctx, ("/lib/deep", "/lib")).await;
        folders.delete(ctx, &place("/lib"), Contents::Removed, &Expected::Any).await.expect("a folder");
    }
    assert!(folders.imports(ctx, &place("/app")).await.expect("a folder").is_empty());
    for kind in [Kind::FolderImport, Kind::FolderImports, Kind::FolderImportedBy] {
        assert_eq!(house.rows(kind).await, 0, "{kind:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_imported_while_it_is_deleted_leaves_no_import() {
    let house = House::new().await;
    for path in ["/app", "/old", "/lib"] {
        house.folder(path).await;
    }
    let (folders, ctx) = (house.services.folders.clone(), house.ctx.clone());
    house.store.before_next_commit(async move { import(&folders, &ctx, ("/app", "/lib")).await });
    let folders = &house.services.folders;
    folders.delete(&house.ctx, &place("/lib"), Contents::Refused, &Expected::Any).await.expect("a folder");
    assert_eq!(house.rows(Kind::FolderImports).await, 0);

    let (deleting, ctx) = (folders.clone(), house.ctx.clone());
    house.store.before_next_commit(async move {
        deleting.delete(&ctx, &place("/old"), Contents::Refused, &Expected::Any).await.expect("a folder");
    });
    let refused = folders.add_import(&house.ctx, &place("/app"), &place("/old")).await.expect_err("it is gone");
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(house.rows(Kind::FolderImports).await, 0);
}
