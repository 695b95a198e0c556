//! The two kinds of text that may name where requests go.

use url::Url;

/// One host label in lower case: what a `label` parameter holds and a `{name}` inside an egress host pattern stands for.
///
/// Returns `None` for anything but 1 to 63 letters, digits and hyphens, with no hyphen at either end (RFC 1123, 2.1).
#[must_use]
pub fn normalise_label(text: &str) -> Option<String> {
    let well_formed = (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    well_formed.then(|| text.to_ascii_lowercase())
}

/// Scheme, host and port in the form in which they are compared: lower case, no default port, no trailing slash.
///
/// Returns `None` for anything that is more or less than an origin: another scheme than `https` or `http`, user
/// information, a path, a query, a fragment, or characters that URL parsers read differently.
#[must_use]
pub fn normalise_origin(text: &str) -> Option<String> {
    const BYTES_MAX: usize = 2048;
    let (scheme, rest) = text.split_once("://")?;
    let plain = text.len() <= BYTES_MAX
        && (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        && !rest.starts_with('/')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '@' | '?' | '#' | '%'));
    let url = plain.then(|| Url::parse(text).ok()).flatten()?;
    let host = url.host_str().filter(|host| !host.is_empty() && !host.ends_with('.'))?;
    let bare = url.path() == "/" && url.port() != Some(0) && is_host_text(host);
    bare.then(|| url.origin().ascii_serialization())
}

/// Hosts without underscores and empty labels; IPv6 literals in brackets.
fn is_host_text(host: &str) -> bool {
    host.starts_with('[') || host.split('.').all(|label| normalise_label(label).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_one_host_label() {
        for (text, expect) in [
            ("us-east-1", Some("us-east-1")),
            ("US-East-1", Some("us-east-1")),
            ("a", Some("a")),
            ("", None),
            ("a.b", None),
            ("a/b", None),
            ("a:1", None),
            ("-a", None),
            ("a-", None),
            ("a b", None),
            ("é", None),
            (&"a".repeat(64), None),
        ] {
            assert_eq!(normalise_label(text).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port_and_nothing_more() {
        for (text, expect) in [
            ("https://crm.example.com", Some("https://crm.example.com")),
            ("HTTPS://CRM.example.com:443/", Some("https://crm.example.com")),
            ("http://127.0.0.1:5000", Some("http://127.0.0.1:5000")),
            ("http://2130706433", Some("http://127.0.0.1")),
            ("http://[::1]:80", Some("http://[::1]")),
            ("https://bücher.example", Some("https://xn--bcher-kva.example")),
            ("https://crm.example.com/v1", None),
            ("https://user@crm.example.com", None),
            ("https://crm.example.com?x", None),
            ("https://crm.example.com#x", None),
            ("https://crm.example.com\\@evil", None),
            ("https:///crm.example.com", None),
            ("https:crm.example.com", None),
            ("ftp://crm.example.com", None),
            ("crm.example.com", None),
            (" https://crm.example.com", None),
            ("https://crm.exa\tmple.com", None),
            ("https://crm.example.com.", None),
            ("https://crm.example.com:0", None),
            ("https://crm.example.com:99999", None),
            ("https://crm%2eexample.com", None),
            ("https://a_b.example.com", None),
            ("https://", None),
        ] {
            assert_eq!(normalise_origin(text).as_deref(), expect, "{text}");
        }
    }
}
