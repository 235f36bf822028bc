//! Replicas, and what befalls them: killed and started again, or paused for longer than a lease.

use std::time::{Duration, Instant};

use slack_sandbox::RequestUrls;

use super::lateness::{Misfortune, Whom};
use super::soak::Dice;
use super::world::{Bot, World};

/// A pause outlasts a lease.
const PAUSE: Duration = Duration::from_millis(11_500);
/// One in so many misfortunes is a pause.
const PAUSES: u64 = 4;
/// How long a start may take.
const START: Duration = Duration::from_secs(40);

struct Replica {
    bot: Bot,
    address: String,
    /// Paused since, until.
    paused: Option<(Instant, Instant)>,
}

pub(crate) struct Fleet<'a> {
    world: &'a World,
    replicas: Vec<Replica>,
    dice: Dice,
    pub(crate) misfortunes: Vec<Misfortune>,
}

impl<'a> Fleet<'a> {
    pub(crate) async fn start(world: &'a World, replicas: usize, dice: Dice) -> Self {
        let mut fleet = Self {
            world,
            replicas: Vec::new(),
            dice,
            misfortunes: Vec::new(),
        };
        for _ in 0..replicas {
            let replica = fleet.started().await;
            fleet.replicas.push(replica);
        }
        fleet.points_slack();
        fleet
    }

    async fn started(&self) -> Replica {
        let bot = self.world.spawn();
        let address = tokio::time::timeout(START, bot.says_or_ends(r"serving address=(\S+)"));
        let address = address.await.expect("it starts in time");
        Replica {
            address: address.unwrap_or_else(|| panic!("it ended: {:#?}", bot.log.borrow())),
            bot,
            paused: None,
        }
    }

    /// As a load balancer would: to one that is up.
    fn points_slack(&mut self) {
        let up: Vec<&Replica> = self.up().collect();
        if up.is_empty() {
            return;
        }
        let sides = u64::try_from(up.len()).unwrap();
        let at = usize::try_from(self.dice.clone().roll(sides)).unwrap();
        let urls = RequestUrls::under(&format!("http://{}", up[at].address));
        self.world.slack.set_request_urls(urls);
    }

    fn up(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|one| one.paused.is_none())
    }

    /// Whom it befalls: one is always left up, where there are several.
    fn whom(&self) -> Whom {
        match self.replicas.len() {
            1 => Whom::All,
            _ => Whom::One,
        }
    }

    /// Until then one misfortune after the other; in the end all are up.
    pub(crate) async fn suffers(&mut self, until: Instant) {
        if self.replicas.len() > 1 {
            self.pauses(0).await;
        }
        while Instant::now() < until {
            let moment = Duration::from_millis(300 + self.dice.roll(1_500));
            tokio::time::sleep(moment).await;
            self.continues(Instant::now()).await;
            let sides = u64::try_from(self.replicas.len()).unwrap();
            let at = usize::try_from(self.dice.roll(sides)).unwrap();
            let alone = self.up().count() < 2;
            if self.replicas[at].paused.is_some() || (alone && sides > 1) {
                continue;
            }
            if sides > 1 && self.dice.roll(PAUSES) == 0 && Instant::now() + PAUSE < until {
                self.pauses(at).await;
            } else {
                self.kills(at).await;
            }
        }
        let last = self
            .replicas
            .iter()
            .filter_map(|one| one.paused)
            .map(|(_, until)| until);
        if let Some(last) = last.max() {
            tokio::time::sleep_until(last.into()).await;
            self.continues(last).await;
        }
    }

    async fn pauses(&mut self, at: usize) {
        let now = Instant::now();
        self.replicas[at].bot.gets("STOP").await;
        self.replicas[at].paused = Some((now, now + PAUSE));
        self.points_slack();
    }

    async fn continues(&mut self, now: Instant) {
        for at in 0..self.replicas.len() {
            let over = self.replicas[at].paused.filter(|(_, until)| *until <= now);
            if let Some((from, _)) = over {
                self.replicas[at].bot.gets("CONT").await;
                self.replicas[at].paused = None;
                self.misfortunes.push(Misfortune {
                    from,
                    until: Instant::now(),
                    what: "pause",
                    whom: self.whom(),
                });
            }
        }
    }

    async fn kills(&mut self, at: usize) {
        let from = Instant::now();
        self.replicas[at].bot.gets("KILL").await;
        self.replicas[at].bot.ended().await;
        let replacement = {
            // Meanwhile the others serve.
            let others: Vec<String> = self
                .up()
                .map(|one| one.address.clone())
                .filter(|address| *address != self.replicas[at].address)
                .collect();
            if let Some(other) = others.first() {
                let urls = RequestUrls::under(&format!("http://{other}"));
                self.world.slack.set_request_urls(urls);
            }
            self.started().await
        };
        self.replicas[at] = replacement;
        self.points_slack();
        self.misfortunes.push(Misfortune {
            from,
            until: Instant::now(),
            what: "kill",
            whom: self.whom(),
        });
    }

    pub(crate) async fn stops(self) {
        for replica in self.replicas {
            let (_, well) = replica.bot.stops().await;
            assert!(well, "it stopped well");
        }
    }
}
