//! The chain: each record's hash covers the one before it and the digest of the record's stored bytes. Digests need no
//! order, so they can be made by many at once; the chain itself costs one block of SHA-256 a record.

use sha2::{Digest, Sha256};

/// What stands before the first record: SHA-256 of "hallpass chain v1".
pub const GENESIS: [u8; 32] = [
    0x36, 0x7e, 0xae, 0xe8, 0x31, 0x7b, 0x5b, 0xc6, 0xbb, 0xad, 0x17, 0xde, 0xf8, 0x66, 0x82, 0x32,
    0x49, 0xc6, 0x00, 0x57, 0xa1, 0x9c, 0xd8, 0x6d, 0xbc, 0x0f, 0x3b, 0x91, 0x40, 0x07, 0x3c, 0x4a,
];

/// Of the stored body, byte for byte.
pub fn event_digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// The hash of a record, from the hash before it and the record's digest.
pub fn link(previous: &[u8; 32], digest: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(digest);
    hash.finalize().into()
}

/// What a record holds of a personal field: hex SHA-256 over salt, field, a zero byte and value.
pub fn commitment(salt: &str, field: &str, value: &str) -> String {
    let mut hash = Sha256::new();
    for part in [salt.as_bytes(), field.as_bytes(), b"\0", value.as_bytes()] {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// A hash as it stands in tables and files: 64 lower-case hex digits. None for anything else.
pub fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut hash).is_ok()).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::{GENESIS, event_digest, link, parse_hash};

    #[test]
    fn the_chain_begins_with_the_digest_of_its_name() {
        assert_eq!(GENESIS, event_digest(b"hallpass chain v1"));
    }

    /// Computed with `sha256sum`, so that a proof made today can be checked without this program.
    #[test]
    fn a_link_is_sha_256_over_both() {
        let one = link(&GENESIS, &event_digest(b"{}"));
        assert_eq!(
            hex::encode(one),
            "1de9f0c1b07ae64aea05d21a6624bc46ab4d5a8c564be7ed3df29fdba8ec682a"
        );
        assert_ne!(one, link(&GENESIS, &event_digest(b"{ }")));
    }

    #[test]
    fn only_64_lower_case_digits_are_a_hash() {
        let text = hex::encode(GENESIS);
        assert_eq!(parse_hash(&text), Some(GENESIS));
        assert_eq!(parse_hash(&text.to_uppercase()), None);
        assert_eq!(parse_hash(&text[2..]), None);
    }
}
