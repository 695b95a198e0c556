//! What references cost: memory for values that repeat others, and reads for trees of them.

use super::ground::{House, batched, change, gathering, place};
use crate::domain::Code;
use crate::service::resolve::{EXPANDED_BYTES_MAX, VALUES_BYTES_MAX};
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
    Listing { place: place("/"), recursive: false, imports: false, options, after: None, limit }
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
