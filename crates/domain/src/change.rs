//! A change: all that one transition writes, in one commit or not at all.

use serde::{Deserialize, Serialize};

use crate::effect::Subject;
use crate::{
    Announcement, Effect, EffectChange, EffectKind, Event, Grant, Holding, Person, Request,
};

/// A row to write. Its `version` is the one that was read: 0 inserts, any other updates where it still matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    Request(Box<Request>),
    Grant(Box<Grant>),
    Holding(Box<Holding>),
    Person(Box<Person>),
}

/// Rows, events and effects of one transition. `delivery` makes a repeated delivery the same request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub writes: Vec<Write>,
    pub events: Vec<Event>,
    pub effects: Vec<EffectChange>,
    /// What the security channel is told; the store gives each an id and schedules it.
    pub announcements: Vec<Announcement>,
    /// Unique across all changes; a second change with the same key conflicts.
    pub delivery: Option<String>,
}

impl Change {
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.writes.push(Write::Request(Box::new(request)));
        self
    }

    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.writes.push(Write::Grant(Box::new(grant)));
        self
    }

    #[must_use]
    pub fn holding(mut self, holding: Holding) -> Self {
        self.writes.push(Write::Holding(Box::new(holding)));
        self
    }

    #[must_use]
    pub fn person(mut self, person: Person) -> Self {
        self.writes.push(Write::Person(Box::new(person)));
        self
    }

    #[must_use]
    pub fn event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    #[must_use]
    pub fn announce(mut self, announcement: Announcement) -> Self {
        self.announcements.push(announcement);
        self
    }

    #[must_use]
    pub fn schedule(mut self, effect: Effect) -> Self {
        self.put(EffectChange::Schedule(effect));
        self
    }

    #[must_use]
    pub fn cancel(mut self, subject: Subject, kind: EffectKind) -> Self {
        self.put(EffectChange::Cancel { subject, kind });
        self
    }

    /// Appends another change's parts; its delivery key wins where it has one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.events.extend(other.events);
        self.announcements.extend(other.announcements);
        for effect in other.effects {
            self.put(effect);
        }
        self.delivery = other.delivery.or(self.delivery);
        self
    }

    /// One change says one thing about an effect: the later word replaces the earlier.
    fn put(&mut self, change: EffectChange) {
        self.effects.retain(|known| known.about() != change.about());
        self.effects.push(change);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Change, Write};
    use crate::announcement::TimeAfter;
    use crate::person::Membership;
    use crate::testing::{at, who};
    use crate::{Announcement, Person};

    #[test]
    fn what_is_put_in_stays_in_when_changes_are_joined() {
        let person = Person {
            id: who("rita"),
            version: 0,
            accounts: vec![],
            email: None,
            name: "Rita Roy".into(),
            time_zone: "UTC".into(),
            membership: Membership::Member,
            principals: BTreeMap::new(),
        };
        let jumped = Announcement::ClockJumped {
            by_seconds: 90,
            at: at(0),
            time: TimeAfter::default(),
        };
        let change = Change::default()
            .person(person.clone())
            .and(Change::default().announce(jumped.clone()));
        assert_eq!(change.writes, [Write::Person(Box::new(person))]);
        assert_eq!(change.announcements, [jumped]);
    }
}
