//! Payloads as Slack sends them. Our own (`tests/slack-payloads`) are always read, one for each shape that a handler
//! meets; those of the official SDKs' own tests lie beside the project, not in it, and are read besides where they are.
//! `SLACK_SAMPLES` names another folder for the latter. What was read is said in the run's figures.

use std::fs;
use std::path::{Path, PathBuf};

use super::soak::figure;

/// A payload and where it lies.
pub(crate) struct Sample {
    pub path: PathBuf,
    pub text: String,
}

/// All payloads of a kind (a folder's name), ours first. Fails where ours are fewer than `least`: then nothing would be
/// checked, and nobody would notice.
pub(crate) fn samples(kind: &str, least: usize) -> Vec<Sample> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slack-payloads");
    let mut all = below(&ours.join(kind));
    let own = all.len();
    assert!(own >= least, "{own} of our own {kind}, at least {least}");
    let (folder, named) = theirs();
    if folder.is_dir() {
        let found = below(&folder.join(kind));
        assert!(!found.is_empty(), "no {kind} in {}", folder.display());
        let theirs = found.len();
        all.extend(found);
        figure(
            "samples",
            &format!("{kind}: {own} of our own, {theirs} of Slack's SDKs"),
        );
    } else {
        assert!(!named, "SLACK_SAMPLES: {} is no folder", folder.display());
        let missing = folder.display();
        figure(
            "samples",
            &format!("{kind}: {own} of our own; those of Slack's SDKs aren't there ({missing})"),
        );
    }
    all
}

/// Where the SDKs' payloads may lie, and whether somebody said so.
fn theirs() -> (PathBuf, bool) {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/slack/samples");
    let named = std::env::var_os("SLACK_SAMPLES");
    let is_named = named.is_some();
    (named.map_or_else(beside, PathBuf::from), is_named)
}

fn below(root: &Path) -> Vec<Sample> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Sample { path, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}
