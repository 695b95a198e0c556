//! What `#[setting(...)]` can say, and the assignments it becomes.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitInt, LitStr, Meta, Result, Token, bracketed, parenthesized, token};

use crate::case;

/// The attributes of one field.
#[derive(Default)]
pub(crate) struct SettingAttributes {
    pub(crate) name: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pattern: Option<String>,
    default: Option<String>,
    type_name: Option<String>,
    ui_hint: Option<String>,
    json_schema: Option<String>,
    min_length: Option<u32>,
    max_length: Option<u32>,
    min: Option<Lit>,
    max: Option<Lit>,
    options: Vec<String>,
    is_secret: bool,
    is_dynamic: bool,
    rules: Vec<RuleAttribute>,
}

/// A rule, as tokens of its effect and conditions.
struct RuleAttribute {
    effect: TokenStream,
    conditions: Vec<TokenStream>,
}

impl SettingAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("setting")) {
            attribute.parse_nested_meta(|meta| parsed.take(&meta))?;
        }
        Ok(parsed)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "name" => self.name = Some(text(meta)?),
            "display_name" => self.display_name = Some(text(meta)?),
            "description" => self.description = Some(text(meta)?),
            "pattern" => self.pattern = Some(text(meta)?),
            "type_name" => self.type_name = Some(text(meta)?),
            "ui_hint" => self.ui_hint = Some(text(meta)?),
            "json_schema" => self.json_schema = Some(text(meta)?),
            "default" => self.default = Some(literal_text(meta)?),
            "min_length" => self.min_length = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?),
            "max_length" => self.max_length = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?),
            "min" => self.min = Some(number(meta)?),
            "max" => self.max = Some(number(meta)?),
            "options" => self.options = texts(meta)?,
            "secret" => self.is_secret = true,
            "dynamic" => self.is_dynamic = true,
            "label" | "origin" => self.type_name = Some(name),
            "show_when" => self.rules.push(rule(meta, quote!(Show))?),
            "hide_when" => self.rules.push(rule(meta, quote!(Hide))?),
            "require_when" => self.rules.push(rule(meta, quote!(Require))?),
            "forbid_when" => self.rules.push(rule(meta, quote!(Forbid))?),
            _ => return Err(meta.error("unknown attribute; `keyferry_sdk::Settings` lists those there are")),
        }
        Ok(())
    }

    /// Statements that set what was said on a local `parameter`.
    pub(crate) fn assignments(&self) -> TokenStream {
        let mut tokens = TokenStream::new();
        let texts = [
            (quote!(pattern), &self.pattern),
            (quote!(default_value), &self.default),
            (quote!(type_name), &self.type_name),
            (quote!(ui_hint), &self.ui_hint),
        ];
        for (member, value) in texts {
            if let Some(value) = value {
                let value = optional_text(Some(value));
                tokens.extend(quote!(parameter.#member = #value;));
            }
        }
        for (member, value) in [(quote!(min_length), self.min_length), (quote!(max_length), self.max_length)] {
            if let Some(value) = value {
                tokens.extend(quote!(parameter.#member = ::core::option::Option::Some(#value);));
            }
        }
        tokens.extend(self.range());
        tokens.extend(self.flags());
        tokens.extend(self.rule_pushes());
        tokens
    }

    fn flags(&self) -> TokenStream {
        let mut tokens = TokenStream::new();
        if !self.options.is_empty() {
            let options = &self.options;
            tokens.extend(quote! {
                parameter.kind = ::keyferry_sdk::settings::ParameterType::Option;
                parameter.options = ::core::option::Option::Some(::std::vec![
                    #(::keyferry_sdk::settings::OptionChoice {
                        value: ::std::string::String::from(#options),
                        label: ::core::option::Option::None,
                        description: ::core::option::Option::None,
                    }),*
                ]);
            });
        }
        if let Some(schema) = &self.json_schema {
            tokens.extend(quote!(parameter.json_schema = ::keyferry_sdk::settings::json_schema(#schema);));
        }
        if self.is_secret {
            tokens.extend(quote!(parameter.secret = true;));
        }
        if self.is_dynamic {
            tokens.extend(quote!(parameter.dynamic = true;));
        }
        tokens
    }

    /// A bound given as a float bounds a float, else an integer.
    fn range(&self) -> TokenStream {
        let is_float = [&self.min, &self.max].into_iter().flatten().any(|bound| matches!(bound, Lit::Float(_)));
        let (member, range) = if is_float {
            (quote!(float_range), quote!(FloatRange))
        } else {
            (quote!(integer_range), quote!(IntegerRange))
        };
        let bound = |member: TokenStream, bound: &Option<Lit>| {
            bound.as_ref().map(|bound| quote!(range.#member = ::core::option::Option::Some(#bound);))
        };
        let (min, max) = (bound(quote!(min), &self.min), bound(quote!(max), &self.max));
        if min.is_none() && max.is_none() {
            return TokenStream::new();
        }
        quote! {
            let mut range = parameter.#member.unwrap_or(::keyferry_sdk::settings::#range {
                min: ::core::option::Option::None,
                max: ::core::option::Option::None,
            });
            #min
            #max
            parameter.#member = ::core::option::Option::Some(range);
        }
    }

    fn rule_pushes(&self) -> TokenStream {
        let pushes = self.rules.iter().map(|RuleAttribute { effect, conditions }| {
            quote! {
                parameter.rules.push(::keyferry_sdk::settings::Rule {
                    effect: ::keyferry_sdk::settings::RuleEffect::#effect,
                    all: ::std::vec![#(#conditions),*],
                });
            }
        });
        pushes.collect()
    }
}

/// The doc comment, its lines joined; an empty line stays a break.
pub(crate) fn doc_comment(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    let joined = lines.collect::<Vec<_>>().join("\n");
    let paragraphs = joined.split("\n\n").map(|paragraph| paragraph.replace('\n', " ").trim().to_owned());
    let text = paragraphs.collect::<Vec<_>>().join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// `Some(String::from("..."))` or `None`, as tokens.
pub(crate) fn optional_text(text: Option<&str>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(::std::string::String::from(#text))),
        None => quote!(::core::option::Option::None),
    }
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

fn literal_text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    as_text(meta.value()?.parse()?)
}

fn as_text(literal: Lit) -> Result<String> {
    match literal {
        Lit::Str(text) => Ok(text.value()),
        Lit::Bool(flag) => Ok(flag.value.to_string()),
        Lit::Int(number) => Ok(number.base10_digits().to_owned()),
        Lit::Float(number) => Ok(number.base10_digits().to_owned()),
        other => Err(syn::Error::new_spanned(other, "expected a text, a number, true or false")),
    }
}

fn number(meta: &ParseNestedMeta<'_>) -> Result<Lit> {
    let value = meta.value()?;
    let sign = value.parse::<Option<Token![-]>>()?.map_or("", |_| "-");
    match value.parse::<Lit>()? {
        Lit::Int(number) => Ok(Lit::Int(LitInt::new(&format!("{sign}{}", number.base10_digits()), number.span()))),
        Lit::Float(number) => {
            Ok(Lit::Float(syn::LitFloat::new(&format!("{sign}{}", number.base10_digits()), number.span())))
        }
        other => Err(syn::Error::new_spanned(other, "expected a number")),
    }
}

fn texts(meta: &ParseNestedMeta<'_>) -> Result<Vec<String>> {
    let content;
    parenthesized!(content in meta.input);
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(texts.iter().map(LitStr::value).collect())
}

/// The conditions of one rule.
fn rule(meta: &ParseNestedMeta<'_>, effect: TokenStream) -> Result<RuleAttribute> {
    let mut conditions = Vec::new();
    meta.parse_nested_meta(|condition| {
        let ident = condition.path.require_ident()?;
        if ident == "not" {
            return condition.parse_nested_meta(|absent| {
                let source = absent.path.require_ident()?.to_string();
                conditions.push(condition_tokens(&source, "IsNotSet", &[]));
                Ok(())
            });
        }
        let source = ident.to_string();
        if !condition.input.peek(Token![=]) {
            conditions.push(condition_tokens(&source, "IsSet", &[]));
            return Ok(());
        }
        let value = condition.value()?;
        if value.peek(token::Bracket) {
            let content;
            bracketed!(content in value);
            let values = Punctuated::<Lit, Token![,]>::parse_terminated(&content)?;
            let values = values.into_iter().map(as_text).collect::<Result<Vec<_>>>()?;
            conditions.push(condition_tokens(&source, "In", &values));
        } else {
            conditions.push(condition_tokens(&source, "Equals", &[as_text(value.parse()?)?]));
        }
        Ok(())
    })?;
    Ok(RuleAttribute { effect, conditions })
}

/// A condition on another parameter, told by its field's name.
fn condition_tokens(source: &str, operator: &str, values: &[String]) -> TokenStream {
    let source = case::camel(source);
    let operator = syn::Ident::new(operator, Span::call_site());
    quote! {
        ::keyferry_sdk::settings::Condition {
            source_param: ::std::string::String::from(#source),
            operator: ::keyferry_sdk::settings::RuleOperator::#operator,
            values: ::std::vec![#(::std::string::String::from(#values)),*],
        }
    }
}
