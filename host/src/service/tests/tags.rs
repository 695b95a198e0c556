//! How many tags a tenant can have.

use super::ground::{House, batched, change};
use crate::domain::Code;
use crate::domain::name::Tag;
use crate::records::Kind;
use crate::service::secrets::{BatchSet, SecretChange, TAGS_MAX};
use crate::service::tags::{NewTag, TAGS_OF_TENANT_MAX};

fn tag(number: usize) -> Tag {
    format!("t{number}").parse().expect("a tag")
}

/// Secrets with so many tags together, each of them another one.
fn tagged(tags: usize) -> Vec<BatchSet> {
    let numbers: Vec<usize> = (0..tags).collect();
    let changes = numbers.chunks(TAGS_MAX).map(|chunk| {
        let tags = chunk.iter().map(|number| tag(*number)).collect();
        SecretChange { tags: Some(tags), ..change("1") }
    });
    changes.enumerate().map(|(index, change)| batched("/", &format!("S{index}"), change)).collect()
}

#[tokio::test]
async fn one_batch_makes_no_more_tags_than_are_listed() {
    let house = House::new().await;
    let refused = house.set_all(&tagged(TAGS_OF_TENANT_MAX + 1)).await.expect_err("one too many");
    assert_eq!(refused.code(), Code::WrongState);
    assert_eq!((house.rows(Kind::Tag).await, house.rows(Kind::SecretOverview).await), (0, 0));

    let before = house.store.reads();
    house.set_all(&tagged(TAGS_OF_TENANT_MAX - 1)).await.expect("as many as there may be, but one");
    let read = house.store.reads() - before;
    assert!(read < 10 * TAGS_OF_TENANT_MAX, "{read} rows were read for {TAGS_OF_TENANT_MAX} tags");
    assert_eq!(house.services.tags.list(&house.ctx).await.expect("tags").len(), TAGS_OF_TENANT_MAX - 1);
    let new = |slug| NewTag { slug, name: None, color: None };
    house.services.tags.create(&house.ctx, &new(tag(TAGS_OF_TENANT_MAX))).await.expect("the last one");
    let refused = house.services.tags.create(&house.ctx, &new(tag(TAGS_OF_TENANT_MAX + 1))).await;
    assert_eq!(refused.expect_err("one too many").code(), Code::WrongState);
    house.set_all(&tagged(TAGS_MAX)).await.expect("these are there already");
}
