//! Holds its slot without using the processor.

use keyferry_test_guests::*;
use wasip2::clocks::monotonic_clock;

const DAY_NS: u64 = 86_400 * 1_000_000_000;

struct SleepsForever;

impl Behaviour for SleepsForever {
    fn describe() -> String {
        monotonic_clock::subscribe_duration(365 * DAY_NS).block();
        "{}".to_owned()
    }
}

keyferry_test_guests::guest!(SleepsForever);
