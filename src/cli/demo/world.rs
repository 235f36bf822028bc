//! The demo's made-up company: its people, its channels and its configuration file.

use slack_sandbox::{App, Channel, Command, Person, RequestUrls, Shortcut, Workspace};

/// Somebody in the demo: a Slack account, the handle, and the part they play.
pub(super) struct Character {
    pub(super) account: &'static str,
    pub(super) name: &'static str,
    pub(super) real_name: &'static str,
    pub(super) part: &'static str,
}

const fn plays(
    account: &'static str,
    name: &'static str,
    real_name: &'static str,
    part: &'static str,
) -> Character {
    Character {
        account,
        name,
        real_name,
        part,
    }
}

/// In the order of the switch.
pub(super) const CHARACTERS: &[Character] = &[
    plays("U0RITA", "rita", "Rita Okafor", "backend engineer"),
    plays("U0BOB", "bob", "Bob Lindqvist", "DBA on call"),
    plays("U0DANA", "dana", "Dana Petrov", "DBA"),
    plays("U0CAROL", "carol", "Carol Mendes", "incident commander"),
    plays("U0EVE", "eve", "Eve Tanaka", "security"),
    plays("U0GUS", "gus", "Gus Weber", "a guest"),
];

const GUEST: &str = "U0GUS";
const BOT: &str = "U0HALLPASS";

/// What the demo's parts share so that they can talk.
pub(super) struct Secrets {
    pub(super) bot_token: String,
    pub(super) signing_secret: String,
    pub(super) orders_secret: String,
}

/// The workspace, with the bot's app installed and its request URLs below `bot_url`.
pub(super) fn workspace(secrets: &Secrets, bot_url: &str) -> Workspace {
    let everybody: Vec<&str> = CHARACTERS
        .iter()
        .map(|one| one.account)
        .chain([BOT])
        .collect();
    let staff: Vec<&str> = everybody
        .iter()
        .copied()
        .filter(|id| *id != GUEST)
        .collect();
    let mut workspace = Workspace::new("T0DEMO", "filterworks", "Filterworks")
        .channel(Channel::new("C0GENERAL", "general", &everybody))
        .channel(Channel::new("C0APPROVE", "access-requests", &staff))
        .channel(Channel::new("C0SECURE", "security", &["U0EVE", "U0CAROL", BOT]).private());
    for Character {
        account,
        name,
        real_name,
        ..
    } in CHARACTERS
    {
        let email = format!("{name}@filterworks.example");
        let person = Person::new(account, name, real_name, &email).tz("Europe/Berlin");
        workspace = workspace.person(if *account == GUEST {
            person.guest()
        } else {
            person
        });
    }
    let usage = "ROLE [DURATION] REASON, or help";
    workspace.app(App {
        id: "A0HALLPASS".into(),
        name: "Hallpass".into(),
        bot_user_id: BOT.into(),
        bot_id: "B0HALLPASS".into(),
        bot_token: secrets.bot_token.clone(),
        signing_secret: secrets.signing_secret.clone(),
        commands: vec![
            Command::new("/prod-access", "Ask for temporary production access", usage).escaping(),
        ],
        shortcuts: vec![Shortcut {
            callback_id: "ask".into(),
            name: "Ask for access".into(),
        }],
        urls: RequestUrls::under(bot_url),
        ..App::default()
    })
}

/// The configuration file; `target_url` is where the orders service receives orders.
pub(super) fn configuration(target_url: &str) -> String {
    include_str!("hallpass.toml").replace("{target_url}", target_url)
}

/// What the first coach line suggests to type.
pub(super) const SUGGESTED: &str = "/prod-access db-admin 2m orders stuck";
