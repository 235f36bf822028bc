//! A configuration is loaded: its text is archived, and who gained or lost authority by it is announced to the security
//! channel, in the same commit as the event that it was loaded.

use std::collections::BTreeSet;

use hallpass_domain::{Actor, Announcement, Change, Event, EventKind, Role, Who};

use super::App;
use crate::store::StoreError;

/// How many of its lines are put on record word for word; the rest stands in its archived text.
const RECORDED_AT_MOST: usize = 1_000;

/// What loading it meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// The one that was loaded last.
    Same,
    /// The first one, or another text; authority moved where the lists aren't empty.
    Changed {
        gained: Vec<String>,
        lost: Vec<String>,
    },
}

impl App {
    /// Compares with the last configuration, archives it, and announces who gained or lost authority. Slack isn't
    /// waited for: the worker tells it.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn load_configuration(&self, digest: &str, text: &str) -> Result<Loaded, StoreError> {
        let now = self.now();
        let statements = self.authority();
        let previous = self.store.last_configuration().await?;
        if previous
            .as_ref()
            .is_some_and(|previous| previous.digest == digest)
        {
            return Ok(Loaded::Same);
        }
        // The first configuration of a database gives all the authority there is: that is told, too.
        let before: BTreeSet<String> = previous
            .as_ref()
            .and_then(|previous| serde_json::from_value(previous.authority.clone()).ok())
            .unwrap_or_default();
        let authority = serde_json::json!(statements);
        let gained = by_weight(statements.difference(&before));
        let lost = by_weight(before.difference(&statements));
        let moved = !gained.is_empty() || !lost.is_empty();
        if moved {
            tracing::warn!(
                digest,
                gained = gained.len(),
                lost = lost.len(),
                "a configuration that moves authority is loaded"
            );
        }
        let event = Event::new(EventKind::ConfigurationLoaded, Actor::Hallpass, now)
            .fact("digest", digest)
            .fact("gained", gained.len())
            .fact("lost", lost.len());
        // Each by itself: whoever is named in one can be erased, and that there were so many stays.
        let event = [("gained", &gained), ("lost", &lost)]
            .into_iter()
            .flat_map(|(field, all)| all.iter().map(move |one| (field, one)))
            .take(RECORDED_AT_MOST)
            .fold(event, |event, (field, one)| event.personal(field, one));
        let mut change = Change::default().event(event);
        if moved {
            change = change.announce(Announcement::AuthorityChanged {
                digest: digest.to_owned(),
                gained: gained.clone(),
                lost: lost.clone(),
            });
        }
        // Replicas that start together, and a start after a crash before the archive, tell it once.
        let after = previous.map_or(0, |previous| previous.loaded_at.timestamp_micros());
        change.delivery = Some(format!("configuration:{after}:{digest}"));
        self.store.apply_one(change).await?;
        self.store
            .archive_configuration(digest, text, &authority, now)
            .await?;
        Ok(Loaded::Changed { gained, lost })
    }

    /// Who may do what by this configuration, a sentence each: what two configurations are compared by.
    fn authority(&self) -> BTreeSet<String> {
        let settings = &self.settings;
        let mut all = BTreeSet::new();
        for role in settings.roles.values() {
            of_role(role, &mut all);
        }
        for (group, entries) in &settings.groups {
            each(entries, &format!("is in the group {group}"), &mut all);
        }
        for (schedule, provider) in &self.on_call {
            let people = provider.everybody();
            each(&people, &format!("can be on call for {schedule}"), &mut all);
        }
        each(&settings.operators, "runs Hallpass (operator)", &mut all);
        for (account, mapped) in &settings.people {
            if let Some(email) = &mapped.email {
                all.insert(format!("{account} counts as {email}"));
            }
            for (backend, principal) in &mapped.principals {
                all.insert(format!("{account} is {principal} in {backend}"));
            }
        }
        for domain in &settings.email_domains {
            all.insert(format!(
                "Addresses at {domain} are people of this workspace"
            ));
        }
        all
    }
}

/// What weighs most first: who can do most alone, and who decides over others.
fn by_weight<'a>(statements: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut all: Vec<String> = statements.cloned().collect();
    all.sort_by_key(|statement| weight(statement));
    all
}

fn weight(statement: &str) -> usize {
    [
        " runs Hallpass (operator)",
        " may break the glass for ",
        " is granted at once, without approval",
        " decides ",
        " reviews break-glass of ",
        " counts as ",
        " owns ",
        " gives ",
    ]
    .iter()
    .position(|known| statement.contains(known))
    .unwrap_or(usize::MAX)
}

fn each(entries: &[Who], what: &str, all: &mut BTreeSet<String>) {
    all.extend(entries.iter().map(|who| format!("{who} {what}")));
}

fn of_role(role: &Role, all: &mut BTreeSet<String>) {
    let name = &role.name;
    each(&role.requesters, &format!("may ask for {name}"), all);
    all.insert(format!("{name} lasts {} at most", role.max_duration));
    for entitlement in &role.entitlements {
        let (what, backend) = (entitlement.shown(), &entitlement.backend);
        all.insert(format!("{name} gives {what} in {backend}"));
    }
    if let Some(owner) = &role.owner {
        all.insert(format!("{owner} owns {name}"));
    }
    if role.stages.is_empty() {
        all.insert(format!("{name} is granted at once, without approval"));
    }
    for (index, stage) in role.stages.iter().enumerate() {
        let number = index + 1;
        let what = format!("decides {name}, stage {number}");
        each(&stage.approvers, &what, all);
        all.insert(format!(
            "{name}, stage {number}, takes {} of them",
            stage.needed()
        ));
        for rung in &stage.ladder {
            let what = format!("decides {name}, stage {number}, after {}", rung.after);
            each(&rung.ask, &what, all);
        }
    }
    if let Some(glass) = &role.break_glass {
        each(
            &glass.commanders,
            &format!("may break the glass for {name}"),
            all,
        );
        each(
            &glass.review_by,
            &format!("reviews break-glass of {name}"),
            all,
        );
        all.insert(format!(
            "Break-glass of {name} lasts {} at most",
            glass.max_duration
        ));
    }
    if let Some(extend) = &role.extend {
        all.insert(format!(
            "{name} can be extended {} times by {}",
            extend.times, extend.by
        ));
    }
}
