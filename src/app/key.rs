//! The key that makes reviews authentic: it is outside the database, so that writing a row is not authority.

use hallpass_domain::{Request, Review};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

/// 32 bytes from `HALLPASS_KEY`.
pub struct ReviewKey(SecretBox<[u8; 32]>);

impl ReviewKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Hex HMAC-SHA256.
    pub fn mac(&self, statement: &[u8]) -> String {
        hex::encode(self.over(statement).finalize().into_bytes())
    }

    /// In constant time; false for what isn't hex.
    pub fn verify(&self, statement: &[u8], mac: &str) -> bool {
        hex::decode(mac).is_ok_and(|mac| self.over(statement).verify_slice(&mac).is_ok())
    }

    /// Puts the MAC under a review of this request as it stands.
    #[must_use]
    pub(super) fn sign(&self, mut review: Review, request: &Request) -> Review {
        review.mac = self.mac(&review.statement(&approved(request)));
        review
    }

    /// Whether the review is authentic, and for this request as it stands.
    pub(super) fn signed(&self, review: &Review, request: &Request) -> bool {
        self.verify(&review.statement(&approved(request)), &review.mac)
    }

    fn over(&self, statement: &[u8]) -> Hmac<Sha256> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret())
            .expect("HMAC takes keys of any length");
        hmac.update(statement);
        hmac
    }
}

/// The digest of all that a review agrees to: the terms, for whom, for how long, from when. Not the reason, which can be
/// erased later without taking the proof along.
fn approved(request: &Request) -> String {
    let all = serde_json::json!([
        request.id,
        request.terms.digest,
        request.requester,
        request.holder,
        request.kind,
        request.duration,
        request.start,
        request.ticket,
    ]);
    hex::encode(Sha256::digest(all.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use hallpass_domain::review::{Strength, Verdict};
    use hallpass_domain::{Duration, PersonId, Review, ReviewId};

    use super::ReviewKey;
    use crate::app::read::tests::pending;

    #[test]
    fn a_review_holds_only_for_the_request_that_was_seen() {
        let (key, request) = (ReviewKey::new([7; 32]), pending());
        let review = Review {
            id: ReviewId::new("v1"),
            request: request.id.clone(),
            stage: 0,
            reviewer: PersonId::new("bob"),
            verdict: Verdict::Approve {
                at_most: None,
                note: None,
            },
            strength: Strength::Slack,
            at: request.asked_at,
            rules: vec![],
            mac: String::new(),
        };
        let review = key.sign(review, &request);
        assert!(key.signed(&review, &request));

        let mut erased = request.clone();
        erased.reason = String::new();
        assert!(
            key.signed(&review, &erased),
            "an erased reason takes no proof along"
        );

        let mut longer = request.clone();
        longer.duration = Duration::from_hours(9);
        assert!(!key.signed(&review, &longer));
        let mut another = request.clone();
        another.holder = PersonId::new("eve");
        assert!(!key.signed(&review, &another));
        let mut stronger = review.clone();
        stronger.reviewer = PersonId::new("eve");
        assert!(!key.signed(&stronger, &request));
    }

    #[test]
    fn a_mac_holds_for_its_statement_and_key_alone() {
        let key = ReviewKey::new([7; 32]);
        let mac = key.mac(b"bob approves");
        assert!(key.verify(b"bob approves", &mac));
        assert!(!key.verify(b"eve approves", &mac));
        assert!(!ReviewKey::new([8; 32]).verify(b"bob approves", &mac));
        assert!(!key.verify(b"bob approves", ""));
        assert!(!key.verify(b"bob approves", "not hex"));
        assert!(!key.verify(b"bob approves", &mac[..32]));
    }
}
