//! The home as people read it, in every state; none of them can be made to lie, and none is too large for Slack.

use hallpass::domain::Duration;
use hallpass::ports::chat::{EndShown, GrantStateShown, MoreTime, PostUseShown, RequestShown};
use hallpass::ports::home::{
    ActiveShown, HeldShown, HomeOpen, HomeShown, OwedShown, Page, RoleOffered, WatchShown,
};
use hallpass::slack::views;
use serde_json::Value;

use crate::slack_checker::Checker;
use crate::slack_hostile::poisoned;
use crate::slack_shown::{active, at, ended, glass_active, request, second_stage, started, stuck};
use crate::slack_shown_answers::{answers, done};

fn all<T>(items: Vec<T>) -> Page<T> {
    let all = items.len();
    Page {
        items,
        page: 0,
        pages: 1,
        all,
        more: false,
    }
}

/// As one page of many.
fn paged<T: Clone>(one: &T, many: usize, page: usize, pages: usize) -> Page<T> {
    Page {
        items: vec![one.clone(); many],
        page,
        pages,
        all: many * pages,
        more: page == 0,
    }
}

fn role(name: &str, at_once: bool) -> RoleOffered {
    RoleOffered {
        name: name.into(),
        description: "Read and write orders".into(),
        environment: Some("prod".into()),
        max_duration: Duration::from_hours(4),
        at_once,
    }
}

fn empty() -> HomeOpen {
    HomeOpen {
        command: "/prod-access".into(),
        waits: all(Vec::new()),
        holds: all(Vec::new()),
        asked: all(Vec::new()),
        roles: all(Vec::new()),
        breaks: Vec::new(),
        watch: None,
    }
}

fn named(mut request: RequestShown, short: &str) -> RequestShown {
    request.short = short.into();
    request
}

fn held(request: RequestShown, more: Option<MoreTime>) -> HeldShown {
    HeldShown {
        request,
        more,
        within: None,
    }
}

/// Its first warning is due.
fn held_soon(request: RequestShown, more: MoreTime) -> HeldShown {
    HeldShown {
        within: Some(Duration::from_mins(15)),
        ..held(request, Some(more))
    }
}

/// Something of everything.
fn busy() -> HomeOpen {
    let ended = named(ended(EndShown::Expired), "R-7K2P");
    let by = Duration::from_hours(1);
    let waiting = MoreTime::Waits {
        short: "R-7K2U".into(),
    };
    HomeOpen {
        waits: all(vec![request(), named(second_stage(), "R-7K2N")]),
        holds: all(vec![
            held(started(GrantStateShown::Provisioning), None),
            held(named(active(), "R-7K2Q"), Some(MoreTime::Agreed { by })),
            held_soon(named(active(), "R-7K2S"), MoreTime::Asked { by }),
            held(named(active(), "R-7K2T"), Some(waiting)),
            held(named(stuck(), "R-7K2R"), None),
        ]),
        asked: all(vec![request(), ended]),
        roles: all(vec![role("db-admin", false), role("logs", true)]),
        ..empty()
    }
}

fn watching() -> WatchShown {
    let owed = |review, yours| OwedShown {
        request: glass_active(review),
        yours,
    };
    let live = |request, revocable| ActiveShown { request, revocable };
    WatchShown {
        owed: all(vec![
            owed(PostUseShown::Overdue, true),
            owed(PostUseShown::Owed, false),
        ]),
        active: all(vec![
            live(active(), true),
            live(glass_active(PostUseShown::Owed), false),
        ]),
    }
}

fn security() -> HomeOpen {
    HomeOpen {
        watch: Some(watching()),
        ..empty()
    }
}

/// May ask for nothing, and break the glass.
fn commander() -> HomeOpen {
    HomeOpen {
        breaks: vec!["db-admin".into(), "db-owner".into()],
        ..empty()
    }
}

/// Every list is longer than its page.
fn many() -> HomeOpen {
    let watching = watching();
    HomeOpen {
        waits: paged(&request(), 5, 1, 3),
        holds: paged(&held(active(), None), 5, 0, 2),
        asked: paged(&request(), 5, 19, 20),
        roles: paged(&role("db-admin", false), 8, 0, 4),
        watch: Some(WatchShown {
            owed: paged(&watching.owed.items[0], 5, 1, 2),
            active: paged(&watching.active.items[0], 10, 3, 50),
        }),
        ..empty()
    }
}

fn rendered(home: HomeOpen) -> Value {
    views::home(&HomeShown::Open(Box::new(home)), at(30), None)
}

#[test]
fn homes_read_well() {
    let closed = HomeShown::Closed {
        why: "Guests can't use this; only full members of the workspace can.".into(),
    };
    let said = views::answer(&done());
    let answered = views::home(&HomeShown::Open(Box::new(empty())), at(30), Some(&said));
    for (name, view) in [
        ("home_empty", rendered(empty())),
        ("home_busy", rendered(busy())),
        ("home_security", rendered(security())),
        ("home_commander", rendered(commander())),
        ("home_many", rendered(many())),
        ("home_closed", views::home(&closed, at(30), None)),
        ("home_answered", answered),
    ] {
        assert_eq!(slack_sandbox::check_view(&view), [""; 0], "{name}");
        assert_eq!(Checker::new().view(&view), [""; 0], "{name}");
        insta::assert_json_snapshot!(name, view);
    }
}

fn poisoned_home(text: &str, many: usize) -> HomeOpen {
    let request = |request| poisoned(request, text, many);
    let role = RoleOffered {
        name: text.into(),
        description: text.into(),
        environment: Some(text.into()),
        max_duration: Duration::from_hours(4),
        at_once: false,
    };
    let waiting = Some(MoreTime::Waits { short: text.into() });
    let watching = watching();
    let mut owed = watching.owed.items[0].clone();
    owed.request = request(owed.request);
    let mut live = watching.active.items[0].clone();
    live.request = request(live.request);
    HomeOpen {
        command: "/prod-access".into(),
        waits: paged(&request(second_stage()), 5, 1, 3),
        holds: paged(&held(request(stuck()), waiting), 5, 0, 2),
        asked: paged(&request(crate::slack_shown::request()), 5, 1, 3),
        roles: paged(&role, 8, 1, 3),
        breaks: vec![text.into(); many],
        watch: Some(WatchShown {
            owed: paged(&owed, 5, 1, 3),
            active: paged(&live, 10, 1, 3),
        }),
    }
}

/// The largest home with the largest answer above it, every text hostile.
#[test]
fn the_largest_home_fits_whatever_people_wrote() {
    let tricks = [
        "<!channel>\nFORGED",
        "<https://evil.example|Approved>",
        "`*_~&<>\u{202e}",
        "\u{200b}",
        "😀",
    ];
    for trick in tricks {
        let text = trick.repeat(6_000 / trick.len());
        let home = HomeShown::Open(Box::new(poisoned_home(&text, 12)));
        for (name, answer) in answers() {
            let view = views::home(&home, at(30), Some(&views::answer(&answer)));
            assert_eq!(
                slack_sandbox::check_view(&view),
                [""; 0],
                "{trick:?} {name}"
            );
            assert_eq!(Checker::new().view(&view), [""; 0], "{trick:?} {name}");
            assert!(
                view.to_string().len() < 250_000,
                "Slack takes 256,000 bytes"
            );
        }
    }
}
