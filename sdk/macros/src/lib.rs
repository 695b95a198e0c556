//! Derive macros of the Keyferry plugin SDK. Use them through `keyferry_sdk`, which documents and re-exports them.

mod attributes;
mod case;
mod options;
mod settings;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct's fields parameters: the metadata of each, and typed parsing with complete errors.
///
/// The field's name in camelCase is the parameter's, its doc comment the description, its Rust type the type: `String`,
/// `bool`, integers, `f64`, `serde_json::Value`, `Json<T>`, an enum with `#[derive(Options)]`, or an `Option` of one of
/// them. More stands in `#[setting(...)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `display_name = "..."` | what people read; by default made from the field's name |
/// | `description = "..."` | in place of the doc comment |
/// | `name = "..."` | the wire name, where it is not the field's in camelCase |
/// | `default = ...` | the value when none is given |
/// | `pattern = "..."` | a regular expression that the whole text matches (checked by the host) |
/// | `min_length`, `max_length` | bounds of a text, in characters |
/// | `min`, `max` | bounds of a number, inclusive |
/// | `options("a", "b")` | the values of a `String` |
/// | `secret` | a credential: sealed, never returned |
/// | `dynamic` | live options come from `Integration::choices` |
/// | `label` | one host label, so that an egress pattern may name it |
/// | `origin` | scheme, host and port, so that an egress entry may be nothing but it |
/// | `type_name = "..."`, `ui_hint = "..."` | passed on to user interfaces |
/// | `json_schema = "..."` | a JSON Schema, as text, for a JSON value |
/// | `show_when(...)`, `hide_when(...)`, `require_when(...)`, `forbid_when(...)` | a rule: `other = "value"`, `other = ["a", "b"]`, `other` (is set), `not(other)` (is not set); all must hold |
///
/// Anything but a struct with named fields is refused:
///
/// ```compile_fail
/// #[derive(keyferry_sdk_macros::Settings)]
/// struct Unnamed(String);
/// ```
#[proc_macro_derive(Settings, attributes(setting))]
pub fn derive_settings(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    settings::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum without fields the values of a parameter. A variant's value is its name, unless
/// `#[option(value = "...")]` says otherwise; `label = "..."` is what people read, the doc comment the description.
///
/// Variants with fields are refused:
///
/// ```compile_fail
/// #[derive(keyferry_sdk_macros::Options)]
/// enum Tier {
///     Standard(u32),
/// }
/// ```
#[proc_macro_derive(Options, attributes(option))]
pub fn derive_options(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    options::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
