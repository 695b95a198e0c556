//! The envelope `OVE1`: HKDF-SHA-256, AES-256-GCM and a key commitment, bound to a context.
//!
//! Every envelope has a key of its own, derived from the sealing key and a salt, so no key ever encrypts two messages and
//! nothing counts nonces. The layout is in `docs/store-format.md`.

use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Nonce};
use zeroize::Zeroizing;

use super::key::{Authenticator, Extracted, KeyBytes, extract, is_equal};
use super::random::Randomness;
use crate::ports::sealer::SealError;

const MAGIC: &[u8; 4] = b"OVE1";
/// HKDF-SHA-256 + AES-256-GCM + commitment. A second suite comes only with a migration, never by choice of a record.
const SUITE: u8 = 1;
const FLAG_PADDED: u8 = 1;

const HEADER_BYTES: usize = 22;
const SALT_BYTES: usize = 32;
const COMMIT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const COMMIT_AT: usize = HEADER_BYTES + SALT_BYTES;
const BODY_AT: usize = COMMIT_AT + COMMIT_BYTES;
/// What an envelope is longer than its plaintext, padding included.
pub(crate) const OVERHEAD_BYTES: usize = BODY_AT + TAG_BYTES;

/// A key that seals envelopes, with the id that stands in them.
pub(crate) struct EnvelopeKey {
    id: [u8; 16],
    key: KeyBytes,
    hedge: Authenticator,
}

impl EnvelopeKey {
    /// Takes charge of a key.
    pub(crate) fn new(id: [u8; 16], key: KeyBytes) -> Self {
        let hedge = Authenticator::new(&key.derive(&[b"ove1 hedge"]));
        Self { id, key, hedge }
    }

    /// The id that stands in every envelope of this key.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    /// The key itself, to derive from or to wrap.
    pub(crate) fn key(&self) -> &KeyBytes {
        &self.key
    }

    /// Seals `plaintext` for `context`.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    pub(crate) fn seal(
        &self,
        context: &[u8],
        plaintext: &[u8],
        padded: bool,
        randomness: &dyn Randomness,
    ) -> Result<Vec<u8>, SealError> {
        let salt = self.hedged_salt(context, plaintext, randomness)?;
        Ok(self.seal_with_salt(context, plaintext, padded, &salt))
    }

    /// A random salt; should the generator repeat itself, still another one for another message.
    fn hedged_salt(
        &self,
        context: &[u8],
        plaintext: &[u8],
        randomness: &dyn Randomness,
    ) -> Result<[u8; SALT_BYTES], SealError> {
        let mut random = [0; 32];
        randomness.fill(&mut random)?;
        Ok(self.hedge.sign(&[&random, &length_u32(context), context, plaintext]))
    }

    fn seal_with_salt(&self, context: &[u8], plaintext: &[u8], padded: bool, salt: &[u8; SALT_BYTES]) -> Vec<u8> {
        let flags = if padded { FLAG_PADDED } else { 0 };
        let body_bytes = if padded { bucket_bytes(plaintext.len() + 1) } else { plaintext.len() };
        // The exact capacity: a reallocation would leave a copy of the plaintext behind.
        let mut envelope = Vec::with_capacity(OVERHEAD_BYTES + body_bytes);
        envelope.extend_from_slice(MAGIC);
        envelope.extend_from_slice(&[SUITE, flags]);
        envelope.extend_from_slice(&self.id);

        let derived = Derived::new(&self.key, &envelope, salt, context);
        envelope.extend_from_slice(salt);
        envelope.extend_from_slice(derived.commit.as_slice());
        let aad = [&envelope, context].concat();

        envelope.extend_from_slice(plaintext);
        if padded {
            envelope.push(0x80);
            envelope.resize(BODY_AT + body_bytes, 0);
        }
        let (cipher, nonce) = derived.cipher();
        let tag = cipher
            .encrypt_inout_detached(&nonce, &aad, (&mut envelope[BODY_AT..]).into())
            .expect("no record reaches the 64 GiB that AES-GCM can encrypt");
        envelope.extend_from_slice(&tag);
        envelope
    }

    /// Opens an envelope that names this key.
    ///
    /// # Errors
    /// [`SealError::Malformed`] for what is no envelope, [`SealError::KeyUnavailable`] for the envelope of another key,
    /// [`SealError::Refused`] for one that was changed or stands elsewhere.
    pub(crate) fn open(&self, context: &[u8], envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key_id = key_id(envelope)?;
        if key_id != self.id {
            return Err(SealError::KeyUnavailable { key_id });
        }
        let (head, body) = envelope.split_at(BODY_AT);
        let (header, rest) = head.split_at(HEADER_BYTES);
        let (salt, commit) = rest.split_at(SALT_BYTES);

        let derived = Derived::new(&self.key, header, salt, context);
        // Before any decryption: a body that two keys could open must not be opened by either.
        if !is_equal(commit, derived.commit.as_slice()) {
            return Err(SealError::Refused);
        }
        let aad = [head, context].concat();
        let (cipher, nonce) = derived.cipher();
        let opened = cipher.decrypt(&nonce, Payload { msg: body, aad: &aad }).map_err(|_| SealError::Refused)?;
        let opened = Zeroizing::new(opened);
        if header[5] & FLAG_PADDED == 0 { Ok(opened) } else { without_padding(opened) }
    }
}

impl fmt::Debug for EnvelopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvelopeKey({})", data_encoding::HEXLOWER.encode(&self.id))
    }
}

/// The id of the key that an envelope names.
///
/// # Errors
/// [`SealError::Malformed`] when the bytes are no envelope of this format.
pub(crate) fn key_id(envelope: &[u8]) -> Result<[u8; 16], SealError> {
    let well_formed = envelope.len() >= OVERHEAD_BYTES
        && envelope.starts_with(MAGIC)
        && envelope[4] == SUITE
        && envelope[5] & !FLAG_PADDED == 0;
    if !well_formed {
        return Err(SealError::Malformed);
    }
    Ok(envelope[6..HEADER_BYTES].try_into().expect("the id of a key has sixteen bytes"))
}

/// What one envelope's salt and context make of a key.
struct Derived {
    /// 32 bytes of key, then 12 of nonce.
    content: Zeroizing<[u8; 44]>,
    commit: Zeroizing<[u8; COMMIT_BYTES]>,
}

impl Derived {
    fn new(key: &KeyBytes, header: &[u8], salt: &[u8], context: &[u8]) -> Self {
        let extracted: Extracted = extract(Some(salt), key.expose());
        let header_length = u16::try_from(header.len()).expect("a header has 22 bytes").to_be_bytes();
        let context_length = length_u32(context);
        let info = |label: &'static [u8]| [label, &header_length, header, &context_length, context];
        Self { content: extracted.expand(&info(b"ove1 enc")), commit: extracted.expand(&info(b"ove1 com")) }
    }

    fn cipher(&self) -> (Aes256Gcm, Nonce<aes_gcm::aead::consts::U12>) {
        let (key, nonce) = self.content.split_at(32);
        let cipher = Aes256Gcm::new_from_slice(key).expect("the key of AES-256 has 32 bytes");
        (cipher, Nonce::try_from(nonce).expect("a nonce has 12 bytes"))
    }
}

fn length_u32(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a context is a few hundred bytes long").to_be_bytes()
}

/// The size that a padded body of so many bytes takes: 64 B, 256 B, 1 KiB, then steps of 1 KiB.
fn bucket_bytes(body_bytes: usize) -> usize {
    match body_bytes {
        0..=64 => 64,
        65..=256 => 256,
        _ => body_bytes.next_multiple_of(1024),
    }
}

/// Cuts the padding off: zeros back to a single 0x80.
fn without_padding(mut body: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let end = body.iter().rposition(|byte| *byte != 0).filter(|at| body[*at] == 0x80);
    body.truncate(end.ok_or(SealError::Malformed)?);
    Ok(body)
}

#[cfg(test)]
mod tests;
