//! The reconciler: what every backend says, beside the ledger. It looks only at what is managed: the entitlements of the
//! configured roles, and what is on record. It gives and takes nothing itself: where something differs it raises the
//! holding's generation and schedules its sync, which observes again and looks at authority before it does anything.
//!
//! The row is read first and the backend asked afterwards, and what follows is written only where the row is still the
//! same; so neither a grant that becomes active meanwhile nor one that ends is taken for drift.

mod compare;
mod findings;
mod uncompared;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use hallpass_domain::effect::Subject;
use hallpass_domain::grant::State as GrantState;
use hallpass_domain::holding::{Known, Observation, UnknownAccess};
use hallpass_domain::role::Sharing;
use hallpass_domain::{
    BackendName, Change, Effect, EffectKind, Entitlement, Grant, GrantId, Holding, HoldingId, Lane,
    Time, Urgency,
};
use tokio::time::{Instant, timeout};

use self::compare::{Verdict, compare};
use self::findings::Findings;
pub(super) use self::findings::announced;
use self::uncompared::{LeftOut, Progress};
use super::sync_holding::no_answer;
use super::{App, Carried, Lease};
use crate::ports::{Backend, BackendError, HoldingRef, Inventory, Listed};
use crate::store::{StoreError, place_of};

/// How many holdings are read at a time.
const PAGE: u32 = 500;

/// What is written in one commit; where there is more, the scan goes on at once.
const FOUND_AT_MOST: usize = 200;

/// Principals are looked up so many at a time.
const LOOKED_UP: usize = 500;

/// One turn of a scan: as far as it comes in its time.
struct Scan<'a> {
    backend: &'a dyn Backend,
    lease: &'a Lease,
    /// By principal and entitlement's key; none where the backend can't list.
    listed: Option<BTreeMap<(String, String), Listed>>,
    /// Whoever isn't listed doesn't hold it.
    complete: bool,
    /// Keys of the entitlements that it lists.
    asked: BTreeSet<String>,
    rule: UnknownAccess,
    /// It was removed from the configuration, or the record isn't to be believed.
    gives_nothing: bool,
    left_out: LeftOut,
    until: Instant,
    findings: Findings,
}

/// How far a turn came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing is left to be looked at.
    Through,
    /// Out of time, or enough was found for one commit.
    GoesOn,
}

/// The grants that claim some holdings.
struct Claiming {
    grants: BTreeMap<GrantId, Grant>,
    /// Whether these give what they claim isn't known.
    unread: BTreeSet<GrantId>,
}

/// Why a turn ends early.
enum Broken {
    Store(StoreError),
    Backend(BackendError),
    /// A call was cut off: what was found before it stands, and the next turn goes on there.
    Cut,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The effect that looks at a backend.
pub(super) fn effect(backend: &BackendName, due: Time) -> Effect {
    Effect {
        subject: Subject::Backend(backend.clone()),
        kind: EffectKind::Reconcile,
        lane: Lane::Backend(backend.clone()),
        urgency: Urgency::Later,
        due,
    }
}

impl App {
    /// `lease`: a scan is patient, and gives its place to what takes access away.
    pub(super) async fn reconcile(
        &self,
        name: &BackendName,
        lease: &Lease,
    ) -> Result<Carried, StoreError> {
        let Some(backend) = self.backends.get(name) else {
            return Ok(Carried::nothing());
        };
        self.is_to_be_compared(name).await?;
        let (change, due) = match Box::pin(self.turn(backend.as_ref(), lease)).await {
            Ok(done) => done,
            Err(Broken::Cut) => (Change::default(), self.now()),
            Err(Broken::Store(error)) => return Err(error),
            Err(Broken::Backend(error)) => {
                return Ok(Carried::Retry {
                    after: match &error {
                        BackendError::Retry { after, .. } => *after,
                        BackendError::Permanent { .. } | BackendError::Stale { .. } => None,
                    },
                    why: format!("it couldn't be compared with the ledger: {error}"),
                });
            }
        };
        Ok(Carried::Done(change.schedule(effect(name, due))))
    }

    /// What follows, and when it is looked again.
    async fn turn(&self, backend: &dyn Backend, lease: &Lease) -> Result<(Change, Time), Broken> {
        let name = backend.name();
        let managed = self.managed(name);
        // Half of what the lane gives one effect, so that the last call can still be waited for.
        let until = Instant::now() + backend.timeout() * 2;
        let inventory = bounded(backend, lease, backend.inventory(&managed)).await?;
        let rule = self.settings.unknown_access.get(name);
        let rule = rule.copied().unwrap_or_default();
        let mut scan = Scan::new(backend, lease, inventory, &managed, rule, until);
        scan.gives_nothing = backend.is_retired() || self.nothing_given().is_some();
        let mut progress = self.scan_progress(name).await?;
        scan.left_out = progress.left_out;
        let looked = match self.look_at_holdings(&mut scan, &mut progress.after).await {
            Ok(Turn::Through) => self.look_for_unknown(&mut scan).await,
            other => other,
        };
        let turn = match looked {
            Err(Broken::Cut) => Turn::GoesOn,
            looked => looked?,
        };
        progress.left_out = scan.left_out;
        let mut due = self.now();
        if turn == Turn::Through {
            if scan.left_out == LeftOut::default() {
                self.was_compared(name).await?;
            }
            progress = Progress::default();
            due += self.settings.reconcile_every;
        }
        self.keep_scan_progress(name, &progress).await?;
        Ok((scan.findings.into_change(name), due))
    }

    /// The entitlements of the configured roles in this backend that no parameter leaves open.
    fn managed(&self, backend: &BackendName) -> Vec<Entitlement> {
        let roles = self.settings.roles.values();
        let its = roles
            .flat_map(|role| &role.entitlements)
            .filter(|entitlement| entitlement.backend == *backend)
            .filter(|entitlement| {
                !entitlement
                    .attributes
                    .values()
                    .any(|text| text.contains('{'))
            });
        let managed: BTreeSet<&Entitlement> = its.collect();
        managed.into_iter().cloned().collect()
    }

    /// All that is on record of the backend, from where the last turn ended.
    async fn look_at_holdings(
        &self,
        scan: &mut Scan<'_>,
        after: &mut String,
    ) -> Result<Turn, Broken> {
        loop {
            let page = self
                .store
                .holdings_in(scan.backend.name(), after, PAGE)
                .await?;
            let page = page.logged();
            scan.left_out.unread |= !page.unread.is_empty();
            // After the rows: what was scheduled and done since has moved its row on, and is a conflict.
            let claiming = self.claiming(&page.rows).await?;
            let subjects: Vec<Subject> = page
                .rows
                .iter()
                .map(|holding| Subject::Holding(holding.id.clone()))
                .collect();
            let busy: BTreeSet<Subject> = self
                .store
                .scheduled(&subjects)
                .await?
                .into_iter()
                .map(|(subject, _)| subject)
                .collect();
            for (holding, subject) in page.rows.into_iter().zip(subjects) {
                if scan.is_over() {
                    return Ok(Turn::GoesOn);
                }
                let place = place_of(&holding);
                if !busy.contains(&subject) {
                    self.look_at(scan, holding, &claiming).await?;
                }
                *after = place;
            }
            match page.next {
                Some(next) => *after = next,
                None => return Ok(Turn::Through),
            }
        }
    }

    /// The grants that claim these holdings.
    async fn claiming(&self, page: &[Holding]) -> Result<Claiming, StoreError> {
        let claims: BTreeSet<GrantId> = page
            .iter()
            .flat_map(|holding| holding.claims.keys().cloned())
            .collect();
        let claims: Vec<GrantId> = claims.into_iter().collect();
        let page = self.store.readable_grants(&claims).await?.logged();
        let grants = page.rows.into_iter();
        let unread = page.unread.into_iter().filter_map(|error| match error {
            StoreError::Corrupt { row, .. } => Some(GrantId::new(row)),
            StoreError::Unavailable(_) | StoreError::Refused(_) => None,
        });
        Ok(Claiming {
            grants: grants.map(|grant| (grant.id.clone(), grant)).collect(),
            unread: unread.collect(),
        })
    }

    async fn look_at(
        &self,
        scan: &mut Scan<'_>,
        holding: Holding,
        Claiming { grants, unread }: &Claiming,
    ) -> Result<(), Broken> {
        let now = self.now();
        if holding.claims.keys().any(|id| unread.contains(id)) {
            scan.left_out.uncompared = true;
            return Ok(());
        }
        let backed = |id: &GrantId| grants.get(id).is_some_and(|grant| gives(grant, &holding));
        if !holding.claims.keys().all(backed) {
            // Its sync finds the claims that nobody stands behind.
            scan.findings.sync(holding, now);
            return Ok(());
        }
        if scan
            .listing(&holding)
            .is_some_and(|listed| compare(&holding, &listed, scan.rule, now) == Verdict::Agrees)
        {
            return Ok(());
        }
        let order = order_for(&holding);
        let seen = match bounded(scan.backend, scan.lease, scan.backend.observe(&order)).await {
            Ok(seen) => seen,
            Err(Broken::Backend(BackendError::Permanent { why } | BackendError::Stale { why })) => {
                tracing::warn!(holding = %holding.id, why, "can't be compared with the ledger");
                scan.left_out.uncompared = true;
                return Ok(());
            }
            Err(broken) => return Err(broken),
        };
        let claimed_by = holding.claims.keys().find_map(|id| grants.get(id));
        self.found(scan, holding, &seen, claimed_by);
        Ok(())
    }

    /// What follows from one look.
    fn found(
        &self,
        scan: &mut Scan<'_>,
        holding: Holding,
        seen: &Observation,
        grant: Option<&Grant>,
    ) {
        let now = self.now();
        let findings = &mut scan.findings;
        match compare(&holding, seen, scan.rule, now) {
            Verdict::Agrees => {}
            Verdict::Learn(known) => findings.learn(holding, known),
            // Where nothing is given now, its sync would only be refused again.
            Verdict::Sync if scan.gives_nothing && !holding.claims.is_empty() => {}
            Verdict::Sync => findings.sync(holding, now),
            Verdict::Missing { .. } if scan.gives_nothing => {
                findings.gone(holding, grant, now);
            }
            Verdict::Missing { others: true } => findings.replaced(holding, grant, now),
            Verdict::Missing { others: false } => findings.missing(holding, grant, now),
            Verdict::LeftOver => findings.left_over(holding, now),
            Verdict::Unknown { ours, note } => {
                let takes = ours && scan.rule == UnknownAccess::Revoke;
                findings.unknown(holding, &note, takes, now);
            }
        }
    }

    /// Who holds a managed entitlement though nothing on record is about it.
    async fn look_for_unknown(&self, scan: &mut Scan<'_>) -> Result<Turn, Broken> {
        let Some(listed) = scan.listed.take() else {
            return Ok(Turn::Through);
        };
        let name = scan.backend.name().clone();
        // A row that can't be read may be about what would seem unknown, and is somebody's.
        if scan.left_out.unread {
            tracing::error!(backend = %name, "unknown access isn't looked for until what was passed over can be read");
            return Ok(Turn::Through);
        }
        let mut principals: Vec<&str> = listed.keys().map(|(who, _)| who.as_str()).collect();
        principals.dedup();
        for chunk in principals.chunks(LOOKED_UP) {
            let recorded = self.store.recorded(&name, chunk).await?;
            let recorded: BTreeSet<(String, String)> = recorded.into_iter().collect();
            for (key, line) in &listed {
                if !chunk.contains(&key.0.as_str()) || recorded.contains(key) {
                    continue;
                }
                if scan.is_over() {
                    return Ok(Turn::GoesOn);
                }
                if scan.backend.sharing(&line.entitlement) == Sharing::PerGrant {
                    continue;
                }
                self.look_at_unknown(scan, line).await?;
            }
        }
        Ok(Turn::Through)
    }

    async fn look_at_unknown(&self, scan: &mut Scan<'_>, line: &Listed) -> Result<(), Broken> {
        let holding = Holding::found(
            HoldingId::new(self.entropy.id()),
            scan.backend.name().clone(),
            line.principal.clone(),
            line.entitlement.clone(),
            Known::Unknown,
        );
        let order = order_for(&holding);
        let seen = bounded(scan.backend, scan.lease, scan.backend.observe(&order)).await?;
        if seen.ours || seen.others.is_some() {
            self.found(scan, holding, &seen, None);
        }
        Ok(())
    }
}

impl<'a> Scan<'a> {
    fn new(
        backend: &'a dyn Backend,
        lease: &'a Lease,
        inventory: Inventory,
        managed: &[Entitlement],
        rule: UnknownAccess,
        until: Instant,
    ) -> Self {
        let (listed, complete) = match inventory {
            Inventory::NotListable => (None, false),
            Inventory::Listed { found, complete } => {
                let by_key = |line: Listed| {
                    let key = (line.principal.clone(), line.entitlement.key());
                    (key, line)
                };
                (Some(found.into_iter().map(by_key).collect()), complete)
            }
        };
        Self {
            backend,
            lease,
            listed,
            complete,
            asked: managed.iter().map(Entitlement::key).collect(),
            rule,
            gives_nothing: false,
            left_out: LeftOut::default(),
            until,
            findings: Findings::default(),
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.findings.rows() >= FOUND_AT_MOST
    }

    /// What the inventory says of a holding; none where it doesn't say.
    fn listing(&self, holding: &Holding) -> Option<Observation> {
        let key = (holding.principal.clone(), holding.entitlement.key());
        if !self.asked.contains(&key.1) || holding.sharing == Sharing::PerGrant {
            return None;
        }
        let listed = self.listed.as_ref()?;
        match listed.get(&key) {
            Some(line) => Some(line.seen.clone()),
            None => self.complete.then_some(Observation {
                ours: false,
                others: None,
            }),
        }
    }
}

/// What is only observed needs no more.
fn order_for(holding: &Holding) -> HoldingRef {
    HoldingRef {
        principal: holding.principal.clone(),
        entitlement: holding.entitlement.clone(),
        grant: String::new(),
        sequence: holding.generation,
        expires_at: None,
    }
}

/// Whether a grant wants this holding.
fn gives(grant: &Grant, holding: &Holding) -> bool {
    let wants = match &grant.state {
        GrantState::Provisioning { .. } | GrantState::Active { .. } => true,
        GrantState::Revoking { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => false,
    };
    wants && grant.parts.iter().any(|part| part.holding == holding.id)
}

/// By the backend's limit and by the lease.
async fn bounded<T>(
    backend: &dyn Backend,
    lease: &Lease,
    call: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, Broken> {
    let Some(_calling) = lease.begin_call() else {
        return Err(Broken::Cut);
    };
    let limit: StdDuration = backend.timeout();
    let answer = tokio::select! {
        biased;
        answer = timeout(limit, call) => answer.unwrap_or_else(|_| Err(no_answer(backend))),
        _ = lease.cut() => return Err(Broken::Cut),
    };
    answer.map_err(Broken::Backend)
}
