//! What the core needs of the outside, as traits. Adapters know these and the domain, and never each other.

pub mod clock;
pub mod egress;
pub mod fake;
pub mod kv;
pub mod meter;
pub mod plugin;
pub mod root;
pub mod sealer;
