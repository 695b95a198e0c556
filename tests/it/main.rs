//! All tests.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod api_access;
mod api_configs;
mod api_environments;
mod api_folders;
mod api_frame;
mod api_idempotency;
mod api_integrations;
mod api_plugins;
mod api_secrets;
mod api_syncs;
mod api_tenants;
mod api_walkthrough;
mod authz_coverage;
mod bench;
mod captured_log;
mod cli;
mod e2e;
mod error_codes;
mod infisical;
mod openapi;
mod plugin_build;
mod plugin_metadata;
mod runtime_calls;
mod runtime_compile;
mod runtime_egress;
mod runtime_fallback;
mod runtime_guests;
mod testbeds;
mod tidy;
