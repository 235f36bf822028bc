//! What a bot in a process of its own reaches, and what stays while it dies: its folder, its database, Slack, the target.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use slack_sandbox::{Message, RequestUrls, Sandbox};

use super::bot::Bot;
use super::target::Target;
use super::workplace::{self, APPROVALS, APPROVER, CHANNEL, ROLE};

/// How long a step of a cycle may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Surroundings {
    pub(crate) database: String,
    pub(crate) target: Target,
    home: PathBuf,
    slack: Sandbox,
}

impl Surroundings {
    /// `home`: the folder of the bot, with its configuration and its anchor. `held`: whom the target knows as holders.
    pub(crate) async fn new(
        home: PathBuf,
        database: String,
        held: HashSet<String>,
    ) -> Result<Self> {
        std::fs::create_dir_all(&home)?;
        let target = Target::start(held).await?;
        workplace::configure(&home, &target.url)?;
        Ok(Self {
            slack: Sandbox::start_local(workplace::workspace()).await?,
            database,
            target,
            home,
        })
    }

    /// Starts the bot; it listens, and Slack knows where.
    pub(crate) async fn serve(&self) -> Result<Bot> {
        let slack = self.slack.api_url();
        let bot = Bot::listening(&self.home, &self.database, &slack).await?;
        let urls = RequestUrls::under(&format!("http://{}", bot.address));
        self.slack.set_request_urls(urls);
        Ok(bot)
    }

    /// One whole cycle of one person through Slack and the target: asked, approved, given, dropped, gone.
    pub(crate) async fn cycle(&self, number: usize) -> Result<()> {
        let who = workplace::asker(number % workplace::ASKERS);
        let reason = format!("order {number} is stuck, INC-4711");
        let short = self.types(&who, &format!("{ROLE} 1h {reason}")).await?;
        let open = |message: &Message| {
            let label = message
                .buttons()
                .into_iter()
                .find(|label| label.starts_with("Approve"))?;
            let about = message.plain().contains(&short);
            about.then(|| (message.clone(), label.to_owned()))
        };
        let card = |slack: &Sandbox| slack.messages(APPROVALS).iter().find_map(open);
        let (card, label) = self.slack.until("the card", card).await?;
        let pressed = self.slack.press_label(APPROVER, &card, &label).await;
        ensure!(pressed.is_ok(), "a press was answered: {pressed:?}");
        let principal = workplace::principal(&who);
        let holds = |log: &super::target::Log| log.held.contains(&principal);
        self.target.until(PATIENCE, holds).await?;
        self.types(&who, &format!("drop {short}")).await?;
        self.target.until(PATIENCE, |log| !holds(log)).await
    }

    /// Types a command, and answers the letters of the request that it is about.
    async fn types(&self, who: &str, text: &str) -> Result<String> {
        let text = format!("/prod-access {text}");
        let outcome = self.slack.type_command(who, CHANNEL, &text).await;
        let answer = outcome.text().unwrap_or_default();
        let short = answer.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let mut short = short.filter(|word| word.starts_with("R-") || word.starts_with("G-"));
        let short = short.next().map(str::to_owned);
        short.with_context(|| format!("{text} was answered: {answer} {outcome:?}"))
    }
}
