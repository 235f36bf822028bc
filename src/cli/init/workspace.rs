//! Channels and people as Slack knows them, for `init --from-slack`: two Web API methods, read page by page
//! with a limit on time, size and pages.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::config::Environment;
use crate::config::env::bot_token;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a 429 is waited for, and how often.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const WAITS: u32 = 5;
/// Of 200 entries each.
const PAGES: usize = 50;
/// Bytes of one answer.
const LARGEST: usize = 8 << 20;

#[derive(Debug, Clone, Default)]
pub(super) struct Workspace {
    /// Id and name, archived ones left out.
    pub(super) channels: Vec<(String, String)>,
    pub(super) people: Vec<Member>,
}

/// An active member: no bot, no guest, not deactivated.
#[derive(Debug, Clone)]
pub(super) struct Member {
    id: String,
    name: String,
    email: Option<String>,
}

impl Workspace {
    pub(super) fn channel(&self, name: &str) -> Option<String> {
        self.channels
            .iter()
            .find(|(_, known)| known == name)
            .map(|(id, _)| id.clone())
    }

    /// The first channel whose name holds one of the words, in the words' order.
    pub(super) fn suggest_channel(&self, words: &[&str]) -> Option<String> {
        words.iter().find_map(|word| {
            self.channels
                .iter()
                .find(|(_, name)| name.contains(word))
                .map(|(_, name)| format!("#{name}"))
        })
    }

    /// By e-mail or handle.
    pub(super) fn person(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        self.people
            .iter()
            .find(|member| member.name == text || member.email.as_ref() == Some(&text))
            .map(|member| member.id.clone())
    }

    pub(super) fn name_of(&self, id: &str) -> Option<String> {
        let channel = self.channels.iter().find(|(known, _)| known == id);
        let member = self.people.iter().find(|member| member.id == id);
        channel.map(|(_, name)| format!("#{name}")).or_else(|| {
            member.map(|member| {
                let email = member.email.as_deref().map(|email| format!(", {email}"));
                format!("@{}{}", member.name, email.unwrap_or_default())
            })
        })
    }

    /// The e-mail domain of most people.
    pub(super) fn main_domain(&self) -> Option<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let emails = self.people.iter().filter_map(|one| one.email.as_deref());
        for domain in emails.filter_map(|email| email.split_once('@').map(|(_, domain)| domain)) {
            *counts.entry(domain).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(domain, _)| domain.to_owned())
    }
}

/// Asks Slack, on a runtime of its own so that it can be called from anywhere.
pub(super) fn fetch(env: &dyn Environment, api_url: &str) -> Result<Workspace> {
    let token = bot_token(env).map_err(anyhow::Error::msg)?;
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("can't start a runtime")?;
            runtime.block_on(ask(api_url, &token))
        });
        asking.join()
    });
    match asked {
        Ok(workspace) => workspace,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn ask(api_url: &str, token: &SecretString) -> Result<Workspace> {
    // An error says that one is installed already, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("can't make an HTTP client")?;
    let slack = Slack {
        client,
        api_url,
        token,
    };
    let channels = slack
        .all(
            "conversations.list",
            &[
                ("types", "public_channel,private_channel"),
                ("exclude_archived", "true"),
            ],
            "channels",
        )
        .await?;
    let people = slack.all("users.list", &[], "members").await?;
    Ok(Workspace {
        channels: channels.iter().filter_map(read_channel).collect(),
        people: people.iter().filter_map(read_member).collect(),
    })
}

fn read_channel(channel: &Value) -> Option<(String, String)> {
    let archived = channel["is_archived"].as_bool().unwrap_or(false);
    let id = channel["id"].as_str()?;
    let name = channel["name"].as_str()?;
    (!archived).then(|| (id.to_owned(), name.to_owned()))
}

fn read_member(member: &Value) -> Option<Member> {
    let flag = |name: &str| member[name].as_bool().unwrap_or(false);
    let other = ["deleted", "is_bot", "is_restricted", "is_ultra_restricted"];
    let id = member["id"].as_str()?;
    if other.iter().any(|name| flag(name)) || id == "USLACKBOT" {
        return None;
    }
    let email = member["profile"]["email"].as_str();
    Some(Member {
        id: id.to_owned(),
        name: member["name"].as_str().unwrap_or_default().to_lowercase(),
        email: email
            .filter(|_| member["is_email_confirmed"].as_bool() != Some(false))
            .map(str::to_lowercase),
    })
}

struct Slack<'a> {
    client: reqwest::Client,
    api_url: &'a str,
    token: &'a SecretString,
}

impl Slack<'_> {
    /// Every entry of a list method (Slack's cursor pagination).
    async fn all(&self, method: &str, fixed: &[(&str, &str)], field: &str) -> Result<Vec<Value>> {
        let mut out = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut query = fixed.to_vec();
            query.push(("limit", "200"));
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let mut page = self.call(method, &query).await?;
            if let Value::Array(entries) = page[field].take() {
                out.extend(entries);
            }
            let next = page["response_metadata"]["next_cursor"].as_str();
            match next.filter(|next| !next.is_empty()) {
                Some(next) => next.clone_into(&mut cursor),
                None => return Ok(out),
            }
        }
        Ok(out)
    }

    async fn call(&self, method: &str, query: &[(&str, &str)]) -> Result<Value> {
        for _ in 0..WAITS {
            let response = self
                .client
                .get(format!("{}/{method}", self.api_url))
                .bearer_auth(self.token.expose_secret())
                .query(query)
                .send()
                .await
                .with_context(|| format!("{method}: Slack can't be reached"))?;
            if response.status().as_u16() == 429 {
                tokio::time::sleep(retry_after(&response)).await;
                continue;
            }
            let status = response.status();
            let body = bounded(response).await?;
            let answer: Value = serde_json::from_slice(&body)
                .with_context(|| format!("{method}: Slack answered {status} and no JSON"))?;
            if answer["ok"].as_bool() == Some(true) {
                return Ok(answer);
            }
            let error = answer["error"].as_str().unwrap_or("no reason");
            bail!("{method}: Slack says {error}{}", advice(error));
        }
        bail!("{method}: Slack asks to wait; try again in a minute");
    }
}

fn retry_after(response: &reqwest::Response) -> Duration {
    response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map_or(Duration::from_secs(1), Duration::from_secs)
        .min(LONGEST_WAIT)
}

async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.context("Slack's answer broke off")? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            bail!("Slack's answer is larger than 8 MiB");
        }
    }
    Ok(body)
}

fn advice(error: &str) -> &'static str {
    match error {
        "missing_scope" => " (install the app with the scopes of `hallpass manifest`)",
        "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" => {
            " (SLACK_BOT_TOKEN is not a valid token)"
        }
        _ => "",
    }
}
