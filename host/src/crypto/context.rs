//! The context that an envelope is bound to, as bytes: length-prefixed, so that no two contexts read alike.

use crate::domain::id::{DeploymentUid, TenantUid};
use crate::ports::sealer::SealContext;

/// Stands first in every context and names its format.
const MAGIC: &[u8; 4] = b"OVC1";

/// Encodes where a record stands: the magic, then `tag(1) length(4) bytes` for each of the six fields in order.
pub(crate) fn encode(deployment: DeploymentUid, tenant: TenantUid, context: &SealContext<'_>) -> Vec<u8> {
    let row_version = context.row_version.to_be_bytes();
    let fields: [&[u8]; 6] = [
        deployment.as_bytes(),
        tenant.as_bytes(),
        context.kind.as_bytes(),
        &context.resource_id,
        context.field.as_bytes(),
        &row_version,
    ];
    let length: usize = fields.iter().map(|field| field.len() + 5).sum();
    let mut bytes = Vec::with_capacity(MAGIC.len() + length);
    bytes.extend_from_slice(MAGIC);
    for (tag, field) in (1u8..).zip(fields) {
        let length = u32::try_from(field.len()).expect("a field of a context is a few bytes long");
        bytes.push(tag);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uid(byte: u8) -> [u8; 16] {
        [byte; 16]
    }

    #[test]
    fn the_encoding_is_the_published_one() {
        let context = SealContext { kind: "secret", resource_id: uid(0x33), field: "value", row_version: 1 };
        let bytes = encode(DeploymentUid::from_bytes(uid(0x11)), TenantUid::from_bytes(uid(0x22)), &context);
        let expect = [
            &b"OVC1\x01\0\0\0\x10"[..],
            &[0x11; 16],
            b"\x02\0\0\0\x10",
            &[0x22; 16],
            b"\x03\0\0\0\x06secret\x04\0\0\0\x10",
            &[0x33; 16],
            b"\x05\0\0\0\x05value\x06\0\0\0\x08\0\0\0\0\0\0\0\x01",
        ]
        .concat();
        assert_eq!(bytes, expect);
    }

    type Fields = ([u8; 16], String, [u8; 16], String, u64);

    fn encoded(fields: &Fields) -> Vec<u8> {
        let (tenant, kind, resource_id, field, row_version) = fields;
        let context = SealContext { kind, resource_id: *resource_id, field, row_version: *row_version };
        encode(DeploymentUid::from_bytes(uid(1)), TenantUid::from_bytes(*tenant), &context)
    }

    fn fields() -> impl Strategy<Value = Fields> {
        // Few letters and values, so that collisions would be found if there were any.
        (prop::array::uniform16(0u8..2), "[a\u{1}]{0,3}", prop::array::uniform16(0u8..2), "[a\u{1}]{0,3}", 0u64..3)
    }

    proptest! {
        #[test]
        fn two_contexts_are_equal_only_when_all_their_fields_are((one, other) in (fields(), fields())) {
            prop_assert_eq!(one == other, encoded(&one) == encoded(&other));
        }
    }
}
