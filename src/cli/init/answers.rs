//! What `init` must know, from flags, from the terminal, or as marked placeholders.

use std::io::{BufRead, Write};

use anyhow::{Result, bail};

use crate::config::{is_email, is_slack_id};

use super::Args;
use super::workspace::Workspace;

/// What the first role is granted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    Postgres,
    Webhook,
}

impl Backend {
    /// The variable that holds its secret.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "ORDERS_DB_ADMIN_URL",
            Self::Webhook => "GATE_SECRET",
        }
    }
}

/// Everything checked in shape; Slack ids, e-mails or `*`.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) approvals_channel: String,
    pub(super) security_channel: String,
    pub(super) requesters: Vec<String>,
    pub(super) approvers: Vec<String>,
    pub(super) commander: String,
    pub(super) backend: Backend,
    /// Some answer is an example of ours.
    pub(super) placeholders: bool,
}

/// One thing to ask for.
struct Question<'a> {
    text: &'a str,
    flag: &'a str,
    given: Option<&'a str>,
    /// Taken under `--yes` and on an empty line: what Slack suggests, or a placeholder.
    default: Option<String>,
    placeholder: &'a str,
}

struct Asking<'a> {
    yes: bool,
    workspace: Option<&'a Workspace>,
    input: &'a mut dyn BufRead,
    talk: &'a mut dyn Write,
    placeholders: bool,
}

/// Flags first, then questions.
pub(super) fn gather(
    args: &Args,
    workspace: Option<&Workspace>,
    input: &mut dyn BufRead,
    talk: &mut dyn Write,
) -> Result<Answers> {
    let mut asking = Asking {
        yes: args.yes,
        workspace,
        input,
        talk,
        placeholders: false,
    };
    let approvals_channel = asking.channel(
        "Channel for approval cards",
        ("--approvals-channel", args.approvals_channel.as_deref()),
        (&["approv", "access"], "C0APPROVE"),
    )?;
    let security_channel = asking.channel(
        "Channel for security alarms",
        ("--security-channel", args.security_channel.as_deref()),
        (&["secur", "incident"], "C0SECURE"),
    )?;
    let requesters = asking.people(
        "Who may ask (ids, e-mails or user groups, separated by commas; * for everybody)",
        ("--requesters", args.requesters.as_deref()),
        "U0ALICE",
        people,
    )?;
    let approvers = asking.people(
        "Who approves",
        ("--approvers", args.approvers.as_deref()),
        "U0BOB",
        |text, slack| people(text, slack).and_then(not_everybody),
    )?;
    let alone = (approvers.len() == 1).then(|| approvers[0].clone());
    let commander = asking.people(
        "Incident commander, who may break the glass",
        ("--commander", args.commander.as_deref()),
        "U0CAROL",
        |text, slack| commander(text, slack, alone.as_deref()),
    )?;
    let backend = asking.backend(args.backend)?;
    Ok(Answers {
        approvals_channel,
        security_channel,
        requesters,
        approvers,
        commander,
        backend,
        placeholders: asking.placeholders,
    })
}

type Read<T> = Result<T, String>;

/// A flag and what it was given.
type Flag<'a> = (&'a str, Option<&'a str>);

impl Asking<'_> {
    /// A channel; Slack suggests one whose name holds one of the words.
    fn channel(
        &mut self,
        text: &str,
        (flag, given): Flag<'_>,
        (words, placeholder): (&[&str], &str),
    ) -> Result<String> {
        let default = self
            .workspace
            .and_then(|slack| slack.suggest_channel(words));
        let question = Question {
            text,
            flag,
            given,
            default,
            placeholder,
        };
        self.until(&question, channel)
    }

    /// People, whom nobody can suggest.
    fn people<T>(
        &mut self,
        text: &str,
        (flag, given): Flag<'_>,
        placeholder: &str,
        read: impl Fn(&str, Option<&Workspace>) -> Read<T>,
    ) -> Result<T> {
        let question = Question {
            text,
            flag,
            given,
            default: None,
            placeholder,
        };
        self.until(&question, read)
    }

    /// The flag's value, or the first answer that will do.
    fn until<T>(
        &mut self,
        question: &Question<'_>,
        read: impl Fn(&str, Option<&Workspace>) -> Read<T>,
    ) -> Result<T> {
        if let Some(given) = question.given {
            return read(given, self.workspace)
                .map_err(|why| anyhow::anyhow!("{}: {why}", question.flag));
        }
        let default = question.default.as_deref();
        if self.yes {
            self.placeholders |= default.is_none();
            return read(default.unwrap_or(question.placeholder), self.workspace)
                .map_err(|why| anyhow::anyhow!("{}: {why}", question.flag));
        }
        loop {
            match default {
                Some(default) => write!(self.talk, "{} [{default}]: ", question.text)?,
                None => write!(
                    self.talk,
                    "{}, like {}: ",
                    question.text, question.placeholder
                )?,
            }
            self.talk.flush()?;
            let Some(line) = self.line()? else {
                bail!(
                    "The answers ended at “{}”; give it by {}.",
                    question.text,
                    question.flag
                );
            };
            let answer = match (line.is_empty(), default) {
                (true, Some(default)) => default.to_owned(),
                (true | false, _) => line,
            };
            match read(&answer, self.workspace) {
                Ok(value) => return Ok(value),
                Err(why) => writeln!(self.talk, "{why}")?,
            }
        }
    }

    fn backend(&mut self, given: Option<Backend>) -> Result<Backend> {
        let question = Question {
            text: "First backend, postgres or webhook",
            flag: "--backend",
            given: None,
            default: Some("postgres".into()),
            placeholder: "postgres",
        };
        match given {
            Some(backend) => Ok(backend),
            None => self.until(&question, |text, _| match text {
                "postgres" => Ok(Backend::Postgres),
                "webhook" => Ok(Backend::Webhook),
                other => Err(format!("“{other}” is neither postgres nor webhook.")),
            }),
        }
    }

    /// One line without white space around it; None at the end.
    fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let read = self.input.read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim().to_owned()))
    }
}

fn channel(text: &str, slack: Option<&Workspace>) -> Read<String> {
    if is_slack_id(text, &['C', 'G']) {
        return Ok(text.into());
    }
    match slack {
        Some(slack) => slack
            .channel(text.trim_start_matches('#'))
            .ok_or_else(|| format!("The bot sees no channel “{text}”. Invite it, or give the id.")),
        None => Err(format!(
            "“{text}” is not a channel's id. It looks like C0APPROVE and stands at the bottom of the channel's details in Slack."
        )),
    }
}

fn person(text: &str, slack: Option<&Workspace>) -> Read<String> {
    let known = is_slack_id(text, &['U', 'W', 'S']);
    if known {
        return Ok(text.into());
    }
    if let Some(slack) = slack {
        return slack
            .person(text.trim_start_matches('@'))
            .ok_or_else(|| format!("Slack knows no active member “{text}”."));
    }
    if is_email(text) {
        return Ok(text.to_lowercase());
    }
    Err(format!(
        "“{text}” is nobody. Give a Slack id like U0ALICE or an e-mail."
    ))
}

fn people(text: &str, slack: Option<&Workspace>) -> Read<Vec<String>> {
    if text.trim() == "*" {
        return Ok(vec!["*".into()]);
    }
    let mut people = Vec::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let one = person(one, slack)?;
        if !people.contains(&one) {
            people.push(one);
        }
    }
    if people.is_empty() {
        return Err("Somebody is needed here.".into());
    }
    Ok(people)
}

fn not_everybody(people: Vec<String>) -> Read<Vec<String>> {
    if people == ["*"] {
        return Err("Not everybody can be an approver; name people or a Slack user group.".into());
    }
    Ok(people)
}

/// Somebody must be left to decide the approver's own request, and to review the commander's.
fn commander(text: &str, slack: Option<&Workspace>, only_approver: Option<&str>) -> Read<String> {
    let commander = person(text, slack)?;
    if commander.starts_with('S') {
        return Err("The commander is a person, not a user group.".into());
    }
    if only_approver == Some(commander.as_str()) {
        return Err("The only approver can't be the commander too: nobody would be left to review what they did.".into());
    }
    Ok(commander)
}
