//! What `/metrics` shows. Counters and histograms are kept here as things happen; how many requests and grants there
//! are is read from the store at each scrape, so that a restart can't make them lie.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds: an end is to be verified within 5 of them.
const LATENESS: [f64; 12] = [
    0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
];
/// Seconds: Slack gives an answer 3 of them.
const ANSWER: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Work {
    lane: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeptBy {
    sink: String,
}

/// How many requests are in each state, and how many grants are live: what the store says at a scrape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub requests: Vec<(String, i64)>,
    pub live_grants: i64,
    /// Nothing is granted, until an operator accepts the record as it is.
    pub revoke_only: bool,
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    effects: Family<Work, Counter>,
    http: Family<Answered, Counter>,
    http_time: Histogram,
    lateness: Histogram,
    requests: Family<InState, Gauge>,
    live_grants: Gauge,
    sealed: Gauge,
    anchored: Family<KeptBy, Gauge>,
    anchor_failures: Family<KeptBy, Counter>,
    revoke_only: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hallpass"),
            effects: Family::default(),
            http: Family::default(),
            http_time: Histogram::new(ANSWER),
            lateness: Histogram::new(LATENESS),
            requests: Family::default(),
            live_grants: Gauge::default(),
            sealed: Gauge::default(),
            anchored: Family::default(),
            anchor_failures: Family::default(),
            revoke_only: Gauge::default(),
        };
        metrics.register();
        metrics.register_proof();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "effects",
            "Effects carried out, by lane and outcome",
            self.effects.clone(),
        );
        registry.register(
            "http_requests",
            "HTTP requests answered, by route and status",
            self.http.clone(),
        );
        registry.register_with_unit(
            "http_answer",
            "Time to the answer of an HTTP request",
            Unit::Seconds,
            self.http_time.clone(),
        );
        registry.register_with_unit(
            "end_lateness",
            "Time from a grant's end to its removal, verified",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register(
            "requests",
            "Requests on record, by state",
            self.requests.clone(),
        );
        registry.register(
            "grants_live",
            "Grants that are provisioning, active or revoking",
            self.live_grants.clone(),
        );
    }

    fn register_proof(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "sealed_sequence",
            "The newest sealed record",
            self.sealed.clone(),
        );
        registry.register(
            "anchored_sequence",
            "The newest record whose checkpoint is kept outside the database, by where",
            self.anchored.clone(),
        );
        registry.register(
            "anchor_failures",
            "Checkpoints that couldn't be kept, by where",
            self.anchor_failures.clone(),
        );
        registry.register(
            "revoke_only",
            "1 where the record is older than its anchor: nothing is granted",
            self.revoke_only.clone(),
        );
    }

    /// The newest sealed record.
    pub fn sealed(&self, sequence: u64) {
        self.sealed.set(gauge(sequence));
    }

    /// The newest record whose checkpoint `sink` keeps.
    pub fn anchored(&self, sink: &str, sequence: u64) {
        let sink = sink.to_owned();
        let kept = self.anchored.get_or_create(&KeptBy { sink });
        kept.set(gauge(sequence));
    }

    /// A checkpoint that `sink` didn't take.
    pub fn anchor_failed(&self, sink: &str) {
        let sink = sink.to_owned();
        self.anchor_failures.get_or_create(&KeptBy { sink }).inc();
    }

    /// One effect was carried out. `outcome`: `done`, `retried` or `given_back`.
    pub fn effect(&self, lane: &str, outcome: &'static str) {
        let lane = lane.to_owned();
        self.effects.get_or_create(&Work { lane, outcome }).inc();
    }

    /// A grant whose time was up is gone and verified gone, so long after its end.
    pub fn ended_late_by(&self, lateness: Duration) {
        self.lateness.observe(lateness.as_secs_f64());
    }

    /// `route` is the pattern that matched, never the path that was asked for.
    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.http.get_or_create(&Answered { route, status }).inc();
        self.http_time.observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads, with the ledger's figures of this moment.
    pub fn text(&self, ledger: &Ledger) -> Result<String, std::fmt::Error> {
        self.requests.clear();
        for (state, count) in &ledger.requests {
            let state = state.clone();
            self.requests.get_or_create(&InState { state }).set(*count);
        }
        self.live_grants.set(ledger.live_grants);
        self.revoke_only.set(i64::from(ledger.revoke_only));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn gauge(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ledger, Metrics};

    #[test]
    fn what_happened_can_be_read() {
        let metrics = Metrics::default();
        metrics.effect("slack", "done");
        metrics.answered("/slack/commands", 200, Duration::from_millis(3));
        metrics.ended_late_by(Duration::from_millis(700));
        let ledger = Ledger {
            requests: vec![("pending".into(), 2)],
            live_grants: 1,
            revoke_only: true,
        };
        let text = metrics.text(&ledger).unwrap();
        for line in [
            "hallpass_effects_total{lane=\"slack\",outcome=\"done\"} 1",
            "hallpass_http_requests_total{route=\"/slack/commands\",status=\"200\"} 1",
            "hallpass_end_lateness_seconds_bucket{le=\"1.0\"} 1",
            "hallpass_requests{state=\"pending\"} 2",
            "hallpass_grants_live 1",
            "hallpass_revoke_only 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
