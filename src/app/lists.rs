//! What somebody asks to see: roles, their own, what waits, what is active, who is on call, help. Only what they may see.

use futures_util::future::join_all;
use hallpass_domain::request::{Start, State};
use hallpass_domain::role::StageRule;
use hallpass_domain::{Person, Request, Role, Who};

use super::check_ask::usual;
use super::facts::{Facts, Unread};
use super::read::shown_person;
use super::stop::Stop;
use super::words::{AskWords, YOUR_REASON};
use super::{App, all_lists};
use crate::app::answer::{Answer, HelpShown, OnCallShown, ParameterShown, Problems, RoleShown};
use crate::policy::listed;
use crate::ports::chat::{RequestShown, StateShown};
use crate::store::RequestFilter;

/// How many requests one answer lists.
const LISTED_AT_MOST: u32 = 100;
/// Of one's own, the newest.
const OWN_AT_MOST: u32 = 30;

impl App {
    pub(super) async fn roles(&self, me: &Person) -> Result<Answer, Stop> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let roles = self.settings.roles.values();
        let mut shown: Vec<RoleShown> = roles
            .filter(|role| self.sees(me, role, &facts))
            .map(|role| self.role_shown(me, role, &facts))
            .collect();
        shown.sort_by_key(|role| !role.yours);
        Ok(Answer::Roles(shown))
    }

    pub(super) fn sees(&self, me: &Person, role: &Role, facts: &Facts) -> bool {
        let memberships = facts.of(me, Unread::Nobody);
        self.policy.may_see(&memberships.subject(me), role).allowed
    }

    pub(super) fn asks(&self, me: &Person, role: &Role, facts: &Facts) -> bool {
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        self.policy
            .may_ask(&subject, role, role.min_duration)
            .allowed
    }

    fn role_shown(&self, me: &Person, role: &Role, facts: &Facts) -> RoleShown {
        let mut parameters: Vec<ParameterShown> = role
            .parameters
            .iter()
            .map(|(name, rule)| ParameterShown {
                name: name.clone(),
                required: rule.required,
                example: rule.example.clone(),
            })
            .collect();
        parameters.sort_by_key(|parameter| !parameter.required);
        let ticket = role.ticket.as_ref().filter(|ticket| ticket.required);
        RoleShown {
            name: role.name.to_string(),
            description: role.description.clone(),
            environment: role.environment.as_ref().map(|one| one.name.clone()),
            max_duration: role.max_duration,
            default_duration: role.default_duration,
            parameters,
            ticket_example: ticket.map(|ticket| ticket.example.clone()),
            yours: self.asks(me, role, facts),
            decided_by: role.stages.iter().map(decided_by).collect(),
        }
    }

    pub(super) async fn mine(&self, me: &Person) -> Result<Answer, Stop> {
        let own = RequestFilter::Of(me.id.clone());
        let requests = self.store.requests(own, OWN_AT_MOST).await?;
        let mut shown = self.shown_all(&requests).await?;
        shown.sort_by_key(|request| !is_live(request));
        Ok(Answer::Mine(shown))
    }

    pub(super) async fn pending(&self, me: &Person) -> Result<Answer, Stop> {
        let requests = self
            .store
            .requests(RequestFilter::Pending, LISTED_AT_MOST)
            .await?;
        let visible = self.visible(me, requests).await;
        let (for_you, others): (Vec<Request>, Vec<Request>) = visible
            .into_iter()
            .partition(|request| waits_for(me, request));
        Ok(Answer::Pending {
            for_you: self.shown_all(&for_you).await?,
            others: self.shown_all(&others).await?,
        })
    }

    pub(super) async fn active(&self, me: &Person) -> Result<Answer, Stop> {
        let requests = self
            .store
            .requests(RequestFilter::LiveGrants, LISTED_AT_MOST)
            .await?;
        let later = self
            .store
            .requests(RequestFilter::Scheduled, LISTED_AT_MOST)
            .await?;
        let visible = self.visible(me, requests).await;
        let mut later = self.visible(me, later).await;
        later.sort_by_key(|request| match request.start {
            Start::Now => request.asked_at,
            Start::At(at) => at,
        });
        Ok(Answer::Active {
            now: self.shown_all(&visible).await?,
            later: self.shown_all(&later).await?,
        })
    }

    async fn visible(&self, me: &Person, requests: Vec<Request>) -> Vec<Request> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let may_know = |request: &Request| {
            request.is_own(&me.id) || self.sees(me, &self.present_role(request), &facts)
        };
        requests.into_iter().filter(may_know).collect()
    }

    pub(super) async fn who_is_on_call(&self) -> Result<Answer, Stop> {
        let now = self.now();
        let shown = join_all(self.on_call.iter().map(async |(schedule, provider)| {
            let (people, problem) = match self.on_call_at(schedule, now).await {
                Ok(people) => (self.people_in(&people, &Facts::default()).await?, None),
                Err(problem) => (Vec::new(), Some(problem)),
            };
            Ok(OnCallShown {
                schedule: schedule.to_string(),
                people: people.iter().map(shown_person).collect(),
                until: provider.next_change(now),
                problem,
            })
        }))
        .await;
        let shown: Result<Vec<OnCallShown>, crate::store::StoreError> = shown.into_iter().collect();
        Ok(Answer::OnCall(shown?))
    }

    pub(super) async fn help(&self, me: &Person) -> Result<Answer, Stop> {
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let yours = self.settings.roles.values();
        let example = yours
            .filter(|role| self.asks(me, role, &facts))
            .min_by_key(|role| role.parameters.len());
        let commanders: Vec<Who> = self
            .settings
            .roles
            .values()
            .filter(|role| self.sees(me, role, &facts))
            .filter_map(|role| role.break_glass.as_ref())
            .flat_map(|rule| rule.commanders.iter().cloned())
            .collect();
        Ok(Answer::Help(HelpShown {
            command: self.settings.command.clone(),
            example: example.map(|role| role.name.to_string()),
            commanders: self.mention(&commanders, &facts).await?,
        }))
    }

    /// No words at all, and no form: what to type, with an example that would do.
    pub(super) async fn how_to_ask(&self, me: &Person) -> Result<Answer, Stop> {
        let command = &self.settings.command;
        let facts = self.facts(&all_lists(&self.settings), self.now()).await;
        let roles = self.settings.roles.values();
        let yours: Vec<&Role> = roles.filter(|role| self.asks(me, role, &facts)).collect();
        let example = yours.iter().min_by_key(|role| role.parameters.len());
        let mut problems = Problems {
            sentences: vec![format!(
                "Type what you need: the role, for how long, and why. {command} roles shows what you can ask for, {command} help everything else."
            )],
            ..Problems::default()
        };
        problems.would_do = example.map(|role| example_of(command, role));
        if example.is_none() {
            problems
                .sentences
                .push("There is no role yet that you may ask for.".into());
        }
        Err(Answer::Problems(problems).into())
    }
}

fn example_of(command: &str, role: &Role) -> String {
    let parameters = role.parameters.iter().filter(|(_, rule)| rule.required);
    let parameters: Vec<(String, String)> = parameters
        .map(|(name, rule)| {
            let example = rule.example.clone();
            (
                name.clone(),
                example.unwrap_or_else(|| name.to_ascii_uppercase()),
            )
        })
        .collect();
    let duration = role.default_duration.unwrap_or_else(|| usual(role));
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

/// `dba on call (if nobody answers: security)`; `2 of security` where it takes more than one.
pub(super) fn decided_by(stage: &StageRule) -> String {
    let first = listed(&stage.approvers);
    let first = match stage.needed() {
        0 | 1 => first,
        needed => format!("{needed} of {first}"),
    };
    let later: Vec<String> = stage.ladder.iter().map(|rung| listed(&rung.ask)).collect();
    if later.is_empty() {
        first
    } else {
        format!("{first} (if nobody answers: {})", later.join(", then "))
    }
}

fn is_live(request: &RequestShown) -> bool {
    use crate::ports::chat::GrantStateShown;
    match &request.state {
        StateShown::Pending(_) | StateShown::Scheduled { .. } => true,
        StateShown::Started(grant) => matches!(
            grant.state,
            GrantStateShown::Provisioning
                | GrantStateShown::Active { .. }
                | GrantStateShown::Revoking { .. }
        ),
        StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => false,
    }
}

pub(super) fn waits_for(me: &Person, request: &Request) -> bool {
    let State::Pending(open) = &request.state else {
        return false;
    };
    let answered = request
        .reviews
        .iter()
        .any(|review| review.reviewer == me.id);
    open.asked.contains(&me.id) && !answered
}

#[cfg(test)]
mod tests {
    use hallpass_domain::role::{GroupName, Rung, ScheduleName, StageRule};
    use hallpass_domain::{Duration, Who};

    use super::decided_by;

    #[test]
    fn a_stage_is_told_with_its_ladder_and_quorum() {
        let stage = StageRule {
            approvers: vec![Who::OnCall(ScheduleName::new("dba"))],
            quorum: 2,
            ladder: vec![Rung {
                after: Duration::from_mins(10),
                ask: vec![Who::Group(GroupName::new("security"))],
            }],
        };
        assert_eq!(
            decided_by(&stage),
            "2 of dba on call (if nobody answers: security)"
        );
    }
}
