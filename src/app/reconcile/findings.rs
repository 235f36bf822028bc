//! What one turn of a scan found, on its way into one commit: the rows that must run again, the events, and the one
//! announcement.

use hallpass_domain::announcement::{Drift, DriftDone, DriftKind};
use hallpass_domain::holding::Known;
use hallpass_domain::{
    Actor, Announcement, BackendName, Change, Event, EventKind, Grant, Holding, Time,
};

/// How many are listed in one announcement; the rest are counted.
const LISTED_AT_MOST: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Findings {
    change: Change,
    rows: usize,
    told: Vec<Drift>,
}

/// What the events are about beside the drift.
struct About<'a> {
    holding: &'a Holding,
    note: Option<&'a str>,
    now: Time,
}

impl Findings {
    /// How many rows will be written.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn into_change(self, backend: &BackendName) -> Change {
        announced(backend, self.told)
            .into_iter()
            .fold(self.change, Change::announce)
    }

    pub(super) fn learn(&mut self, holding: Holding, known: Known) {
        self.write(holding.learn(known));
    }

    /// Runs again; nothing is told.
    pub(super) fn sync(&mut self, holding: Holding, now: Time) {
        let holding = holding.again();
        let sync = holding.sync(now);
        self.change = std::mem::take(&mut self.change).schedule(sync);
        self.write(holding);
    }

    /// A live grant's access isn't there: it is given again, where authority still stands.
    pub(super) fn missing(&mut self, holding: Holding, grant: Option<&Grant>, now: Time) {
        self.tell(
            &about(&holding, now),
            DriftKind::Missing,
            grant,
            DriftDone::GivingAgain,
        );
        self.sync(holding.learn(Known::Absent { at: now }), now);
    }

    /// Ours is gone, and the principal holds it by somebody else's: that is left alone.
    pub(super) fn replaced(&mut self, holding: Holding, grant: Option<&Grant>, now: Time) {
        self.tell(
            &about(&holding, now),
            DriftKind::Missing,
            grant,
            DriftDone::Told,
        );
        self.sync(holding, now);
    }

    /// The same where nothing can be given any more.
    pub(super) fn gone(&mut self, holding: Holding, grant: Option<&Grant>, now: Time) {
        self.tell(
            &about(&holding, now),
            DriftKind::Missing,
            grant,
            DriftDone::Told,
        );
        self.write(holding.learn(Known::Absent { at: now }));
    }

    pub(super) fn left_over(&mut self, holding: Holding, now: Time) {
        self.tell(
            &about(&holding, now),
            DriftKind::LeftOver,
            None,
            DriftDone::Removing,
        );
        self.sync(holding, now);
    }

    pub(super) fn unknown(&mut self, holding: Holding, note: &str, takes: bool, now: Time) {
        let done = if takes {
            DriftDone::Removing
        } else {
            DriftDone::Told
        };
        let about = About {
            note: Some(note),
            ..about(&holding, now)
        };
        self.tell(&about, DriftKind::Unknown, None, done);
        if takes {
            self.sync(holding, now);
        } else {
            let note = Some(note.to_owned());
            self.write(holding.learn(Known::Standing { at: now, note }));
        }
    }

    fn tell(&mut self, about: &About<'_>, kind: DriftKind, grant: Option<&Grant>, done: DriftDone) {
        let drift = Drift {
            kind,
            principal: about.holding.principal.clone(),
            entitlement: about.holding.entitlement.shown(),
            grant: grant.map(|grant| grant.short.clone()),
            done,
        };
        let holding = about.holding;
        tracing::warn!(
            backend = %holding.backend, holding = %holding.id, kind = ?kind, done = ?done,
            "a backend differs from the ledger"
        );
        let mut event = Event::new(EventKind::DriftFound, Actor::Hallpass, about.now)
            .holding(&holding.id)
            .fact("backend", holding.backend.as_str())
            .fact("entitlement", drift.entitlement.as_str())
            .fact("kind", serde_json::json!(kind))
            .fact("done", serde_json::json!(done))
            .personal("principal", holding.principal.as_str());
        if let Some(grant) = grant {
            event = event.request(&grant.request).grant(&grant.id);
        }
        if let Some(note) = about.note {
            event = event.personal("note", note);
        }
        self.change = std::mem::take(&mut self.change).event(event);
        self.told.push(drift);
    }

    fn write(&mut self, holding: Holding) {
        self.rows += 1;
        self.change = std::mem::take(&mut self.change).holding(holding);
    }
}

fn about(holding: &Holding, now: Time) -> About<'_> {
    About {
        holding,
        note: None,
        now,
    }
}

/// One announcement of all that was found; none where nothing was.
pub(in crate::app) fn announced(
    backend: &BackendName,
    mut found: Vec<Drift>,
) -> Option<Announcement> {
    if found.is_empty() {
        return None;
    }
    let more = found.len().saturating_sub(LISTED_AT_MOST);
    found.truncate(LISTED_AT_MOST);
    Some(Announcement::Drift {
        backend: backend.clone(),
        found,
        more,
    })
}
