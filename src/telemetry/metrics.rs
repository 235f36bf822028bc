//! What `/metrics` shows. Counters and histograms are kept here as things happen; how many requests and grants there
//! are is read from the store at each scrape, so that a restart can't make them lie.

use std::sync::atomic::AtomicU64;
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
struct OfLane {
    lane: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Jump {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Beat {
    outcome: &'static str,
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    pub requests: Vec<(String, i64)>,
    pub live_grants: i64,
    /// For each lane that has any: how many effects are overdue, and for how many seconds the oldest of them.
    pub backlog: Vec<(String, i64, f64)>,
    /// Nothing is granted, until an operator accepts the record as it is.
    pub revoke_only: bool,
    /// Where Socket Mode is on.
    pub sockets: Option<Sockets>,
}

/// How Socket Mode stands at a scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sockets {
    /// Connections that are open and greeted.
    pub open: usize,
    /// Since Slack's last hello; none before the first.
    pub greeted: Option<Duration>,
}

/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    effects: Family<Work, Counter>,
    http: Family<Answered, Counter>,
    http_time: Histogram,
    lateness: Histogram,
    requests: Family<InState, Gauge>,
    live_grants: Gauge,
    lane_open: Family<OfLane, Gauge>,
    overdue: Family<OfLane, Gauge>,
    oldest: Family<OfLane, Seconds>,
    leases_lost: Counter,
    clock_jumps: Family<Jump, Counter>,
    clock_skew: Seconds,
    heartbeats: Family<Beat, Counter>,
    sealed: Gauge,
    anchored: Family<KeptBy, Gauge>,
    anchor_failures: Family<KeptBy, Counter>,
    revoke_only: Gauge,
    sockets: Gauge,
    socket_hello: Seconds,
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
            lane_open: Family::default(),
            overdue: Family::default(),
            oldest: Family::default(),
            leases_lost: Counter::default(),
            clock_jumps: Family::default(),
            clock_skew: Seconds::default(),
            heartbeats: Family::default(),
            sealed: Gauge::default(),
            anchored: Family::default(),
            anchor_failures: Family::default(),
            revoke_only: Gauge::default(),
            sockets: Gauge::default(),
            socket_hello: Seconds::default(),
        };
        metrics.register();
        metrics.register_proof();
        metrics.register_engine();
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

    /// What the worker, its clock and its heartbeat tell.
    fn register_engine(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "lane_open",
            "1 while the lane's target is away and only probed, else 0",
            self.lane_open.clone(),
        );
        registry.register(
            "effects_overdue",
            "Effects that are due and not carried out, by lane",
            self.overdue.clone(),
        );
        registry.register_with_unit(
            "effects_oldest_overdue",
            "Age of the oldest overdue effect, by lane",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "leases_lost",
            "Claims that another process took over while they were carried out here",
            self.leases_lost.clone(),
        );
        registry.register(
            "clock_jumps",
            "Jumps of this machine's clock, by direction",
            self.clock_jumps.clone(),
        );
        registry.register_with_unit(
            "clock_skew",
            "The database's clock less this machine's",
            Unit::Seconds,
            self.clock_skew.clone(),
        );
        registry.register(
            "heartbeat",
            "Calls of the heartbeat URL: sent, failed, or withheld for lack of progress",
            self.heartbeats.clone(),
        );
    }

    /// With those of Socket Mode, for a process that uses it: elsewhere a 0 would look like an outage.
    #[must_use]
    pub fn of_socket_mode(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register(
            "socket_connections",
            "Connections of Socket Mode that are open and greeted",
            self.sockets.clone(),
        );
        registry.register_with_unit(
            "socket_last_hello_age",
            "Time since Slack last greeted a new connection; -1 before the first",
            Unit::Seconds,
            self.socket_hello.clone(),
        );
        self
    }

    /// Whether a lane's target is away.
    pub fn lane_open(&self, lane: &str, away: bool) {
        let lane = lane.to_owned();
        self.lane_open
            .get_or_create(&OfLane { lane })
            .set(i64::from(away));
    }

    /// So many claims were lost to another process.
    pub fn leases_lost(&self, count: usize) {
        self.leases_lost.inc_by(count as u64);
    }

    /// The machine's clock jumped by so many seconds; back where negative.
    pub fn clock_jumped(&self, by_seconds: i64) {
        let direction = if by_seconds < 0 { "back" } else { "forward" };
        self.clock_jumps.get_or_create(&Jump { direction }).inc();
    }

    /// The database's clock less this machine's, in seconds.
    pub fn clock_skew(&self, seconds: f64) {
        self.clock_skew.set(seconds);
    }

    /// `outcome`: `sent`, `failed` or `withheld`.
    pub fn heartbeat(&self, outcome: &'static str) {
        self.heartbeats.get_or_create(&Beat { outcome }).inc();
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
        self.overdue.clear();
        self.oldest.clear();
        for (lane, count, oldest) in &ledger.backlog {
            let lane = OfLane { lane: lane.clone() };
            self.overdue.get_or_create(&lane).set(*count);
            self.oldest.get_or_create(&lane).set(*oldest);
        }
        self.revoke_only.set(i64::from(ledger.revoke_only));
        if let Some(Sockets { open, greeted }) = ledger.sockets {
            self.sockets.set(gauge(open as u64));
            let age = greeted.map_or(-1.0, |since| since.as_secs_f64());
            self.socket_hello.set(age);
        }
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

    use super::{Ledger, Metrics, Sockets};

    #[test]
    fn what_happened_can_be_read() {
        let metrics = Metrics::default();
        metrics.effect("slack", "done");
        metrics.answered("/slack/commands", 200, Duration::from_millis(3));
        metrics.ended_late_by(Duration::from_millis(700));
        let ledger = Ledger {
            requests: vec![("pending".into(), 2)],
            live_grants: 1,
            backlog: vec![("slack".into(), 3, 7.5)],
            revoke_only: true,
            sockets: None,
        };
        metrics.lane_open("backend:orders-db", true);
        metrics.leases_lost(2);
        metrics.clock_jumped(-30);
        metrics.clock_skew(-2.5);
        metrics.heartbeat("withheld");
        let text = metrics.text(&ledger).unwrap();
        for line in [
            "hallpass_effects_total{lane=\"slack\",outcome=\"done\"} 1",
            "hallpass_http_requests_total{route=\"/slack/commands\",status=\"200\"} 1",
            "hallpass_end_lateness_seconds_bucket{le=\"1.0\"} 1",
            "hallpass_requests{state=\"pending\"} 2",
            "hallpass_grants_live 1",
            "hallpass_effects_overdue{lane=\"slack\"} 3",
            "hallpass_effects_oldest_overdue_seconds{lane=\"slack\"} 7.5",
            "hallpass_lane_open{lane=\"backend:orders-db\"} 1",
            "hallpass_leases_lost_total 2",
            "hallpass_clock_jumps_total{direction=\"back\"} 1",
            "hallpass_clock_skew_seconds -2.5",
            "hallpass_heartbeat_total{outcome=\"withheld\"} 1",
            "hallpass_revoke_only 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("socket"), "{text}");
    }

    #[test]
    fn connections_are_told_where_there_are_any() {
        let metrics = Metrics::default().of_socket_mode();
        let mut ledger = Ledger {
            sockets: Some(Sockets::default()),
            ..Ledger::default()
        };
        let text = metrics.text(&ledger).unwrap();
        assert!(text.contains("hallpass_socket_connections 0"), "{text}");
        assert!(
            text.contains("hallpass_socket_last_hello_age_seconds -1"),
            "{text}"
        );
        ledger.sockets = Some(Sockets {
            open: 2,
            greeted: Some(Duration::from_millis(1_500)),
        });
        let text = metrics.text(&ledger).unwrap();
        assert!(text.contains("hallpass_socket_connections 2"), "{text}");
        assert!(
            text.contains("hallpass_socket_last_hello_age_seconds 1.5"),
            "{text}"
        );
    }
}
