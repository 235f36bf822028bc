//! The signature: Slack's own vector, both secrets while rotating, and everything that must not pass.

use hallpass::domain::Time;
use hallpass::slack::{Forged, NoSecret, SigningSecrets, verify};
use secrecy::SecretString;

/// The example that Slack documents: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TIMESTAMP: &str = "1531420618";
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn secrets(secrets: &[&str]) -> SigningSecrets {
    let secrets = secrets.iter().map(|text| SecretString::from(*text));
    SigningSecrets::new(secrets.collect()).unwrap()
}

fn at(seconds: i64) -> Time {
    Time::from_timestamp(seconds, 0).unwrap()
}

fn checked(timestamp: &str, body: &str, signature: &str, now: i64) -> Result<(), Forged> {
    verify(
        &secrets(&[SECRET]),
        timestamp,
        body.as_bytes(),
        signature,
        at(now),
    )
}

const SENT: i64 = 1_531_420_618;

#[test]
fn the_documented_example_passes() {
    assert_eq!(checked(TIMESTAMP, BODY, SIGNATURE, SENT), Ok(()));
}

#[test]
fn while_rotating_either_secret_will_do() {
    for both in [[SECRET, "another"], ["another", SECRET]] {
        let outcome = verify(
            &secrets(&both),
            TIMESTAMP,
            BODY.as_bytes(),
            SIGNATURE,
            at(SENT),
        );
        assert_eq!(outcome, Ok(()));
    }
    let neither = verify(
        &secrets(&["one", "another"]),
        TIMESTAMP,
        BODY.as_bytes(),
        SIGNATURE,
        at(SENT),
    );
    assert_eq!(neither, Err(Forged));
}

#[test]
fn five_minutes_are_the_limit_either_way() {
    for (apart, outcome) in [(300, Ok(())), (301, Err(Forged)), (0, Ok(()))] {
        assert_eq!(
            checked(TIMESTAMP, BODY, SIGNATURE, SENT + apart),
            outcome,
            "late by {apart}"
        );
        assert_eq!(
            checked(TIMESTAMP, BODY, SIGNATURE, SENT - apart),
            outcome,
            "early by {apart}"
        );
    }
}

#[test]
fn what_was_touched_is_forged() {
    let other_body = BODY.replace("U2CERLKJA", "U2CERLKJB");
    assert_eq!(
        checked(TIMESTAMP, &other_body, SIGNATURE, SENT),
        Err(Forged)
    );
    assert_eq!(checked("1531420619", BODY, SIGNATURE, SENT), Err(Forged));
    let other_signature = SIGNATURE.replace("a2114d", "a2114e");
    assert_eq!(
        checked(TIMESTAMP, BODY, &other_signature, SENT),
        Err(Forged)
    );
}

#[test]
fn malformed_headers_are_forged() {
    let hexed = SIGNATURE.trim_start_matches("v0=");
    for signature in [
        "",
        "v0=",
        hexed,
        &format!("v1={hexed}"),
        &format!("v0={}", &hexed[..62]),
        &format!("v0={hexed}00"),
        &format!("v0= {hexed}"),
        "v0=zz14d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503zz",
    ] {
        assert_eq!(checked(TIMESTAMP, BODY, signature, SENT), Err(Forged));
    }
    for timestamp in [
        "",
        "-1531420618",
        "+1531420618",
        " 1531420618",
        "1531420618.0",
        "1531420618000000000000",
        "٣١٥٣١٤٢٠٦١٨",
    ] {
        assert_eq!(checked(timestamp, BODY, SIGNATURE, SENT), Err(Forged));
    }
}

#[test]
fn there_is_no_empty_secret() {
    let made = |texts: &[&str]| {
        let texts = texts.iter().map(|text| SecretString::from(*text)).collect();
        SigningSecrets::new(texts).map(|_| ())
    };
    assert_eq!(made(&[""]), Err(NoSecret::Empty));
    assert_eq!(made(&["  \n"]), Err(NoSecret::Empty));
    assert_eq!(made(&[SECRET, ""]), Err(NoSecret::Empty));
    assert_eq!(made(&[]), Err(NoSecret::Number(0)));
    assert_eq!(made(&["a", "b", "c"]), Err(NoSecret::Number(3)));
}
