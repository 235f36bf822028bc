//! Sealers over a database of a test, with their anchor and a clock that is moved; and an export written by hand, so that
//! what verifies isn't what wrote.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hallpass::audit::anchor::Anchor;
use hallpass::audit::chain::{GENESIS, commitment, event_digest, link};
use hallpass::audit::checkpoint::{Checkpoint, CheckpointKey};
use hallpass::audit::verify::{Against, Verified, Wrong, verify_database};
use hallpass::audit::{Broken, Keeper, Parts, Sealer};
use hallpass::domain::{Actor, Change, Event, EventKind, Time};
use hallpass::store::{Span, Store};
use hallpass::telemetry::Metrics;
use secrecy::SecretBox;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::{at, person_id};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits until something is so.
pub(crate) async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let waited = async {
        while !so().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .unwrap_or_else(|_| panic!("{what}: not in time"));
}

pub(crate) fn key(byte: u8) -> CheckpointKey {
    CheckpointKey::derive(&SecretBox::new(Box::new([byte; 32])))
}

/// What stays when a sealer ends: anchor, key and clock.
pub(crate) struct Proof {
    pub(crate) folder: TempDir,
    /// Seconds.
    clock: Arc<AtomicI64>,
    /// How often a sealer or a keeper looked at it: at least once a round.
    looked: Arc<AtomicU64>,
}

/// A running sealer.
pub(crate) struct Sealing {
    stop: CancellationToken,
    task: JoinHandle<()>,
    pub(crate) broken: mpsc::UnboundedReceiver<Broken>,
}

impl Proof {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            clock: Arc::new(AtomicI64::new(0)),
            looked: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("state/anchor.jsonl")
    }

    pub(crate) fn anchor(&self) -> Anchor {
        Anchor::at(self.path())
    }

    pub(crate) fn now(&self) -> Time {
        at(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Until those that run have looked at the clock so often again.
    pub(crate) async fn goes_on(&self, times: u64) {
        let before = self.looked.load(Ordering::SeqCst);
        let enough = || self.looked.load(Ordering::SeqCst) >= before + times;
        until("rounds go on", async || enough()).await;
    }

    pub(crate) fn seal(&self, store: &Store) -> Sealing {
        let (told, broken) = mpsc::unbounded_channel();
        let (clock, looked) = (Arc::clone(&self.clock), Arc::clone(&self.looked));
        let sealer = Sealer::new(Parts {
            store: store.clone(),
            now: Arc::new(move || {
                looked.fetch_add(1, Ordering::SeqCst);
                at(clock.load(Ordering::SeqCst))
            }),
            key: key(7),
            keepers: vec![Keeper::of(self.anchor())],
            metrics: Arc::new(Metrics::default()),
            broken: false,
            on_broken: Box::new(move |broken| told.send(broken).expect("the test listens")),
        });
        let stop = CancellationToken::new();
        Sealing {
            task: tokio::spawn(sealer.run(stop.clone())),
            stop,
            broken,
        }
    }

    /// Until what the anchor says is the record's newest.
    pub(crate) async fn is_anchored(&self, store: &Store) {
        until("the record is anchored", async || {
            if !is_sealed(store).await {
                return false;
            }
            let head = store.head().await.unwrap();
            let newest = self.anchor().newest(key(7).public()).unwrap();
            newest.map(|newest| newest.sequence) == head.map(|(sequence, _)| sequence)
        })
        .await;
    }

    pub(crate) fn against(&self) -> Against {
        Against {
            keys: [key(7).public().to_owned()].into(),
            anchored: self.anchor().lines().unwrap(),
        }
    }

    pub(crate) async fn verify(&self, store: &Store) -> Result<Verified, Wrong> {
        verify_database(store, self.against()).await.unwrap()
    }

    /// A record of so many events, sealed, signed and anchored; nobody seals any more.
    pub(crate) async fn of_events(store: &Store, count: i64) -> Self {
        let proof = Self::new();
        for number in 1..=count {
            store.apply_one(happened(number)).await.unwrap();
        }
        let sealing = proof.seal(store);
        proof.is_anchored(store).await;
        sealing.ends().await;
        proof
    }
}

impl Sealing {
    pub(crate) async fn ends(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it stops in time")
            .unwrap();
    }
}

pub(crate) fn happened(number: i64) -> Change {
    let event = Event::new(
        EventKind::Refused,
        Actor::Person(person_id("alice")),
        at(number),
    )
    .fact("number", number)
    .personal("reason", format!("orders are stuck ({number})"));
    Change::default().event(event)
}

/// Without personal fields, so that a copy of its body lacks none.
pub(crate) fn happened_to_nobody(number: i64) -> Change {
    let event = Event::new(EventKind::Refused, Actor::Hallpass, at(number));
    Change::default().event(event.fact("number", number))
}

pub(crate) async fn is_sealed(store: &Store) -> bool {
    let all = Span {
        after: 0,
        up_to: i64::MAX,
    };
    store.count_unsealed(all).await.unwrap() == 0
}

/// An export, line by line as its format says.
pub(crate) struct Export {
    pub(crate) lines: Vec<String>,
}

impl Export {
    /// Records made up, with a checkpoint after every tenth and the last.
    pub(crate) fn of(count: u64) -> Self {
        let (key, mut hash, mut lines) = (key(7), GENESIS, Vec::new());
        lines.push(format!(
            r#"{{"hallpass_export":1,"first":1,"last":{count},"previous":"{}"}}"#,
            hex::encode(GENESIS)
        ));
        for sequence in 1..=count {
            let salt = format!("{sequence:032x}");
            let value = format!("Grund “{sequence}” \\ ü\n");
            let made = commitment(&salt, "reason", &value);
            let mut body =
                format!(r#"{{"v":1,"id":"0197-{sequence}","at":"2026-11-21T04:00:00Z","#);
            write!(
                body,
                r#""facts":{{"text":"}}]\"{sequence}"}},"personal":[{{"field":"reason","commitment":"{made}"}}]}}"#
            )
            .unwrap();
            hash = link(&hash, &event_digest(body.as_bytes()));
            let value = serde_json::to_string(&value).unwrap();
            lines.push(format!(
                r#"{{"sequence":{sequence},"hash":"{}","body":{body},"personal":[{{"position":0,"salt":"{salt}","value":{value}}}]}}"#,
                hex::encode(hash)
            ));
            if sequence % 10 == 0 || sequence == count {
                let signed = key.sign(sequence, &hex::encode(hash), at(0));
                lines.push(signed.line());
            }
        }
        Self { lines }
    }

    /// The checkpoints in it.
    pub(crate) fn checkpoints(&self) -> Vec<Checkpoint> {
        let read = |line: &String| {
            let line: hallpass::audit::checkpoint::CheckpointLine =
                serde_json::from_str(line).ok()?;
            Some(line.checkpoint)
        };
        self.lines.iter().filter_map(read).collect()
    }

    /// The line of a record.
    pub(crate) fn line(&mut self, sequence: u64) -> &mut String {
        let begins = format!(r#"{{"sequence":{sequence},"#);
        let mut lines = self.lines.iter_mut();
        lines.find(|line| line.starts_with(&begins)).unwrap()
    }

    pub(crate) fn place(&self, sequence: u64) -> usize {
        let begins = format!(r#"{{"sequence":{sequence},"#);
        let mut lines = self.lines.iter();
        lines.position(|line| line.starts_with(&begins)).unwrap()
    }

    pub(crate) fn written(&self) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(file.path(), self.lines.join("\n") + "\n").unwrap();
        file
    }
}
