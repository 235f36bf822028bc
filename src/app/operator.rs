//! For the command line: who holds what, and an end that an operator orders. The shell's account is the authority there;
//! what is done is on record as `cli:user@host`.

use std::collections::BTreeSet;

use hallpass_domain::grant::{EndReason, State};
use hallpass_domain::{Actor, Grant, ShortId, Time};
use serde::Serialize;

use super::App;
use super::words::quoted;
use crate::store::StoreError;

/// How many grants are listed.
const LISTED_AT_MOST: u32 = 10_000;

/// One grant, for a table or JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantLine {
    /// `G-7K2M`
    pub id: String,
    pub role: String,
    /// The pinned e-mail, or the Slack id where there is none.
    pub holder: String,
    /// `provisioning`, `active`, `revoking`, `ended` or `failed`.
    pub state: &'static str,
    /// RFC 3339 in JSON.
    pub since: Option<Time>,
    pub ends_at: Option<Time>,
    pub ended_at: Option<Time>,
}

impl App {
    /// The live grants, or all of them, newest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn grants(&self, all: bool) -> Result<Vec<GrantLine>, StoreError> {
        let grants = if all {
            self.store.all_grants(LISTED_AT_MOST).await?
        } else {
            self.store.live_grants(LISTED_AT_MOST).await?
        };
        let holders: BTreeSet<_> = grants.iter().map(|grant| grant.holder.clone()).collect();
        let faces = self.faces(holders).await?;
        let line = |grant: &Grant| {
            let holder = faces.shown(&grant.holder);
            let email = holder.email.map(|email| email.to_string());
            GrantLine {
                holder: email.unwrap_or_else(|| holder.account.to_string()),
                ..line(grant)
            }
        };
        Ok(grants.iter().map(line).collect())
    }

    /// Ends a grant by its id as typed (`G-7K2M`). Answers the sentence to print; `actor` is `cli:user@host`.
    ///
    /// # Errors
    /// A sentence, where there is no such grant, it is over, or the store fails.
    pub async fn revoke_as_operator(
        &self,
        id: &str,
        actor: &str,
        reason: &str,
    ) -> Result<String, String> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err("A reason is needed: it is told to the holder and kept on record.".into());
        }
        let Some(short) = ShortId::parse(id) else {
            return Err(format!("{} is no id. Write it like G-7K2M.", quoted(id)));
        };
        let found = self.store.grant_by_short(&short).await;
        let Some(grant) = found.map_err(|error| format!("{error}."))? else {
            return Err(format!("There is no grant {}.", short.of_grant()));
        };
        let by = Actor::Operator(actor.to_owned());
        let why = EndReason::Revoked {
            by: by.clone(),
            reason: reason.to_owned(),
        };
        let ended = self.end_grant(&grant.id, &why, &by).await;
        match ended.map_err(|error| format!("{error}."))? {
            Ok(()) => Ok(format!(
                "{} is being taken away; whoever serves carries it out and checks it.",
                short.of_grant()
            )),
            Err(stop) => Err(stop.into_sentence()),
        }
    }
}

fn line(grant: &Grant) -> GrantLine {
    let (state, since, ended_at) = match &grant.state {
        State::Provisioning { since, .. } => ("provisioning", Some(*since), None),
        State::Active { since, .. } => ("active", Some(*since), None),
        State::Revoking { active_since, .. } => ("revoking", *active_since, None),
        State::Ended {
            at, active_since, ..
        } => ("ended", *active_since, Some(*at)),
        State::Failed { at, .. } => ("failed", None, Some(*at)),
    };
    GrantLine {
        id: grant.short.of_grant(),
        role: grant.role.to_string(),
        holder: String::new(),
        state,
        since,
        ends_at: grant.ends_at(),
        ended_at,
    }
}
