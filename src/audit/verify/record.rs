//! One record by itself: the digest of its body, and whether its personal fields are those that the body committed to.
//! What needs no neighbour stands here, so that many can do it at once.

use std::borrow::Cow;

use serde::Deserialize;

use crate::audit::chain::{commitment, event_digest};
use crate::audit::erasure::Erasure;

/// How the bodies of records without personal fields end.
const NONE: &[u8] = br#""personal":[]}"#;

/// What is left of a personal field. (An export doesn't name the field; the body does.)
#[derive(Deserialize)]
pub(super) struct Field<'a> {
    pub(super) position: usize,
    #[serde(borrow)]
    pub(super) salt: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) value: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    personal: Vec<Commitment<'a>>,
}

#[derive(Deserialize)]
struct Commitment<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow)]
    commitment: Cow<'a, str>,
}

/// What a record is by itself.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) digest: [u8; 32],
    /// Personal fields that the body committed to, and the places of those that are gone.
    pub(super) fields: u32,
    pub(super) missing: Vec<u32>,
    /// Where it tells of one.
    pub(super) erasure: Option<Box<Erasure>>,
    pub(super) wrong: Option<String>,
}

pub(super) fn look(body: &[u8], fields: &[Field<'_>]) -> Alone {
    let mut alone = Alone {
        digest: event_digest(body),
        fields: 0,
        missing: Vec::new(),
        erasure: Erasure::read(body).map(Box::new),
        wrong: None,
    };
    if fields.is_empty() && body.ends_with(NONE) {
        return alone;
    }
    let Ok(Body { personal }) = serde_json::from_slice(body) else {
        alone.wrong = Some("its body can't be read".into());
        return alone;
    };
    let mut left = vec![false; personal.len()];
    for field in fields {
        let Some((made, left)) = personal
            .get(field.position)
            .zip(left.get_mut(field.position))
        else {
            alone.wrong = Some(format!(
                "there is a personal field {} that the record doesn't know",
                field.position
            ));
            return alone;
        };
        let twice = std::mem::replace(left, true);
        if twice || commitment(&field.salt, &made.field, &field.value) != made.commitment {
            alone.wrong = Some(format!(
                "its personal field “{}” was changed",
                made.field.escape_debug()
            ));
            return alone;
        }
    }
    alone.fields = count(left.len());
    let places = (0..).zip(left);
    alone.missing = places.filter(|(_, left)| !left).map(|(at, _)| at).collect();
    alone
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The event's id, for a sentence; none where it can't be read.
pub(super) fn event_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let named: Named = serde_json::from_slice(body).ok()?;
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    (named.id.len() <= 64 && named.id.chars().all(harmless)).then_some(named.id)
}

/// What a personal field is called, for a sentence; none where it can't be read.
pub(super) fn field_name(body: &[u8], place: u32) -> Option<String> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    let made = body.personal.get(usize::try_from(place).ok()?)?;
    let name: String = made.field.chars().take(80).collect();
    Some(name.escape_debug().to_string())
}
