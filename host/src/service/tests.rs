//! Use-cases over a store in which something else happens between two steps, and which counts what it is asked.

mod folders;
mod ground;
mod references;
mod tags;
mod tenants;
