//! Who is asked in a stage, and whether its quorum can be reached at all.
//! Requester, holder and whoever decided before are taken out before anybody is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::{OpenStage, Panel, Request};
use crate::effect::Subject;
use crate::role::StageRule;
use crate::{Change, Effect, EffectKind, PersonId, Refusal, RefusalKind, Time};

impl Request {
    /// Opens stage `index`: asks its approvers, and climbs at once where they can't reach the quorum.
    pub(super) fn open_stage(&self, index: usize, panels: &[Panel], now: Time) -> OpenStage {
        let mut stage = OpenStage {
            index,
            opened_at: now,
            asked: Vec::new(),
            rungs: 0,
            climbed_at_once: false,
            reminded: false,
        };
        let needed = self.stage_rule(index).map_or(1, StageRule::needed);
        while self.ask_next_rung(&mut stage, panels) && stage.asked.len() < needed {}
        stage.rungs = stage.rungs.max(1);
        stage.climbed_at_once = stage.rungs > 1;
        stage
    }

    /// Adds the next rung's people to those who are asked; false where there is no further rung.
    pub(super) fn ask_next_rung(&self, stage: &mut OpenStage, panels: &[Panel]) -> bool {
        let Some(rung) = panels
            .get(stage.index)
            .and_then(|panel| panel.rungs.get(stage.rungs))
        else {
            return false;
        };
        for person in rung {
            if !self.is_barred(person) && !stage.asked.contains(person) {
                stage.asked.push(person.clone());
            }
        }
        stage.rungs += 1;
        true
    }

    pub(super) fn stage_rule(&self, index: usize) -> Option<&StageRule> {
        self.terms.role.stages.get(index)
    }

    /// Requester, holder, commander, and whoever decided before.
    pub(super) fn is_barred(&self, person: &PersonId) -> bool {
        self.is_own(person) || self.reviews.iter().any(|review| review.reviewer == *person)
    }

    /// The timers of a stage that opened or climbed: the reminder (once) and the ladder's next step.
    pub(super) fn stage_timers(&self, stage: &OpenStage) -> Change {
        let subject = || Subject::Request(self.id.clone());
        let timer = |change: Change, kind: EffectKind, due: Option<Time>| match due {
            Some(due) => change.schedule(Effect::timer(subject(), kind, due)),
            None => change.cancel(subject(), kind),
        };
        let remind = self
            .terms
            .role
            .remind_after
            .filter(|_| !stage.reminded)
            .map(|after| stage.opened_at + after.to_delta());
        let climb = self
            .stage_rule(stage.index)
            .and_then(|rule| rule.ladder.get(stage.rungs.saturating_sub(1)))
            .map(|rung| stage.opened_at + rung.after.to_delta());
        let change = timer(Change::default(), EffectKind::Remind, remind);
        timer(change, EffectKind::Climb, climb)
    }

    /// Whether the stages from `from` on can still be decided by distinct people, whole ladders included, if
    /// `also_counted` counts for stage `from`.
    pub(super) fn is_reachable(
        &self,
        from: usize,
        panels: &[Panel],
        also_counted: Option<&PersonId>,
    ) -> bool {
        let mut seats = Seats::default();
        for (index, rule) in self.terms.role.stages.iter().enumerate().skip(from) {
            let counted =
                self.approvals(index).len() + usize::from(index == from && also_counted.is_some());
            let people: BTreeSet<&PersonId> = panels
                .get(index)
                .into_iter()
                .flat_map(|panel| panel.rungs.iter().flatten())
                .filter(|person| !self.is_barred(person) && Some(*person) != also_counted)
                .collect();
            let missing = rule.needed().saturating_sub(counted);
            if missing > people.len() {
                return false;
            }
            seats.choices.extend((0..missing).map(|_| people.clone()));
        }
        seats.can_all_be_taken()
    }

    /// Refuses where no rung makes every stage reachable.
    pub(super) fn require_reachable(&self, panels: &[Panel]) -> Result<(), Refusal> {
        if self.is_reachable(0, panels, None) {
            return Ok(());
        }
        let needed: usize = self.terms.role.stages.iter().map(StageRule::needed).sum();
        let approvals = if needed == 1 {
            "an approval"
        } else {
            "approvals"
        };
        Err(Refusal::new(
            RefusalKind::NobodyToAsk,
            format!(
                "{} needs {approvals} by {needed} other {} than whom it is for, and there aren't so many who may decide it now.",
                self.terms.role.name,
                if needed == 1 { "person" } else { "people" },
            ),
        )
        .allowed(
            "Ask for a role that others can approve, or have the role's owner add approvers; in an emergency its commander can break the glass.",
        ))
    }
}

/// Each seat (one approval of one stage) needs a person of its own: bipartite matching by augmenting paths.
#[derive(Default)]
struct Seats<'a> {
    choices: Vec<BTreeSet<&'a PersonId>>,
    taken: BTreeMap<&'a PersonId, usize>,
}

impl<'a> Seats<'a> {
    fn can_all_be_taken(&mut self) -> bool {
        (0..self.choices.len()).all(|seat| self.take(seat, &mut BTreeSet::new()))
    }

    fn take(&mut self, seat: usize, tried: &mut BTreeSet<&'a PersonId>) -> bool {
        for person in self.choices[seat].clone() {
            if !tried.insert(person) {
                continue;
            }
            let free = match self.taken.get(person).copied() {
                None => true,
                Some(other) => self.take(other, tried),
            };
            if free {
                self.taken.insert(person, seat);
                return true;
            }
        }
        false
    }
}
