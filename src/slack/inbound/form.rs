//! `application/x-www-form-urlencoded`, with each key at most once.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::{MOST_BYTES, Malformed};

pub(super) fn pairs(body: &[u8]) -> Result<BTreeMap<String, String>, Malformed> {
    if body.len() > MOST_BYTES {
        return Err(Malformed::TooLong);
    }
    let mut pairs = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(body) {
        if pairs.insert(key.into_owned(), value.into_owned()).is_some() {
            return Err(Malformed::DuplicateKey);
        }
    }
    Ok(pairs)
}
