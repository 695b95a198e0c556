//! Removes a call's secret values from what the plugin says, in the forms that secrets take by accident.
//!
//! This holds against carelessness, not against malice: a plugin that sees a value can always disguise it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::Secret;

/// Shorter values would shred every text, and guessing them needs no log.
const SECRET_BYTES_MIN: usize = 8;
/// Lines of a multi-line secret (a PEM key) count on their own from this length on.
const LINE_BYTES_MIN: usize = 16;
const REPLACEMENT: &str = "[redacted]";
/// Marks of RFC 3986 that percent-encoding leaves alone.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Knows the secrets of one call. The search automaton is built when the plugin first says something.
pub(crate) struct Scrubber {
    secrets: Vec<Secret<String>>,
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Scrubber {
    pub(crate) fn new(secrets: Vec<Secret<String>>) -> Self {
        Self { secrets, automaton: OnceLock::new() }
    }

    /// `said` without control characters and secrets, cut to `bytes_max`. Control characters go first, or they could hide
    /// a secret in two halves; the cut comes last, or it could leave half a secret behind.
    pub(crate) fn clean(&self, said: &str, bytes_max: usize) -> String {
        let mut text = self.redact(without_control_characters(said));
        if text.len() > bytes_max {
            text.truncate(text.floor_char_boundary(bytes_max));
            text.push('…');
        }
        text
    }

    fn redact(&self, text: String) -> String {
        let Some(automaton) = self.automaton.get_or_init(|| automaton(&self.secrets)) else { return text };
        let ranges = merged(automaton.find_overlapping_iter(&text).map(|found| found.range()).collect());
        if ranges.is_empty() {
            return text;
        }
        let mut clean = String::with_capacity(text.len());
        let mut kept_to = 0;
        for range in ranges {
            clean.push_str(text.get(kept_to..range.start).unwrap_or_default());
            clean.push_str(REPLACEMENT);
            kept_to = range.end;
        }
        clean.push_str(text.get(kept_to..).unwrap_or_default());
        clean
    }
}

/// Line breaks and tabs become spaces, other control characters (bidirectional overrides included) vanish.
fn without_control_characters(said: &str) -> String {
    said.chars()
        .filter_map(|character| match character {
            '\n' | '\r' | '\t' => Some(' '),
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => None,
            character if character.is_control() => None,
            character => Some(character),
        })
        .collect()
}

/// `None` when there is nothing to look for.
fn automaton(secrets: &[Secret<String>]) -> Option<AhoCorasick> {
    let mut needles = BTreeSet::new();
    for secret in secrets {
        let value = secret.expose();
        if value.len() >= SECRET_BYTES_MIN {
            add_forms(value, &mut needles);
        }
        for line in value.lines().filter(|line| line.len() >= LINE_BYTES_MIN && line.len() < value.len()) {
            add_forms(line, &mut needles);
        }
    }
    if needles.is_empty() {
        return None;
    }
    // One automaton serves both cases of hexadecimal digits.
    AhoCorasick::builder().ascii_case_insensitive(true).build(needles).ok()
}

fn add_forms(value: &str, needles: &mut BTreeSet<String>) {
    let percent = utf8_percent_encode(value, UNRESERVED).to_string();
    needles.insert(percent.replace("%20", "+"));
    needles.insert(percent);
    needles.insert(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string());
    needles.insert(data_encoding::HEXLOWER.encode(value.as_bytes()));
    for shift in 0..3 {
        add_base64(value.as_bytes(), shift, needles);
    }
    if let Ok(quoted) = serde_json::to_string(value) {
        needles.insert(without_control_characters(quoted.get(1..quoted.len() - 1).unwrap_or_default()));
    }
    needles.insert(without_control_characters(value));
}

/// What is always there of the value's base64, when `shift` bytes (modulo 3) precede it in the encoded text: a pair like
/// `user:password` is encoded as a whole.
fn add_base64(value: &[u8], shift: usize, needles: &mut BTreeSet<String>) {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(value);
    // The first characters also hold bits of what precedes, the last ones bits of what follows.
    let start = [0, 2, 3][shift];
    let end = shifted.len() * 8 / 6;
    for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
        needles.extend(encoded.get(start..end).map(str::to_owned));
    }
}

fn merged(mut ranges: Vec<std::ops::Range<usize>>) -> Vec<std::ops::Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<std::ops::Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        Scrubber::new(secrets.iter().map(|secret| Secret::from(*secret)).collect())
    }

    fn clean(secrets: &[&str], said: &str) -> String {
        scrubber(secrets).clean(said, 1000)
    }

    #[test]
    fn every_form_of_a_secret_is_removed() {
        let secret = "p@ss wörd/+\"1";
        let forms = [
            secret.to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            utf8_percent_encode(secret, UNRESERVED).to_string(),
            utf8_percent_encode(secret, UNRESERVED).to_string().to_lowercase(),
            utf8_percent_encode(secret, UNRESERVED).to_string().replace("%20", "+"),
            data_encoding::HEXUPPER.encode(secret.as_bytes()),
            serde_json::to_string(secret).unwrap(),
        ];
        for form in forms {
            let cleaned = clean(&[secret], &format!("before {form} after"));
            assert!(cleaned.contains(REPLACEMENT), "{form} survived as {cleaned}");
            assert!(cleaned.starts_with("before ") && cleaned.ends_with(" after"), "{cleaned}");
        }
    }

    #[test]
    fn a_secret_inside_an_encoded_pair_is_removed() {
        for user in ["a", "ab", "abc", "abcd"] {
            let cleaned = clean(&["correct horse"], &STANDARD.encode(format!("{user}:correct horse")));
            assert!(cleaned.contains(REPLACEMENT), "{user}: {cleaned}");
        }
    }

    #[test]
    fn short_values_and_other_words_stay() {
        assert_eq!(clean(&["short", ""], "a short text"), "a short text");
        assert_eq!(clean(&["correct horse"], "correct house"), "correct house");
    }

    #[test]
    fn control_characters_cannot_split_a_secret() {
        assert_eq!(clean(&["correct-horse"], "correct-\u{0}\u{200b}horse"), REPLACEMENT);
        assert_eq!(clean(&[], "a\u{1b}[31mb\nc\u{202e}"), "a[31mb c");
    }

    #[test]
    fn lines_of_a_key_are_secrets_of_their_own() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END KEY-----";
        assert_eq!(clean(&[key], "x MIIEvQIBADANBgkqhkiG9w0B y"), "x [redacted] y");
        assert_eq!(clean(&[key], &format!("x {key} y")), "x [redacted] y");
    }

    #[test]
    fn overlapping_secrets_leave_no_tail() {
        assert_eq!(clean(&["abcdefgh", "efghijkl"], "abcdefghijkl"), REPLACEMENT);
    }

    #[test]
    fn the_cut_never_leaves_half_a_secret() {
        let cleaned = scrubber(&["correct horse"]).clean("1234 correct horse", 9);
        assert_eq!(cleaned, "1234 [red…");
    }

    #[test]
    fn hundreds_of_secrets_are_found_at_once() {
        let secrets: Vec<String> = (0..500).map(|number| format!("secret-number-{number:04}")).collect();
        let needles: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let scrubber = scrubber(&needles);
        for secret in &secrets {
            assert_eq!(scrubber.clean(secret, 100), REPLACEMENT);
        }
    }

    proptest! {
        #[test]
        fn no_text_around_it_hides_a_secret(secret in "[ -~]{8,40}", before in ".{0,20}", after in ".{0,20}") {
            let cleaned = clean(&[&secret], &format!("{before}{secret}{after}"));
            prop_assert!(!cleaned.contains(&secret) || REPLACEMENT.contains(&secret) );
        }
    }
}
