//! All tests.

mod api_access;
mod api_frame;
mod api_tenants;
mod authz_coverage;
mod openapi;
