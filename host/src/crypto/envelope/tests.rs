use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::crypto::context;
use crate::crypto::random::{ConstantRandomness, SystemRandomness};
use crate::domain::id::{DeploymentUid, TenantUid};
use crate::ports::sealer::SealContext;

fn key() -> EnvelopeKey {
    let bytes: Vec<u8> = (0..32).collect();
    EnvelopeKey::new([0x44; 16], KeyBytes::from_slice(&bytes).unwrap())
}

fn place(deployment: u8, tenant: u8, record: &SealContext<'_>) -> Vec<u8> {
    context::encode(DeploymentUid::from_bytes([deployment; 16]), TenantUid::from_bytes([tenant; 16]), record)
}

fn secret_value() -> SealContext<'static> {
    SealContext { kind: "secret", resource_id: [0x33; 16], field: "value", row_version: 1 }
}

#[test]
fn the_published_vector_is_sealed_and_opened() {
    let place = place(0x11, 0x22, &secret_value());
    let envelope = key().seal_with_salt(&place, b"hunter2", false, &[0x55; 32]);
    assert_eq!(envelope.len(), 109);
    assert_eq!(
        HEXLOWER.encode(&envelope[COMMIT_AT..BODY_AT]),
        "011487dbdbf90eefec456e7a904650c9b3e41a2312e9048e83b9bba45edc14bb"
    );
    assert_eq!(HEXLOWER.encode(&envelope[BODY_AT..]), "68422cded6d71661288d4204bed8e951eb789bfa779da3");
    assert_eq!(
        HEXLOWER.encode(&Sha256::digest(&envelope)),
        "b6b14917c91f8871fd71b7d9e48b836f2e8d9cf5cd1fcfd71f92ac7b397fd5fd"
    );
    assert_eq!(key().open(&place, &envelope).unwrap().as_slice(), b"hunter2");
}

#[test]
fn every_single_bit_of_an_envelope_is_guarded() {
    let key = key();
    let place = place(1, 2, &secret_value());
    for padded in [false, true] {
        let envelope = key.seal(&place, b"correct horse", padded, &SystemRandomness).unwrap();
        for bit in 0..envelope.len() * 8 {
            let mut changed = envelope.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let refusal = key.open(&place, &changed).expect_err("a changed envelope must not open");
            let expect = match bit / 8 {
                0..5 => matches!(refusal, SealError::Malformed),
                // The one known flag may be flipped into another valid header; the commitment then differs.
                5 => matches!(refusal, SealError::Malformed | SealError::Refused),
                6..22 => matches!(refusal, SealError::KeyUnavailable { .. }),
                _ => matches!(refusal, SealError::Refused),
            };
            assert!(expect, "bit {bit}: {refusal:?}");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let place = place(1, 2, &secret_value());
    let envelope = key().seal(&place, b"correct horse", false, &SystemRandomness).unwrap();
    for length in 0..envelope.len() {
        assert!(key().open(&place, &envelope[..length]).is_err(), "{length} bytes opened");
    }
    assert!(key().open(&place, &[&envelope[..], &[0]].concat()).is_err());
}

/// Six contexts that each differ from the first in one field only.
fn contexts_with_one_field_changed() -> Vec<Vec<u8>> {
    let changed = |change: fn(&mut SealContext<'static>)| {
        let mut record = secret_value();
        change(&mut record);
        place(1, 2, &record)
    };
    vec![
        place(1, 2, &secret_value()),
        place(9, 2, &secret_value()),
        place(1, 9, &secret_value()),
        changed(|record| record.kind = "credential"),
        changed(|record| record.resource_id[15] ^= 1),
        changed(|record| record.field = "overview"),
        changed(|record| record.row_version += 1),
    ]
}

#[test]
fn an_envelope_opens_only_where_it_was_sealed() {
    let key = key();
    let contexts = contexts_with_one_field_changed();
    for (sealed_at, sealed) in contexts.iter().enumerate() {
        let envelope = key.seal(sealed, b"correct horse", true, &SystemRandomness).unwrap();
        for (opened_at, opened) in contexts.iter().enumerate() {
            assert_eq!(key.open(opened, &envelope).is_ok(), sealed_at == opened_at, "{sealed_at} -> {opened_at}");
        }
    }
}

#[test]
fn another_key_with_the_same_id_is_refused_by_the_commitment() {
    let place = place(1, 2, &secret_value());
    let envelope = key().seal(&place, b"correct horse", false, &SystemRandomness).unwrap();
    let other = EnvelopeKey::new([0x44; 16], KeyBytes::from_slice(&[9; 32]).unwrap());
    assert!(matches!(other.open(&place, &envelope), Err(SealError::Refused)));
}

#[test]
fn a_constant_generator_does_not_make_two_messages_share_a_key() {
    let key = key();
    let randomness = ConstantRandomness(0);
    let mut salts = BTreeSet::new();
    for place in contexts_with_one_field_changed() {
        for message in 0u32..50 {
            let envelope = key.seal(&place, &message.to_be_bytes(), false, &randomness).unwrap();
            let derived = Derived::new(&key.key, &envelope[..HEADER_BYTES], &envelope[HEADER_BYTES..COMMIT_AT], &place);
            assert!(salts.insert(*derived.content), "key and nonce came twice");
        }
    }
    let twice = [(); 2].map(|()| key.seal(b"", b"same", false, &randomness).unwrap());
    assert_eq!(twice[0], twice[1], "with a broken generator equal messages may show as equal, and nothing more");
}

#[test]
fn a_sound_generator_never_repeats_an_envelope() {
    let place = place(1, 2, &secret_value());
    let seal = || key().seal(&place, b"correct horse", false, &SystemRandomness).unwrap();
    assert_ne!(seal()[HEADER_BYTES..COMMIT_AT], seal()[HEADER_BYTES..COMMIT_AT]);
}

#[test]
fn padded_lengths_show_only_their_bucket() {
    for (plaintext_bytes, body_bytes) in [
        (0, 64),
        (1, 64),
        (63, 64),
        (64, 256),
        (255, 256),
        (256, 1024),
        (1023, 1024),
        (1024, 2048),
        (2047, 2048),
        (2048, 3072),
        (262_144, 263_168),
    ] {
        let plaintext = vec![0u8; plaintext_bytes];
        let envelope = key().seal(b"", &plaintext, true, &SystemRandomness).unwrap();
        assert_eq!(envelope.len(), OVERHEAD_BYTES + body_bytes, "{plaintext_bytes}");
        assert_eq!(envelope.len(), envelope.capacity(), "a reallocation copies plaintext");
        assert_eq!(key().open(b"", &envelope).unwrap().as_slice(), plaintext, "{plaintext_bytes}");
    }
}

#[test]
fn a_padded_body_without_its_mark_is_refused() {
    for body in [&[][..], &[0; 64], &[1, 0, 0]] {
        assert!(matches!(without_padding(Zeroizing::new(body.to_vec())), Err(SealError::Malformed)));
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was(plaintext in prop::collection::vec(any::<u8>(), 0..600), padded: bool) {
        let place = place(1, 2, &secret_value());
        let envelope = key().seal(&place, &plaintext, padded, &SystemRandomness).unwrap();
        let opened = key().open(&place, &envelope).unwrap();
        prop_assert_eq!(opened.as_slice(), &plaintext[..]);
    }

    #[test]
    fn arbitrary_bytes_neither_open_nor_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), head: bool) {
        let bytes = if head { [&b"OVE1\x01\x00"[..], &[0x44; 16], &bytes[..]].concat() } else { bytes };
        prop_assert!(key().open(b"", &bytes).is_err());
    }
}
