//! The engine against a vendor in memory: runs, approvals, failures, crashes.

mod approve;
mod breaker;
mod crash;
mod credential;
mod drift;
mod fail;
mod ground;
mod import;
mod interrupt;
mod remove;
mod schedule;
mod source;
mod trigger;
mod vendor;
mod world;
mod write;
