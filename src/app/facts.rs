//! The facts about people that change by the hour: who is on call, who is in a Slack user group. Asked for at every
//! decision, all at the same time, for at most 1.5 s; what couldn't be read is known to be unknown.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use hallpass_domain::role::{GroupName, ScheduleName};
use hallpass_domain::{Person, Role, SlackId, Time, Who};
use tokio::time::timeout;

use super::App;
use super::people::patience;
use super::words::enumerated;
use crate::policy::Subject;

/// Of one moment; `None` where it couldn't be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) on_call: BTreeMap<ScheduleName, Option<Vec<Who>>>,
    pub(super) user_groups: BTreeMap<String, Option<Vec<SlackId>>>,
}

/// What a person is in, by the facts.
#[derive(Debug, Clone, Default)]
pub(super) struct Memberships {
    on_call: BTreeSet<ScheduleName>,
    user_groups: BTreeSet<String>,
}

impl Memberships {
    pub(super) fn subject<'a>(&'a self, person: &'a Person) -> Subject<'a> {
        Subject {
            person,
            on_call: &self.on_call,
            user_groups: &self.user_groups,
        }
    }
}

/// How what couldn't be read counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// Nobody is in it: for every new decision.
    Nobody,
    /// The one asked about is in it: for a decision that was taken before and is looked at again.
    Everybody,
}

impl Facts {
    pub(super) fn of(&self, person: &Person, unread: Unread) -> Memberships {
        let benefit = unread == Unread::Everybody;
        let on_call = self.on_call.iter().filter(|(_, people)| {
            people
                .as_ref()
                .map_or(benefit, |people| people.iter().any(|who| is(person, who)))
        });
        let user_groups = self.user_groups.iter().filter(|(_, accounts)| {
            accounts.as_ref().map_or(benefit, |accounts| {
                accounts
                    .iter()
                    .any(|account| person.accounts.contains(account))
            })
        });
        Memberships {
            on_call: on_call.map(|(name, _)| name.clone()).collect(),
            user_groups: user_groups.map(|(id, _)| id.clone()).collect(),
        }
    }
}

impl Facts {
    pub(super) fn are_all_read(&self) -> bool {
        self.on_call.values().all(Option::is_some) && self.user_groups.values().all(Option::is_some)
    }

    /// A sentence, where an on-call schedule couldn't be read: it may be why nobody was found.
    pub(super) fn unread(&self) -> Option<String> {
        let unread = self.on_call.iter().filter(|(_, people)| people.is_none());
        let names: Vec<String> = unread.map(|(name, _)| name.to_string()).collect();
        (!names.is_empty()).then(|| {
            let names = enumerated(&names);
            format!("Who is on call couldn't be read just now ({names}); try again in a moment.")
        })
    }
}

/// Whether an entry names this very person.
pub(super) fn is(person: &Person, who: &Who) -> bool {
    match who {
        Who::Account(account) => person.accounts.contains(account),
        Who::Email(email) => person.email.as_ref() == Some(email),
        Who::Everybody | Who::OnCall(_) | Who::Group(_) | Who::UserGroup(_) => false,
    }
}

/// All lists of a role.
pub(super) fn lists_of(role: &Role) -> Vec<Who> {
    let stages = role.stages.iter().flat_map(|stage| {
        let ladder = stage.ladder.iter().flat_map(|rung| rung.ask.iter());
        stage.approvers.iter().chain(ladder)
    });
    let glass = role.break_glass.iter();
    let glass = glass.flat_map(|glass| glass.commanders.iter().chain(&glass.review_by));
    let asking = role.requesters.iter().chain(&role.visible_to);
    asking
        .chain(&role.owner)
        .chain(stages)
        .chain(glass)
        .cloned()
        .collect()
}

/// The schedules and user groups that a list comes down to, through nested groups.
fn mentioned(
    lists: &[Who],
    groups: &BTreeMap<GroupName, Vec<Who>>,
) -> (BTreeSet<ScheduleName>, BTreeSet<String>) {
    let (mut schedules, mut user_groups) = (BTreeSet::new(), BTreeSet::new());
    let (mut open, mut seen) = (lists.to_vec(), BTreeSet::new());
    while let Some(who) = open.pop() {
        match who {
            Who::OnCall(schedule) => {
                schedules.insert(schedule);
            }
            Who::UserGroup(id) => {
                user_groups.insert(id);
            }
            Who::Group(group) => {
                if let (Some(entries), true) = (groups.get(&group), seen.insert(group.clone())) {
                    open.extend(entries.iter().cloned());
                }
            }
            Who::Everybody | Who::Account(_) | Who::Email(_) => {}
        }
    }
    (schedules, user_groups)
}

impl App {
    /// The facts that a decision about this role needs, as they are (or, for on call, were) at `at`.
    pub(super) async fn facts_about(&self, role: &Role, at: Time) -> Facts {
        let mut lists = lists_of(role);
        lists.extend(self.settings.operators.iter().cloned());
        self.facts(&lists, at).await
    }

    pub(super) async fn facts(&self, lists: &[Who], at: Time) -> Facts {
        let (schedules, user_groups) = mentioned(lists, &self.settings.groups);
        let on_call = join_all(schedules.into_iter().map(async |schedule| {
            let people = self.on_call_at(&schedule, at).await.ok();
            (schedule, people)
        }));
        let user_groups = join_all(user_groups.into_iter().map(async |id| {
            let asked = timeout(patience(), self.directory.user_group(&id)).await;
            let accounts = match asked {
                Ok(answer) => answer.ok(),
                Err(_) => self.directory.last_user_group(&id),
            };
            if accounts.is_none() {
                tracing::warn!(group = id, "a Slack user group couldn't be read");
            }
            (id, accounts)
        }));
        let (on_call, user_groups) = futures_util::future::join(on_call, user_groups).await;
        Facts {
            on_call: on_call.into_iter().collect(),
            user_groups: user_groups.into_iter().collect(),
        }
    }

    /// Who is on call, or a sentence why that can't be said.
    pub(super) async fn on_call_at(
        &self,
        schedule: &ScheduleName,
        at: Time,
    ) -> Result<Vec<Who>, String> {
        let Some(provider) = self.on_call.get(schedule) else {
            return Err(format!("There is no on-call schedule {schedule}."));
        };
        let why = match timeout(patience(), provider.on_call(at)).await {
            Ok(Ok(people)) => return Ok(people),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".into(),
        };
        tracing::warn!(%schedule, why, "an on-call schedule couldn't be read");
        Err("The schedule couldn't be read just now.".into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hallpass_domain::Who;
    use hallpass_domain::role::{GroupName, ScheduleName};

    use super::mentioned;

    #[test]
    fn schedules_and_user_groups_are_found_in_nested_groups_and_circles_end() {
        let group = |name: &str| Who::Group(GroupName::new(name));
        let groups = BTreeMap::from([
            (
                GroupName::new("a"),
                vec![group("b"), Who::UserGroup("S0A".into())],
            ),
            (
                GroupName::new("b"),
                vec![group("a"), Who::OnCall(ScheduleName::new("dba"))],
            ),
        ]);
        let (schedules, user_groups) = mentioned(&[group("a")], &groups);
        assert_eq!(schedules.len(), 1);
        assert_eq!(user_groups.len(), 1);
    }
}
