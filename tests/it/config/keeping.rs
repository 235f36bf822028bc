//! `[audit.s3]` and `[retention]`: read, and each mistake told with its place.

use hallpass::config::{Config, Kind};
use hallpass::domain::Duration;

use super::{Folder, WELL, case, each_is_told, load, variables};

const BUCKET: &str = "[audit.s3]\nbucket = \"acme-anchors\"\n";

#[test]
fn they_are_read() {
    let text = format!(
        "{WELL}\n[retention]\npersonal = \"400d\"\n{BUCKET}region = \"eu-central-1\"\nprefix = \"/prod/\"\n\
         endpoint = \"https://s3.internal:9000\"\naccess_key_env = \"A_KEY\"\nsecret_key_env = \"A_SECRET\"\n"
    );
    let env = variables(&[
        ("A_KEY", "x"),
        ("A_SECRET", "y"),
        ("ORDERS_DB_ADMIN_URL", "z"),
    ]);
    let folder = Folder::with(&[("hallpass.toml", &text)]);
    let loaded = Config::load(&folder.path("hallpass.toml"), &env).expect("it is well");
    assert!(loaded.warnings.is_empty(), "{:#?}", loaded.warnings);
    let config = loaded.config;
    assert_eq!(
        config.retention.personal,
        Some(Duration::from_hours(400 * 24))
    );
    let s3 = config.audit.s3.expect("a bucket");
    assert_eq!(
        (s3.bucket.as_str(), s3.prefix.as_str()),
        ("acme-anchors", "prod")
    );
    assert_eq!(s3.keys_env, Some(("A_KEY".into(), "A_SECRET".into())));

    // The machine's own credentials, and nothing erased by itself.
    let config = load(&format!("{WELL}\n{BUCKET}"))
        .expect("it is well")
        .config;
    assert_eq!(config.audit.s3.expect("a bucket").keys_env, None);
    assert_eq!(config.retention.personal, None);
}

#[test]
fn each_mistake_of_the_retention_is_told() {
    let planted = |text: &str| format!("{text}\n[groups]");
    each_is_told([
        case(
            "[groups]",
            &planted("[retention]\npersonal = \"2h\""),
            Kind::WrongValue,
            (9, 12),
            "400d",
        ),
        case(
            "[groups]",
            &planted("[retention]\npersonal = 400"),
            Kind::WrongDuration,
            (9, 12),
            "",
        ),
        case(
            "[groups]",
            &planted("[retention]\npersnal = \"400d\""),
            Kind::UnknownKey,
            (9, 1),
            "`personal`",
        ),
    ]);
}

#[test]
fn each_mistake_of_the_bucket_is_told() {
    let planted = |text: &str| format!("{text}\n[groups]");
    each_is_told([
        case(
            "[groups]",
            &planted("[audit.s3]\nregion = \"eu\""),
            Kind::MissingKey,
            (8, 8),
            "bucket =",
        ),
        case(
            "[groups]",
            &planted("[audit.s3]\nbucket = \"s3://acme\""),
            Kind::WrongValue,
            (9, 10),
            "its name alone",
        ),
        case(
            "[groups]",
            &planted(&format!("{BUCKET}endpoint = \"s3.internal\"")),
            Kind::WrongValue,
            (10, 12),
            "in full",
        ),
        case(
            "[groups]",
            &planted(&format!("{BUCKET}access_key_env = \"A_KEY\"")),
            Kind::MissingKey,
            (8, 8),
            "secret_key_env",
        ),
        case(
            "[groups]",
            &planted(&format!("{BUCKET}secret_key = \"shh\"")),
            Kind::Secret,
            (10, 14),
            "secret_key_env",
        ),
        case(
            "[groups]",
            &planted(&format!(
                "{BUCKET}access_key_env = \"AKIAIOSFODNN7EXAMPLE=\"\nsecret_key_env = \"A_SECRET\""
            )),
            Kind::Secret,
            (10, 18),
            "environment",
        ),
        case(
            "[groups]",
            &planted(&format!("{BUCKET}bukket = \"x\"")),
            Kind::UnknownKey,
            (10, 1),
            "",
        ),
    ]);
}
