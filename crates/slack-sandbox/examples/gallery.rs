//! Writes a page that shows what an app sends: `gallery FOLDER PAGE.html APP`. The folder holds JSON files, or snapshots of
//! `insta` whose text is JSON.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it speaks to whoever runs it"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;
use slack_sandbox::{App, Exhibit, Person, Workspace, gallery};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, page, app] = arguments.as_slice() else {
        return told("Say where to read and what to write: gallery FOLDER PAGE.html APP");
    };
    let exhibits = match exhibits(Path::new(folder)) {
        Ok(exhibits) if exhibits.is_empty() => {
            return told(&format!("{folder} holds no message and no view."));
        }
        Ok(exhibits) => exhibits,
        Err(error) => return told(&format!("{folder} can't be read: {error}")),
    };
    let shown = gallery(workspace(app, &exhibits), &exhibits);
    match std::fs::write(page, shown) {
        Ok(()) => {
            println!("{} to look at: open {page}", exhibits.len());
            ExitCode::SUCCESS
        }
        Err(error) => told(&format!("{page} can't be written: {error}")),
    }
}

fn told(sentence: &str) -> ExitCode {
    eprintln!("{sentence}");
    ExitCode::FAILURE
}

/// Every file that holds blocks, by name.
fn exhibits(folder: &Path) -> std::io::Result<Vec<Exhibit>> {
    let mut exhibits = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let text = std::fs::read_to_string(&path)?;
        let body = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
            .map_or(text.as_str(), |(_, body)| body);
        let Ok(shown) = serde_json::from_str::<Value>(body) else {
            continue;
        };
        if shown["blocks"].is_array() {
            // `it__slack_views__card_pending`: the last part says what it is.
            let name = stem.rsplit("__").next().unwrap_or(stem).to_owned();
            exhibits.push(Exhibit { name, shown });
        }
    }
    exhibits.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(exhibits)
}

/// Somebody for every account that is mentioned: `U0RITA` is Rita.
fn workspace(app: &str, exhibits: &[Exhibit]) -> Workspace {
    let mut accounts = BTreeSet::from(["U0ALICE".to_owned()]);
    for one in exhibits {
        let text = one.shown.to_string();
        let mentions = text.split("<@").skip(1);
        accounts.extend(mentions.filter_map(|rest| rest.split('>').next().map(str::to_owned)));
    }
    let mut workspace = Workspace::new("T0ACME", "acme", "Acme").app(App {
        name: app.into(),
        ..App::default()
    });
    workspace.people = accounts.iter().map(|id| person(id)).collect();
    workspace
}

fn person(id: &str) -> Person {
    let name = id.trim_start_matches("U0").to_lowercase();
    let mut shown = name.clone();
    if let Some(first) = shown.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Person::new(id, &name, &shown, &format!("{name}@example.com"))
}
