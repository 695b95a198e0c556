//! Real servers and emulators to test plugins against. Each installs itself once, below the target folder, runs on a free
//! port of loopback, and ends with the process that started it, however that ends.

pub mod aws;
pub mod consul;
pub mod curl;
pub mod generated_client;
pub mod infisical;
mod install;
mod node;
mod python;
mod server;

pub use aws::{AwsBed, AwsCredentials, AwsReply, AwsRequest};
pub use consul::Consul;
