//! What people type, and what is understood.

use proptest::prelude::*;

use super::{Ask, BreakGlass, Command, IdWord, Rest, plain};
use crate::duration::NotADuration;
use crate::{Duration, ShortId, SlackId};

fn ask(text: &str) -> Ask {
    let parsed = Command::parse(text);
    let Command::Ask(ask) = parsed else {
        panic!("{text} is {parsed:?}");
    };
    ask
}

fn mins(count: u32) -> Duration {
    Duration::from_mins(count)
}

fn id(text: &str) -> IdWord {
    IdWord::Id(ShortId::parse(text).expect("an id"))
}

#[test]
fn an_ask_is_read_from_left_to_right() {
    for text in [
        "db-admin 2h orders stuck, INC-4711",
        "request db-admin 2h orders stuck, INC-4711",
        "  DB-Admin   2 hours  orders stuck, INC-4711 ",
        "db-admin\u{a0}2h\u{a0}orders stuck, INC-4711",
        "db-admin 120 min orders stuck, INC-4711",
        "db-admin 2h, orders stuck, INC-4711",
    ] {
        let ask = ask(text);
        assert_eq!(ask.role, "db-admin", "{text}");
        assert_eq!(ask.duration, Some(Ok(mins(120))), "{text}");
        assert_eq!(ask.reason, "orders stuck, INC-4711", "{text}");
        assert!(ask.parameters.is_empty() && ask.at.is_none());
    }
}

#[test]
fn parameters_come_before_the_duration_and_may_be_quoted() {
    let ask_of = |text: &str| {
        let ask = ask(text);
        (ask.parameters, ask.duration, ask.reason)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        ask_of("logs node=web-3 30m disk full"),
        (
            vec![pair("node", "web-3")],
            Some(Ok(mins(30))),
            "disk full".into()
        )
    );
    for quotes in [
        "\"web 3\"",
        "“web 3”",
        "„web 3“",
        "'web 3'",
        "‘web 3’",
        "«web 3»",
    ] {
        let (parameters, _, reason) = ask_of(&format!("logs node={quotes} zone=b 30m x=1 full"));
        assert_eq!(
            parameters,
            [pair("node", "web 3"), pair("zone", "b")],
            "{quotes}"
        );
        assert_eq!(reason, "x=1 full", "a reason is left as it is");
    }
    let (parameters, ..) = ask_of("logs node=\"web-3 30m never closed");
    assert_eq!(parameters, [pair("node", "\"web-3")], "as typed");
    let (parameters, _, reason) = ask_of("logs =x 1=2");
    assert!(parameters.is_empty());
    assert_eq!(reason, "=x 1=2");
}

#[test]
fn a_duration_is_one_word_or_pairs_and_not_mixed() {
    for (text, minutes, reason) in [
        ("db 90m x", 90, "x"),
        ("db 1h30m x", 90, "x"),
        ("db 1 hour 30 minutes x", 90, "x"),
        ("db 1 hr 30 mins x", 90, "x"),
        ("db 1 Day x", 1_440, "x"),
        ("db 120 secs x", 2, "x"),
        ("db 1w2d x", 12_960, "x"),
        ("db 1h 30m x", 60, "30m x"),
        ("db 2 hours 30m x", 120, "30m x"),
        ("db 2 hours", 120, ""),
    ] {
        let ask = ask(text);
        assert_eq!(ask.duration, Some(Ok(mins(minutes))), "{text}");
        assert_eq!(ask.reason, reason, "{text}");
    }
}

#[test]
fn a_number_without_a_unit_begins_the_reason() {
    for reason in [
        "2 nodes are down",
        "2",
        "500 errors",
        "2nd replica lags",
        "5xx on checkout",
        "10.0.0.7 is down",
        "2026-03-01 backup",
        "hours of errors",
        "-",
    ] {
        let ask = ask(&format!("db {reason}"));
        assert_eq!((ask.duration, ask.reason.as_str()), (None, reason));
    }
}

#[test]
fn what_is_counted_or_classed_is_no_number_before_a_unit() {
    for reason in [
        "2nd day of the outage",
        "5xx hours on end",
        ".5 hours are lost",
    ] {
        let ask = ask(&format!("db {reason}"));
        assert_eq!((ask.duration, ask.reason.as_str()), (None, reason));
    }
}

#[test]
fn a_number_that_is_not_whole_is_told_before_the_order_of_units() {
    let ask = ask("db 30 minutes 1 hour 1.5 seconds why");
    let typed = "30 minutes 1 hour 1.5 seconds".to_owned();
    assert_eq!(ask.duration, Some(Err(NotADuration::Shape(typed))));
}

#[test]
fn what_was_meant_as_a_duration_and_is_none_is_kept_to_be_told() {
    for wrong in [
        "2x",
        "-2h",
        "+2h",
        "1.5h",
        "1,5h",
        "2h30",
        "30m1h",
        "0s",
        "99999999h",
        "2hh",
    ] {
        let ask = ask(&format!("db {wrong} why"));
        let error = ask.duration.expect(wrong).expect_err(wrong);
        assert!(error.to_string().contains(wrong), "{error}");
        assert_eq!(ask.reason, "why");
    }
    for wrong in [
        "-2 hours",
        "1.5 hours",
        "30 minutes 1 hour",
        "0 hours",
        "999999999 weeks",
    ] {
        let ask = ask(&format!("db {wrong} why"));
        let error = ask.duration.expect(wrong).expect_err(wrong);
        assert!(error.to_string().contains(wrong), "{error}");
        assert_eq!(ask.reason, "why", "{wrong}");
    }
}

#[test]
fn at_counts_only_right_before_a_time() {
    let later = ask("db 2h at 22:00 migrate");
    assert_eq!(
        (later.at.as_deref(), later.reason.as_str()),
        (Some("22:00"), "migrate")
    );
    let later = ask("db at 2026-03-01T22:00 migrate");
    assert_eq!(later.at.as_deref(), Some("2026-03-01T22:00"));
    for reason in [
        "at last",
        "at 22",
        "at",
        "at 22:0 x",
        "attic 22:00",
        "look at 22:00",
    ] {
        let ask = ask(&format!("db 2h {reason}"));
        assert_eq!((ask.at, ask.reason.as_str()), (None, reason));
    }
}

#[test]
fn a_time_is_a_whole_date_and_a_clock() {
    for reason in [
        "at 2026-03-0T22:00 migrate",
        "at 2026/03/01T22:00 migrate",
        "at nextT22:00 migrate",
        "at 2026-03-01Tnoon migrate",
        "at 2026-03-01 migrate",
    ] {
        let ask = ask(&format!("db 2h {reason}"));
        assert_eq!((ask.at, ask.reason.as_str()), (None, reason));
    }
}

fn dropped(id: Option<IdWord>, reason: &str) -> Command {
    Command::Drop {
        id,
        reason: reason.into(),
    }
}

#[test]
fn subcommands_are_words_of_their_own() {
    for (text, command) in [
        ("", Command::Form),
        (" \u{a0}\u{200b} ", Command::Form),
        ("help", Command::Help),
        ("Roles", Command::Roles),
        ("mine", Command::Mine),
        ("pending", Command::Pending),
        ("active", Command::Active),
        ("oncall", Command::OnCall),
        ("status r-7k2m", Command::Status(id("7K2M"))),
        ("status", Command::Status(IdWord::Missing)),
        (
            "status what?",
            Command::Status(IdWord::Wrong("what?".into())),
        ),
        ("cancel 7k2m", Command::Cancel(id("7K2M"))),
        ("drop", dropped(None, "")),
        ("drop G-7K2M", dropped(Some(id("7K2M")), "")),
        (
            "drop 7k2m  all done,  thanks",
            dropped(Some(id("7K2M")), "all done,  thanks"),
        ),
    ] {
        assert_eq!(Command::parse(text), command, "{text}");
    }
    assert_eq!(ask("request").role, "");
    assert_eq!(ask("request help").role, "help");
    assert_eq!(
        Command::parse("revoke G-7K2M laptop  stolen"),
        Command::Revoke {
            id: id("7K2M"),
            reason: "laptop  stolen".into()
        }
    );
    assert_eq!(
        Command::parse("why DB-admin 9h"),
        Command::Why {
            role: Some("db-admin".into()),
            duration: Some(Ok(mins(540)))
        }
    );
}

#[test]
fn extend_tells_an_id_from_a_duration() {
    for (text, wanted, duration, reason) in [
        ("extend 30m", None, Some(Ok(mins(30))), ""),
        (
            "extend 120m almost done",
            None,
            Some(Ok(mins(120))),
            "almost done",
        ),
        (
            "extend 7K2M 30m almost done",
            Some(id("7K2M")),
            Some(Ok(mins(30))),
            "almost done",
        ),
        (
            "extend g-7k2m 1 hour",
            Some(id("7K2M")),
            Some(Ok(mins(60))),
            "",
        ),
        ("extend 7K2M", Some(id("7K2M")), None, ""),
        (
            "extend nonsense! 1h",
            Some(IdWord::Wrong("nonsense!".into())),
            Some(Ok(mins(60))),
            "",
        ),
        ("extend orders stuck", None, None, "orders stuck"),
        ("extend", None, None, ""),
    ] {
        let reason = reason.to_owned();
        let command = Command::Extend {
            id: wanted,
            duration,
            reason,
        };
        assert_eq!(Command::parse(text), command, "{text}");
    }
    let Command::Extend { id, duration, .. } = Command::parse("extend 99999999h") else {
        panic!("extend");
    };
    assert!(id.is_none() && matches!(duration, Some(Err(NotADuration::TooLong(_)))));
}

#[test]
fn break_glass_names_role_person_duration_and_incident() {
    let rita = SlackId::parse("U0RITA").expect("an id");
    let parsed =
        Command::parse("break-glass db-admin for <@U0RITA|rita m> 30m INC-4711 orders burn");
    assert_eq!(
        parsed,
        Command::BreakGlass(BreakGlass::Role {
            role: "db-admin".into(),
            parameters: vec![],
            person: Some(Ok(rita)),
            duration: Some(Ok(mins(30))),
            spelled: Some("30m".into()),
            unclear: None,
            incident: "INC-4711".into(),
            reason: "orders burn".into(),
            rest: Rest::of("for <@U0RITA|rita m> 30m INC-4711 orders burn"),
        })
    );
    let person_of = |text: &str| {
        let parsed = Command::parse(text);
        let Command::BreakGlass(BreakGlass::Role {
            person, incident, ..
        }) = parsed
        else {
            panic!("{parsed:?}");
        };
        (person, incident)
    };
    let typed = person_of("break-glass logs for @rita 30m INC-1 x");
    assert_eq!(typed, (Some(Err("@rita".into())), "INC-1".into()));
    let missing = person_of("break-glass logs for 30m INC-1 x");
    assert_eq!(missing, (Some(Err(String::new())), "INC-1".into()));
    assert_eq!(
        person_of("break-glass logs 30m INC-1: x"),
        (None, "INC-1".into())
    );
}

#[test]
fn break_glass_for_a_pending_request_needs_its_id() {
    for text in [
        "break-glass R-7K2M INC-1 burns",
        "break-glass 7k2m INC-1 burns",
    ] {
        assert_eq!(
            Command::parse(text),
            Command::BreakGlass(BreakGlass::Pending {
                id: ShortId::parse("7K2M").expect("an id"),
                incident: "INC-1".into(),
                reason: "burns".into(),
                rest: Rest::of("INC-1 burns"),
            })
        );
    }
    // “logs” could be read as an id; it is a role.
    assert!(matches!(
        Command::parse("break-glass logs 30m INC-1 x"),
        Command::BreakGlass(BreakGlass::Role { .. })
    ));
}

#[test]
fn slacks_escapes_are_undone() {
    for (typed, reason) in [
        ("a &amp; b &lt;c&gt; &amp;lt;", "a & b <c> &lt;"),
        ("ask <@U0BOB|bob> and <@U0EVE>", "ask @bob and @U0EVE"),
        ("see <#C0ORDERS|orders>", "see #orders"),
        (
            "call <!subteam^S0DBA|@dba> or <!here>",
            "call @dba or @here",
        ),
        (
            "see <https://x.io/a?b=1&amp;c=2>",
            "see https://x.io/a?b=1&c=2",
        ),
        ("see <http://x.io|x.io>", "see x.io"),
        (
            "see <https://evil.io|https://good.io>",
            "see https://good.io (https://evil.io)",
        ),
        ("mail <mailto:a@b.io|a@b.io>", "mail a@b.io"),
        ("1 < 2, < and <<", "1 < 2, < and <<"),
        ("“quoted” – it’s kept", "“quoted” – it’s kept"),
        ("two\nlines\tand tab", "two lines and tab"),
        ("r\u{202e}ev\u{2066}ersed\u{7}", "reversed"),
    ] {
        assert_eq!(ask(&format!("db 2h {typed}")).reason, reason, "{typed}");
    }
    assert_eq!(
        ask("logs node=<http://web-3.io|web-3.io> 5m x").parameters[0].1,
        "web-3.io"
    );
    assert_eq!(plain(" a\u{202e}b\r\nc "), "ab  c");
}

#[test]
fn brackets_around_what_is_no_tag_of_slacks_stay() {
    for reason in [
        "the <b> is missing",
        "Vec<String> is empty",
        "see <a|b>",
        "<ftp://x.io>",
    ] {
        assert_eq!(ask(&format!("db 2h {reason}")).reason, reason);
    }
}

#[test]
fn eight_thousand_characters_of_anything_are_read() {
    for part in [
        "<",
        "<@",
        "a=\"",
        "&",
        "9 hours ",
        "a='b ",
        "<@U0BOB|b> ",
        "for ",
    ] {
        let long = format!("db {}", part.repeat(8_000 / part.len()));
        assert!(matches!(Command::parse(&long), Command::Ask(_)), "{part}");
        let glass = Command::parse(&format!("break-glass {long}"));
        assert!(matches!(glass, Command::BreakGlass(_)), "{part}");
    }
}

/// What people could type, and what attackers would.
fn typed() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("db-admin".to_owned()),
        Just("break-glass".to_owned()),
        Just("extend".to_owned()),
        Just("for".to_owned()),
        Just("at".to_owned()),
        Just("<@U0BOB|bob\u{202e}>".to_owned()),
        Just("<https://a|b\u{200b}>".to_owned()),
        Just("&amp;\u{1}".to_owned()),
        Just("a=“".to_owned()),
        "[0-9]{1,12}",
        "[-+]?[0-9]{1,12}[wdhmsx]{1,2}",
        "(hours?|min|weeks)",
        "\\PC{0,8}",
        any::<String>(),
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
}

fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parsing_never_panics_and_a_reason_hides_nothing(text in typed()) {
        let shown = match Command::parse(&text) {
            Command::Ask(ask) => vec![ask.role, ask.reason],
            Command::BreakGlass(BreakGlass::Role { role, incident, reason, .. }) => {
                vec![role, incident, reason]
            }
            Command::BreakGlass(BreakGlass::Pending { incident, reason, .. }) => {
                vec![incident, reason]
            }
            Command::Revoke { reason, .. } | Command::Extend { reason, .. }
            | Command::Drop { reason, .. } => vec![reason],
            Command::Form | Command::Help | Command::Roles | Command::Mine | Command::Pending
            | Command::Active | Command::OnCall | Command::Status(_) | Command::Cancel(_)
            | Command::Why { .. } => vec![],
        };
        for text in shown {
            prop_assert!(!text.contains(is_hidden), "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_and_read_back(seconds in 1_u32..) {
        let duration = Duration::from_secs(seconds);
        prop_assert_eq!(Duration::parse_word(&duration.word()), Ok(duration));
        let ask = ask(&format!("db {} why", duration.word()));
        prop_assert_eq!(ask.duration, Some(Ok(duration)));
        prop_assert_eq!(ask.reason, "why");
    }
}

#[test]
fn a_field_holds_a_whole_duration_or_none() {
    for (text, minutes) in [
        ("2h", 120),
        (" 1h30m ", 90),
        ("1 hour 30 minutes", 90),
        ("45 min", 45),
    ] {
        assert_eq!(
            super::duration(text),
            Ok(Duration::from_mins(minutes)),
            "{text}"
        );
    }
    for text in ["", "2", "2h please", "soon", "1.5h", "2h 1h"] {
        assert!(super::duration(text).is_err(), "{text}");
    }
}

#[test]
fn a_parameter_among_the_words_of_a_reason_is_found() {
    let found = |reason: &str| {
        let (found, left) = super::parameters_in(reason, |name| ["node", "zone"].contains(&name));
        let found = found.iter().map(|(name, value)| format!("{name}:{value}"));
        (found.collect::<Vec<_>>().join(" "), left)
    };
    for (reason, parameters, left) in [
        ("node=web-3 look", "node:web-3", "look"),
        ("look at  it, node=web-3,", "node:web-3", "look at  it,"),
        ("zone=\"a b\" node=web-3", "zone:a b node:web-3", ""),
        ("node=web-3 not node=web-4", "node:web-3", "not node=web-4"),
        ("x=1 broke &amp; node", "", "x=1 broke &amp; node"),
        ("", "", ""),
    ] {
        assert_eq!(found(reason), (parameters.into(), left.into()), "{reason}");
    }
}
