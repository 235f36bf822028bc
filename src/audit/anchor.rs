//! The anchor: a file outside the database's folder that keeps the newest checkpoints, a line each. Whoever owns the
//! database can't change it, and a database that is older than its anchor is a backup that was restored.
//! Several processes of a machine may share it: every write holds a lock beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use hallpass_domain::Time;
use hallpass_domain::planted::{Fault, planted};
use serde::{Deserialize, Serialize};

use super::chain::GENESIS;
use super::checkpoint::{Checkpoint, CheckpointKey, Sink, SinkError};
use super::seal::Broken;
use crate::points::{ANCHOR, Failed};
use crate::store::{Store, StoreError};

/// Bytes after which only the newest lines are kept.
const LARGEST: u64 = 5 << 20;
/// How many of them.
const KEPT: usize = 10_000;

/// A line: a checkpoint; and, where an operator took an older record as it was, who did and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorLine {
    /// What the lines before say holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_over: Option<StartsOver>,
    pub checkpoint: Checkpoint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartsOver {
    /// `cli:user@host`
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    path: PathBuf,
}

impl Anchor {
    /// Nothing is made before the first line is written.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines that hold: those after the last new start, with it. A line that can't be read is left out; one that was
    /// half written stands at the end only.
    pub fn lines(&self) -> io::Result<Vec<Checkpoint>> {
        let text = match File::open(&self.path) {
            Ok(file) => {
                let mut text = Vec::new();
                file.take(2 * LARGEST).read_to_end(&mut text)?;
                text
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(holding(&text))
    }

    /// The newest checkpoint that this key signed.
    pub fn newest(&self, key: &str) -> io::Result<Option<Checkpoint>> {
        let lines = self.lines()?;
        let ours = |line: &&Checkpoint| line.key == key && line.is_authentic();
        Ok(lines.iter().rev().find(ours).cloned())
    }

    /// Whether the record still is what was anchored; none where it is, or where nothing was.
    ///
    /// # Errors
    /// Where the store fails. An anchor that can't be read is told in the log and taken as missing: it must not keep
    /// revocations from starting.
    pub async fn differs(&self, store: &Store, key: &str) -> Result<Option<Broken>, StoreError> {
        let newest = match self.newest(key) {
            Ok(Some(newest)) => newest,
            Ok(None) => {
                tracing::info!(anchor = %self.path.display(), "the anchor is new");
                return Ok(None);
            }
            Err(error) => {
                tracing::error!(anchor = %self.path.display(), %error, "the anchor can't be read");
                return Ok(None);
            }
        };
        compared(store, &newest).await
    }

    /// Takes the record as it is now: the lines before hold no more.
    pub async fn start_over(
        &self,
        store: &Store,
        key: &CheckpointKey,
        by: &str,
        now: Time,
    ) -> Result<(), SinkError> {
        let head = store.head().await;
        let head = head.map_err(|error| SinkError::because("the record can't be read", &error))?;
        let (sequence, hash) = head.unwrap_or_else(|| (0, hex::encode(GENESIS)));
        let line = AnchorLine {
            starts_over: Some(StartsOver { by: by.into() }),
            checkpoint: key.sign(sequence, &hash, now),
        };
        self.write(line).await
    }

    async fn write(&self, line: AnchorLine) -> Result<(), SinkError> {
        let failed = |why: &dyn std::fmt::Display| {
            SinkError::because(format!("{} can't be written", self.path.display()), why)
        };
        let told = |told: Failed| failed(&told);
        let anchor = self.clone();
        ANCHOR.before().await.map_err(told)?;
        let written = tokio::task::spawn_blocking(move || anchor.append(&line)).await;
        let written = written.map_err(io::Error::other).flatten();
        written.map_err(|error| failed(&error))?;
        ANCHOR.after().await.map_err(told)
    }

    /// Returns once it is on the disk. A checkpoint that isn't newer than the last line changes nothing.
    fn append(&self, line: &AnchorLine) -> io::Result<()> {
        let folder = self.folder();
        if !folder.as_os_str().is_empty() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let lock = private(OpenOptions::new().write(true), &self.beside("lock"))?;
        lock.lock()?;
        let mut file = private(OpenOptions::new().read(true).append(true), &self.path)?;
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut file)
            .take(2 * LARGEST)
            .read_to_end(&mut text)?;
        let known = holding(&text);
        let new = known
            .last()
            .is_none_or(|last| last.sequence < line.checkpoint.sequence);
        if line.starts_over.is_none() && !new {
            return Ok(());
        }
        let mut written = Vec::new();
        if text.last().is_some_and(|last| *last != b'\n') {
            written.push(b'\n');
        }
        serde_json::to_writer(&mut written, line)?;
        written.push(b'\n');
        file.write_all(&written)?;
        file.sync_all()?;
        if text.is_empty() {
            sync_folder(folder)?;
        }
        if text.len() as u64 > LARGEST {
            text.extend_from_slice(&written);
            self.shorten(&text)?;
        }
        Ok(())
    }

    /// Keeps the newest lines: written in full beside it, then put in its place.
    fn shorten(&self, text: &[u8]) -> io::Result<()> {
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let kept = &lines[lines.len().saturating_sub(KEPT)..];
        let draft = self.beside("new");
        let mut file = private(OpenOptions::new().write(true).truncate(true), &draft)?;
        file.write_all(&kept.concat())?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        sync_folder(self.folder())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        self.path.with_file_name(name)
    }
}

/// Whether the record lacks what a checkpoint says of it, or says otherwise.
pub async fn compared(store: &Store, newest: &Checkpoint) -> Result<Option<Broken>, StoreError> {
    let there = match newest.sequence {
        0 => Some(hex::encode(GENESIS)),
        sequence => store.hash_at(sequence).await?,
    };
    // Planted, whatever the anchor says the record is taken as it is.
    if there.as_ref() == Some(&newest.hash) || planted(Fault::OldBackupBelieved) {
        return Ok(None);
    }
    let head = store.head().await?;
    Ok(Some(Broken {
        anchored: newest.sequence,
        found: head.map_or(0, |(sequence, _)| sequence),
    }))
}

/// For its owner alone, made where it isn't there.
fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.create(true).mode(0o600).open(path)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let named = !folder.as_os_str().is_empty();
    File::open(if named { folder } else { Path::new(".") })?.sync_all()
}

fn holding(text: &[u8]) -> Vec<Checkpoint> {
    let mut holding = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<AnchorLine>(line) else {
            continue;
        };
        if line.starts_over.is_some() {
            holding.clear();
        }
        holding.push(line.checkpoint);
    }
    holding
}

#[async_trait]
impl Sink for Anchor {
    fn name(&self) -> String {
        "the anchor file".into()
    }

    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), SinkError> {
        self.write(AnchorLine {
            starts_over: None,
            checkpoint: checkpoint.clone(),
        })
        .await
    }
}
