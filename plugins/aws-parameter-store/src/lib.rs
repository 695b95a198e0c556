//! Keyferry plugin `aws-parameter-store`.
