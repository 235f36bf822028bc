//! The judge: reads the target's own log and says what anybody held, from when until when, and for how long it was
//! promised. The bot's database is never asked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hallpass::domain::Time;

use super::Database;
use super::gate::{Call, Gate};

/// I1: an end is verified within so long of its moment.
pub(crate) const LATE: Duration = Duration::from_secs(5);
/// A crash adds one lease where replicas share a database.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// Clocks are read at two ends.
const BLUR: Duration = Duration::from_millis(300);
/// An intended grant is told with a bound that lies far behind its real end, until it is active.
const PROVISIONAL: Duration = Duration::from_secs(300);

/// What a crash adds: whoever holds the lock of `SQLite`'s file is alone, so nothing has to run out.
pub(crate) fn lease_of(database: Database) -> Duration {
    match database {
        Database::Sqlite => Duration::ZERO,
        Database::Postgres => LEASE,
    }
}

/// An access that somebody had, from the call that gave it to the call that took it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub permission: String,
    /// The grants in whose name it was given or its end was moved.
    pub grants: Vec<String>,
    pub began: Instant,
    pub ended: Option<Instant>,
    pub ended_at: Option<Time>,
    /// The end that the target was told last.
    pub promised: Option<Time>,
    /// When it was told so.
    pub told: Instant,
    began_at: Time,
}

impl Span {
    fn opened(call: &Call) -> Self {
        Self {
            permission: call.permission.clone(),
            grants: vec![call.grant.clone()],
            began: call.at,
            began_at: call.time,
            ended: None,
            ended_at: None,
            promised: promised(call),
            told: call.at,
        }
    }

    pub(crate) fn lasted(&self) -> Option<Duration> {
        self.ended.map(|ended| ended - self.began)
    }

    /// How long after its promised end it was taken; zero where it was taken before, none where the target was told only
    /// the bound of an intended grant.
    pub(crate) fn late(&self) -> Option<Duration> {
        let promised = self.promised.filter(|promised| {
            let bound = self.began_at + chrono::TimeDelta::from_std(PROVISIONAL).unwrap();
            *promised < bound
        })?;
        let late = self.ended_at? - promised;
        Some(late.to_std().unwrap_or_default())
    }
}

fn promised(call: &Call) -> Option<Time> {
    let told = call.expires_at.as_deref()?;
    let told = chrono::DateTime::parse_from_rfc3339(told).unwrap();
    Some(told.with_timezone(&chrono::Utc))
}

/// Every access that was given, in the order of its beginning. What was refused, or took what was gone, changes nothing.
pub(crate) fn spans(gate: &Gate) -> Vec<Span> {
    spans_in(gate.calls())
}

fn spans_in(calls: Vec<Call>) -> Vec<Span> {
    let mut open: BTreeMap<(String, String), Span> = BTreeMap::new();
    let mut all = Vec::new();
    for call in calls {
        if call.status != 200 {
            continue;
        }
        let key = (call.principal.clone(), call.permission.clone());
        match call.action.as_str() {
            "grant" => {
                let span = open.entry(key).or_insert_with(|| Span::opened(&call));
                span.promised = promised(&call);
                span.told = call.at;
                if !span.grants.contains(&call.grant) {
                    span.grants.push(call.grant.clone());
                }
            }
            "revoke" => {
                if let Some(mut span) = open.remove(&key) {
                    span.ended = Some(call.at);
                    span.ended_at = Some(call.time);
                    all.push(span);
                }
            }
            _ => {}
        }
    }
    all.extend(open.into_values());
    all.sort_by_key(|span| span.began);
    all
}

/// What was planned for one access of its own, and what may have delayed its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub length: Duration,
    /// Beside [`LATE`]: the lease after a crash, the time that the bot was away.
    pub delayed: Duration,
}

impl Plan {
    /// Given once, not cut short, and taken in time; or a sentence.
    pub(crate) fn judge(&self, spans: &[Span]) -> Result<(), String> {
        let [span] = spans else {
            return Err(format!("given {} times, not once: {spans:#?}", spans.len()));
        };
        let Some(lasted) = span.lasted() else {
            return Err(format!("left over: {span:#?}"));
        };
        if lasted + BLUR < self.length {
            return Err(format!("cut short: {lasted:?} of {:?}", self.length));
        }
        let most = LATE + self.delayed + BLUR;
        match span.late() {
            Some(late) if late > most => Err(format!("{late:?} late, at most {most:?}: {span:#?}")),
            // Nobody told the target when: then it was taken before it was recorded as given.
            None if lasted > self.length + most => Err(format!("lasted {lasted:?}: {span:#?}")),
            Some(_) | None => Ok(()),
        }
    }
}

mod tests {
    use super::{Call, Duration, Instant, Plan, spans_in};
    use hallpass::ports::Clock;
    use hallpass::wiring::SystemClock;

    /// `grant 0 4`: in second 0, to end in second 4. `revoke 5`.
    fn judged(log: &[&str]) -> Result<(), String> {
        let (start, time) = (Instant::now(), SystemClock::default().now());
        let calls = log.iter().map(|line| {
            let mut words = line.split(' ');
            let action = words.next().unwrap().to_owned();
            let mut seconds = words.map(|word| word.parse::<u32>().unwrap());
            let at = seconds.next().unwrap();
            let ends = seconds.next().map(|ends| {
                let ends = time + chrono::TimeDelta::seconds(ends.into());
                ends.to_rfc3339()
            });
            Call {
                action,
                principal: "alice".into(),
                permission: "orders_admin".into(),
                grant: "G-7K2M".into(),
                sequence: 1,
                expires_at: ends,
                status: 200,
                at: start + Duration::from_secs(at.into()),
                time: time + chrono::TimeDelta::seconds(at.into()),
            }
        });
        let plan = Plan {
            length: Duration::from_secs(4),
            delayed: Duration::from_secs(10),
        };
        plan.judge(&spans_in(calls.collect()))
    }

    #[test]
    fn the_judge_lets_pass_what_was_given_once_and_taken_in_time() {
        assert_eq!(judged(&["grant 0 4", "revoke 4"]), Ok(()));
        assert_eq!(
            judged(&["grant 0 904", "grant 1 5", "observe 2", "revoke 20"]),
            Ok(())
        );
        assert_eq!(judged(&["grant 0 4", "revoke 5", "revoke 6"]), Ok(()));
    }

    #[test]
    fn the_judge_finds_every_wrong() {
        for (log, why) in [
            (&["grant 0 4"][..], "left over"),
            (
                &["grant 0 4", "revoke 4", "grant 5 9", "revoke 9"],
                "2 times",
            ),
            (&["grant 0 4", "revoke 4", "grant 5 9"], "2 times"),
            (&["grant 0 4", "revoke 2"], "cut short"),
            (&["grant 0 4", "revoke 20"], "late"),
            (&["grant 0 904", "revoke 20"], "lasted"),
            (&["revoke 4"], "0 times"),
        ] {
            let wrong = judged(log).unwrap_err();
            assert!(wrong.contains(why), "{log:?}: {wrong}");
        }
    }
}
