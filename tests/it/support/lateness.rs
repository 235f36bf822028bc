//! How late an end may be among misfortunes, and which were later. What befalls all who serve counts for as long as it
//! lasts, once however much of it overlaps; what befalls one of several replicas costs a lease, and no more: the others
//! go on. Beside I1's five seconds only what the machine may take, by its name.

use std::time::{Duration, Instant};

use super::Database;
use super::judge::{LATE, Span, lease_of};

/// What clocks and a busy machine blur.
const BLUR: Duration = Duration::from_millis(500);
/// What a machine that runs other tests beside may take for a handful of calls, commits and starts.
const MACHINE: Duration = Duration::from_secs(3);
/// From a claim to its record an end takes no longer here: a replica that is hit within it may have had the claim.
const PROMPT: Duration = Duration::from_millis(500);

/// Whom a misfortune befell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// One of several replicas.
    One,
    /// All who serve, or the database that they share.
    All,
}

/// What befell the bot, from when to when it was well again: a process that is started is well once it serves.
#[derive(Debug, Clone)]
pub(crate) struct Misfortune {
    pub from: Instant,
    pub until: Instant,
    /// `kill`, `pause`, `crash of the database`.
    pub what: &'static str,
    pub whom: Whom,
}

/// What was seen once all was over.
pub(crate) struct Seen {
    pub spans: Vec<Span>,
    pub misfortunes: Vec<Misfortune>,
    pub database: Database,
    /// The longest access that was asked for.
    pub longest: Duration,
}

impl Seen {
    /// How late this may be.
    fn allowed(&self, due: Instant, ended: Instant) -> Duration {
        LATE + BLUR + MACHINE + self.nobody_served(due, ended) + self.taken_over(due)
    }

    /// For how much of that time nobody could do anything, and what was claimed had yet to run out.
    fn nobody_served(&self, due: Instant, ended: Instant) -> Duration {
        let lease = lease_of(self.database);
        let all = self.misfortunes.iter().filter(|one| one.whom == Whom::All);
        let mut away: Vec<(Instant, Instant)> = all
            .map(|one| {
                (
                    one.from.max(due),
                    one.until.max(one.from + lease).min(ended),
                )
            })
            .filter(|(from, until)| from < until)
            .collect();
        away.sort();
        let (mut sum, mut seen) = (Duration::ZERO, due);
        for (from, until) in away {
            sum += until.saturating_duration_since(from.max(seen));
            seen = seen.max(until);
        }
        sum
    }

    /// How long a claim of a replica that was hit may have had to run out; and so on, where whoever takes it over is
    /// hit just then.
    fn taken_over(&self, due: Instant) -> Duration {
        let lease = lease_of(self.database);
        let hits = self.misfortunes.iter().filter(|one| one.whom == Whom::One);
        let hits: Vec<Instant> = hits.map(|one| one.from).collect();
        let last_of = |from: Instant, until: Instant| {
            let within = hits.iter().filter(|hit| (from..=until).contains(*hit));
            within.max().map(|hit| *hit + lease)
        };
        // One that was hit before may have had a claim that is in the way.
        let before = due.checked_sub(lease).unwrap_or(due);
        let mut free = last_of(before, due + PROMPT).unwrap_or(due).max(due);
        while let Some(later) = last_of(free.checked_sub(PROMPT).unwrap_or(free), free + PROMPT) {
            if later <= free {
                break;
            }
            free = later;
        }
        free - due
    }

    /// The worst lateness; and what no misfortune excuses.
    pub(crate) fn lateness(&self) -> (Duration, Vec<String>) {
        let mut worst = Duration::ZERO;
        let mut wrong = Vec::new();
        for span in &self.spans {
            let Some(ended) = span.ended else {
                wrong.push(format!("left over: {span:#?}"));
                continue;
            };
            // Whoever was told a bound alone was told so by a grant that wasn't on record as there yet.
            let told = span.told + self.longest;
            let late = span.late();
            let late = late.unwrap_or_else(|| ended.saturating_duration_since(told));
            let due = ended.checked_sub(late).unwrap_or(ended);
            worst = worst.max(late);
            let allowed = self.allowed(due, ended);
            if late > allowed {
                wrong.push(format!("{late:?} late, at most {allowed:?}: {span:#?}"));
            }
            let dropped = span.permission == "orders_admin";
            let early = span
                .promised
                .zip(span.ended_at)
                .is_some_and(|(promised, ended)| {
                    (promised - ended).to_std().is_ok_and(|early| early > BLUR)
                });
            if early && !dropped && span.late().is_some() {
                wrong.push(format!("taken early: {span:#?}"));
            }
        }
        (worst, wrong)
    }
}

mod tests {
    use super::{Database, Duration, Instant, Misfortune, Seen, Whom};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// An end that was due in second 100; each misfortune from, until.
    fn allowed(database: Database, whom: Whom, misfortunes: &[(u64, u64)], late: u64) -> f32 {
        let start = Instant::now();
        let befell = misfortunes.iter().map(|(from, until)| Misfortune {
            from: start + seconds(*from),
            until: start + seconds(*until),
            what: "kill",
            whom,
        });
        let seen = Seen {
            spans: Vec::new(),
            misfortunes: befell.collect(),
            database,
            longest: seconds(3),
        };
        let due = start + seconds(100);
        seen.allowed(due, due + seconds(late)).as_secs_f32()
    }

    #[test]
    fn without_a_misfortune_only_the_machine_is_excused() {
        for database in [Database::Sqlite, Database::Postgres] {
            for far in [&[][..], &[(80, 82)], &[(110, 130)]] {
                for whom in [Whom::One, Whom::All] {
                    let allowed = allowed(database, whom, far, 5);
                    assert!((8.4..8.6).contains(&allowed), "{far:?}: {allowed}");
                }
            }
        }
    }

    #[test]
    fn misfortunes_that_overlap_do_not_add_up() {
        let many: Vec<(u64, u64)> = (95..=100).map(|from| (from, from + 12)).collect();
        let of_one = allowed(Database::Postgres, Whom::One, &many, 40);
        assert!((18.4..18.6).contains(&of_one), "{of_one}");
        let of_all = allowed(Database::Sqlite, Whom::All, &many, 40);
        assert!((20.4..20.6).contains(&of_all), "{of_all}");
    }

    #[test]
    fn a_lease_follows_a_lease_only_where_whoever_took_over_is_hit() {
        let within = [(100, 101), (104, 105), (107, 108)];
        let one = allowed(Database::Postgres, Whom::One, &within, 40);
        assert!((18.4..18.6).contains(&one), "{one}");
        let then = [(100, 101), (110, 111)];
        let two = allowed(Database::Postgres, Whom::One, &then, 40);
        assert!((28.4..28.6).contains(&two), "{two}");
    }

    #[test]
    fn on_sqlite_a_crash_costs_what_the_start_takes() {
        let allowed = allowed(Database::Sqlite, Whom::All, &[(99, 102), (103, 104)], 40);
        assert!((11.4..11.6).contains(&allowed), "{allowed}");
    }
}
