//! Access that somebody holds already while they ask for the same again: they are told that there is `extend`, and
//! whoever decides is told that it would stand beside another grant. Nothing is refused for it.

use hallpass_domain::request::{Kind, State};
use hallpass_domain::{Grant, Request};

use super::App;
use super::extend::step;
use super::read::grant_of;
use crate::ports::chat::HeldShown;
use crate::store::StoreError;

impl App {
    /// The one that lasts longest of their active grants of the same role with the same parameters, but for this request's.
    pub(super) async fn held_already(
        &self,
        request: &Request,
    ) -> Result<Option<HeldShown>, StoreError> {
        if matches!(request.kind, Kind::Extend { .. }) || is_closed(&request.state) {
            return Ok(None);
        }
        let live = self.store.live_grants_of(&request.holder).await?;
        let mut others: Vec<(&Grant, hallpass_domain::Time)> = live
            .iter()
            .filter(|grant| grant.role == request.terms.role.name)
            .filter(|grant| grant_of(request) != Some(&grant.id))
            .filter_map(|grant| Some((grant, grant.ends_at()?)))
            .collect();
        others.sort_by_key(|(_, ends_at)| std::cmp::Reverse(*ends_at));
        for (grant, ends_at) in others {
            let Some(other) = self.store.request(&grant.request).await? else {
                continue;
            };
            if other.terms.parameters == request.terms.parameters {
                let (command, short) = (&self.settings.command, grant.short.of_request());
                let by = step(&other).word();
                return Ok(Some(HeldShown {
                    extend: format!("{command} extend {short} {by}"),
                    short,
                    ends_at,
                }));
            }
        }
        Ok(None)
    }
}

/// It leads to no access.
fn is_closed(state: &State) -> bool {
    match state {
        State::Denied { .. }
        | State::Cancelled { .. }
        | State::TimedOut { .. }
        | State::Void { .. } => true,
        State::Pending(_)
        | State::Scheduled { .. }
        | State::Approved { .. }
        | State::Started { .. } => false,
    }
}
