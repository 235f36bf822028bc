//! `hallpass demo`: the real bot, a simulated Slack and a simulated target, on one machine, in a temporary folder.
//! The bot runs as a process of its own and is reached over HTTP alone; Ctrl-C stops everything and leaves nothing.

mod bot;
mod child;
mod page;
mod target;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::TimeDelta;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use slack_sandbox::{Fault, FaultKind, Sandbox};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use self::bot::{Bot, Upcoming};
use self::page::Frames;
use self::target::Target;
use self::world::Secrets;
use crate::wiring::MovableClock;

/// Try it without Slack, in the browser.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The port of the page.
    #[arg(long, default_value_t = 4040)]
    port: u16,
    /// Be the bot of a demo: what `demo` starts for itself.
    #[arg(long, hide = true)]
    bot: bool,
    /// How many seconds the bot's clock starts ahead.
    #[arg(long, hide = true, default_value_t = 0)]
    offset: i64,
}

/// Runs until Ctrl-C.
///
/// # Errors
/// When a port is taken or the bot doesn't start.
pub async fn run(args: Args) -> Result<ExitCode> {
    if args.bot {
        return child::run(args.offset).await;
    }
    let folder = tempfile::Builder::new()
        .prefix("hallpass-demo-")
        .tempdir()?;
    let stage = Arc::new(Stage::build(folder.path()).await?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .await
        .with_context(|| {
            format!(
                "port {} is taken; choose another one: hallpass demo --port 4041",
                args.port
            )
        })?;
    say(&format!(
        "Hallpass demo: open http://{}  (Ctrl-C stops it)",
        listener.local_addr()?
    ));
    tokio::select! {
        served = axum::serve(listener, router(stage.clone())) => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    stage.strike().await;
    Ok(ExitCode::SUCCESS)
}

fn say(line: &str) {
    println!("{line}");
}

/// Everything that plays, and what was broken.
struct Stage {
    sandbox: Sandbox,
    target: Target,
    target_url: String,
    clock: Arc<MovableClock>,
    settings: bot::Settings,
    bot: Mutex<Option<Bot>>,
    scene: std::sync::Mutex<Scene>,
    changed: watch::Sender<u64>,
}

/// What the page shows beside the frames.
#[derive(Default)]
struct Scene {
    slack_down: bool,
    said: String,
}

impl Stage {
    async fn build(folder: &std::path::Path) -> Result<Self> {
        let secrets = secrets();
        let clock = Arc::new(MovableClock::default());
        let target = Target::new(&secrets.orders_secret, clock.clone());
        let target_url = serve(target.router()).await?;
        let listen = free_address().await?;
        let bot_url = format!("http://{listen}");
        let workspace = world::workspace(&secrets, &bot_url);
        let sandbox = Sandbox::start_local(workspace).await?;
        let configuration = world::configuration(&format!("{target_url}/hallpass"));
        tokio::fs::write(folder.join("hallpass.toml"), configuration).await?;
        let settings = bot::Settings {
            folder: folder.to_owned(),
            listen: listen.to_string(),
            slack_api_url: sandbox.api_url(),
            secrets,
        };
        let bot = Bot::start(&settings, 0).await?;
        Ok(Self {
            sandbox,
            target,
            target_url,
            clock,
            settings,
            bot: Mutex::new(Some(bot)),
            scene: std::sync::Mutex::default(),
            changed: watch::channel(0).0,
        })
    }

    async fn strike(&self) {
        if let Some(bot) = self.bot.lock().await.take() {
            // It is going away with the folder: nothing to save.
            let _ = bot.kill().await;
        }
        self.sandbox.stop();
    }

    /// How many seconds everybody's time is ahead.
    fn offset(&self) -> i64 {
        self.clock.offset().num_seconds()
    }

    fn scene(&self) -> std::sync::MutexGuard<'_, Scene> {
        self.scene
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn say(&self, said: impl Into<String>) {
        self.scene().said = said.into();
        self.changed.send_modify(|count| *count += 1);
    }

    /// Moves everybody's time: the target's and Slack's first, so that nothing the bot then signs is from their future.
    async fn move_by(&self, seconds: i64) -> Result<()> {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.sandbox.set_clock_offset(self.offset());
        if let Some(bot) = self.bot.lock().await.as_mut() {
            bot.move_clock(self.offset()).await?;
        }
        Ok(())
    }

    async fn next(&self) -> Result<String> {
        let next = match self.bot.lock().await.as_mut() {
            Some(bot) => bot.next_event().await?,
            None => return Ok("The bot isn't running: start it first.".into()),
        };
        let Some(Upcoming { seconds, what }) = next else {
            return Ok("Nothing is scheduled. Ask for access first.".into());
        };
        self.move_by(seconds).await?;
        Ok(format!("Moved {} ahead: {what}.", span(seconds)))
    }

    /// What the button that moves time would lead to; none where it would do nothing.
    async fn upcoming(&self) -> Option<String> {
        // Whoever holds it moves time or starts the bot: what comes next is asked once that is done.
        let mut bot = self.bot.try_lock().ok()?;
        let next = bot.as_mut()?.next_event().await.ok()??;
        Some(format!("{} in {}", next.what, span(next.seconds)))
    }

    async fn kill_or_start(&self) -> Result<String> {
        let mut bot = self.bot.lock().await;
        if let Some(running) = bot.take() {
            running.kill().await?;
            return Ok(
                "The bot was killed (kill -9). Access that it gave stays until it is back.".into(),
            );
        }
        *bot = Some(Bot::start(&self.settings, self.offset()).await?);
        Ok("The bot is back and goes on where it was.".into())
    }

    fn break_slack(&self) -> String {
        let down = !self.scene().slack_down;
        if down {
            self.sandbox.set_fault(Fault::new(FaultKind::Down));
        } else {
            self.sandbox.clear_faults();
        }
        self.scene().slack_down = down;
        let said = [
            "Slack is back.",
            "Slack is down: it refuses everything the bot says. Access still ends on time.",
        ];
        said[usize::from(down)].into()
    }

    fn break_target(&self) -> String {
        let down = !self.target.is_down();
        self.target.set_down(down);
        let said = [
            "The orders service is back.",
            "The orders service is down: nothing can be given or taken until it is back.",
        ];
        said[usize::from(down)].into()
    }
}

fn router(stage: Arc<Stage>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/state", get(state))
        .route("/events", get(events))
        .route("/clock/{what}", post(press))
        .route("/break/{what}", post(press))
        .route(
            "/demo.css",
            get(|| async { asset("text/css", include_str!("demo.css")) }),
        )
        .route(
            "/demo.js",
            get(|| async { asset("text/javascript", include_str!("demo.js")) }),
        )
        .layer(axum::middleware::map_response(page::harden))
        .with_state(stage)
}

async fn front(State(stage): State<Arc<Stage>>) -> maud::Markup {
    let frames = Frames {
        slack: stage.sandbox.url(),
        target: stage.target_url.clone(),
    };
    page::page(&frames, world::SUGGESTED)
}

async fn state(State(stage): State<Arc<Stage>>) -> Response {
    let bot_down = stage.bot.lock().await.is_none();
    let next = stage.upcoming().await;
    let scene = stage.scene();
    Json(json!({
        "moved_by": (stage.offset() > 0).then(|| span(stage.offset())),
        "next": next,
        "slack_down": scene.slack_down,
        "target_down": stage.target.is_down(),
        "bot_down": bot_down,
        "said": scene.said,
    }))
    .into_response()
}

async fn events(State(stage): State<Arc<Stage>>) -> impl IntoResponse {
    Sse::new(page::ticks(stage.changed.subscribe())).keep_alive(KeepAlive::default())
}

async fn press(State(stage): State<Arc<Stage>>, uri: http::Uri, headers: HeaderMap) -> StatusCode {
    if !page::is_same_origin(&headers) {
        return StatusCode::FORBIDDEN;
    }
    let done = match uri.path() {
        "/clock/next" => stage.next().await,
        "/clock/forward" => stage
            .move_by(600)
            .await
            .map(|()| "Moved 10 minutes ahead.".into()),
        "/break/slack" => Ok(stage.break_slack()),
        "/break/target" => Ok(stage.break_target()),
        "/break/bot" => stage.kill_or_start().await,
        _ => return StatusCode::NOT_FOUND,
    };
    match done {
        Ok(said) => stage.say(said),
        Err(why) => {
            tracing::error!("{why:#}");
            stage.say("That didn't work; the terminal says why.");
        }
    }
    StatusCode::NO_CONTENT
}

/// `2 min 5 s`, `19 h 20 min`: of long spans no seconds.
fn span(seconds: i64) -> String {
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let shown = if seconds < 3_600 {
        seconds
    } else {
        (seconds + 30) / 60 * 60
    };
    crate::domain::Duration::from_secs(shown).to_string()
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Made anew for each demo: they open nothing but its own parts.
fn secrets() -> Secrets {
    let random = || {
        let mut bytes = [0_u8; 16];
        // Without randomness from the system nothing could be kept secret; the demo would fail at once.
        getrandom::fill(&mut bytes)
            .map(|()| hex::encode(bytes))
            .unwrap_or_default()
    };
    Secrets {
        bot_token: format!("xoxb-demo-{}", random()),
        signing_secret: random(),
        orders_secret: random(),
    }
}

/// Serves on a free port for as long as the process lives.
async fn serve(router: Router) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

/// A port that was free a moment ago; the bot keeps it across its restarts.
async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await?
        .local_addr()?)
}
