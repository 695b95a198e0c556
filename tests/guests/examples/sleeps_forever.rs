//! Holds its slot without using the processor.

use keyferry_test_guests::*;

struct SleepsForever;

impl Behaviour for SleepsForever {
    fn describe() -> String {
        std::thread::sleep(std::time::Duration::from_secs(86_400 * 365));
        "{}".to_owned()
    }
}

keyferry_test_guests::guest!(SleepsForever);
