//! What a home shows, from the store and the facts as they are now: first what waits for its reader, then what they hold,
//! asked and may ask for; for whoever watches over access, all that is live and the reviews that are owed.
//!
//! Who watches: operators, and whoever a role names in `review_by`. Of access to a role that hides from them they see
//! only what they are to review; operators see all. Buttons stand where the policy lets the reader press them now.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use hallpass_domain::{Duration, Grant, Person, Request, RequestId, Role, Time, Who};

use super::facts::{Facts, Unread, is};
use super::home::Read;
use super::lists::waits_for;
use super::read::{filled, grant_of};
use super::{App, all_lists};
use crate::ports::chat::RequestShown;
use crate::ports::home::{
    ActiveShown, HeldShown, HomeList, HomeOpen, HomeShown, OwedShown, Page, RoleOffered, WatchShown,
};
use crate::store::{RequestFilter, StoreError};

/// How many requests of a kind are looked through.
const READ_AT_MOST: u32 = 500;
/// Of one's own, the newest.
const OWN_AT_MOST: u32 = 100;

/// Which pages the reader is at.
type Pages = BTreeMap<HomeList, usize>;

/// Entries of a page, so that a whole home stays within Slack's hundred blocks.
fn size(list: HomeList) -> usize {
    match list {
        HomeList::Waits | HomeList::Owed | HomeList::Holds | HomeList::Asked => 5,
        HomeList::Roles => 8,
        HomeList::Active => 10,
    }
}

/// One page of `all`, which may be a page that isn't there any more: then the last.
fn cut<T>(all: Vec<T>, list: HomeList, pages: &Pages, most: u32) -> Page<T> {
    let (size, count) = (size(list), all.len());
    let highest = count.saturating_sub(1) / size;
    let page = pages.get(&list).copied().unwrap_or_default().min(highest);
    Page {
        items: all.into_iter().skip(page * size).take(size).collect(),
        page,
        pages: highest + 1,
        all: count,
        more: u32::try_from(count).unwrap_or(u32::MAX) >= most,
    }
}

impl<T> Page<T> {
    fn with<U>(self, items: Vec<U>) -> Page<U> {
        Page {
            items,
            page: self.page,
            pages: self.pages,
            all: self.all,
            more: self.more,
        }
    }
}

impl App {
    pub(super) async fn read_home(&self, me: &Person, pages: &Pages) -> Result<Read, StoreError> {
        let at = self.now();
        let facts = self.facts(&all_lists(&self.settings), at).await;
        let pending = RequestFilter::Pending;
        let pending = self.store.requests(pending, READ_AT_MOST).await?;
        let waiting: Vec<Request> = pending
            .into_iter()
            .filter(|request| waits_for(me, request))
            .collect();
        let waits = waiting.iter().map(|request| request.id.clone()).collect();
        let holds = self.held_by(me).await?;
        let held: BTreeSet<RequestId> = holds.iter().map(|(_, one)| one.id.clone()).collect();
        let own = RequestFilter::Of(me.id.clone());
        let own = self.store.requests(own, OWN_AT_MOST).await?;
        let asked: Vec<Request> = own
            .into_iter()
            .filter(|request| !held.contains(&request.id))
            .collect();
        let watch = self.watch(me, &facts, pages).await?;
        let open = HomeOpen {
            command: self.settings.command.clone(),
            waits: self.page(waiting, HomeList::Waits, pages).await?,
            asked: self.page(asked, HomeList::Asked, pages).await?,
            holds: self.held(holds, pages).await?,
            roles: self.offered(me, &facts, pages),
            breaks: self.commanded(me, &facts),
            watch,
        };
        Ok(Read {
            watches: open.watch.is_some(),
            home: HomeShown::Open(Box::new(open)),
            waits,
            at,
        })
    }

    /// The live grants of a person with the requests behind them, the one that ends first at the top.
    async fn held_by(&self, me: &Person) -> Result<Vec<(Grant, Request)>, StoreError> {
        let mut grants = self.store.live_grants_of(&me.id).await?;
        grants.sort_by_key(|grant| (ends_at(grant), grant.id.clone()));
        let read = grants
            .iter()
            .map(|grant| self.store.request(&grant.request));
        let requests = join_all(read).await;
        let mut held = Vec::new();
        for (grant, request) in grants.into_iter().zip(requests) {
            held.extend(request?.map(|request| (grant, request)));
        }
        Ok(held)
    }

    async fn held(
        &self,
        held: Vec<(Grant, Request)>,
        pages: &Pages,
    ) -> Result<Page<HeldShown>, StoreError> {
        let mut page = cut(held, HomeList::Holds, pages, READ_AT_MOST);
        let (grants, requests): (Vec<_>, Vec<_>) =
            std::mem::take(&mut page.items).into_iter().unzip();
        let shown = self.shown_all(&requests).await?;
        let mut items = Vec::new();
        for ((grant, request), shown) in grants.iter().zip(&requests).zip(shown) {
            let more = match ends_at(grant) {
                Some(_) => Some(self.more_time(request, grant).await?),
                None => None,
            };
            items.push(HeldShown {
                request: shown,
                more,
                within: within(grant, self.now()),
            });
        }
        Ok(page.with(items))
    }

    async fn page(
        &self,
        all: Vec<Request>,
        list: HomeList,
        pages: &Pages,
    ) -> Result<Page<RequestShown>, StoreError> {
        let most = match list {
            HomeList::Asked => OWN_AT_MOST,
            HomeList::Waits
            | HomeList::Owed
            | HomeList::Holds
            | HomeList::Roles
            | HomeList::Active => READ_AT_MOST,
        };
        let page = cut(all, list, pages, most);
        let shown = self.shown_all(&page.items).await?;
        Ok(page.with(shown))
    }

    fn offered(&self, me: &Person, facts: &Facts, pages: &Pages) -> Page<RoleOffered> {
        let roles = self.settings.roles.values();
        let yours = roles.filter(|role| self.asks(me, role, facts));
        let offered = yours.map(|role| RoleOffered {
            name: role.name.to_string(),
            description: filled(&role.description, &BTreeMap::new()),
            environment: role.environment.as_ref().map(|one| one.name.clone()),
            max_duration: role.max_duration,
            at_once: role.stages.is_empty(),
        });
        cut(offered.collect(), HomeList::Roles, pages, u32::MAX)
    }

    /// Whose commander they are at this moment.
    fn commanded(&self, me: &Person, facts: &Facts) -> Vec<String> {
        let commands = |role: &&Role| {
            let glass = role.break_glass.as_ref();
            glass.is_some_and(|glass| self.is_among(me, &glass.commanders, facts))
        };
        let roles = self.settings.roles.values().filter(commands);
        roles.map(|role| role.name.to_string()).collect()
    }

    async fn watch(
        &self,
        me: &Person,
        facts: &Facts,
        pages: &Pages,
    ) -> Result<Option<WatchShown>, StoreError> {
        let operates = self.is_among(me, &self.settings.operators, facts);
        let mut roles = self.settings.roles.values();
        if !operates && !roles.any(|role| self.reviews_use(me, role, facts)) {
            return Ok(None);
        }
        let visible = |request: &Request| {
            let role = self.present_role(request);
            operates || self.sees(me, &role, facts) || self.reviews_use(me, &role, facts)
        };
        let mut lists = Vec::new();
        for filter in [RequestFilter::OwedReviews, RequestFilter::LiveGrants] {
            let requests = self.store.requests(filter, READ_AT_MOST).await?;
            lists.push(requests.into_iter().filter(visible).collect::<Vec<_>>());
        }
        let (live, mut owed) = (
            lists.pop().unwrap_or_default(),
            lists.pop().unwrap_or_default(),
        );
        owed.sort_by_key(|request| request.post_use_review.as_ref().map(|review| review.due));
        Ok(Some(WatchShown {
            owed: self.owed(me, owed, facts, pages).await?,
            active: self.live(me, live, facts, pages).await?,
        }))
    }

    async fn owed(
        &self,
        me: &Person,
        owed: Vec<Request>,
        facts: &Facts,
        pages: &Pages,
    ) -> Result<Page<OwedShown>, StoreError> {
        let page = cut(owed, HomeList::Owed, pages, READ_AT_MOST);
        let shown = self.shown_all(&page.items).await?;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let items = page.items.iter().zip(shown).map(|(request, shown)| {
            let role = self.present_role(request);
            let decision = self.policy.may_post_use_review(&subject, &role, request);
            OwedShown {
                request: shown,
                yours: decision.allowed,
            }
        });
        let items = items.collect();
        Ok(page.with(items))
    }

    async fn live(
        &self,
        me: &Person,
        live: Vec<Request>,
        facts: &Facts,
        pages: &Pages,
    ) -> Result<Page<ActiveShown>, StoreError> {
        let page = cut(live, HomeList::Active, pages, READ_AT_MOST);
        let shown = self.shown_all(&page.items).await?;
        let memberships = facts.of(me, Unread::Nobody);
        let subject = memberships.subject(me);
        let items = page.items.iter().zip(shown).map(|(request, shown)| {
            let role = self.present_role(request);
            let live = grant_of(request).is_some() && shown.state.is_live();
            ActiveShown {
                // One's own is ended where one's own stands.
                revocable: live
                    && request.holder != me.id
                    && self.policy.may_revoke(&subject, &role, request).allowed,
                request: shown,
            }
        });
        let items = items.collect();
        Ok(page.with(items))
    }

    fn reviews_use(&self, me: &Person, role: &Role, facts: &Facts) -> bool {
        let glass = role.break_glass.as_ref();
        glass.is_some_and(|glass| self.is_among(me, &glass.review_by, facts))
    }

    fn is_among(&self, me: &Person, list: &[Who], facts: &Facts) -> bool {
        self.entries(list, facts).iter().any(|who| is(me, who))
    }
}

/// Which of its warnings is due. Its home is brought to the present with each of them, so that this is never behind.
fn within(grant: &Grant, now: Time) -> Option<Duration> {
    let left = ends_at(grant)? - now;
    let due = grant.warn_before.iter().copied();
    due.filter(|before| left <= before.to_delta()).min()
}

/// The latest first thing to look at is what ends first; what isn't active yet or any more comes before.
fn ends_at(grant: &Grant) -> Option<Time> {
    use hallpass_domain::grant::State;
    match &grant.state {
        State::Active { ends_at, .. } => Some(*ends_at),
        State::Provisioning { .. }
        | State::Revoking { .. }
        | State::Ended { .. }
        | State::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Pages, cut};
    use crate::ports::home::HomeList;

    #[test]
    fn a_page_that_is_gone_is_the_last_one() {
        let at = |page| Pages::from([(HomeList::Waits, page)]);
        let all: Vec<usize> = (0..12).collect();
        let page = cut(all.clone(), HomeList::Waits, &at(1), 500);
        assert_eq!(
            (page.items, page.page, page.pages),
            (vec![5, 6, 7, 8, 9], 1, 3)
        );
        let page = cut(all, HomeList::Waits, &at(7), 12);
        assert_eq!((page.items, page.page, page.all), (vec![10, 11], 2, 12));
        assert!(page.more);
        let none = cut(Vec::<usize>::new(), HomeList::Waits, &BTreeMap::new(), 500);
        assert_eq!((none.page, none.pages, none.all), (0, 1, 0));
    }
}
