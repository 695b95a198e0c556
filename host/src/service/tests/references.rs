//! What references cost: memory for values that repeat others, and reads for trees of them.

use super::ground::{House, batched, change, gathering, place};
use crate::domain::Code;
use crate::service::resolve::{EXPANDED_BYTES_MAX, VALUES_BYTES_MAX};
use crate::service::secrets::tree::LOOKED_AT_MAX;
use crate::service::secrets::{Listing, ReadOptions, VALUE_BYTES_MAX};

/// One long value, and so many others that repeat it until they are as long as a value may become.
async fn with_repeated(house: &House, holders: usize) {
    house.set("/", "LONG", &"x".repeat(VALUE_BYTES_MAX)).await;
    let value = "${LONG}".repeat(EXPANDED_BYTES_MAX / VALUE_BYTES_MAX);
    let sets: Vec<_> = (0..holders).map(|index| batched("/", &format!("S{index:03}"), change(&value))).collect();
    house.set_all(&sets).await.expect("secrets");
}

fn listing(limit: usize, values: bool, expand: bool) -> Listing {
    let options = ReadOptions { values, expand, version: None };
    Listing { place: place("/"), recursive: false, imports: false, options, count: false, after: None, limit }
}

#[tokio::test]
async fn values_that_repeat_another_do_not_fill_the_memory() {
    let house = House::new().await;
    let secrets = &house.services.secrets;
    with_repeated(&house, VALUES_BYTES_MAX / EXPANDED_BYTES_MAX).await;
    let refused = secrets.gather(&house.ctx, &gathering("/", true)).await.expect_err("it is too much");
    assert_eq!(refused.code(), Code::InvalidRequest);
    for told in ["64 MiB", "smaller pages", "narrower path", "without references"] {
        assert!(refused.detail().contains(told), "{}", refused.detail());
    }
    let refused = secrets.list(&house.ctx, &listing(100, true, true)).await.expect_err("it is too much");
    assert_eq!(refused.code(), Code::InvalidRequest);

    let page = secrets.list(&house.ctx, &listing(3, true, true)).await.expect("a page");
    let bytes = page.secrets.iter().flat_map(|secret| &secret.value).map(|value| value.expose().len());
    assert_eq!(bytes.collect::<Vec<_>>(), [VALUE_BYTES_MAX, EXPANDED_BYTES_MAX, EXPANDED_BYTES_MAX]);
    let plain = secrets.gather(&house.ctx, &gathering("/", false)).await.expect("as they are written");
    assert_eq!(plain.secrets.len(), 1 + VALUES_BYTES_MAX / EXPANDED_BYTES_MAX);
}

/// One secret to which so many others refer.
async fn with_referrers(count: usize) -> House {
    let house = House::new().await;
    house.set("/", "BASE", "1").await;
    let sets: Vec<_> = (0..count).map(|index| batched("/", &format!("R{index:03}"), change("${BASE}"))).collect();
    house.set_all(&sets).await.expect("secrets");
    house
}

#[tokio::test]
async fn a_tree_of_referrers_reads_each_secret_once() {
    let mut read = Vec::new();
    for count in [20, 40] {
        let house = with_referrers(count).await;
        let before = house.store.reads();
        let base = "BASE".parse().expect("a name");
        let tree = house.services.secrets.referrers(&house.ctx, &place("/"), &base).await.expect("a tree");
        read.push(house.store.reads() - before);
        let names: Vec<String> = tree.children.iter().map(|child| child.name.to_string()).collect();
        assert_eq!(names, (0..count).map(|index| format!("R{index:03}")).collect::<Vec<_>>());
    }
    assert!(read[1] < 3 * read[0], "twice as many secrets cost {read:?} reads");
}

#[tokio::test]
async fn a_tree_of_referrers_looks_at_a_bounded_number_of_references() {
    let house = House::new().await;
    house.set("/", "BASE", "1").await;
    let value = |part: usize| (0..LOOKED_AT_MAX / 2).map(|index| format!("${{{part}{index}}}")).collect::<String>();
    for part in [1, 2] {
        house.set("/", &format!("R{part}"), &value(part)).await;
    }
    let base = "BASE".parse().expect("a name");
    let refused = house.services.secrets.referrers(&house.ctx, &place("/"), &base).await.expect_err("it is too much");
    assert_eq!(refused.code(), Code::InvalidRequest);
    assert!(refused.detail().contains(&LOOKED_AT_MAX.to_string()), "{}", refused.detail());
}
