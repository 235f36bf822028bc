//! `why ROLE [DURATION]`: what would be decided if they asked now, by which rule, the nearest role that would do, and whom
//! to ask. Nothing is asked for and nothing is written.

use std::collections::BTreeMap;

use hallpass_domain::command::{Ask, DurationWord};
use hallpass_domain::request::Start;
use hallpass_domain::{Duration, Person, Role, nearest};

use super::check_ask::Checked;
use super::explain::Judged;
use super::facts::Facts;
use super::lists::decided_by;
use super::stop::Stop;
use super::words::{AskWords, YOUR_REASON};
use super::{App, all_lists};
use crate::app::answer::{Answer, WhyShown};
use crate::ports::chat::Shown;

/// How many roles are offered instead.
const NEAREST_AT_MOST: usize = 3;

impl App {
    pub(super) async fn why(
        &self,
        me: &Person,
        role: Option<&str>,
        duration: Option<DurationWord>,
    ) -> Result<Answer, Stop> {
        let command = &self.settings.command;
        let Some(typed) = role else {
            return Err(Stop::problem(format!(
                "Say which role you mean: {command} why ROLE 1h. {command} roles lists what there is."
            )));
        };
        let role = self.visible_role(me, typed).await?;
        let duration = match duration {
            Some(Ok(duration)) => duration,
            Some(Err(why)) => return Err(Stop::problem(format!("{why}."))),
            None => role.default_duration.unwrap_or(role.max_duration),
        };
        let judged = self.judged(me, &role, duration).await?;
        let fits = duration.clamp(role.min_duration, role.max_duration);
        // What would be said of the nearest duration: that this one doesn't fit is a sentence of its own.
        let otherwise = if fits == duration {
            judged.why.clone()
        } else {
            self.judged(me, &role, fits).await?.why
        };
        let sentences = self
            .in_the_way(me, &role, duration, &judged, otherwise.clone())
            .await?;
        let allowed = sentences.is_empty();
        let instead = if allowed {
            Vec::new()
        } else {
            self.instead(me, &role, duration).await
        };
        let may = allowed || fits != duration && otherwise.is_none();
        let ask = self.whom(me, &role, &judged, allowed).await?;
        Ok(Answer::Why(Box::new(WhyShown {
            role: role.name.to_string(),
            duration,
            allowed,
            sentences: if allowed {
                vec![decided(&role)]
            } else {
                sentences
            },
            rules: judged.rules,
            nearest: instead,
            would_do: may.then(|| example(command, &role, fits)),
            ask,
        })))
    }

    /// Everything that would be said against it, the rules' word first.
    async fn in_the_way(
        &self,
        me: &Person,
        role: &Role,
        duration: Duration,
        judged: &Judged,
        otherwise: Option<String>,
    ) -> Result<Vec<String>, Stop> {
        let (min, max) = (role.min_duration, role.max_duration);
        let mut sentences = Vec::new();
        let eligible = otherwise.is_none();
        sentences.extend(otherwise);
        if duration > max {
            sentences.push(format!("It is given for {max} at most."));
        } else if duration < min {
            sentences.push(format!("It is given for {min} at least."));
        }
        if eligible {
            sentences.extend(self.principal_problems(role, me).await?);
            let (ask, checked) = (Ask::default(), unchecked(duration));
            if let Err(refusal) =
                self.rehearse(me, &ask, role, &checked, &judged.panels, Start::Now)
            {
                sentences.push(refusal.to_string());
            }
        }
        if !sentences.is_empty() {
            sentences.extend(judged.facts.unread());
        }
        sentences.extend(self.nothing_given());
        Ok(sentences)
    }

    /// Roles that they may ask for so long, those that give most of the same first; else those with a similar name.
    async fn instead(&self, me: &Person, role: &Role, duration: Duration) -> Vec<String> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let others = self.settings.roles.values().filter(|other| {
            let long_enough = duration.min(role.max_duration) <= other.max_duration;
            other.name != role.name && long_enough && self.asks(me, other, &facts)
        });
        let others: Vec<&Role> = others.collect();
        let mut like: Vec<(usize, &Role)> = others
            .iter()
            .map(|other| (shared(role, other), *other))
            .filter(|(shared, _)| *shared > 0)
            .collect();
        like.sort_by_key(|(shared, other)| (std::cmp::Reverse(*shared), other.name.clone()));
        if like.is_empty() {
            let names = others.iter().map(|other| other.name.as_str());
            let near = nearest(role.name.as_str(), names).into_iter();
            return near.take(NEAREST_AT_MOST).map(str::to_owned).collect();
        }
        let names = like.iter().map(|(_, other)| other.name.to_string());
        names.take(NEAREST_AT_MOST).collect()
    }

    /// Who would be asked; where it is refused, who owns the role, else who may ask for it.
    async fn whom(
        &self,
        me: &Person,
        role: &Role,
        judged: &Judged,
        allowed: bool,
    ) -> Result<Vec<Shown>, Stop> {
        let facts: &Facts = &judged.facts;
        let mut list: Vec<_> = if allowed {
            let first = role.stages.first();
            first
                .map(|stage| stage.approvers.clone())
                .unwrap_or_default()
        } else {
            role.owner.iter().cloned().collect()
        };
        if list.is_empty() && !allowed {
            list.clone_from(&role.requesters);
        }
        let mut whom = self.mention(&list, facts).await?;
        whom.retain(|shown| !me.accounts.contains(&shown.account));
        Ok(whom)
    }
}

/// `Decided by dba on call, and then by security.`
fn decided(role: &Role) -> String {
    if role.stages.is_empty() {
        return "Nobody has to approve it: it is granted at once.".into();
    }
    let stages: Vec<String> = role.stages.iter().map(decided_by).collect();
    format!("Decided by {}.", stages.join(", and then by "))
}

/// How much of what one role gives the other gives too: the entitlement counts, then its backend.
fn shared(role: &Role, other: &Role) -> usize {
    let points = role.entitlements.iter().map(|one| {
        if other.entitlements.contains(one) {
            100
        } else {
            usize::from(
                other
                    .entitlements
                    .iter()
                    .any(|two| two.backend == one.backend),
            )
        }
    });
    points.sum()
}

/// An ask of which only the duration is known.
fn unchecked(duration: Duration) -> Checked {
    Checked {
        parameters: BTreeMap::new(),
        duration,
        ticket: None,
        problems: Vec::new(),
        would_do: String::new(),
    }
}

fn example(command: &str, role: &Role, duration: Duration) -> String {
    let required = role.parameters.iter().filter(|(_, rule)| rule.required);
    let parameters: Vec<(String, String)> = required
        .map(|(name, rule)| {
            let example = rule.example.clone();
            let example = example.unwrap_or_else(|| name.to_ascii_uppercase());
            (name.clone(), example)
        })
        .collect();
    let ticket = role.ticket.as_ref().filter(|ticket| ticket.required);
    AskWords {
        command,
        role: role.name.as_str(),
        parameters: &parameters,
        person: None,
        duration: Some(duration.word()),
        at: None,
        ticket: ticket.map(|ticket| ticket.example.as_str()),
        reason: "",
        placeholder: YOUR_REASON,
    }
    .line()
}
