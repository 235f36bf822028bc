//! From lists to people: who is meant by an entry right now, and the panels of a role's stages.
//! Accounts that can't be looked up are left out and logged; whoever is no active member is left out.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use hallpass_domain::request::Panel;
use hallpass_domain::{Person, PersonId, Role, Who};
use tokio::time::timeout;

use super::App;
use super::facts::Facts;
use super::people::{Fresh, NotPinned, patience};
use crate::ports::DirectoryError;
use crate::store::StoreError;

impl App {
    /// The stages' people, as the core wants them: the approvers, then each rung.
    pub(super) async fn panels(
        &self,
        role: &Role,
        facts: &Facts,
    ) -> Result<Vec<Panel>, StoreError> {
        let rungs: Vec<Vec<&[Who]>> = role
            .stages
            .iter()
            .map(|stage| {
                let ladder = stage.ladder.iter().map(|rung| rung.ask.as_slice());
                [stage.approvers.as_slice()]
                    .into_iter()
                    .chain(ladder)
                    .collect()
            })
            .collect();
        let all: Vec<Who> = rungs.iter().flatten().copied().flatten().cloned().collect();
        let people = self.resolve(&self.entries(&all, facts)).await?;
        let panel = |rungs: &Vec<&[Who]>| Panel {
            rungs: rungs
                .iter()
                .map(|list| ids(&self.entries(list, facts), &people))
                .collect(),
        };
        Ok(rungs.iter().map(panel).collect())
    }

    /// The people in a list, each once, in its order.
    pub(super) async fn people_in(
        &self,
        list: &[Who],
        facts: &Facts,
    ) -> Result<Vec<Person>, StoreError> {
        let entries = self.entries(list, facts);
        let mut people = self.resolve(&entries).await?;
        let ordered = ids(&entries, &people);
        let mut by_id: BTreeMap<PersonId, Person> = std::mem::take(&mut people)
            .into_values()
            .map(|person| (person.id.clone(), person))
            .collect();
        Ok(ordered.iter().filter_map(|id| by_id.remove(id)).collect())
    }

    /// The accounts and e-mails that a list comes down to; `*` is nobody in particular.
    pub(super) fn entries(&self, list: &[Who], facts: &Facts) -> Vec<Who> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        self.expand(list, facts, &mut seen, &mut entries);
        entries
    }

    fn expand(
        &self,
        list: &[Who],
        facts: &Facts,
        seen: &mut BTreeSet<Who>,
        entries: &mut Vec<Who>,
    ) {
        for who in list {
            if !seen.insert(who.clone()) {
                continue;
            }
            match who {
                Who::Everybody => {}
                Who::Account(_) | Who::Email(_) => entries.push(who.clone()),
                Who::Group(group) => {
                    let inner = self.settings.groups.get(group);
                    self.expand(inner.map_or(&[], Vec::as_slice), facts, seen, entries);
                }
                Who::OnCall(schedule) => {
                    let people = facts.on_call.get(schedule).and_then(Option::as_ref);
                    self.expand(people.map_or(&[], Vec::as_slice), facts, seen, entries);
                }
                Who::UserGroup(id) => {
                    let accounts = facts.user_groups.get(id).and_then(Option::as_ref);
                    let accounts = accounts.into_iter().flatten();
                    let accounts: Vec<Who> = accounts.cloned().map(Who::Account).collect();
                    self.expand(&accounts, facts, seen, entries);
                }
            }
        }
    }

    async fn resolve(&self, entries: &[Who]) -> Result<BTreeMap<Who, Person>, StoreError> {
        let unique: BTreeSet<&Who> = entries.iter().collect();
        let found = join_all(unique.into_iter().map(async |who| {
            let person = self.person_behind(who).await;
            (who.clone(), person)
        }))
        .await;
        let mut people = BTreeMap::new();
        for (who, person) in found {
            match person {
                Ok(person) if person.is_active_member() => {
                    people.insert(who, person);
                }
                Ok(_) => {}
                Err(NotPinned::Store(error)) => return Err(error),
                Err(why) => tracing::warn!(%who, ?why, "somebody in a list can't be asked"),
            }
        }
        Ok(people)
    }

    pub(super) async fn person_behind(&self, who: &Who) -> Result<Person, NotPinned> {
        match who {
            Who::Account(account) => self.pin(account, Fresh::Recently).await,
            Who::Email(email) => {
                let pinned = self.store.person_by_email(email).await?;
                let account = match pinned.and_then(|person| person.accounts.into_iter().next()) {
                    Some(account) => account,
                    None => match timeout(patience(), self.directory.by_email(email)).await {
                        Ok(Ok(seen)) => seen.account,
                        Ok(Err(DirectoryError::Unknown(_))) => return Err(NotPinned::Unknown),
                        Ok(Err(DirectoryError::Unavailable(_))) | Err(_) => {
                            return Err(NotPinned::Unavailable);
                        }
                    },
                };
                self.pin(&account, Fresh::Recently).await
            }
            Who::Everybody | Who::OnCall(_) | Who::Group(_) | Who::UserGroup(_) => {
                Err(NotPinned::Unknown)
            }
        }
    }
}

fn ids(entries: &[Who], people: &BTreeMap<Who, Person>) -> Vec<PersonId> {
    let mut ids: Vec<PersonId> = Vec::new();
    for person in entries.iter().filter_map(|who| people.get(who)) {
        if !ids.contains(&person.id) {
            ids.push(person.id.clone());
        }
    }
    ids
}
