//! The Web API by slack-morphism's client: one call, bounded in time, its errors in the chat port's words.
//! JSON goes out as our views made it. Nothing about grants or requests may enter.

use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::planted::{Fault, planted};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::{SlackClientHyperConnector, SlackHyperClient};
use slack_morphism::{
    SlackApiToken, SlackApiTokenValue, SlackClientApiCallContext, SlackClientHttpConnector,
};
use tokio::sync::OnceCell;
use url::Url;

use super::certificates::{connector, distrust};
use super::pace::{Pace, Turn};
use crate::points::{Failed, SLACK};
use crate::ports::{ChatError, Clock};

/// How long one call of the Web API may take; posting and updating a message three times as long.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A message that arrived and wasn't confirmed in time is posted a second time, so a slow Slack gets longer for those:
/// so many times the bound of other calls.
const MESSAGES_PATIENCE: u32 = 3;

/// What is waited where Slack says "too fast" and not for how long.
const UNSAID_WAIT: Duration = Duration::from_secs(5);

/// Longer waits than this are not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Errors that condemn the token, not the call (Slack's list for every method).
const TOKEN_ERRORS: [&str; 14] = [
    "token_revoked",
    "account_inactive",
    "invalid_auth",
    "not_authed",
    "token_expired",
    "missing_scope",
    "not_allowed_token_type",
    "no_permission",
    "org_login_required",
    "ekm_access_denied",
    "team_access_not_granted",
    "two_factor_setup_required",
    "app_missing_action_url",
    "access_denied",
];

/// Errors that pass; the call may have been carried out all the same.
const PASSING_ERRORS: [&str; 8] = [
    "fatal_error",
    "internal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "accesslimited",
    "update_failed",
    "method_deprecated_temporarily",
];

/// The client can't be made.
#[derive(Debug, thiserror::Error)]
pub enum NotAClient {
    #[error("the Slack API URL is not an http or https URL: {0}")]
    Url(String),
    #[error("no certificates to check Slack's with: {0}")]
    Certificates(std::io::Error),
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Who we are, by `auth.test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The workspace, `T…`.
    pub team: String,
    /// On Enterprise Grid, `E…`.
    pub enterprise: Option<String>,
    /// The bot's own account.
    pub bot_user: String,
    /// As people know it: name of the workspace and its URL.
    pub workspace: String,
}

impl Identity {
    /// Whether a payload of this workspace (or, on Grid, of this organisation) is ours to answer.
    pub fn serves(&self, team: Option<&str>, enterprise: Option<&str>) -> bool {
        let organisation = self.enterprise.is_some() && self.enterprise.as_deref() == enterprise;
        team.is_none_or(|team| team == self.team) || organisation
    }
}

/// Slack's Web API with a bot token.
pub struct Client {
    inner: SlackHyperClient,
    token: SlackApiToken,
    api: Url,
    timeout: Duration,
    pace: Option<Pace>,
    identity: OnceCell<Identity>,
}

impl Client {
    /// `api_url` is the base that method names are put behind, `https://slack.com/api` or a sandbox's.
    pub fn new(api_url: &str, token: &SecretString) -> Result<Self, NotAClient> {
        let bare = api_url.trim_end_matches('/');
        let api = Url::parse(bare).map_err(|_| NotAClient::Url(api_url.into()))?;
        if !matches!(api.scheme(), "http" | "https") || api.host_str().is_none() {
            return Err(NotAClient::Url(api_url.into()));
        }
        let connector =
            SlackClientHyperConnector::with_connector(connector(&api)?).with_slack_api_url(bare);
        Ok(Self {
            inner: SlackHyperClient::new(connector),
            token: SlackApiToken::new(SlackApiTokenValue(token.expose_secret().into())),
            api,
            timeout: CALL_TIMEOUT,
            pace: None,
            identity: OnceCell::new(),
        })
    }

    /// With another bound on each call than [`CALL_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Keeps to Slack's limits by this clock; without one, nothing is held back.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.pace = Some(Pace::new(clock));
        self
    }

    /// The base URL of the Web API.
    pub fn api(&self) -> &Url {
        &self.api
    }

    /// Calls a method with a JSON body.
    pub async fn post(&self, method: &str, body: &Value) -> Result<Value, ChatError> {
        let session = self.inner.open_session(&self.token);
        let call = session.http_session_api.http_post(method, body, None);
        self.paced(&Turn::of_call(method, body), method, call).await
    }

    /// The same, where who calls knows whose turn it is.
    pub(super) async fn post_in_turn(
        &self,
        turn: &Turn,
        method: &str,
        body: &Value,
    ) -> Result<Value, ChatError> {
        let session = self.inner.open_session(&self.token);
        let call = session.http_session_api.http_post(method, body, None);
        self.paced(turn, method, call).await
    }

    /// Calls a method that takes no JSON (users.*, usergroups.*) with a query.
    pub async fn get(&self, method: &str, query: &[(&str, &str)]) -> Result<Value, ChatError> {
        let about = query.iter().map(|(name, value)| (*name, *value)).collect();
        self.get_in_turn(&Turn::of_call(method, &about), method, query)
            .await
    }

    /// The same, where nobody waits for it.
    pub(super) async fn get_in_background(
        &self,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ChatError> {
        let about = query.iter().map(|(name, value)| (*name, *value)).collect();
        let turn = Turn::of_call(method, &about).in_background();
        self.get_in_turn(&turn, method, query).await
    }

    async fn get_in_turn(
        &self,
        turn: &Turn,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ChatError> {
        let query: Vec<(&str, Option<&str>)> = query
            .iter()
            .map(|(name, value)| (*name, Some(*value)))
            .collect();
        let session = self.inner.open_session(&self.token);
        let call = session.http_session_api.http_get(method, &query, None);
        self.paced(turn, method, call).await
    }

    /// Posts to a `response_url`, without the token. Redirects aren't followed: what isn't 200 is an error.
    pub(super) async fn respond(&self, url: Url, body: &Value) -> Result<(), ChatError> {
        let span = tracing::debug_span!("Slack response URL");
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &span,
            is_sensitive_url: true,
        };
        let connector = &self.inner.http_api.connector;
        let call = connector.http_post_uri::<_, Value>(url, body, context);
        within(self.timeout, call).await.map(|_| ())
    }

    /// Asks Slack who we are.
    pub async fn auth_test(&self) -> Result<Identity, ChatError> {
        let answer = self.post("auth.test", &json!({})).await?;
        let text = |key: &str| {
            answer
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let missing = || ChatError::Unavailable("auth.test answered without a team".into());
        let team = text("team_id").ok_or_else(missing)?;
        // Installed for a whole organisation, the app is at home in that: Slack then names it as the team, too.
        let organisation = team.starts_with('E').then(|| team.clone());
        Ok(Identity {
            team,
            enterprise: text("enterprise_id").or(organisation),
            bot_user: text("user_id").unwrap_or_default(),
            workspace: text("team").or_else(|| text("url")).unwrap_or_default(),
        })
    }

    /// Who we are, asked once and kept; asked again after a failure.
    pub async fn identity(&self) -> Result<&Identity, ChatError> {
        self.identity.get_or_try_init(|| self.auth_test()).await
    }

    /// Who we are, where that is known by now.
    pub fn known_identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    async fn paced(
        &self,
        turn: &Turn,
        method: &str,
        call: impl Future<Output = Result<Value, SlackClientError>>,
    ) -> Result<Value, ChatError> {
        let Some(pace) = &self.pace else {
            return within(self.limit(method), call).await;
        };
        pace.enter(turn)
            .map_err(|after| ChatError::RateLimited { after })?;
        let outcome = within(self.limit(method), call).await;
        match &outcome {
            Err(ChatError::RateLimited { after }) => pace.refused(turn, *after),
            _ => pace.answered(turn),
        }
        outcome
    }

    fn limit(&self, method: &str) -> Duration {
        if method.starts_with("chat.") {
            self.timeout * MESSAGES_PATIENCE
        } else {
            self.timeout
        }
    }
}

async fn within(
    limit: Duration,
    call: impl Future<Output = Result<Value, SlackClientError>>,
) -> Result<Value, ChatError> {
    let broken = |failed: Failed| ChatError::Unavailable(failed.to_string());
    SLACK.before().await.map_err(broken)?;
    let answered = tokio::time::timeout(limit, call).await;
    SLACK.after().await.map_err(broken)?;
    match answered {
        Err(_) => Err(ChatError::Unavailable("no answer in time".into())),
        Ok(Err(error)) => Err(translated(error)),
        Ok(Ok(answer)) if answer.get("ok") == Some(&Value::Bool(false)) => {
            Err(named("unnamed_error"))
        }
        Ok(Ok(answer)) => Ok(answer),
    }
}

/// slack-morphism's errors in the port's words. Bodies stay out: they can hold what people wrote.
fn translated(error: SlackClientError) -> ChatError {
    match error {
        SlackClientError::ApiError(error) => named(&error.code),
        // Too fast is taken for no, and the message is given up.
        SlackClientError::RateLimitError(_) if planted(Fault::RateLimitDropsNotice) => {
            ChatError::Permanent("ratelimited".into())
        }
        SlackClientError::RateLimitError(error) => ChatError::RateLimited {
            after: error.retry_after.unwrap_or(UNSAID_WAIT).min(LONGEST_WAIT),
        },
        SlackClientError::HttpError(error) => {
            ChatError::Unavailable(format!("HTTP status {}", error.status_code.as_u16()))
        }
        SlackClientError::ProtocolError(_) => {
            ChatError::Unavailable("the answer is not Slack's JSON".into())
        }
        SlackClientError::HttpProtocolError(error) => {
            let distrusted = error.cause.as_deref().and_then(|cause| distrust(cause));
            let failed = || ChatError::Unavailable("the connection failed".into());
            distrusted.map_or_else(failed, ChatError::Untrusted)
        }
        SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::SocketModeProtocolError(_) => {
            ChatError::Unavailable("the call broke off".into())
        }
    }
}

/// What an error name of Slack's means for us. Names that nobody has heard of are refusals: that is what Slack's errors are.
fn named(name: &str) -> ChatError {
    match name {
        "ratelimited" | "rate_limited" => ChatError::RateLimited { after: UNSAID_WAIT },
        "message_not_found" => ChatError::Gone,
        name if TOKEN_ERRORS.contains(&name) => ChatError::Token(name.into()),
        name if PASSING_ERRORS.contains(&name) => ChatError::Unavailable(name.into()),
        name => ChatError::Permanent(name.into()),
    }
}
