//! `#[derive(Settings)]`.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Result};

use crate::attributes::{self, SettingAttributes};
use crate::case;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let named = named_fields(input)?;
    let fields = named.iter().map(setting).collect::<Result<Vec<_>>>()?;
    refuse_equal_names(&fields)?;
    let parameters = fields.iter().enumerate().map(|(index, field)| parameter(index, field));
    let (idents, names, types) = columns(&fields);
    let name = &input.ident;
    Ok(quote! {
        impl ::keyferry_sdk::settings::Settings for #name {
            fn parameters() -> ::std::vec::Vec<::keyferry_sdk::settings::Parameter> {
                ::std::vec![#(#parameters),*]
            }

            fn take(fields: &mut ::keyferry_sdk::settings::Fields<'_>) -> ::core::option::Option<Self> {
                // Every field is taken before the first missing one ends it, so that all problems are told at once.
                #(let #idents = fields.take::<#types>(#names);)*
                ::core::option::Option::Some(Self { #(#idents: #idents?),* })
            }
        }
    })
}

/// One field and what its attributes say.
struct SettingField<'a> {
    ident: &'a Ident,
    ty: &'a syn::Type,
    wire_name: String,
    attributes: SettingAttributes,
    description: Option<String>,
}

fn named_fields(input: &DeriveInput) -> Result<Vec<&Field>> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "`Settings` is derived for structs without parameters"));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(_) => Err(Error::new_spanned(&input.ident, "`Settings` needs named fields")),
        },
        _ => Err(Error::new_spanned(&input.ident, "`Settings` is derived for structs; an enum derives `Options`")),
    }
}

fn setting<'a>(field: &&'a Field) -> Result<SettingField<'a>> {
    let ident = field.ident.as_ref().ok_or_else(|| Error::new_spanned(field, "`Settings` needs named fields"))?;
    let attributes = SettingAttributes::parse(&field.attrs)?;
    let wire_name = attributes.name.clone().unwrap_or_else(|| case::camel(&ident.to_string()));
    let description = attributes.description.clone().or_else(|| attributes::doc_comment(&field.attrs));
    Ok(SettingField { ident, ty: &field.ty, wire_name, attributes, description })
}

fn refuse_equal_names(fields: &[SettingField<'_>]) -> Result<()> {
    let mut known = HashSet::new();
    match fields.iter().find(|field| !known.insert(&field.wire_name)) {
        Some(field) => Err(Error::new_spanned(field.ident, format!("the name `{}` is taken", field.wire_name))),
        None => Ok(()),
    }
}

fn columns<'a>(fields: &'a [SettingField<'a>]) -> (Vec<&'a Ident>, Vec<&'a str>, Vec<&'a syn::Type>) {
    let idents = fields.iter().map(|field| field.ident).collect();
    let names = fields.iter().map(|field| field.wire_name.as_str()).collect();
    let types = fields.iter().map(|field| field.ty).collect();
    (idents, names, types)
}

fn parameter(index: usize, field: &SettingField<'_>) -> TokenStream {
    let SettingField { ident, ty, wire_name, attributes, description } = field;
    let index = index as i64;
    let shown = attributes.display_name.clone().unwrap_or_else(|| case::sentence(&ident.to_string()));
    let description = attributes::optional_text(description.as_deref());
    let rest = attributes.assignments();
    quote! {{
        let mut parameter = ::keyferry_sdk::settings::parameter_of::<#ty>(#wire_name, #index);
        parameter.display_name = ::core::option::Option::Some(::std::string::String::from(#shown));
        parameter.description = #description;
        #rest
        parameter
    }}
}
