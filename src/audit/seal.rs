//! The sealer: gives every event its place in the chain, some time after its commit, so that no writer waits for the chain.
//! Any number of replicas may seal; the store takes what follows its head and nothing else, and who loses reads again.
//! It also signs a checkpoint every few seconds and hands it to those that keep it outside the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_domain::Time;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::chain::{GENESIS, event_digest, link, parse_hash};
use super::checkpoint::{Checkpoint, CheckpointKey};
use super::failing::Failing;
use super::keeper::{Keeper, Kept};
use super::positions::{Back, Positions};
use crate::panics::sound;
use crate::store::{Seal, SealedOrNot, Span, Store, StoreError, Unsealed};
use crate::telemetry::Metrics;

/// Events that are sealed in one statement.
const BATCH: u32 = 512;
/// How often is sealed under load, and how soon after quiet.
const PAUSE: Duration = Duration::from_millis(250);
/// How often is looked without being called.
const IDLE: Duration = Duration::from_secs(1);
/// Where another replica seals, this one stands by so long.
const STAND_BY: Duration = Duration::from_secs(2);
/// Between checkpoints; half of what may stay unanchored at most (10 s).
const CHECKPOINTS: Duration = Duration::from_secs(5);
/// What is left at a stop is sealed and anchored within this.
const LAST: Duration = Duration::from_secs(5);

/// Where replicas note when one of them told that events aren't sealed; so long it counts for all.
const TOLD: &str = "record:not-sealed";
const TOLD_FOR: TimeDelta = TimeDelta::hours(1);

/// What was proven once isn't there any more, or isn't the same: an old backup was restored, or somebody edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The sequence that the record had reached.
    pub anchored: u64,
    /// The one that it has now.
    pub found: u64,
}

/// By the clock that all of this process go by.
pub(super) type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// What wiring hands in.
pub struct Parts {
    pub store: Store,
    pub now: Now,
    pub key: CheckpointKey,
    /// Each keeps every checkpoint it is handed; none holds up another.
    pub keepers: Vec<Keeper>,
    pub metrics: Arc<Metrics>,
    /// Whether the record was found broken at the start: then nothing is signed or anchored.
    pub broken: bool,
    /// Called once, where the record is found broken while it is being sealed.
    pub on_broken: Box<dyn Fn(Broken) + Send + Sync>,
}

pub struct Sealer {
    parts: Parts,
    positions: Option<Positions>,
    /// The newest seal that was seen or made here.
    head: Option<(u64, String)>,
    /// Another replica seals.
    standing_by: Option<Instant>,
    /// The newest checkpoint, whoever made it, and when it was seen here first.
    signed: Option<(u64, Instant)>,
    /// What is left is signed without delay.
    stopping: bool,
    failing: Failing,
    newest: watch::Sender<Option<Checkpoint>>,
}

/// How a round went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Well,
    /// Somebody else seals: this one didn't look.
    StoodBy,
    Wrong,
}

/// Whether what should be signed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    Well,
    Not,
}

/// How a look through a span ended.
#[derive(PartialEq, Eq)]
enum Looked {
    AllOfIt,
    Overtaken,
}

impl Sealer {
    pub fn new(parts: Parts) -> Self {
        let (newest, _) = watch::channel(None);
        Self {
            parts,
            positions: None,
            head: None,
            standing_by: None,
            signed: None,
            stopping: false,
            failing: Failing::default(),
            newest,
        }
    }

    /// Seals until `stop`, then what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let keepers = std::mem::take(&mut self.parts.keepers);
        let keeping: Vec<_> = keepers
            .into_iter()
            .map(|keeper| {
                let kept = Kept {
                    store: self.parts.store.clone(),
                    metrics: Arc::clone(&self.parts.metrics),
                    now: Arc::clone(&self.parts.now),
                };
                tokio::spawn(keeper.run(kept, self.newest.subscribe()))
            })
            .collect();
        let mut changed = self.parts.store.changed();
        loop {
            changed.mark_unchanged();
            self.round().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(PAUSE) => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                told = changed.changed() => if told.is_err() { break },
                () = sleep(IDLE) => {}
            }
        }
        self.standing_by = None;
        self.stopping = true;
        if timeout(LAST, self.round()).await.is_err() {
            tracing::warn!("the last events weren't sealed in time; the next start seals them");
        }
        drop(self.newest);
        for keeper in keeping {
            if timeout(LAST, keeper).await.is_err() {
                tracing::warn!("the last checkpoint wasn't kept in time");
            }
        }
    }

    /// What fails is done again in the next round. Where minutes pass so, whoever can stop the proof could change what isn't
    /// sealed yet, and people hear of it.
    async fn round(&mut self) {
        let mut went = self.attempt().await;
        let now = (self.parts.now)();
        if went == Went::Wrong {
            self.failing.again(now);
            if self.failing.is_to_be_told(now) {
                // Of a database that has just come back nobody needs to hear.
                self.standing_by = None;
                went = self.attempt().await;
            }
        }
        let done = match went {
            Went::Well => self.goes_on().await,
            Went::Wrong if self.failing.is_to_be_told(now) => self.tell(now).await,
            Went::StoodBy | Went::Wrong => Ok(()),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "whether events are sealed can't be told just now");
        }
    }

    async fn attempt(&mut self) -> Went {
        let (before, stands_by) = (self.head.clone(), self.stands_by());
        match sound(self.seal_and_sign()).await {
            Ok(Ok((Looked::AllOfIt, Signed::Well))) => Went::Well,
            Ok(Ok((Looked::Overtaken, Signed::Well))) if stands_by => Went::StoodBy,
            // Somebody else's seals are as good; seals that don't stay aren't.
            Ok(Ok((Looked::Overtaken, Signed::Well))) if self.head != before => Went::Well,
            Ok(Ok(_)) => Went::Wrong,
            Ok(Err(error)) => {
                tracing::warn!(%error, "events can't be sealed or signed just now");
                Went::Wrong
            }
            Err(why) => {
                tracing::error!(why, "a round of the sealer was lost");
                Went::Wrong
            }
        }
    }

    /// One replica tells for all.
    async fn tell(&mut self, now: Time) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let told = store.scan_place(TOLD).await?;
        if told.parse::<Time>().is_ok_and(|told| now - told < TOLD_FOR) {
            self.failing.is_told();
            return Ok(());
        }
        tracing::error!("events still aren't sealed and signed");
        let why = "New entries of the record haven't been sealed and signed for some minutes (the log says more). Until they are, nobody can tell whether they were changed.";
        self.failing.tell(store, why.into()).await?;
        store.keep_scan_place(TOLD, &now.to_rfc3339()).await
    }

    async fn goes_on(&mut self) -> Result<(), StoreError> {
        if self.failing.was_told() {
            self.parts.store.keep_scan_place(TOLD, "").await?;
        }
        self.failing.ends();
        Ok(())
    }

    async fn seal_and_sign(&mut self) -> Result<(Looked, Signed), StoreError> {
        let looked = self.seal_all().await?;
        Ok((looked, self.checkpoint().await?))
    }

    async fn seal_all(&mut self) -> Result<Looked, StoreError> {
        if !self.is_our_turn().await? {
            return Ok(Looked::Overtaken);
        }
        let store = self.parts.store.clone();
        let mut positions = match self.positions.take() {
            Some(positions) => positions,
            None => Positions::new(store.sealed_up_to().await?),
        };
        let looked = self.look(&mut positions).await;
        self.positions = Some(positions);
        looked
    }

    async fn look(&mut self, positions: &mut Positions) -> Result<Looked, StoreError> {
        let horizon = self.parts.store.horizon().await?;
        let now = Instant::now();
        if let Some(fresh) = positions.fresh(&horizon) {
            let passed = |part, there: &[Unsealed]| {
                positions.passed(part, there.iter().map(|event| event.position));
            };
            if self.seal_in(fresh, passed).await? == Looked::Overtaken {
                return Ok(Looked::Overtaken);
            }
        }
        positions.saw(&horizon, now);
        if let Some(back) = positions.back(now) {
            if self.look_back(back, positions).await? == Looked::Overtaken {
                return Ok(Looked::Overtaken);
            }
            positions.looked_back(&horizon, now);
        }
        if let Some(window) = positions.window() {
            if self.seal_in(window, |_, _| {}).await? == Looked::Overtaken {
                return Ok(Looked::Overtaken);
            }
            positions.looked_through(window);
        }
        Ok(Looked::AllOfIt)
    }

    async fn look_back(
        &mut self,
        back: Back,
        positions: &mut Positions,
    ) -> Result<Looked, StoreError> {
        if let Some(all) = back.all
            && self.seal_in(all, |_, _| {}).await? == Looked::Overtaken
        {
            return Ok(Looked::Overtaken);
        }
        for missing in back.missing.chunks(BATCH as usize) {
            let found = self.parts.store.unsealed_at(missing).await?;
            if self.append(&found).await? == Looked::Overtaken {
                return Ok(Looked::Overtaken);
            }
            positions.found(found.iter().map(|event| event.position));
        }
        Ok(Looked::AllOfIt)
    }

    fn stands_by(&self) -> bool {
        let since = self.standing_by.map(|since| since.elapsed());
        since.is_some_and(|since| since < STAND_BY)
    }

    /// Whether the head is where this replica left it. Where it isn't, another one seals, or the record isn't what it was.
    async fn is_our_turn(&mut self) -> Result<bool, StoreError> {
        if self.stands_by() {
            return Ok(false);
        }
        self.standing_by = None;
        let head = self.parts.store.head().await?;
        let Some(known) = self.head.clone() else {
            self.head = head;
            return Ok(true);
        };
        if head.as_ref() == Some(&known) {
            return Ok(true);
        }
        if self.parts.store.hash_at(known.0).await? == Some(known.1) {
            self.standing_by = Some(Instant::now());
        } else {
            self.positions = None;
            let found = head.as_ref().map_or(0, |(sequence, _)| *sequence);
            let anchored = known.0;
            if !std::mem::replace(&mut self.parts.broken, true) {
                (self.parts.on_broken)(Broken { anchored, found });
            }
        }
        self.head = head;
        Ok(false)
    }

    /// `passed`: hears of each part of the span that is sealed, and of what was found there.
    async fn seal_in(
        &mut self,
        mut span: Span,
        mut passed: impl FnMut(Span, &[Unsealed]),
    ) -> Result<Looked, StoreError> {
        while span.after < span.up_to {
            let found = self.parts.store.unsealed(span, BATCH).await?;
            let full = found.len() >= BATCH as usize;
            let last = found.last().filter(|_| full);
            let part = Span {
                up_to: last.map_or(span.up_to, |last| last.position),
                ..span
            };
            if self.append(&found).await? == Looked::Overtaken {
                return Ok(Looked::Overtaken);
            }
            passed(part, &found);
            span.after = part.up_to;
        }
        Ok(Looked::AllOfIt)
    }

    /// Seals these events, where there are any.
    async fn append(&mut self, found: &[Unsealed]) -> Result<Looked, StoreError> {
        if found.is_empty() {
            return Ok(Looked::AllOfIt);
        }
        let seals = chained(self.head.as_ref(), found)?;
        let sealed = self.parts.store.seal(self.head.as_ref(), &seals).await?;
        if sealed == SealedOrNot::Overtaken {
            self.head = self.parts.store.head().await?;
            self.standing_by = Some(Instant::now());
            return Ok(Looked::Overtaken);
        }
        self.head = seals.last().map(|seal| (seal.sequence, seal.hash.clone()));
        Ok(Looked::AllOfIt)
    }

    /// Signs where the chain stands, where that is new and due, and hands on the newest checkpoint there is, whoever made it.
    async fn checkpoint(&mut self) -> Result<Signed, StoreError> {
        let head = self.head.as_ref().map_or(0, |(sequence, _)| *sequence);
        self.parts.metrics.sealed(head);
        if self.parts.broken {
            return Ok(Signed::Well);
        }
        let store = &self.parts.store;
        let mut newest = store.newest_checkpoint().await?.map(Checkpoint::from);
        if let Some((sequence, hash)) = &self.head
            && newest
                .as_ref()
                .is_none_or(|newest| newest.sequence < *sequence)
            && self.is_due(newest.as_ref())
        {
            let made = self.parts.key.sign(*sequence, hash, (self.parts.now)());
            store.put_checkpoint(&(&made).into()).await?;
            newest = store.newest_checkpoint().await?.map(Checkpoint::from);
            let stays = |newest: &Checkpoint| newest.sequence >= *sequence;
            if !newest.as_ref().is_some_and(stays) {
                tracing::error!(sequence, "a checkpoint doesn't stay in the database");
                return Ok(Signed::Not);
            }
        }
        let Some(newest) = newest else {
            return Ok(Signed::Well);
        };
        if self
            .signed
            .is_none_or(|(known, _)| known != newest.sequence)
        {
            self.signed = Some((newest.sequence, Instant::now()));
        }
        if newest.key != self.parts.key.public() || !newest.is_authentic() {
            tracing::error!(
                sequence = newest.sequence,
                "a checkpoint in the database isn't ours: it isn't anchored"
            );
            return Ok(Signed::Not);
        }
        self.newest.send_if_modified(|known| {
            let new = known.as_ref() != Some(&newest);
            *known = Some(newest);
            new
        });
        Ok(Signed::Well)
    }

    /// By either clock: the wall's may be moved, ours begins with the process.
    fn is_due(&self, newest: Option<&Checkpoint>) -> bool {
        let Some(newest) = newest else { return true };
        let wall = ((self.parts.now)() - newest.at).to_std();
        let ours = self.signed.map(|(_, since)| since.elapsed());
        self.stopping
            || wall.is_ok_and(|wall| wall >= CHECKPOINTS)
            || ours.is_some_and(|ours| ours >= CHECKPOINTS)
    }
}

/// The seals of these events, onto this head.
fn chained(head: Option<&(u64, String)>, events: &[Unsealed]) -> Result<Vec<Seal>, StoreError> {
    let (mut sequence, mut hash) = match head {
        None => (0, GENESIS),
        Some((sequence, hash)) => {
            let broken = || StoreError::Corrupt {
                table: "seal",
                row: sequence.to_string(),
                why: "its hash is none".into(),
            };
            (*sequence, parse_hash(hash).ok_or_else(broken)?)
        }
    };
    let seals = events.iter().map(|event| {
        sequence += 1;
        hash = link(&hash, &event_digest(event.body.as_bytes()));
        Seal {
            sequence,
            event: event.id.clone(),
            hash: hex::encode(hash),
        }
    });
    Ok(seals.collect())
}
