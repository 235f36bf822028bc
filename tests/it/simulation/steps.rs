//! What can happen next: people ask, decide and give back, time passes, the worker takes a step, something breaks.

use chrono::TimeDelta;
use hallpass::app::answer::Answer;
use hallpass::app::{Caller, Press};
use hallpass::domain::SlackId;
use hallpass::domain::command::Command;
use hallpass::ports::chat::{RequestShown, StateShown};

use super::judge::Approved;
use super::outside::Luck;
use super::ports::PEOPLE;
use super::world::{Asked, World, gives};

const ROLES: [&str; 4] = ["db-admin", "db-owner", "two-keys", "logs"];
const MINUTES: [i64; 4] = [2, 5, 20, 60];
const DECIDERS: [&str; 4] = ["bob", "dana", "frank", "eve"];
/// Of what is remembered, so far back: what is newer is spoken of more often.
const RECENT: usize = 6;

impl World {
    #[expect(
        clippy::too_many_lines,
        reason = "a table of what can happen, with its odds"
    )]
    pub(super) async fn does_something(&mut self) {
        if self.bot.is_none() && self.dice.below(3) > 0 {
            return self.starts().await;
        }
        match self.dice.below(100) {
            0..12 => self.asks().await,
            12..30 => self.presses(Press::Approve, &DECIDERS, Says::Decided).await,
            30..33 => {
                let deny = |id| Press::Deny(id, "not now".into());
                self.presses(deny, &DECIDERS, Says::Decided).await;
            }
            33..35 => {
                self.presses(Press::Cancel, &["alice", "rita"], Says::Ended)
                    .await;
            }
            35..39 => {
                self.presses(Press::EndNow, &["alice", "rita", "dana"], Says::Ended)
                    .await;
            }
            39..42 => self.presses(Press::Revoke, &DECIDERS, Says::Ended).await,
            42..45 => self.breaks_the_glass().await,
            45 => self.leaves_or_returns().await,
            46..62 => {
                for _ in 0..=self.dice.below(12) {
                    if !self.steps().await {
                        break;
                    }
                }
            }
            62..75 => {
                let millis = i64::try_from(self.dice.below(20_000)).unwrap();
                self.outside.advance(TimeDelta::milliseconds(millis + 1));
            }
            75..82 => {
                let minutes = i64::try_from(self.dice.below(20)).unwrap();
                for _ in 0..=minutes {
                    self.passes(TimeDelta::minutes(1)).await;
                }
            }
            82..86 => self.outside.state().heals(),
            86..89 => {
                let name = (*self.dice.one_of(&["gate", "orders"])).to_owned();
                self.outside.state().down.insert(name);
            }
            89 => self.outside.state().chat_down = true,
            90 => self.outside.state().directory_down = true,
            91..98 => {
                let luck = *self.dice.one_of(&[
                    Luck::Lost,
                    Luck::Late,
                    Luck::Refused,
                    Luck::Lies,
                    Luck::DiesBefore,
                    Luck::DiesAfter,
                    Luck::DiesMeanwhile,
                ]);
                self.outside.state().luck = Some(luck);
            }
            _ => {
                self.outside.state().fires("crash between steps");
                self.dies().await;
            }
        }
    }

    async fn asks(&mut self) {
        let by = *self.dice.one_of(&["alice", "rita", "dana"]);
        let role = *self.dice.one_of(&ROLES);
        let minutes = *self.dice.one_of(&MINUTES);
        let what = self.deliveries;
        let text = format!("{role} {minutes}m orders stuck {what}");
        let answer = self.types(by, &text).await;
        self.remembers(answer, by, role, minutes);
    }

    async fn breaks_the_glass(&mut self) {
        let role = *self.dice.one_of(&ROLES);
        let (by, account) = *self
            .dice
            .one_of(&[("alice", "U0ALICE"), ("rita", "U0RITA")]);
        let minutes = *self.dice.one_of(&MINUTES[..3]);
        let text = format!("break-glass {role} for <@{account}> {minutes}m INC-1 all is on fire");
        let answer = self.types("carol", &text).await;
        self.remembers(answer, by, role, minutes);
    }

    fn remembers(
        &mut self,
        answer: Option<Answer>,
        by: &'static str,
        role: &'static str,
        minutes: i64,
    ) {
        let shown: RequestShown = match answer {
            Some(Answer::Asked(asked)) => asked.request,
            // Not in time: it may stand all the same, and somebody may have the access by it.
            Some(Answer::NotConfirmed) => {
                let unknown = Asked {
                    id: hallpass::domain::RequestId::new(format!("unknown-{}", self.deliveries)),
                    short: String::new(),
                    by,
                    role,
                    minutes,
                };
                let unsure = self.approved(&unknown, false);
                return self.judge.perhaps_asked(unsure);
            }
            Some(_) | None => return,
        };
        if self.asked.iter().any(|known| known.id.as_str() == shown.id) {
            return;
        }
        let asked = Asked {
            id: hallpass::domain::RequestId::new(shown.id.clone()),
            short: shown.short.clone(),
            by,
            role,
            minutes,
        };
        if matches!(shown.state, StateShown::Started(_)) {
            let approved = self.approved(&asked, true);
            self.judge.approved(&approved);
        }
        self.asked.push(asked);
    }

    async fn types(&mut self, by: &'static str, text: &str) -> Option<Answer> {
        self.deliveries += 1;
        let delivery = format!("trigger-{}", self.deliveries);
        let app = std::sync::Arc::clone(&self.bot.as_ref()?.app);
        let (caller, command) = (caller(by), Command::parse(text));
        let work = async move { app.command(&caller, command, Some(&delivery)).await };
        let answer = self.acts(work).await;
        let said = kind(&answer);
        self.outside.state().says(format!("{by}: {text} -> {said}"));
        Some(answer)
    }

    async fn presses(
        &mut self,
        press: fn(hallpass::domain::RequestId) -> Press,
        people: &[&'static str],
        says: Says,
    ) {
        let recent = self.asked.len().min(RECENT);
        let Some(app) = self.bot.as_ref().map(|bot| std::sync::Arc::clone(&bot.app)) else {
            return;
        };
        if recent == 0 {
            return;
        }
        let from = self.asked.len() - recent;
        let asked = self.dice.one_of(&self.asked[from..]).clone();
        let by = if says == Says::Ended && people.contains(&asked.by) {
            asked.by
        } else {
            *self.dice.one_of(people)
        };
        self.deliveries += 1;
        let delivery = format!("trigger-{}", self.deliveries);
        let (caller, button) = (caller(by), press(asked.id.clone()));
        let what = format!("{button:?}");
        let what = what.split('(').next().unwrap_or_default().to_owned();
        let work = async move { app.press(&caller, button, Some(&delivery), None).await };
        let answer = self.acts(work).await;
        let said = kind(&answer);
        let line = format!("{by} presses {what} on {} -> {said}", asked.short);
        self.outside.state().says(line);
        let now = self.now();
        match (says, &answer) {
            (Says::Ended, Answer::Done { .. }) => self.judge.ended(&asked, now, true),
            (Says::Ended, Answer::NotConfirmed) => self.judge.ended(&asked, now, false),
            (Says::Decided, Answer::Done { request, .. }) => {
                if matches!(request.state, StateShown::Started(_)) {
                    let approved = self.approved(&asked, true);
                    self.judge.approved(&approved);
                }
            }
            (Says::Decided, Answer::NotConfirmed) => {
                let approved = self.approved(&asked, false);
                self.judge.approved(&approved);
            }
            (Says::Ended | Says::Decided, _) => {}
        }
    }

    async fn leaves_or_returns(&mut self) {
        let (account, name) = *self.dice.one_of(&PEOPLE[..4]);
        {
            let mut state = self.outside.state();
            if !state.left.remove(account) {
                state.left.insert(account.to_owned());
            }
            state.says(format!("{name} leaves or returns"));
        }
        let now = self.now();
        self.judge.somebody_left(now);
        let Some(app) = self.bot.as_ref().map(|bot| std::sync::Arc::clone(&bot.app)) else {
            return;
        };
        let account = SlackId::parse(account).unwrap();
        let work = async move { app.person_changed(&account).await };
        self.acts(work).await;
    }
}

impl World {
    /// Approved at this moment.
    fn approved(&self, asked: &Asked, sure: bool) -> Approved {
        let keys = gives(asked.role).iter().map(|(backend, permission)| {
            let key = [*backend, asked.by, *permission].map(str::to_owned);
            key.into()
        });
        let mut state = self.outside.state();
        Approved {
            request: asked.id.clone(),
            at: state.now,
            number: state.counts(),
            keys: keys.collect(),
            duration: TimeDelta::minutes(asked.minutes),
            sure,
            stands_since: None,
            ended: None,
            perhaps_ended: None,
        }
    }
}

/// What a press means for the judge, where it is answered well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Decided,
    Ended,
}

fn caller(name: &str) -> Caller {
    let (account, _) = PEOPLE.iter().find(|(_, known)| *known == name).unwrap();
    Caller {
        account: SlackId::parse(account).unwrap(),
        team: Some("T0ACME".into()),
        channel: Some("C0GENERAL".into()),
    }
}

fn kind(answer: &Answer) -> &'static str {
    match answer {
        Answer::Asked(_) => "asked",
        Answer::Problems(_) => "problems",
        Answer::Refused { .. } => "refused",
        Answer::Done { .. } | Answer::Extended(_) => "done",
        Answer::NotConfirmed => "not confirmed",
        Answer::Roles(_)
        | Answer::Form(_)
        | Answer::Mine(_)
        | Answer::Pending { .. }
        | Answer::Active { .. }
        | Answer::Later(_)
        | Answer::OnCall(_)
        | Answer::Status { .. }
        | Answer::Why(_)
        | Answer::Help(_) => "something else",
    }
}
