//! Finds credential values where they must not be: in the URL that a guest wrote, and in an answer that repeats them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::domain::Secret;

/// Shorter values would be found by chance.
const BYTES_MIN: usize = 8;

/// The unreserved characters of RFC 3986 stay as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How often a URL may be percent-encoded over and still be seen through.
const DECODINGS_MAX: usize = 3;

/// The secret values of one session, in the forms in which they could appear.
#[derive(Default)]
pub(super) struct Canaries {
    values: Vec<Secret<String>>,
    forms: Vec<Secret<String>>,
}

impl Canaries {
    /// Watches for `values`; those of less than eight bytes are not watched.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut canaries = Self::default();
        for value in values.into_iter().filter(|value| value.len() >= BYTES_MIN) {
            canaries.values.push(Secret::from(value));
            canaries.forms.extend(forms_of(value));
        }
        canaries
    }

    /// Whether `url`, read through as many layers of percent-encoding as a server might undo, holds a value.
    pub(super) fn are_in_url(&self, url: &str) -> bool {
        if self.values.is_empty() {
            return false;
        }
        let mut layer = url.to_owned();
        for _ in 0..=DECODINGS_MAX {
            if self.is_in(&layer, &self.forms) || self.is_in(&layer.replace('+', " "), &self.values) {
                return true;
            }
            let decoded = percent_decode_str(&layer).decode_utf8_lossy();
            if decoded == layer {
                return false;
            }
            layer = decoded.into_owned();
        }
        false
    }

    /// Whether a body holds a value, raw, percent-encoded, in base64 or escaped for JSON.
    pub(super) fn are_in_body(&self, body: &[u8]) -> bool {
        !self.forms.is_empty() && self.is_in(&String::from_utf8_lossy(body), &self.forms)
    }

    /// Puts `*` in the place of every byte of a value in a body, in any of its forms: lengths, and so the body's syntax, stay.
    pub(super) fn mask(&self, body: &mut [u8]) {
        if !self.are_in_body(body) {
            return;
        }
        for form in self.forms.iter().map(|form| form.expose().as_bytes()) {
            let mut from = 0;
            while let Some(at) = body.get(from..).and_then(|rest| find(rest, form)) {
                let end = from + at + form.len();
                if let Some(found) = body.get_mut(from + at..end) {
                    found.fill(b'*');
                }
                from = end;
            }
        }
    }

    fn is_in(&self, text: &str, needles: &[Secret<String>]) -> bool {
        needles.iter().any(|needle| text.contains(needle.expose().as_str()))
    }
}

fn find(text: &[u8], form: &[u8]) -> Option<usize> {
    text.windows(form.len()).position(|window| window == form)
}

fn forms_of(value: &str) -> Vec<Secret<String>> {
    let encoded = utf8_percent_encode(value, RESERVED).to_string();
    let mut forms = vec![value.to_owned(), lower_hex(&encoded), encoded];
    if let Ok(quoted) = serde_json::to_string(value) {
        forms.push(quoted[1..quoted.len() - 1].to_owned());
    }
    forms.push(value.replace('/', "\\/"));
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(value.as_bytes());
        forms.push(inner_base64(&STANDARD_NO_PAD.encode(&shifted), offset, shifted.len()).to_owned());
        forms.push(inner_base64(&URL_SAFE_NO_PAD.encode(&shifted), offset, shifted.len()).to_owned());
    }
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().map(Secret::new).collect()
}

/// The characters of `encoded` that rest on the value alone, whatever stands `offset` bytes before it or after it.
fn inner_base64(encoded: &str, offset: usize, bytes: usize) -> &str {
    let first = (offset * 8).div_ceil(6);
    let end = bytes * 8 / 6;
    encoded.get(first..end).unwrap_or(encoded)
}

fn lower_hex(percent_encoded: &str) -> String {
    let mut digits_left = 0_u8;
    let lower = |c: char| {
        let is_digit = digits_left > 0;
        digits_left = if c == '%' { 2 } else { digits_left.saturating_sub(1) };
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    percent_encoded.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "s3cr/t+v@lue\"x";

    fn canaries() -> Canaries {
        Canaries::new([VALUE, "short"])
    }

    #[test]
    fn a_value_in_a_url_is_found_through_its_encodings() {
        let once = utf8_percent_encode(VALUE, NON_ALPHANUMERIC).to_string();
        let twice = utf8_percent_encode(&once, NON_ALPHANUMERIC).to_string();
        let partly = VALUE.replace('s', "%73");
        let base64 = STANDARD_NO_PAD.encode(format!("user:{VALUE}"));
        for hidden in [VALUE, &once, &twice, &partly, &base64, &once.to_lowercase()] {
            assert!(canaries().are_in_url(&format!("https://api.example.com/x?y={hidden}&z=1")), "{hidden}");
        }
        assert!(Canaries::new(["pass phrase"]).are_in_url("https://api.example.com/?q=pass+phrase"));
    }

    #[test]
    fn urls_without_a_value_pass() {
        for url in ["https://api.example.com/short", "https://api.example.com/s3cr", "https://api.example.com/%zz%"] {
            assert!(!canaries().are_in_url(url), "{url}");
        }
    }

    #[test]
    fn a_value_in_a_body_is_found_in_every_form() {
        let json = serde_json::to_string(VALUE).unwrap();
        let slashed = json.replace('/', "\\/");
        let mut bodies =
            vec![VALUE.to_owned(), json, slashed.replace("\\\"", "\""), lower_hex("s3cr%2Ft%2Bv%40lue%22x")];
        for before in ["", "u", "us", "use", "user:"] {
            bodies.push(STANDARD_NO_PAD.encode(format!("{before}{VALUE}, and more")));
            bodies.push(URL_SAFE_NO_PAD.encode(format!("{before}{VALUE}")));
        }
        for body in bodies {
            let body = [b"\xff\xfe {\"echo\": \"", body.as_bytes(), b"\"}"].concat();
            assert!(canaries().are_in_body(&body), "{}", String::from_utf8_lossy(&body));
            let mut masked = body.clone();
            canaries().mask(&mut masked);
            assert!(!canaries().are_in_body(&masked), "{}", String::from_utf8_lossy(&masked));
            assert_eq!(masked.len(), body.len());
        }
    }

    #[test]
    fn short_values_are_not_watched() {
        assert!(!canaries().are_in_body(b"short"));
        assert!(!Canaries::default().are_in_body(b"anything"));
    }

    #[test]
    fn only_hex_digits_after_a_percent_sign_are_lowered() {
        assert_eq!(lower_hex("A%2FBC%AAD"), "A%2fBC%aaD");
    }
}
