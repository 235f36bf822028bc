//! Later starts where clocks are: the nights on which they change, people who travel, times that are none.

use chrono::TimeZone;
use chrono_tz::Tz;
use hallpass::domain::Time;
use hallpass::domain::request::Start;

use crate::story_later::BERLIN;
use crate::support::workplace::GENERAL;
use crate::support::{TestBot, everywhere, minutes, seconds};

/// The start of the next local day on which clocks in Berlin go forward (or back).
fn night_of_change(now: Time, forward: bool) -> chrono::NaiveDate {
    let mut day = now.with_timezone(&BERLIN).date_naive();
    let length = |day: chrono::NaiveDate| {
        let midnight = |day: chrono::NaiveDate| {
            let midnight = day.and_hms_opt(0, 0, 0).unwrap();
            BERLIN.from_local_datetime(&midnight).unwrap()
        };
        (midnight(day.succ_opt().unwrap()) - midnight(day)).num_hours()
    };
    let wanted = if forward { 23 } else { 25 };
    loop {
        day = day.succ_opt().unwrap();
        if length(day) == wanted {
            return day;
        }
    }
}

fn berlin(day: chrono::NaiveDate, hour: u32, minute: u32) -> Time {
    let local = day.and_hms_opt(hour, minute, 0).unwrap();
    BERLIN
        .from_local_datetime(&local)
        .earliest()
        .unwrap()
        .to_utc()
}

#[tokio::test]
async fn on_the_night_on_which_clocks_go_forward_a_time_that_is_left_out_is_moved_on() {
    everywhere(async |bot| {
        bot.lives_in("alice", BERLIN);
        let night = night_of_change(bot.clock.now(), true);
        bot.comes(berlin(night, 0, 0) - minutes(60)).await;
        let offer = bot
            .is_offered("alice", "/prod-access db-admin 30m at 02:30 release night")
            .await;
        assert_eq!(offer.buttons()[0], "Schedule for tomorrow 03:30");
        assert!(
            offer.plain().contains("02:30 doesn't exist"),
            "{}",
            offer.plain()
        );
        assert!(
            offer.text.contains("02:30 doesn't exist"),
            "said aloud, too: {}",
            offer.text
        );
        let request = bot.sends("alice", &offer, "Schedule for").await;
        let at = bot.starts_at(&request).await;
        assert_eq!(at, berlin(night, 3, 30));
        assert_eq!(at - berlin(night, 1, 0), minutes(90), "an hour is missing");
        bot.approves("bob", &request).await;
        bot.comes(at - seconds(2)).await;
        assert!(bot.backend.calls().is_empty());
        bot.comes(at).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn on_the_night_on_which_clocks_go_back_the_first_of_two_is_taken_and_the_second_can_be_named()
 {
    everywhere(async |bot| {
        bot.lives_in("alice", BERLIN);
        bot.lives_in("rita", BERLIN);
        let night = night_of_change(bot.clock.now(), false);
        bot.comes(berlin(night, 0, 0) - minutes(60)).await;
        let offer = bot
            .is_offered("alice", "/prod-access db-admin 30m at 02:30 release night")
            .await;
        assert_eq!(offer.buttons()[0], "Schedule for tomorrow 02:30 (UTC+2)");
        assert!(offer.plain().contains("comes twice"), "{}", offer.plain());
        let first = bot.sends("alice", &offer, "Schedule for").await;
        let at = bot.starts_at(&first).await;
        assert_eq!(at, berlin(night, 2, 30));
        let text = format!("/prod-access db-owner 30m at {night}T02:30+01:00 release night");
        let second = bot
            .asks_for_later("rita", &text, "Schedule for tomorrow 02:30 (UTC+1)")
            .await;
        assert_eq!(bot.starts_at(&second).await, at + minutes(60));
        bot.approves("bob", &first).await;
        bot.approves("dana", &second).await;
        bot.comes(at).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.comes(at + minutes(60)).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["rita"]);
    })
    .await;
}

#[tokio::test]
async fn whoever_travels_is_understood_in_their_new_zone() {
    TestBot::run(async |bot| {
        bot.lives_in("alice", BERLIN);
        bot.says("alice", "/prod-access mine").await;
        let tokyo = Tz::Asia__Tokyo;
        bot.lives_in("alice", tokyo);
        // Within the minute in which answers about people are kept.
        let typed = bot.clock_in(tokyo, minutes(60));
        let text = format!("/prod-access db-admin 30m at {typed} orders stuck");
        let offer = bot.is_offered("alice", &text).await;
        assert!(offer.plain().contains("Asia/Tokyo"), "{}", offer.plain());
        let request = bot.sends("alice", &offer, "Schedule for").await;
        let ahead = bot.starts_at(&request).await - bot.clock.now();
        assert!(ahead <= minutes(60) && ahead > minutes(58), "{ahead}");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_start_is_told_with_the_rest_and_at_is_a_word_elsewhere() {
    TestBot::run(async |bot| {
        bot.lives_in("alice", BERLIN);
        for (text, told) in [
            ("db-admin 30m at 25:00 orders stuck", "“25:00” isn't a time"),
            (
                "db-admin 30m at 2020-01-01T10:00 orders stuck",
                "is past already",
            ),
            (
                "db-admin 30m at 2099-01-01T10:00 orders stuck",
                "30 days ahead at most",
            ),
        ] {
            let answer = bot.says("alice", &format!("/prod-access {text}")).await;
            assert!(answer.contains(told), "{text}: {answer}");
            assert!(
                answer.contains("This would do:") && answer.contains(" at 22:00 "),
                "{answer}"
            );
        }
        let answer = bot.says("alice", "/prod-access db-admin 9h at 25:00").await;
        for told in ["9 h", "“25:00” isn't a time", "The reason is missing"] {
            assert!(answer.contains(told), "{answer}");
        }
        let request = bot
            .asks(
                "alice",
                "/prod-access db-admin 30m at night orders are stuck at 22:00",
            )
            .await;
        let row = bot.row(&request).await;
        assert_eq!(row.start, Start::Now);
        assert_eq!(row.reason, "at night orders are stuck at 22:00");
        let outcome = bot
            .slack
            .type_command("gus", GENERAL, "/prod-access db-admin 30m at 22:00 x")
            .await;
        assert!(outcome.is_ok());
        bot.settle().await;
        assert_eq!(
            bot.waiting().await,
            [request],
            "a guest isn't offered anything that works"
        );
    })
    .await;
}
