//! Slack's limits for the methods that are called here: <https://docs.slack.dev/apis/web-api/rate-limits>, and each
//! method's own page, <https://docs.slack.dev/reference/methods/METHOD>. "50+ a minute" is taken as 50.

use chrono::TimeDelta;

/// How often, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) every: TimeDelta,
    /// The same where nothing may go at once any more.
    pub(super) evenly: TimeDelta,
    /// So many may go at once before the pace is `every`.
    pub(super) burst: i32,
    /// People wait for it: what is done in the background keeps to it before Slack says anything.
    pub(super) spared: bool,
}

/// One post a second in a channel, short bursts tolerated (the page on rate limits, "Posting messages").
const ONE_A_SECOND: Limit = Limit {
    every: TimeDelta::seconds(1),
    evenly: TimeDelta::seconds(1),
    burst: 1,
    spared: false,
};

/// The limit of a method; for posts, in one channel.
pub(super) fn limit(method: &str) -> Limit {
    match method {
        "chat.postMessage" => ONE_A_SECOND,
        // Tier 2.
        "usergroups.users.list" => spared(a_minute(20)),
        // Tier 3.
        "users.lookupByEmail" => spared(a_minute(50)),
        // Tier 4.
        "users.info" | "conversations.members" => spared(a_minute(100)),
        "chat.postEphemeral" | "views.open" | "views.push" | "views.update" | "views.publish" => {
            a_minute(100)
        }
        // Special: hundreds a minute.
        "auth.test" => a_minute(300),
        // Tier 3: chat.update, conversations.open, conversations.info, apps.connections.open; and what isn't known here.
        _ => a_minute(50),
    }
}

/// Three tenths at once, the rest evenly, or all of them evenly: in no minute more than `calls`.
fn a_minute(calls: i32) -> Limit {
    let burst = calls * 3 / 10;
    Limit {
        every: TimeDelta::minutes(1) / (calls - burst),
        evenly: TimeDelta::minutes(1) / calls,
        burst,
        spared: false,
    }
}

fn spared(limit: Limit) -> Limit {
    Limit {
        spared: true,
        ..limit
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::{a_minute, limit};

    #[test]
    fn in_no_minute_are_there_more_than_the_tier_allows() {
        let in_a_minute = |pace: TimeDelta| {
            let minute = TimeDelta::minutes(1).num_microseconds();
            minute.unwrap_or_default() / pace.num_microseconds().unwrap_or(1)
        };
        for calls in [20, 50, 100, 300] {
            let limit = a_minute(calls);
            let with_a_burst = i64::from(limit.burst) + in_a_minute(limit.every);
            assert!(with_a_burst <= i64::from(calls), "{limit:?}");
            assert_eq!(in_a_minute(limit.evenly), i64::from(calls), "{limit:?}");
        }
        assert_eq!(limit("chat.postMessage").every, TimeDelta::seconds(1));
        assert_eq!(limit("chat.update"), a_minute(50));
        assert_eq!(limit("views.open"), a_minute(100));
    }
}
