//! A configuration is loaded: its text is archived, and whoever gained or lost authority by it is told to the security
//! channel. What was not told yet isn't archived, so the next start tells it.

use std::collections::BTreeSet;

use hallpass_domain::{Actor, Change, Event, EventKind, Role, Who};

use super::App;
use crate::ports::chat::Message;
use crate::store::{Store, StoreError};

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
    /// Compares with the last configuration, archives it, and tells who gained or lost authority. Telling goes on in
    /// the background while Slack doesn't answer.
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
        let gained: Vec<String> = statements.difference(&before).cloned().collect();
        let lost: Vec<String> = before.difference(&statements).cloned().collect();
        self.record_load(digest, gained.len(), lost.len()).await?;
        if gained.is_empty() && lost.is_empty() {
            self.store
                .archive_configuration(digest, text, &authority, now)
                .await?;
        } else {
            tracing::warn!(
                digest,
                gained = gained.len(),
                lost = lost.len(),
                "a configuration that moves authority is loaded"
            );
            let archive = Archive {
                store: self.store.clone(),
                digest: digest.to_owned(),
                text: text.to_owned(),
                authority,
                at: now,
            };
            let message = Message::Authority {
                digest: digest.to_owned(),
                gained: gained.clone(),
                lost: lost.clone(),
            };
            let told = self.told_security(message);
            tokio::spawn(async move {
                told.await;
                archive.keep().await;
            });
        }
        Ok(Loaded::Changed { gained, lost })
    }

    async fn record_load(
        &self,
        digest: &str,
        gained: usize,
        lost: usize,
    ) -> Result<(), StoreError> {
        let event = Event::new(EventKind::ConfigurationLoaded, Actor::Hallpass, self.now())
            .fact("digest", digest)
            .fact("gained", gained)
            .fact("lost", lost);
        self.store.apply_one(Change::default().event(event)).await?;
        Ok(())
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

struct Archive {
    store: Store,
    digest: String,
    text: String,
    authority: serde_json::Value,
    at: hallpass_domain::Time,
}

impl Archive {
    async fn keep(self) {
        let kept =
            self.store
                .archive_configuration(&self.digest, &self.text, &self.authority, self.at);
        if let Err(error) = kept.await {
            tracing::error!(%error, "the configuration couldn't be archived; the next start tells it again");
        }
    }
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
