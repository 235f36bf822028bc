//! Whether a stage can be decided at all: enough distinct people, also when the one who asks is among them.
//! Only what can be counted is judged; `*` and Slack user groups can hold anybody.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::role::{GroupName, ScheduleName};
use crate::domain::{Email, Role, SlackId, Who};

use super::findings::Findings;
use super::mistake::Kind;
use super::people::PeopleSection;
use super::role::PlacedRole;
use super::rules::PlacedStage;
use super::scope::somebody;
use super::targets::OnCallSection;

/// Who stands behind the names.
pub(super) struct Reach<'a> {
    pub(super) groups: &'a BTreeMap<GroupName, Vec<Who>>,
    pub(super) schedules: &'a BTreeMap<ScheduleName, OnCallSection>,
    pub(super) people: &'a PeopleSection,
}

/// A list of people, taken apart.
#[derive(Debug, Default, Clone)]
struct Crowd {
    /// People who are always in it, by account or e-mail.
    fixed: BTreeSet<String>,
    /// One of each at a moment.
    rotations: Vec<BTreeSet<String>>,
    /// Holds people that can't be counted.
    open: bool,
}

impl Crowd {
    /// Everybody who could ever be in it, as far as known.
    fn everybody(&self) -> BTreeSet<String> {
        self.rotations
            .iter()
            .flatten()
            .chain(&self.fixed)
            .cloned()
            .collect()
    }

    /// The most distinct people at one moment, `without` one of them. When that one may be on call, the
    /// moment is one at which they are.
    fn most(&self, without: Option<&str>) -> usize {
        let fixed = self
            .fixed
            .iter()
            .filter(|one| Some(one.as_str()) != without);
        let shifts: Vec<BTreeSet<&str>> = self
            .rotations
            .iter()
            .filter(|shift| without.is_none_or(|one| !shift.contains(one)))
            .map(|shift| {
                shift
                    .iter()
                    .filter(|one| !self.fixed.contains(*one))
                    .map(String::as_str)
                    .collect()
            })
            .collect();
        fixed.count() + matched(&shifts)
    }
}

/// How many slots can be filled with a person each, nobody twice (augmenting paths).
fn matched(slots: &[BTreeSet<&str>]) -> usize {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    (0..slots.len())
        .filter(|slot| fill(*slot, slots, &mut taken, &mut BTreeSet::new()))
        .count()
}

fn fill<'a>(
    slot: usize,
    slots: &[BTreeSet<&'a str>],
    taken: &mut BTreeMap<&'a str, usize>,
    tried: &mut BTreeSet<&'a str>,
) -> bool {
    for person in &slots[slot] {
        if !tried.insert(person) {
            continue;
        }
        let free = match taken.get(person) {
            None => true,
            Some(other) => fill(*other, slots, taken, tried),
        };
        if free {
            taken.insert(person, slot);
            return true;
        }
    }
    false
}

impl Reach<'_> {
    /// Tells what can't be decided in this role.
    pub(super) fn check(&self, placed: &PlacedRole, found: &Findings) {
        let mut reachable = true;
        for (number, stage) in placed.stages.iter().enumerate() {
            reachable &= self.check_stage(&placed.role, number + 1, stage, found);
        }
        if reachable && placed.stages.len() > 1 {
            self.check_together(&placed.stages, found);
        }
        self.check_reviewers(placed, found);
    }

    fn check_stage(
        &self,
        role: &Role,
        number: usize,
        stage: &PlacedStage,
        found: &Findings,
    ) -> bool {
        let crowd = self.deciders(stage);
        if crowd.open || stage.rule.approvers.is_empty() {
            return true;
        }
        let quorum = stage.rule.quorum as usize;
        let most = crowd.most(None);
        if most < quorum {
            found.mistake_with(
                Kind::UnreachableQuorum,
                stage.quorum_at,
                format!(
                    "the quorum is {quorum}, but {} can approve at a time",
                    at_most(most)
                ),
                "lower the quorum, or name more approvers or a ladder".to_owned(),
            );
            return false;
        }
        let requesters = self.crowd(&role.requesters);
        let candidates = if requesters.open && role.requesters.contains(&Who::Everybody) {
            crowd.everybody()
        } else {
            &requesters.everybody() & &crowd.everybody()
        };
        let stuck: Vec<&String> = candidates
            .iter()
            .filter(|one| crowd.most(Some(one)) < quorum)
            .collect();
        if let Some(first) = stuck.first() {
            let on_call = crowd.rotations.iter().any(|shift| shift.contains(*first));
            let left = crowd.most(Some(first));
            found.mistake_with(
                Kind::EmptiedStage,
                stage.approvers_at,
                format!(
                    "when {first}{} asks for `{}`, {} can decide stage {number}{}",
                    if on_call { ", on call," } else { "" },
                    role.name,
                    if left == 0 { "nobody".to_owned() } else { format!("only {left} of {quorum}") },
                    match stuck.len() {
                        1 => String::new(),
                        more => format!(" (the same for {} more)", more - 1),
                    }
                ),
                "nobody decides their own request: add ladder = [ { after = \"10m\", ask = [\"group:…\"] } ], or other approvers"
                    .to_owned(),
            );
        }
        true
    }

    /// No person counts in two stages.
    fn check_together(&self, stages: &[PlacedStage], found: &Findings) {
        let crowds: Vec<(usize, BTreeSet<String>)> = stages
            .iter()
            .map(|stage| (stage.rule.quorum as usize, self.deciders(stage)))
            .filter(|(_, crowd)| !crowd.open)
            .map(|(quorum, crowd)| (quorum, crowd.everybody()))
            .collect();
        let slots: Vec<BTreeSet<&str>> = crowds
            .iter()
            .flat_map(|(quorum, people)| {
                std::iter::repeat_n(people.iter().map(String::as_str).collect(), *quorum)
            })
            .collect();
        let filled = matched(&slots);
        if let (true, Some(last)) = (filled < slots.len(), stages.last()) {
            found.mistake_with(
                Kind::UnreachableQuorum,
                last.quorum_at,
                format!(
                    "the stages need {} different people, but {} can decide them",
                    slots.len(),
                    at_most(filled)
                ),
                "no person counts in two stages: name more approvers".to_owned(),
            );
        }
    }

    /// A commander never reviews what they did.
    fn check_reviewers(&self, placed: &PlacedRole, found: &Findings) {
        let (Some(rule), Some(at)) = (&placed.role.break_glass, placed.review_by_at) else {
            return;
        };
        let reviewers = self.crowd(&rule.review_by);
        if reviewers.open || rule.review_by.is_empty() {
            return;
        }
        let stuck = self
            .crowd(&rule.commanders)
            .everybody()
            .into_iter()
            .find(|commander| reviewers.most(Some(commander)) == 0);
        if let Some(commander) = stuck {
            found.mistake_with(
                Kind::NoReviewer,
                at,
                format!("when {commander} breaks the glass, nobody is left to review it"),
                "a commander never reviews their own break-glass: name somebody else too"
                    .to_owned(),
            );
        }
    }

    /// The stage's approvers and everybody its ladder adds.
    fn deciders(&self, stage: &PlacedStage) -> Crowd {
        let rungs = stage.rule.ladder.iter().flat_map(|rung| &rung.ask);
        let all: Vec<Who> = stage.rule.approvers.iter().chain(rungs).cloned().collect();
        self.crowd(&all)
    }

    /// Whether a person is in a list, or may be, where that isn't known here.
    pub(super) fn may_hold(&self, list: &[Who], person: &Who) -> bool {
        let crowd = self.crowd(list);
        let name = self.person(person);
        // Somebody named by an e-mail may be this account; only Slack knows.
        let by_email = crowd.everybody().iter().any(|one| one.contains('@'));
        crowd.open || by_email || crowd.everybody().contains(&name)
    }

    fn crowd(&self, list: &[Who]) -> Crowd {
        let mut crowd = Crowd::default();
        let mut seen = BTreeSet::new();
        for who in list {
            self.add(who, &mut crowd, &mut seen);
        }
        crowd
    }

    fn add<'a>(&'a self, who: &'a Who, crowd: &mut Crowd, seen: &mut BTreeSet<&'a Who>) {
        if !seen.insert(who) {
            return;
        }
        match who {
            Who::Everybody | Who::UserGroup(_) => crowd.open = true,
            Who::Account(_) | Who::Email(_) => {
                crowd.fixed.insert(self.person(who));
            }
            Who::Group(name) => match self.groups.get(name) {
                Some(members) => members.iter().for_each(|who| self.add(who, crowd, seen)),
                // Told as undefined already.
                None => crowd.open = true,
            },
            Who::OnCall(name) => match self.schedules.get(name) {
                // Somebody in it was told as undefined already.
                Some(schedule) if schedule.people().contains(&somebody()) => crowd.open = true,
                Some(OnCallSection::Static { people }) => {
                    crowd
                        .fixed
                        .extend(people.iter().map(|who| self.person(who)));
                }
                Some(OnCallSection::Rotation { people, .. }) => crowd
                    .rotations
                    .push(people.iter().map(|who| self.person(who)).collect()),
                None => crowd.open = true,
            },
        }
    }

    /// An e-mail that the map gives to an account is that account.
    pub(super) fn person(&self, who: &Who) -> String {
        if let Who::Email(email) = who
            && let Some(account) = self.account_of(email)
        {
            return account.to_string();
        }
        if let Who::Account(account) = who
            && let Some(email) = self
                .people
                .map
                .get(account)
                .and_then(|one| one.email.as_ref())
            && let Some(first) = self.account_of(email)
        {
            return first.to_string();
        }
        who.to_string()
    }

    fn account_of(&self, email: &Email) -> Option<&SlackId> {
        self.people
            .map
            .iter()
            .find(|(_, person)| person.email.as_ref() == Some(email))
            .map(|(account, _)| account)
    }
}

fn at_most(people: usize) -> String {
    match people {
        0 => "nobody".into(),
        1 => "only 1 person".into(),
        more => format!("only {more} people"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::matched;

    #[test]
    fn nobody_fills_two_slots() {
        let both = BTreeSet::from(["bob", "dana"]);
        let bob = BTreeSet::from(["bob"]);
        assert_eq!(matched(&[both.clone(), bob.clone()]), 2);
        assert_eq!(matched(&[bob.clone(), both.clone(), bob.clone()]), 2);
        assert_eq!(matched(&[bob.clone(), bob]), 1);
    }
}
