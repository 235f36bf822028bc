//! The environment, read once into checked types. Secrets come as `NAME` or as `NAME_FILE`, the path of a file,
//! and are never shown. Tests hand in a map; only [`Process`] looks at the process.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretBox, SecretString};
use url::Url;

use super::key;

/// Bytes; a secret is a line.
const LARGEST_SECRET: u64 = 64 << 10;

/// Where variables come from.
pub trait Environment: Send + Sync {
    /// None where the variable isn't set. What isn't UTF-8 counts as set to what can be read of it.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

impl Environment for Process {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// Whether a secret is given in either of its ways.
pub fn is_set(env: &dyn Environment, name: &str) -> bool {
    [name.to_owned(), format!("{name}_FILE")]
        .iter()
        .any(|name| env.get(name).is_some_and(|value| !value.trim().is_empty()))
}

/// What is wrong with the environment, a sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvMistakes(pub Vec<String>);

impl fmt::Display for EnvMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for EnvMistakes {}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// What every subcommand may read: no secret is required.
#[derive(Debug, Clone)]
pub struct Settings {
    pub config_path: PathBuf,
    pub listen: SocketAddr,
    /// Without a slash at its end.
    pub base_url: String,
    /// May hold a password.
    pub database_url: SecretString,
    /// Without a slash at its end.
    pub slack_api_url: String,
    /// For `tracing_subscriber`'s `EnvFilter`.
    pub log_filter: String,
    pub log_format: LogFormat,
}

/// What `serve` needs.
#[derive(Debug)]
pub struct Env {
    pub settings: Settings,
    pub bot_token: SecretString,
    /// One, or two while rotating; none where Slack reaches the bot by Socket Mode alone.
    pub signing_secrets: Vec<SecretString>,
    /// Switches Socket Mode on.
    pub app_token: Option<SecretString>,
    pub key: SecretBox<[u8; 32]>,
}

impl Env {
    /// Everything that `serve` needs, or every sentence about what is missing. The key is made in
    /// `folder`/hallpass.key where none is given.
    pub fn read(env: &dyn Environment, folder: &Path) -> Result<Self, EnvMistakes> {
        let mut wrong = Vec::new();
        let settings = Settings::read(env).unwrap_or_else(|mistakes| {
            wrong.extend(mistakes.0);
            Settings::default()
        });
        let app_token = app_token(env).unwrap_or_else(|why| {
            wrong.push(why);
            None
        });
        let signing_secrets = signing_secrets(env).unwrap_or_else(|why| {
            wrong.push(why);
            Vec::new()
        });
        let bot_token = bot_token(env).map_err(|why| wrong.push(why)).ok();
        // Nothing is made on disk for a start that won't happen.
        let (true, Some(bot_token)) = (wrong.is_empty(), bot_token) else {
            return Err(EnvMistakes(wrong));
        };
        let key = review_key(env, folder).map_err(|why| EnvMistakes(vec![why]))?;
        Ok(Self {
            settings,
            bot_token,
            signing_secrets,
            app_token,
            key,
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config_path: "hallpass.toml".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            base_url: "http://127.0.0.1:8080".into(),
            database_url: "sqlite://hallpass.db".into(),
            slack_api_url: "https://slack.com/api".into(),
            log_filter: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}

impl Settings {
    /// The settings, defaults filled in, or every sentence about what is wrong.
    pub fn read(env: &dyn Environment) -> Result<Self, EnvMistakes> {
        let mut wrong = Vec::new();
        let mut settings = Self::default();
        if let Some(path) = plain(env, "HALLPASS_CONFIG") {
            settings.config_path = path.into();
        }
        if let Some(text) = plain(env, "HALLPASS_LISTEN") {
            match text.parse() {
                Ok(listen) => settings.listen = listen,
                Err(_) => wrong.push(format!(
                    "HALLPASS_LISTEN is “{text}”; write an address and a port, like 127.0.0.1:8080."
                )),
            }
        }
        settings.base_url = format!("http://{}", settings.listen);
        for (name, place) in [
            ("HALLPASS_BASE_URL", &mut settings.base_url),
            ("SLACK_API_URL", &mut settings.slack_api_url),
        ] {
            match plain(env, name).map(|text| web_address(name, &text)) {
                Some(Ok(url)) => *place = url,
                Some(Err(why)) => wrong.push(why),
                None => {}
            }
        }
        match secret(env, "DATABASE_URL") {
            Ok(Some(url)) if is_database(url.expose_secret()) => settings.database_url = url,
            Ok(Some(_)) => wrong.push(
                "DATABASE_URL must begin with sqlite://, postgres:// or postgresql://.".into(),
            ),
            Ok(None) => {}
            Err(why) => wrong.push(why),
        }
        if let Some(filter) = plain(env, "RUST_LOG") {
            settings.log_filter = filter;
        }
        match plain(env, "HALLPASS_LOG_FORMAT").as_deref() {
            None | Some("text") => {}
            Some("json") => settings.log_format = LogFormat::Json,
            Some(other) => wrong.push(format!(
                "HALLPASS_LOG_FORMAT is “{other}”; write text or json."
            )),
        }
        if wrong.is_empty() {
            Ok(settings)
        } else {
            Err(EnvMistakes(wrong))
        }
    }
}

/// A variable that is no secret; set to nothing is the same as not set.
fn plain(env: &dyn Environment, name: &str) -> Option<String> {
    env.get(name)
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// A secret given as `NAME` or as the file that `NAME_FILE` names; white space around it is left out.
/// None where neither is set; a sentence where both are, where the file can't be read or where it is empty.
pub fn secret(env: &dyn Environment, name: &str) -> Result<Option<SecretString>, String> {
    let file_name = format!("{name}_FILE");
    let text = match (env.get(name), plain(env, &file_name)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(format!(
                "{name} and {file_name} are both set; keep one of them."
            ));
        }
        (Some(text), None) => text,
        (None, Some(path)) => {
            read_secret(&path).map_err(|why| format!("{file_name} names {path}, which {why}."))?
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(format!(
            "{name} is empty; an empty secret would protect nothing."
        ));
    }
    Ok(Some(text.into()))
}

/// A secret that must be there, as backends need theirs.
pub fn require_secret(env: &dyn Environment, name: &str) -> Result<SecretString, String> {
    secret(env, name)?.ok_or_else(|| format!("{name} is not set (nor {name}_FILE)."))
}

fn read_secret(path: &str) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("can't be opened: {error}"))?;
    let mut text = String::new();
    file.take(LARGEST_SECRET + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("can't be read: {error}"))?;
    if text.len() as u64 > LARGEST_SECRET {
        return Err("is larger than 64 KiB".into());
    }
    Ok(text)
}

/// `SLACK_BOT_TOKEN`, required.
pub fn bot_token(env: &dyn Environment) -> Result<SecretString, String> {
    let token = secret(env, "SLACK_BOT_TOKEN")?.ok_or(
        "SLACK_BOT_TOKEN is not set; it is the xoxb-… token under “OAuth & Permissions” of the Slack app.",
    )?;
    let shaped = ["xoxb-", "xoxe.xoxb-"]
        .iter()
        .any(|prefix| token.expose_secret().starts_with(prefix));
    if shaped {
        Ok(token)
    } else {
        Err("SLACK_BOT_TOKEN must begin with xoxb-; it is the bot's token, not the app's or a person's.".into())
    }
}

/// `SLACK_APP_TOKEN`, where Socket Mode is wanted.
fn app_token(env: &dyn Environment) -> Result<Option<SecretString>, String> {
    let Some(token) = secret(env, "SLACK_APP_TOKEN")? else {
        return Ok(None);
    };
    if token.expose_secret().starts_with("xapp-") {
        Ok(Some(token))
    } else {
        Err("SLACK_APP_TOKEN must begin with xapp-; it is an app-level token with connections:write, under “Basic Information” of the Slack app.".into())
    }
}

/// What comes by Socket Mode isn't signed, so none is needed then; one that is given is used for what comes over HTTP.
fn signing_secrets(env: &dyn Environment) -> Result<Vec<SecretString>, String> {
    let Some(given) = secret(env, "SLACK_SIGNING_SECRET")? else {
        if is_set(env, "SLACK_APP_TOKEN") {
            return Ok(Vec::new());
        }
        return Err(
            "SLACK_SIGNING_SECRET is not set (nor SLACK_APP_TOKEN, for Socket Mode); it stands under “Basic Information” of the Slack app."
                .into(),
        );
    };
    let secrets: Vec<SecretString> = given
        .expose_secret()
        .split(',')
        .map(|one| one.trim().into())
        .collect();
    let empty = secrets.iter().any(|one| one.expose_secret().is_empty());
    if empty {
        return Err(
            "SLACK_SIGNING_SECRET holds an empty secret; an empty secret would protect nothing."
                .into(),
        );
    }
    if secrets.len() > 2 {
        return Err(
            "SLACK_SIGNING_SECRET holds more than two secrets; two are enough to rotate.".into(),
        );
    }
    Ok(secrets)
}

/// `HALLPASS_KEY`, or `folder`/hallpass.key, which is made where there is none.
pub fn review_key(env: &dyn Environment, folder: &Path) -> Result<SecretBox<[u8; 32]>, String> {
    match secret(env, "HALLPASS_KEY")? {
        Some(text) => key::decode(text.expose_secret()).ok_or_else(|| {
            "HALLPASS_KEY must be 32 bytes in base64, as `openssl rand -base64 32` prints them."
                .into()
        }),
        None => key::load_or_make(&folder.join(key::FILE)),
    }
}

fn is_database(url: &str) -> bool {
    ["sqlite://", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// Checked and without a slash at its end. The text isn't repeated: a URL can hold a password.
fn web_address(name: &str, text: &str) -> Result<String, String> {
    let fits = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if fits {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(format!(
            "{name} is not the address of a web server; write it like https://hallpass.example.com."
        ))
    }
}
