//! How a value stands in the file: `revision(8) checksum(4) value`, big-endian.
//!
//! The checksum is CRC-32 over the key, the revision and the value. It finds damage, and guards against nobody: what
//! must not be forged is sealed above the store.

use flate2::Crc;

use crate::ports::kv::Revision;

/// What a row is longer than its value.
pub(super) const HEAD_BYTES: usize = 12;

/// Writes a row; `row` has [`HEAD_BYTES`] more than the value.
pub(super) fn encode(key: &[u8], revision: Revision, value: &[u8], row: &mut [u8]) {
    row[..8].copy_from_slice(&revision.0.to_be_bytes());
    row[8..HEAD_BYTES].copy_from_slice(&checksum(key, revision, value).to_be_bytes());
    row[HEAD_BYTES..].copy_from_slice(value);
}

/// Reads the row of `key`; nothing when it is damaged or belongs to another key.
pub(super) fn decode<'r>(key: &[u8], row: &'r [u8]) -> Option<(Revision, &'r [u8])> {
    let (revision, rest) = row.split_first_chunk()?;
    let (stored, value) = rest.split_first_chunk()?;
    let revision = Revision(u64::from_be_bytes(*revision));
    (checksum(key, revision, value) == u32::from_be_bytes(*stored)).then_some((revision, value))
}

fn checksum(key: &[u8], revision: Revision, value: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(key);
    crc.update(&revision.0.to_be_bytes());
    crc.update(value);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(key: &[u8], revision: u64, value: &[u8]) -> Vec<u8> {
        let mut row = vec![0; HEAD_BYTES + value.len()];
        encode(key, Revision(revision), value, &mut row);
        row
    }

    #[test]
    fn a_row_stands_as_documented() {
        // CRC-32 of `k`, eight bytes of revision and `value`, computed by another implementation (zlib).
        assert_eq!(encoded(b"k", 258, b"value"), b"\0\0\0\0\0\0\x01\x02\x22\xb4\xc8\x95value");
    }

    #[test]
    fn every_changed_bit_of_a_row_or_its_key_is_found() {
        let row = encoded(b"key", 7, b"value");
        assert_eq!(decode(b"key", &row), Some((Revision(7), &b"value"[..])));
        for bit in 0..row.len() * 8 {
            let mut changed = row.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(b"key", &changed), None, "bit {bit}");
        }
        assert_eq!(decode(b"kez", &row), None);
        (0..HEAD_BYTES).for_each(|length| assert_eq!(decode(b"key", &row[..length]), None));
    }
}
