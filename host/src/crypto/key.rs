//! A 32-byte key with its id, and everything that is derived from it. Wiped on drop, and never shown.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::random::Randomness;
use crate::ports::sealer::SealError;

/// Thirty-two secret bytes on the heap, so that moving the owner leaves no copy behind.
pub(crate) struct KeyBytes(Box<[u8; 32]>);

impl KeyBytes {
    /// Thirty-two random bytes.
    pub(crate) fn generate(randomness: &dyn Randomness) -> Result<Self, SealError> {
        let mut bytes = Self(Box::new([0; 32]));
        randomness.fill(bytes.0.as_mut_slice())?;
        Ok(bytes)
    }

    /// Copies a key; nothing when it has not 32 bytes.
    pub(crate) fn from_slice(slice: &[u8]) -> Option<Self> {
        if slice.len() != 32 {
            return None;
        }
        let mut bytes = Self(Box::new([0; 32]));
        bytes.0.copy_from_slice(slice);
        Some(bytes)
    }

    /// The key itself.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HKDF-SHA-256 (RFC 5869) of this key without a salt.
    pub(crate) fn derive<const N: usize>(&self, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
        expand(None, self.expose(), info)
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes(..)")
    }
}

/// HKDF-SHA-256: extract, then expand to `N` bytes.
pub(crate) fn expand<const N: usize>(salt: Option<&[u8]>, key: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    extract(salt, key).expand(info)
}

/// HKDF-SHA-256's first step, for several expansions.
pub(crate) fn extract(salt: Option<&[u8]>, key: &[u8]) -> Extracted {
    let (mut copy, hkdf) = Hkdf::<Sha256>::extract(salt, key);
    copy.as_mut_slice().zeroize();
    Extracted(hkdf)
}

/// A pseudorandom key that expansions come from.
pub(crate) struct Extracted(Hkdf<Sha256>);

impl Extracted {
    /// Expands to `N` bytes.
    pub(crate) fn expand<const N: usize>(&self, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
        let mut bytes = Zeroizing::new([0; N]);
        self.0
            .expand_multi_info(info, bytes.as_mut_slice())
            .expect("every derived length is far below 255 blocks of SHA-256");
        bytes
    }
}

/// HMAC-SHA-256 under one key, keyed once.
#[derive(Clone)]
pub(crate) struct Authenticator(Hmac<Sha256>);

impl Authenticator {
    /// Keys it.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// The code over `parts`, one after the other without lengths: only for parts whose bounds are fixed elsewhere.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The code over `parts`, each behind its length, so that parts cannot trade bytes.
    pub(crate) fn sign_prefixed(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Whether two codes are equal, in a time that does not tell where they differ.
pub(crate) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn hkdf_gives_the_first_test_case_of_its_rfc() {
        let salt = HEXLOWER.decode(b"000102030405060708090a0b0c").unwrap();
        let info = HEXLOWER.decode(b"f0f1f2f3f4f5f6f7f8f9").unwrap();
        let output = expand::<42>(Some(&salt), &[0x0b; 22], &[&info[..4], &info[4..]]);
        assert_eq!(
            HEXLOWER.encode(output.as_slice()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn prefixed_parts_cannot_trade_bytes() {
        let authenticator = Authenticator::new(&[7; 32]);
        assert_ne!(authenticator.sign_prefixed(&[b"ab", b"c"]), authenticator.sign_prefixed(&[b"a", b"bc"]));
        assert_ne!(authenticator.sign_prefixed(&[b""]), authenticator.sign_prefixed(&[]));
    }

    #[test]
    fn a_key_shows_nothing_and_has_32_bytes() {
        let key = KeyBytes::from_slice(&[0xab; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "KeyBytes(..)");
        assert!(KeyBytes::from_slice(&[0; 31]).is_none());
        assert!(KeyBytes::from_slice(&[0; 33]).is_none());
    }
}
