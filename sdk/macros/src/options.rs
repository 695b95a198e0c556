//! `#[derive(Options)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Variant};

use crate::attributes::doc_comment;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "`Options` is derived for enums"));
    };
    let variants = data.variants.iter().map(option).collect::<Result<Vec<_>>>()?;
    let name = &input.ident;
    let (idents, values): (Vec<_>, Vec<_>) = variants.iter().map(|option| (option.ident, &option.value)).unzip();
    Ok(quote! {
        impl ::keyferry_sdk::settings::Options for #name {
            fn choices() -> ::std::vec::Vec<::keyferry_sdk::settings::OptionChoice> {
                ::std::vec![#(#variants),*]
            }

            fn from_choice(value: &str) -> ::core::option::Option<Self> {
                match value {
                    #(#values => ::core::option::Option::Some(Self::#idents),)*
                    _ => ::core::option::Option::None,
                }
            }

            fn as_str(&self) -> &'static str {
                match self {
                    #(Self::#idents => #values,)*
                }
            }
        }

        impl ::keyferry_sdk::settings::SettingValue for #name {
            fn describe(parameter: &mut ::keyferry_sdk::settings::Parameter) {
                parameter.kind = ::keyferry_sdk::settings::ParameterType::Option;
                parameter.options = ::core::option::Option::Some(
                    <Self as ::keyferry_sdk::settings::Options>::choices(),
                );
            }

            fn from_value(
                value: ::keyferry_sdk::settings::Value,
            ) -> ::core::result::Result<Self, ::std::string::String> {
                value
                    .as_str()
                    .and_then(<Self as ::keyferry_sdk::settings::Options>::from_choice)
                    .ok_or_else(|| ::std::string::String::from("is none of the options"))
            }
        }
    })
}

/// One value of the parameter.
struct OptionVariant<'a> {
    ident: &'a syn::Ident,
    value: String,
    label: Option<String>,
    description: Option<String>,
}

fn option(variant: &Variant) -> Result<OptionVariant<'_>> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(variant, "a variant of `Options` has no fields"));
    }
    let mut option = OptionVariant {
        ident: &variant.ident,
        value: variant.ident.to_string(),
        label: None,
        description: doc_comment(&variant.attrs),
    };
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("option")) {
        attribute.parse_nested_meta(|meta| {
            let text = meta.value()?.parse::<LitStr>()?.value();
            if meta.path.is_ident("value") {
                option.value = text;
            } else if meta.path.is_ident("label") {
                option.label = Some(text);
            } else if meta.path.is_ident("description") {
                option.description = Some(text);
            } else {
                return Err(meta.error("expected `value`, `label` or `description`"));
            }
            Ok(())
        })?;
    }
    Ok(option)
}

impl ToTokens for OptionVariant<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let value = &self.value;
        let label = crate::attributes::optional_text(self.label.as_deref());
        let description = crate::attributes::optional_text(self.description.as_deref());
        tokens.extend(quote! {
            ::keyferry_sdk::settings::OptionChoice {
                value: ::std::string::String::from(#value),
                label: #label,
                description: #description,
            }
        });
    }
}
