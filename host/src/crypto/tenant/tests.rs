use std::collections::BTreeSet;

use super::*;
use crate::crypto::random::SystemRandomness;

fn owner(tenant: u8) -> Owner {
    Owner { deployment: DeploymentUid::from_bytes([1; 16]), tenant: TenantUid::from_bytes([tenant; 16]) }
}

fn system_key() -> EnvelopeKey {
    EnvelopeKey::new([8; 16], KeyBytes::from_slice(&[7; 32]).unwrap())
}

fn opened(owner: Owner, bundle: &[u8], key: &EnvelopeKey) -> Result<TenantKeys, SealError> {
    TenantKeys::open(owner, bundle, |id| (id == key.id()).then_some(key))
}

pub(crate) fn tenant_keys(tenant: u8) -> TenantKeys {
    let key = system_key();
    let bundle = generate(owner(tenant), &key, &SystemRandomness).unwrap();
    opened(owner(tenant), &bundle, &key).unwrap()
}

fn value() -> SealContext<'static> {
    SealContext { kind: "secret", resource_id: [3; 16], field: "value", row_version: 1 }
}

#[test]
fn a_bundle_opens_for_its_tenant_alone() {
    let key = system_key();
    let bundle = generate(owner(2), &key, &SystemRandomness).unwrap();
    let keys = opened(owner(2), &bundle, &key).unwrap();
    assert_eq!(keys.tenant(), owner(2).tenant);
    let envelope = keys.seal(&value(), b"hunter2", true).unwrap();
    assert_eq!(keys.open(&value(), &envelope).unwrap().as_slice(), b"hunter2");

    assert!(matches!(opened(owner(3), &bundle, &key), Err(SealError::Refused)));
    let elsewhere = Owner { deployment: DeploymentUid::from_bytes([9; 16]), ..owner(2) };
    assert!(matches!(opened(elsewhere, &bundle, &key), Err(SealError::Refused)));
}

#[test]
fn a_bundle_whose_system_key_is_gone_names_that_key() {
    let bundle = generate(owner(2), &system_key(), &SystemRandomness).unwrap();
    let refusal = TenantKeys::open(owner(2), &bundle, |_| None).expect_err("no key");
    assert!(matches!(refusal, SealError::KeyUnavailable { key_id } if key_id == [8; 16]));
}

#[test]
fn every_changed_bit_of_a_bundle_is_refused() {
    let key = system_key();
    let bundle = generate(owner(2), &key, &SystemRandomness).unwrap();
    for bit in 0..bundle.len() * 8 {
        let mut changed = bundle.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(opened(owner(2), &changed, &key).is_err(), "bit {bit}");
    }
    for length in 0..bundle.len() {
        assert!(opened(owner(2), &bundle[..length], &key).is_err(), "{length} bytes");
    }
}

#[test]
fn one_tenants_envelope_is_unknown_to_another() {
    let envelope = tenant_keys(2).seal(&value(), b"hunter2", false).unwrap();
    assert!(matches!(tenant_keys(3).open(&value(), &envelope), Err(SealError::KeyUnavailable { .. })));
}

#[test]
fn a_hash_is_told_apart_by_purpose_tenant_and_bounds_of_its_parts() {
    let (one, other) = (tenant_keys(2), tenant_keys(3));
    let mut seen = BTreeSet::new();
    for keys in [&one, &other] {
        for purpose in PURPOSES {
            for parts in [&[&b"ab"[..], b"c"][..], &[b"a", b"bc"], &[b"abc"]] {
                assert!(seen.insert(keys.hash(purpose, parts).hash), "{purpose:?}");
            }
        }
    }
}

#[test]
fn a_hash_matches_itself_and_nothing_else() {
    let keys = tenant_keys(2);
    let hash = keys.hash(HashPurpose::Ownership, &[b"key", b"value"]);
    assert!(keys.hash_matches(HashPurpose::Ownership, &[b"key", b"value"], &hash).unwrap());
    assert!(!keys.hash_matches(HashPurpose::Ownership, &[b"key", b"valuf"], &hash).unwrap());

    let mut changed = hash.clone();
    changed.hash[31] ^= 1;
    assert!(!keys.hash_matches(HashPurpose::Ownership, &[b"key", b"value"], &changed).unwrap());
    let refusal = keys.hash_matches(HashPurpose::Index, &[b"key", b"value"], &hash);
    assert!(matches!(refusal, Err(SealError::KeyUnavailable { key_id }) if key_id == hash.key_id));
}

#[test]
fn hashes_outlive_a_rotation_of_the_tenant_key() {
    // What a rotation will write: a new primary tenant key, the same hash keys wrapped anew.
    let key = system_key();
    let bundle = generate(owner(2), &key, &SystemRandomness).unwrap();
    let before = opened(owner(2), &bundle, &key).unwrap();
    let (hash, envelope) =
        (before.hash(HashPurpose::Ownership, &[b"x"]), before.seal(&value(), b"hunter2", false).unwrap());

    let stored = decode(split_signed(&bundle).unwrap().0).unwrap();
    let fresh = EnvelopeKey::new([0x5a; 16], KeyBytes::generate(&SystemRandomness).unwrap());
    let place = owner(2).context(KIND_TENANT_KEY, "key", fresh.id(), 2);
    let wrapped = key.seal(&place, fresh.key().expose(), false, &SystemRandomness).unwrap();
    let mut rotated = Writer::default();
    rotated.u8(FORMAT).count(2);
    rotated.key(&StoredKey { state: KeyState::Enabled, ..stored.tenant_keys[0].clone() });
    rotated.key(&StoredKey { id: fresh.id(), version: 2, state: KeyState::Primary, wrapped });
    rotated.count(stored.hash_keys.len());
    for (purpose, hash_key) in &stored.hash_keys {
        let place = owner(2).context(KIND_HASH_KEY, purpose_field(*purpose), hash_key.id, hash_key.version);
        let plain = before.primary_key().open(&place, &hash_key.wrapped).unwrap();
        let wrapped = fresh.seal(&place, &plain, false, &SystemRandomness).unwrap();
        rotated.u8(purpose_code(*purpose)).key(&StoredKey { wrapped, ..hash_key.clone() });
    }
    let rotated = rotated.signed(&bundle_authenticator(&fresh));

    let after = opened(owner(2), &rotated, &key).unwrap();
    assert_eq!(after.hash(HashPurpose::Ownership, &[b"x"]), hash);
    assert_eq!(after.open(&value(), &envelope).unwrap().as_slice(), b"hunter2");
    let resealed = after.seal(&value(), b"hunter2", false).unwrap();
    assert!(matches!(before.open(&value(), &resealed), Err(SealError::KeyUnavailable { .. })));
}

#[test]
fn tenant_keys_show_no_key() {
    let keys = tenant_keys(2);
    assert!(format!("{keys:?}").starts_with("TenantKeys { owner: Owner"));
}
