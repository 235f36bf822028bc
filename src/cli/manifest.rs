//! `hallpass manifest`: the Slack app manifest for this configuration, to be pasted where Slack makes an app.
//! It asks for what the bot uses and nothing more.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::config::env::{Process, Settings, is_set};
use crate::config::{Config, Environment, MissingVariables};

use super::check;

/// What the global shortcut is known by; the same as `slack::inbound::field::callback::ASK`, which this room may not see.
const SHORTCUT: &str = "ask";

/// As slack.com documents them; each is used by a call that the bot makes.
const BOT_SCOPES: [&str; 8] = [
    "commands",
    "chat:write",
    "im:write",
    "users:read",
    "users:read.email",
    "usergroups:read",
    "channels:read",
    "groups:read",
];

/// Events that somebody here listens to: an account that is deactivated or changes ends its access; whoever opens the
/// home is shown it; cards leave a channel that is closed; a token that ends is told by `/readyz`.
const BOT_EVENTS: [&str; 10] = [
    "app_home_opened",
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "group_archive",
    "group_deleted",
    "group_left",
    "tokens_revoked",
    "user_change",
];

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The configuration [default: what `HALLPASS_CONFIG` says, else hallpass.toml]
    pub file: Option<PathBuf>,
}

/// Prints the manifest.
pub fn run(args: &Args) -> Result<ExitCode> {
    let out = io::stdout();
    let look = check::look(&Process, out.is_terminal());
    let mut out = out.lock();
    let mut err = io::stderr().lock();
    let missing = MissingVariables::Warn;
    let file = args.file.as_deref();
    let Some(loaded) = check::load(file, &Process, missing, look, &mut out, &mut err)? else {
        return Ok(ExitCode::FAILURE);
    };
    write!(out, "{}", manifest(&loaded.config, &Process)?)?;
    if !is_set(&Process, "HALLPASS_BASE_URL") && !is_set(&Process, "SLACK_APP_TOKEN") {
        writeln!(
            err,
            "HALLPASS_BASE_URL is not set: Slack can't reach the addresses in this manifest."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The manifest as YAML (Slack's “App manifest” reference). With Socket Mode there are no request URLs.
pub fn manifest(config: &Config, env: &dyn Environment) -> Result<String> {
    let base = Settings::read(env)?.base_url;
    let socket_mode = is_set(env, "SLACK_APP_TOKEN");
    let url = |indent: &str, key: &str, route: &str| {
        if socket_mode {
            String::new()
        } else {
            format!("{indent}{key}: {}\n", quoted(&format!("{base}{route}")))
        }
    };
    let list = |indent: &str, items: &[&str]| -> String {
        let lines = items
            .iter()
            .map(|item| format!("{indent}- {}\n", quoted(item)));
        lines.collect::<Vec<_>>().concat()
    };
    Ok([
        "# Made by `hallpass manifest`. api.slack.com/apps, Create New App, From a manifest.\n",
        "display_information:\n",
        "  name: \"Hallpass\"\n",
        "  description: \"Temporary production access: asked, approved, granted and taken back\"\n",
        "  background_color: \"#24434f\"\n",
        "features:\n",
        "  app_home:\n",
        "    home_tab_enabled: true\n",
        "    messages_tab_enabled: true\n",
        "    messages_tab_read_only_enabled: true\n",
        "  bot_user:\n",
        "    display_name: \"Hallpass\"\n",
        "    always_online: true\n",
        "  shortcuts:\n",
        "    - name: \"Ask for access\"\n",
        "      type: global\n",
        &format!("      callback_id: {}\n", quoted(SHORTCUT)),
        "      description: \"Opens the form for temporary production access\"\n",
        "  slash_commands:\n",
        &format!("    - command: {}\n", quoted(&config.slack.command)),
        &url("      ", "url", "/slack/commands"),
        "      description: \"Ask for temporary production access\"\n",
        "      usage_hint: \"ROLE [PARAM=VALUE …] [DURATION] REASON… | roles | mine | help\"\n",
        "      should_escape: true\n",
        "oauth_config:\n",
        "  scopes:\n",
        "    bot:\n",
        &list("      ", &BOT_SCOPES),
        "settings:\n",
        "  event_subscriptions:\n",
        &url("    ", "request_url", "/slack/events"),
        "    bot_events:\n",
        &list("      ", &BOT_EVENTS),
        "  interactivity:\n",
        "    is_enabled: true\n",
        &url("    ", "request_url", "/slack/interactions"),
        "  org_deploy_enabled: false\n",
        &format!("  socket_mode_enabled: {socket_mode}\n"),
        "  token_rotation_enabled: false\n",
    ]
    .concat())
}

/// A YAML double-quoted scalar: JSON's escapes are a part of YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
