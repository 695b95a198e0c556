//! The text of client secrets and API keys: `kf_<kind>_<id>_<secret>_<checksum>`.
//!
//! The prefix and the checksum let scanners of source code find a leaked key without asking us. The id is what a key is
//! looked up by; the secret has 256 random bits, so its keyed hash needs no slowness.

use sha2::{Digest as _, Sha256};

use crate::domain::{Code, Error, Result, Secret};
use crate::records::access::KeyPurpose;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARACTERS: usize = 16;
const SECRET_CHARACTERS: usize = 43;
const CHECKSUM_CHARACTERS: usize = 6;

/// A key as its holder has it.
pub(crate) struct SecretKey {
    /// The part that may be seen.
    pub(crate) public_id: String,
    /// The whole.
    pub(crate) text: Secret<String>,
}

impl SecretKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// `unavailable` without randomness.
    pub(crate) fn generate(purpose: KeyPurpose) -> Result<Self> {
        let public_id = random_text(ID_CHARACTERS)?;
        let secret = Secret::new(random_text(SECRET_CHARACTERS)?);
        let mut text = format!("kf_{}_{public_id}_{}", word(purpose), secret.expose());
        let checksum = checksum(text.as_bytes());
        text.push('_');
        text.push_str(&checksum);
        Ok(Self { public_id, text: Secret::new(text) })
    }
}

/// The public id of a presented key; none when it is not of this purpose and form.
pub(crate) fn public_id(purpose: KeyPurpose, presented: &str) -> Option<&str> {
    let (body, sum) = presented.rsplit_once('_')?;
    let rest = body.strip_prefix("kf_")?.strip_prefix(word(purpose))?.strip_prefix('_')?;
    let (id, secret) = rest.split_once('_')?;
    let is_text = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_text(id, ID_CHARACTERS) && is_text(secret, SECRET_CHARACTERS) && sum == checksum(body.as_bytes())).then_some(id)
}

/// What is hashed for storage: the hash of the text, so that its length and form do not matter to the keyed hash.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

const fn word(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::ClientSecret => "secret",
        KeyPurpose::ApiKey => "api",
    }
}

fn random_text(characters: usize) -> Result<String> {
    let mut text = String::with_capacity(characters);
    let mut block = zeroize::Zeroizing::new([0u8; 64]);
    while text.len() < characters {
        getrandom::fill(&mut *block).map_err(|fault| {
            Error::new(Code::Unavailable, "the operating system gave no randomness").with_source(fault)
        })?;
        // Bytes beyond the last whole multiple of 62 would make some characters likelier than others.
        let fair = block.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(fair.take(characters - text.len()));
    }
    Ok(text)
}

/// CRC-32 (IEEE 802.3) in base 62.
fn checksum(bytes: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let mut rest = crc.sum();
    let mut digits = [b'0'; CHECKSUM_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_documented_form() {
        let key = SecretKey::generate(KeyPurpose::ApiKey).expect("there is randomness");
        let parts: Vec<&str> = key.text.expose().split('_').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 3, 16, 43, 6]);
        assert_eq!(public_id(KeyPurpose::ApiKey, key.text.expose()), Some(key.public_id.as_str()));
        assert_eq!(public_id(KeyPurpose::ClientSecret, key.text.expose()), None);
    }

    #[test]
    fn a_mistyped_key_is_refused_without_a_lookup() {
        let key = SecretKey::generate(KeyPurpose::ClientSecret).expect("there is randomness");
        for index in 0..key.text.expose().len() {
            let mut changed = key.text.expose().clone().into_bytes();
            changed[index] = if changed[index] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(changed).expect("it is ASCII");
            assert_eq!(public_id(KeyPurpose::ClientSecret, &changed), None, "byte {index}");
        }
        for text in ["", "kf_api", "kf_api___", "____"] {
            assert_eq!(public_id(KeyPurpose::ApiKey, text), None, "{text}");
        }
    }

    #[test]
    fn keys_do_not_repeat() {
        let keys: std::collections::BTreeSet<String> = (0..100)
            .map(|_| SecretKey::generate(KeyPurpose::ApiKey).expect("there is randomness").text.expose().clone())
            .collect();
        assert_eq!(keys.len(), 100);
    }
}
