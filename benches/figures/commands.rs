//! Signed commands as Slack sends them, each with a trigger of its own, timed from the first byte to the whole answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use hallpass::ports::Clock;
use hallpass::wiring::SystemClock;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use serde_json::Value;
use sha2::Sha256;
use url::form_urlencoded;

use super::workplace::{self, ROLE};

/// Slack's side: signs and sends.
pub(crate) struct Sender {
    client: Client,
    url: String,
    clock: SystemClock,
    sent: AtomicUsize,
}

impl Sender {
    /// No two of a bench send the same command.
    pub(crate) fn to(bot: SocketAddr) -> Arc<Self> {
        static SENDERS: AtomicUsize = AtomicUsize::new(0);
        let first = SENDERS.fetch_add(1, Ordering::Relaxed) * 1_000_000;
        Arc::new(Self {
            client: Client::new(),
            url: format!("http://{bot}/slack/commands"),
            clock: SystemClock::default(),
            sent: AtomicUsize::new(first),
        })
    }

    /// `times` asks by each of `askers`, one at a time for each asker, all askers at once; every one must be on record.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        askers: std::ops::Range<usize>,
        times: usize,
    ) -> Result<Vec<Duration>> {
        let asking = askers.map(|asker| {
            let sender = Arc::clone(self);
            let all = async move {
                let mut took = Vec::with_capacity(times);
                for _ in 0..times {
                    took.push(sender.ask_once(asker).await?);
                }
                anyhow::Ok(took)
            };
            tokio::spawn(all)
        });
        let took = try_join_all(asking).await?;
        Ok(took.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    /// One ask, which must be on record.
    pub(crate) async fn ask_once(&self, asker: usize) -> Result<Duration> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let text = format!("{ROLE} 1h order {number} is stuck, INC-4711");
        let (answer, took) = self.send(asker, &text, number).await?;
        // What is on record is answered with its letters.
        ensure!(answer.contains("R-"), "{text} was answered: {answer}");
        Ok(took)
    }

    /// A command that writes nothing: the way there and back, and who it is that asks.
    pub(crate) async fn help(&self, asker: usize) -> Result<Duration> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(self.send(asker, "help", number).await?.1)
    }

    async fn send(&self, asker: usize, text: &str, number: usize) -> Result<(String, Duration)> {
        let body = form(asker, text, number);
        let timestamp = self.clock.now().timestamp().to_string();
        let signature = signature(&timestamp, &body)?;
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", timestamp)
            .header("x-slack-signature", signature)
            .body(body);
        let began = Instant::now();
        let answer = request.send().await?;
        let status = answer.status();
        let answer = answer.text().await?;
        let took = began.elapsed();
        ensure!(
            status.is_success(),
            "{text} was answered with {status}: {answer}"
        );
        let answer: Value = serde_json::from_str(&answer).context("an answer in JSON")?;
        Ok((answer.to_string(), took))
    }
}

/// The fields of a slash command, in Slack's order.
fn form(asker: usize, text: &str, number: usize) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("token", "sandbox-verification-token")
        .append_pair("team_id", workplace::TEAM)
        .append_pair("team_domain", "acme")
        .append_pair("channel_id", workplace::CHANNEL)
        .append_pair("channel_name", "general")
        .append_pair("user_id", &workplace::asker(asker))
        .append_pair("user_name", &format!("asker{asker}"))
        .append_pair("command", "/prod-access")
        .append_pair("text", text)
        .append_pair("api_app_id", "A0SANDBOX")
        .append_pair("is_enterprise_install", "false")
        .append_pair(
            "response_url",
            "https://hooks.slack.com/commands/T0ACME/1/bench",
        )
        .append_pair("trigger_id", &format!("{number}.1.bench"))
        .finish()
}

/// Version 0. Source: Slack, "Verifying requests from Slack".
fn signature(timestamp: &str, body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(workplace::SIGNING_SECRET.as_bytes())?;
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    Ok(format!("v0={}", hex::encode(mac.finalize().into_bytes())))
}
