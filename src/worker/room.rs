//! How many effects of a lane may be claimed now: a question of numbers alone, what is taken against what there is.

use hallpass_domain::Time;

use super::{AHEAD, BATCH, ENDS};
use crate::store::{Due, Take};

/// A lane's places, and who has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) places: usize,
    /// By what takes access away.
    pub(super) taking: usize,
    pub(super) others: usize,
}

impl Taken {
    pub(super) fn free(self) -> usize {
        self.places.saturating_sub(self.taking + self.others)
    }
}

/// Whether what takes access away is claimed ahead of the places.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ahead {
    /// What was claimed ahead lately stood without a place.
    Nothing,
    /// With so many that are claimed and not on record yet.
    Beside(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) take: Take,
    /// How many of them can begin at once; what takes access away may be claimed ahead of that.
    pub(super) places: usize,
    /// Every place is taken by what gives access: what takes it away has it give way.
    pub(super) gives_way: bool,
}

impl Room {
    const NONE: Self = Self {
        take: Take {
            revoking: 0,
            patient: 0,
            all: 0,
        },
        places: 0,
        gives_way: false,
    };

    /// They are decided in batches, one of those that take access away (`ends` at most) and one of the others at a
    /// time. However many ends there are, the others come too.
    pub(super) fn of_decisions(taken: Taken, ends: usize) -> Self {
        let revoking = if taken.taking == 0 { ends } else { 0 };
        let patient = if taken.others == 0 { BATCH } else { 0 };
        let all = revoking + patient;
        Self {
            take: Take {
                revoking,
                patient,
                all,
            },
            places: all,
            gives_way: false,
        }
    }

    pub(super) fn of_slack(taken: Taken) -> Self {
        let free = taken.free().min(BATCH);
        Self {
            take: Take::of(free),
            places: free,
            gives_way: false,
        }
    }

    /// One place is kept free for taking access away, so that calls that hang don't delay it; where there is only one
    /// place, it is everybody's, and an attempt to give access that has it gives way: its outcome is unknown then, and
    /// is observed by the next.
    pub(super) fn of_backend(taken: Taken, ahead: Ahead) -> Self {
        let free = taken.free().min(BATCH);
        let for_others = taken.places.saturating_sub(1).max(1);
        let patient = for_others.saturating_sub(taken.others).min(free);
        let gives_way = taken.places == 1 && taken.others == 1 && taken.taking == 0;
        let free = if gives_way { 1 } else { free };
        let revoking = match ahead {
            Ahead::Beside(claimed) if !gives_way => more_ahead(taken.places, claimed),
            Ahead::Nothing | Ahead::Beside(_) => Some(free),
        };
        revoking.map_or(Self::NONE, |revoking| Self {
            take: Take {
                revoking,
                patient,
                all: free,
            },
            places: free,
            gives_way,
        })
    }

    /// One effect, or as many as there are places.
    pub(super) fn for_a_probe(self, gives: bool, wide: bool) -> Self {
        let all = self.places.min(if wide { usize::MAX } else { 1 });
        Self {
            take: Take {
                revoking: all,
                patient: if gives { self.take.patient.min(all) } else { 0 },
                all,
            },
            ..self
        }
    }

    /// Whether something is due for which there is room.
    pub(super) fn finds(self, due: Due, now: Time) -> bool {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        self.take.revoking > 0 && is_due(due.revoking)
            || self.take.patient > 0 && is_due(due.others)
    }
}

/// So many share one claim. No more is claimed while half of that waits still, for a place or for its record: what
/// others could do isn't kept from them, and a claim is for many or for what a place is free for.
fn more_ahead(places: usize, claimed: usize) -> Option<usize> {
    let most = (places * AHEAD).min(ENDS);
    (claimed <= most / 2).then(|| most - claimed)
}

#[cfg(test)]
mod tests {
    use super::{Ahead, Room, Taken};

    fn taken(places: usize, taking: usize, others: usize) -> Taken {
        Taken {
            places,
            taking,
            others,
        }
    }

    #[test]
    fn a_place_is_kept_for_taking_access_away() {
        let room = Room::of_backend(taken(4, 0, 3), Ahead::Nothing);
        assert_eq!((room.take.patient, room.take.revoking), (0, 1));
        let room = Room::of_backend(taken(4, 0, 0), Ahead::Nothing);
        assert_eq!((room.take.patient, room.take.revoking), (3, 4));
    }

    #[test]
    fn the_only_place_is_given_up_to_what_takes_access_away() {
        let room = Room::of_backend(taken(1, 0, 1), Ahead::Beside(0));
        assert!(room.gives_way);
        assert_eq!((room.take.patient, room.take.revoking), (0, 1));
        let room = Room::of_backend(taken(1, 1, 0), Ahead::Nothing);
        assert!(!room.gives_way);
        assert_eq!(room.take.all, 0);
    }

    #[test]
    fn no_more_is_claimed_ahead_while_half_of_it_waits() {
        let ahead = |claimed| Room::of_backend(taken(4, 4, 0), Ahead::Beside(claimed));
        assert_eq!(ahead(8).take.revoking, 8);
        assert_eq!(ahead(9).take.revoking, 0);
    }
}
