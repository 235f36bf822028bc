//! What keeps the record and for how long: `[audit.s3]`, a bucket that takes each checkpoint once, and `[retention]`.

use url::Url;

use crate::domain::Duration;

use super::findings::Findings;
use super::mistake::Kind;
use super::section::Section;
use super::sections::optional;
use super::source::At;
use super::tree::Table;

/// `[audit.s3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Section {
    pub bucket: String,
    pub region: Option<String>,
    pub endpoint: Option<Url>,
    /// Without slashes at its ends; empty where none is written.
    pub prefix: String,
    /// The names of the variables that hold the access key and its secret.
    pub keys_env: Option<(String, String)>,
}

/// `[retention]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionSection {
    /// How long personal fields are kept; none: until they are erased by hand.
    pub personal: Option<Duration>,
}

/// The bucket, from the `[audit]` that it stands in.
pub(super) fn s3(audit: &Section<'_>, found: &Findings) -> Option<S3Section> {
    let (table, at) = audit.table("s3")?;
    let section = Section::new(table, "[audit.s3]", at, found);
    let bucket = section.text("bucket").map(|(text, at)| {
        check_bucket(text, at, found);
        text.to_owned()
    });
    if section.node("bucket").is_none() {
        section.missing("bucket", "\"the-bucket\"");
    }
    let region = section.text("region").map(|(text, _)| text.to_owned());
    let endpoint = section
        .text("endpoint")
        .and_then(|(text, at)| endpoint(text, at, found));
    let prefix = section.text("prefix");
    let prefix = prefix.map_or_else(String::new, |(text, _)| text.trim_matches('/').to_owned());
    section.refuse_secret("access_key", "access_key_env");
    section.refuse_secret("secret_key", "secret_key_env");
    let key = section.variable("access_key_env").map(|(name, _)| name);
    let secret = section.variable("secret_key_env").map(|(name, _)| name);
    match (
        section.node("access_key_env"),
        section.node("secret_key_env"),
    ) {
        (Some(_), None) => section.missing("secret_key_env", "\"AUDIT_S3_SECRET_KEY\""),
        (None, Some(_)) => section.missing("access_key_env", "\"AUDIT_S3_ACCESS_KEY\""),
        (Some(_), Some(_)) | (None, None) => {}
    }
    section.finish();
    Some(S3Section {
        bucket: bucket?,
        region,
        endpoint,
        prefix,
        keys_env: key.zip(secret),
    })
}

/// AWS's rule for names: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends.
fn check_bucket(text: &str, at: At, found: &Findings) {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| plain(*byte));
    let bytes = text.as_bytes();
    let shaped = (3..=63).contains(&bytes.len())
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|byte| plain(*byte) || b".-".contains(byte));
    if !shaped {
        found.mistake_with(
            Kind::WrongValue,
            at,
            format!("`{text}` can't be the name of a bucket"),
            "write its name alone: 3 to 63 lower-case letters, digits, dots and hyphens".to_owned(),
        );
    }
}

fn endpoint(text: &str, at: At, found: &Findings) -> Option<Url> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        found.mistake_with(
            Kind::WrongValue,
            at,
            "`endpoint` is no address",
            "write it in full, like \"https://s3.internal:9000\", without the bucket".to_owned(),
        );
    }
    url
}

pub(super) fn retention(root: &Table, found: &Findings) -> RetentionSection {
    let Some(section) = optional(root, "retention", found) else {
        return RetentionSection::default();
    };
    let personal = section.duration("personal");
    if let Some((duration, at)) = personal
        && duration < Duration::from_hours(24)
    {
        found.mistake_with(
            Kind::WrongValue,
            at,
            "`personal` is shorter than a day",
            "write how long names, e-mails and reasons are kept, like \"400d\"".to_owned(),
        );
    }
    section.finish();
    RetentionSection {
        personal: personal.map(|(duration, _)| duration),
    }
}
