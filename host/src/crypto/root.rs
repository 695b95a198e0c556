//! Root keys held by the process itself: thirty-two bytes from a file or from a text.
//!
//! How the key came in is no part of what is stored, so a key may move from a file to the environment and back.

pub mod file;

use std::path::PathBuf;

use async_trait::async_trait;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, Encoding, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::context;
use super::envelope::EnvelopeKey;
use super::key::KeyBytes;
use super::random::SystemRandomness;
use crate::domain::Secret;
use crate::domain::id::{DeploymentUid, TenantUid};
use crate::ports::root::{RootError, RootProvider, WrapContext};
use crate::ports::sealer::{SealContext, SealError};

/// Why a root key is not taken. Never carries key bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootKeyError {
    #[error("cannot open the root key file {}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("cannot make the root key file {}", path.display())]
    Create { path: PathBuf, source: std::io::Error },
    #[error("the root key file {} is there already", path.display())]
    Exists { path: PathBuf },
    #[error("the root key file {} is a symbolic link; name the file itself", path.display())]
    SymbolicLink { path: PathBuf },
    #[error("the root key file {} is not a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("the root key file {} belongs to user {owner}, not to user {expected} who runs this host", path.display())]
    OtherOwner { path: PathBuf, owner: u32, expected: u32 },
    #[error("the root key file {} has mode {mode:04o}; only 0400 and 0600 are safe", path.display())]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("the root key file {} has {bytes} bytes; a root key has 32", path.display())]
    WrongLength { path: PathBuf, bytes: u64 },
    /// Whoever copies the store must not get the key with it.
    #[error("the root key file {} lies inside the data directory {}", path.display(), data_directory.display())]
    InsideDataDirectory { path: PathBuf, data_directory: PathBuf },
    #[error("the root key is no 32 bytes in hexadecimal or base64")]
    Text,
    #[error("the root key is one byte repeated; make a random one")]
    Weak,
    #[error("no root key could be made")]
    Generate(#[source] SealError),
}

/// A root key in this process's memory.
pub struct LocalRoot(KeyBytes);

impl LocalRoot {
    /// The key that a text gives: 32 bytes in hexadecimal or in base64 of either alphabet, padded or not.
    ///
    /// # Errors
    /// [`RootKeyError::Text`], [`RootKeyError::Weak`].
    pub fn from_text(text: &Secret<String>) -> Result<Self, RootKeyError> {
        let text = text.expose().trim().as_bytes();
        let encodings: [&Encoding; 5] = [&HEXLOWER_PERMISSIVE, &BASE64, &BASE64_NOPAD, &BASE64URL, &BASE64URL_NOPAD];
        let mut decoded = encodings.iter().filter_map(|encoding| encoding.decode(text).ok().map(Zeroizing::new));
        decoded.find(|bytes| bytes.len() == 32).ok_or(RootKeyError::Text).and_then(|bytes| Self::from_bytes(&bytes))
    }

    /// A key of 32 bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, RootKeyError> {
        let key = KeyBytes::from_slice(bytes).ok_or(RootKeyError::Text)?;
        if key.expose().iter().all(|byte| *byte == key.expose()[0]) {
            return Err(RootKeyError::Weak);
        }
        Ok(Self(key))
    }

    /// Sixteen bytes that name this key within one installation, and tell nothing of it.
    fn fingerprint(&self, deployment: DeploymentUid) -> [u8; 16] {
        *self.0.derive(&[b"kcv", deployment.as_bytes()])
    }

    fn envelope_key(&self, deployment: DeploymentUid) -> EnvelopeKey {
        let copy = KeyBytes::from_slice(self.0.expose()).expect("a root key has 32 bytes");
        EnvelopeKey::new(self.fingerprint(deployment), copy)
    }
}

impl std::fmt::Debug for LocalRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalRoot(..)")
    }
}

fn encoded(place: &WrapContext) -> Vec<u8> {
    let record = SealContext {
        kind: WrapContext::KIND,
        resource_id: place.key_id,
        field: "key",
        row_version: u64::from(place.key_version),
    };
    context::encode(place.deployment, TenantUid::SYSTEM, &record)
}

#[async_trait]
impl RootProvider for LocalRoot {
    fn id(&self) -> &str {
        "local"
    }

    fn key_check_value(&self, deployment: DeploymentUid) -> [u8; 8] {
        let fingerprint = self.fingerprint(deployment);
        fingerprint[..8].try_into().expect("eight of sixteen bytes")
    }

    async fn wrap(&self, key: &[u8; 32], context: &WrapContext) -> Result<Vec<u8>, RootError> {
        let sealed = self.envelope_key(context.deployment).seal(&encoded(context), key, false, &SystemRandomness);
        sealed.map_err(|error| RootError::Unavailable(Box::new(error)))
    }

    async fn unwrap(&self, wrapped: &[u8], context: &WrapContext) -> Result<Zeroizing<[u8; 32]>, RootError> {
        let opened = self.envelope_key(context.deployment).open(&encoded(context), wrapped);
        let opened = opened.map_err(|_| RootError::Refused)?;
        let mut key = Zeroizing::new([0; 32]);
        if opened.len() != key.len() {
            return Err(RootError::Refused);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn place() -> WrapContext {
        WrapContext { deployment: DeploymentUid::from_bytes([1; 16]), key_id: [2; 16], key_version: 1 }
    }

    #[test]
    fn a_text_is_taken_in_hexadecimal_and_every_base64() {
        let deployment = DeploymentUid::from_bytes([1; 16]);
        let expect = LocalRoot::from_text(&HEX.into()).unwrap().key_check_value(deployment);
        for text in [
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
        ] {
            assert_eq!(LocalRoot::from_text(&text.into()).unwrap().key_check_value(deployment), expect, "{text}");
        }
        assert!(LocalRoot::from_text(&"_-ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".into()).is_ok());
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_without_an_echo() {
        for text in ["", "hunter2", &HEX[2..], "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="] {
            let refusal = LocalRoot::from_text(&text.into()).expect_err("no 32 bytes");
            assert!(matches!(refusal, RootKeyError::Text));
            assert!(text.is_empty() || !refusal.to_string().contains(text));
        }
        assert!(matches!(LocalRoot::from_text(&"00".repeat(32).into()), Err(RootKeyError::Weak)));
    }

    #[tokio::test]
    async fn a_wrap_opens_under_its_root_and_context_alone() {
        let root = LocalRoot::from_text(&HEX.into()).unwrap();
        let wrapped = root.wrap(&[5; 32], &place()).await.unwrap();
        assert_eq!(*root.unwrap(&wrapped, &place()).await.unwrap(), [5; 32]);

        let changes: [fn(&mut WrapContext); 3] = [
            |place| place.deployment = DeploymentUid::from_bytes([9; 16]),
            |place| place.key_id[0] ^= 1,
            |place| place.key_version += 1,
        ];
        for change in changes {
            let mut elsewhere = place();
            change(&mut elsewhere);
            assert!(matches!(root.unwrap(&wrapped, &elsewhere).await, Err(RootError::Refused)), "{elsewhere:?}");
        }
        let other = LocalRoot::from_bytes(&[[1; 16], [2; 16]].concat()).unwrap();
        assert!(matches!(other.unwrap(&wrapped, &place()).await, Err(RootError::Refused)));
        assert!(matches!(root.unwrap(b"", &place()).await, Err(RootError::Refused)));
    }

    #[test]
    fn the_check_value_differs_between_installations() {
        let root = LocalRoot::from_text(&HEX.into()).unwrap();
        let of = |byte| root.key_check_value(DeploymentUid::from_bytes([byte; 16]));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", LocalRoot::from_text(&HEX.into()).unwrap()), "LocalRoot(..)");
    }
}
