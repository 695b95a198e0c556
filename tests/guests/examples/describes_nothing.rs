//! Describes itself with something that is no JSON object.

use keyferry_test_guests::*;

struct DescribesNothing;

impl Behaviour for DescribesNothing {
    fn describe() -> String {
        "[]".to_owned()
    }
}

keyferry_test_guests::guest!(DescribesNothing);
