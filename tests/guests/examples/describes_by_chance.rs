//! Puts all the chance and time that it can find into its description.

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use keyferry_test_guests::*;

struct DescribesByChance;

impl Behaviour for DescribesByChance {
    fn describe() -> String {
        let order: HashMap<u32, u32> = (0..100).map(|number| (number, number)).collect();
        let order: Vec<String> = order.keys().map(u32::to_string).collect();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let elapsed = Instant::now().elapsed().as_nanos();
        let sent = http::send(&get("https://vendor.example")).is_ok();
        log::emit("info", "described");
        format!(r#"{{"order":"{}","now":{now},"elapsed":{elapsed},"sent":{sent}}}"#, order.join(","))
    }
}

keyferry_test_guests::guest!(DescribesByChance);
