//! Who else is called in these stories: a bucket that takes each object once, and somebody outside who hears the
//! heartbeat. Each keeps a log of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_RANGE, ETAG, LAST_MODIFIED};
use http::{Method, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::workplace;
use crate::support::world::World;

#[derive(Default)]
struct State {
    heard: usize,
    /// By place.
    kept: BTreeMap<String, Bytes>,
}

#[derive(Clone, Default)]
pub(super) struct Onlookers(Arc<Mutex<State>>);

impl Onlookers {
    /// From now on this world's bot calls them.
    pub(super) async fn of(world: &mut World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let onlookers = Self::default();
        let router = Router::new()
            .route("/beat", get(beat))
            .fallback(bucket)
            .with_state(onlookers.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let text = workplace::configuration(&world.gate.url());
        let heartbeat = "heartbeat_url_env = \"HEARTBEAT_URL\"\n\n[people]\n";
        let audit = format!(
            "\n[audit.s3]\nbucket = \"anchors\"\nregion = \"us-east-1\"\nendpoint = \"{at}\"\n\
             access_key_env = \"AUDIT_KEY\"\nsecret_key_env = \"AUDIT_SECRET\"\n"
        );
        let text = text.replacen("[people]\n", heartbeat, 1) + &audit;
        std::fs::write(world.dir.path().join("hallpass.toml"), text).unwrap();
        world.variables.extend([
            ("HEARTBEAT_URL", format!("{at}/beat")),
            ("AUDIT_KEY", "tester".to_owned()),
            ("AUDIT_SECRET", "secret-of-tester".to_owned()),
        ]);
        onlookers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn heard(&self) -> usize {
        self.state().heard
    }

    /// Sequence and hash of the newest checkpoint in the bucket.
    fn newest(&self) -> Option<(u64, String)> {
        let state = self.state();
        let (_, newest) = state.kept.last_key_value()?;
        Some(checkpoint(newest))
    }

    /// Whether the bucket and the world's anchor keep the same newest checkpoint.
    pub(super) fn keep_the_same(&self, world: &World) -> bool {
        let kept = self.newest();
        kept.is_some() && kept == anchored(&world.dir.path().join("state"))
    }
}

fn checkpoint(line: &[u8]) -> (u64, String) {
    let line: Value = serde_json::from_slice(line).unwrap();
    let checkpoint = &line["checkpoint"];
    let hash = checkpoint["hash"].as_str().unwrap().to_owned();
    (checkpoint["sequence"].as_u64().unwrap(), hash)
}

/// The last line of the anchor in this folder that was written in full.
fn anchored(folder: &Path) -> Option<(u64, String)> {
    let files = std::fs::read_dir(folder).ok()?;
    let mut files = files.map(|file| file.unwrap().path());
    let anchor = files.find(|path| path.extension().is_some_and(|one| one == "jsonl"))?;
    let text = std::fs::read_to_string(anchor).unwrap();
    let (whole, _) = text.rsplit_once('\n')?;
    Some(checkpoint(whole.lines().last()?.as_bytes()))
}

async fn beat(Shared(onlookers): Shared<Onlookers>) -> &'static str {
    onlookers.state().heard += 1;
    "heard"
}

/// As S3's second listing: the objects after a name, all in one answer.
fn listed(kept: &BTreeMap<String, Bytes>, query: &str) -> String {
    let asked = url::form_urlencoded::parse(query.as_bytes());
    let after = asked.into_iter().find(|(name, _)| name == "start-after");
    let after = after.map_or(String::new(), |(_, after)| after.into_owned());
    let objects: Vec<String> = kept
        .iter()
        .filter_map(|(place, body)| Some((place.strip_prefix("/anchors/")?, body.len())))
        .filter(|(key, _)| *key > after.as_str())
        .map(|(key, size)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-03-02T09:00:00.000Z</LastModified>\
                 <ETag>\"1\"</ETag><Size>{size}</Size></Contents>"
            )
        })
        .collect();
    let objects = objects.concat();
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult><Name>anchors</Name>\
         <IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
    )
}

/// As S3: a put that must make the object fails where there is one.
async fn bucket(
    Shared(onlookers): Shared<Onlookers>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let mut state = onlookers.state();
    if method == Method::GET
        && let Some(query) = uri.query()
        && query.contains("list-type=2")
    {
        return listed(&state.kept, query).into_response();
    }
    let place = uri.path().to_owned();
    let there = state.kept.get(&place).cloned();
    match (method, there) {
        (Method::PUT, Some(_)) => StatusCode::PRECONDITION_FAILED.into_response(),
        (Method::PUT, None) => {
            state.kept.insert(place, body);
            [(ETAG, "\"1\"")].into_response()
        }
        (Method::GET, Some(body)) => {
            let (last, all) = (body.len() - 1, body.len());
            let headers = [
                (ETAG, "\"1\"".to_owned()),
                (LAST_MODIFIED, "Mon, 02 Mar 2026 09:00:00 GMT".to_owned()),
                (CONTENT_RANGE, format!("bytes 0-{last}/{all}")),
            ];
            (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
