//! Ids: UUID v7 texts made by the shell, and the short ids that people see.
//! Nothing here makes randomness; it only gives bytes a shape.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is only a name for something, as a type of its own.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes it as the shell made or checked it, or as the store kept it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use text;

text!(
    /// A request. Opaque: buttons carry it, people see the [`ShortId`].
    RequestId
);
text!(
    /// A grant.
    GrantId
);
text!(
    /// A holding: (backend, principal, entitlement).
    HoldingId
);
text!(
    /// A canonical person, whatever the number of Slack accounts.
    PersonId
);
text!(
    /// One reviewer's decision on one stage.
    ReviewId
);
text!(
    /// An audit event.
    EventId
);
text!(
    /// Something that the security channel is told.
    AnnouncementId
);

/// Crockford's base 32: no I, L, O or U, so that an id read aloud is written down right.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The letters that a request and its grant share: `7K2M`, shown as `R-7K2M` and `G-7K2M`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShortId(String);

impl ShortId {
    /// Four letters at first; the shell asks for more when free ones get scarce.
    pub const FIRST_LENGTH: usize = 4;

    /// One letter per byte of randomness; five of its bits are used.
    pub fn from_random(bytes: &[u8]) -> Self {
        Self(
            bytes
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                .collect(),
        )
    }

    /// Reads what a person typed: any case, the prefix `R-` or `G-` optional, and the letters that
    /// look alike taken for what they must be (`O` is `0`, `I` and `L` are `1`).
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.trim().to_ascii_uppercase();
        let bare = upper
            .strip_prefix("R-")
            .or_else(|| upper.strip_prefix("G-"))
            .unwrap_or(&upper);
        let letters: String = bare
            .chars()
            .map(|letter| match letter {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let known = letters.bytes().all(|letter| ALPHABET.contains(&letter));
        (known && (Self::FIRST_LENGTH..=12).contains(&letters.len())).then_some(Self(letters))
    }

    /// As stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `R-7K2M`.
    pub fn of_request(&self) -> String {
        format!("R-{}", self.0)
    }

    /// `G-7K2M`.
    pub fn of_grant(&self) -> String {
        format!("G-{}", self.0)
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ShortId;

    #[test]
    fn a_short_id_is_read_in_any_case_with_or_without_its_prefix() {
        for typed in ["7k2m", "R-7K2M", "g-7k2m", " 7K2M "] {
            assert_eq!(
                ShortId::parse(typed).map(|id| id.of_request()),
                Some("R-7K2M".into())
            );
        }
    }

    #[test]
    fn letters_that_look_alike_are_taken_for_digits() {
        assert_eq!(ShortId::parse("OIL0"), ShortId::parse("0110"));
        assert_eq!(ShortId::parse("7K!M"), None);
        assert_eq!(ShortId::parse("7K2"), None);
    }

    #[test]
    fn a_short_id_is_made_of_random_bytes_and_shown_for_both() {
        let id = ShortId::from_random(&[7, 19, 2, 20]);
        assert_eq!(id.as_str(), "7K2M");
        assert_eq!(id.to_string(), "7K2M");
        assert_eq!(id.of_request(), "R-7K2M");
        assert_eq!(id.of_grant(), "G-7K2M");
        // Five bits of a byte are used.
        assert_eq!(ShortId::from_random(&[32 + 7, 64 + 19, 2, 20]), id);
        assert!(ShortId::parse("7K2M7K2M7K2M").is_some());
        assert_eq!(ShortId::parse("7K2M7K2M7K2M7"), None);
    }
}
