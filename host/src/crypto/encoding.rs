//! Reading and writing the key records: big-endian integers and length-prefixed bytes, nothing of secrets in clear.

use super::key::{Authenticator, is_equal};

/// Where a key stands in its life. A key is readable everywhere before it is written with anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// Opens, and does not seal.
    Enabled,
    /// Opens and seals; exactly one of its family.
    Primary,
    /// Kept for a while after its last use was replaced; does not open.
    Disabled,
}

impl KeyState {
    fn code(self) -> u8 {
        match self {
            Self::Enabled => 1,
            Self::Primary => 2,
            Self::Disabled => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Enabled, Self::Primary, Self::Disabled].into_iter().find(|state| state.code() == code)
    }

    /// Whether records may be opened with a key in this state.
    pub(crate) fn is_usable(self) -> bool {
        self != Self::Disabled
    }
}

/// One key as it is stored: wrapped, with what must be known before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredKey {
    pub(crate) id: [u8; 16],
    pub(crate) version: u32,
    pub(crate) state: KeyState,
    pub(crate) wrapped: Vec<u8>,
}

/// Appends fields.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A number of entries that follow.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        let count = u16::try_from(count).expect("a family of keys has few members");
        self.bytes(&count.to_be_bytes())
    }

    /// Bytes behind their length, two bytes long.
    pub(crate) fn sized(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).bytes(bytes)
    }

    /// Id, version and state of a key; its wraps follow.
    pub(crate) fn key_head(&mut self, id: &[u8; 16], version: u32, state: KeyState) -> &mut Self {
        self.bytes(id).u32(version).u8(state.code())
    }

    pub(crate) fn key(&mut self, key: &StoredKey) -> &mut Self {
        self.key_head(&key.id, key.version, key.state).sized(&key.wrapped)
    }

    /// Ends the record with the code over all of it.
    pub(crate) fn signed(self, authenticator: &Authenticator) -> Vec<u8> {
        let code = authenticator.sign(&[&self.0]);
        let mut bytes = self.0;
        bytes.extend_from_slice(&code);
        bytes
    }
}

/// Takes fields from the front; `None` where they end early or are not valid.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn count(&mut self) -> Option<usize> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    pub(crate) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        self.bytes(length)
    }

    pub(crate) fn state(&mut self) -> Option<KeyState> {
        self.u8().and_then(KeyState::from_code)
    }

    pub(crate) fn key(&mut self) -> Option<StoredKey> {
        let (id, version, state) = (self.array()?, self.u32()?, self.state()?);
        Some(StoredKey { id, version, state, wrapped: self.sized()?.to_vec() })
    }

    /// `count` entries, each taken by `entry`.
    pub(crate) fn many<T>(&mut self, mut entry: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| entry(self)).collect()
    }

    /// Whether everything was taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// Splits a signed record into itself and its code.
pub(crate) fn split_signed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(32)?)
}

/// Whether a record has the code that its key gives.
pub(crate) fn is_signed(record: &[u8], code: &[u8], authenticator: &Authenticator) -> bool {
    is_equal(code, &authenticator.sign(&[record]))
}

/// The one primary key of a family.
pub(crate) fn primary<T>(keys: &[T], state: impl Fn(&T) -> KeyState) -> Option<&T> {
    let mut primaries = keys.iter().filter(|key| state(key) == KeyState::Primary);
    primaries.next().filter(|_| primaries.next().is_none())
}
