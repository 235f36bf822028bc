//! What a grant would be made of: the holder's principal in each backend, and the holdings, found or new.
//! A (backend, principal) belongs to one person; whatever doesn't fit is told as sentences.

use hallpass_domain::request::{Kind, Opening};
use hallpass_domain::role::{Sharing, Terms};
use hallpass_domain::{BackendName, GrantId, Holding, HoldingId, Person, PersonId, Request, Role};

use super::App;
use super::stop::Stop;
use crate::store::StoreError;

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoOpening {
    Store(StoreError),
    /// Sentences.
    Problems(Vec<String>),
}

impl From<StoreError> for NoOpening {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NoOpening> for Stop {
    fn from(why: NoOpening) -> Self {
        match why {
            NoOpening::Store(error) => Self::Store(error),
            NoOpening::Problems(sentences) => Self::refused(
                hallpass_domain::RefusalKind::WrongState,
                sentences.join(" "),
            ),
        }
    }
}

impl App {
    /// A grant for `holder` under these terms.
    pub(super) async fn opening(
        &self,
        terms: &Terms,
        holder: &Person,
    ) -> Result<Opening, NoOpening> {
        let grant = GrantId::new(self.entropy.id());
        let (mut holdings, mut problems) = (Vec::new(), Vec::new());
        for entitlement in &terms.entitlements {
            let principal = match self.principal(holder, &entitlement.backend).await? {
                Ok(principal) => principal,
                Err(problem) => {
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                    continue;
                }
            };
            let name = &entitlement.backend;
            let sharing = self
                .backends
                .get(name)
                .map_or(Sharing::Shared, |backend| backend.sharing(entitlement));
            let own = (sharing == Sharing::PerGrant).then(|| grant.clone());
            let key = entitlement.key();
            let found = self
                .store
                .find_holding(name, &principal, &key, own.as_ref())
                .await?;
            let found = found.map(|found| found.adopted_by(&holder.id));
            holdings.push(found.unwrap_or_else(|| {
                Holding::new(
                    HoldingId::new(self.entropy.id()),
                    name.clone(),
                    principal,
                    holder.id.clone(),
                    entitlement.clone(),
                    sharing,
                    own,
                )
            }));
        }
        if problems.is_empty() {
            Ok(Opening::New { grant, holdings })
        } else {
            Err(NoOpening::Problems(problems))
        }
    }

    /// What stands in the way of giving this role to somebody in its backends, as sentences.
    pub(super) async fn principal_problems(
        &self,
        role: &Role,
        holder: &Person,
    ) -> Result<Vec<String>, StoreError> {
        let mut problems = Vec::new();
        for entitlement in &role.entitlements {
            let principal = self.principal(holder, &entitlement.backend).await?;
            problems.extend(
                principal
                    .err()
                    .filter(|problem| !problems.contains(problem)),
            );
        }
        Ok(problems)
    }

    /// What an approval of this request would start: a grant, or more time for one.
    pub(super) async fn opening_for(&self, request: &Request) -> Result<Opening, NoOpening> {
        match &request.kind {
            Kind::Access | Kind::BreakGlass { .. } => {
                let holder = self.require_person(&request.holder).await?;
                self.opening(&request.terms, &holder).await
            }
            Kind::Extend { grant } => {
                let Some(grant) = self.store.grant(grant).await? else {
                    let gone = "The access that was to be extended isn't on record any more.";
                    return Err(NoOpening::Problems(vec![gone.into()]));
                };
                let parts: Vec<HoldingId> = grant
                    .parts
                    .iter()
                    .map(|part| part.holding.clone())
                    .collect();
                let holdings = self.store.holdings(&parts).await?;
                Ok(Opening::Extend {
                    grant: Box::new(grant),
                    holdings,
                })
            }
        }
    }

    async fn require_person(&self, id: &PersonId) -> Result<Person, NoOpening> {
        let missing = || NoOpening::Problems(vec!["Its holder isn't on record any more.".into()]);
        self.store.person(id).await?.ok_or_else(missing)
    }

    /// Who the person is in that backend; the inner error is a sentence.
    async fn principal(
        &self,
        person: &Person,
        backend: &BackendName,
    ) -> Result<Result<String, String>, StoreError> {
        let wired = self.backends.get(backend);
        if wired.is_none_or(|backend| backend.is_retired()) {
            return Ok(Err(format!("The backend {backend} isn't configured.")));
        }
        let principal = match self.principal_by_rule(person, backend) {
            Ok(principal) => principal,
            Err(problem) => return Ok(Err(problem)),
        };
        let owner = self.store.principal_owner(backend, &principal).await?;
        Ok(match owner {
            Some(owner) if owner != person.id => Err(format!(
                "In {backend} the name this would use belongs to somebody else already. Whoever runs Hallpass must map it under [people.map]."
            )),
            _ => Ok(principal),
        })
    }

    /// What they are called there, by the map or the template; the error is a sentence.
    pub(super) fn principal_by_rule(
        &self,
        person: &Person,
        backend: &BackendName,
    ) -> Result<String, String> {
        let mapped = person.accounts.iter().find_map(|account| {
            let mapped = self.settings.people.get(account)?;
            mapped.principals.get(backend)
        });
        if let Some(principal) = mapped {
            return Ok(principal.clone());
        }
        let template = self.settings.principal_templates.get(backend);
        fill(template.map_or("{email}", String::as_str), person).ok_or_else(|| {
            format!("{backend} knows people by their e-mail, and Slack has none confirmed here.")
        })
    }
}

/// None where the template needs an e-mail and there is none.
fn fill(template: &str, person: &Person) -> Option<String> {
    let mut principal = template.to_owned();
    if template.contains("{email") {
        let email = person.email.as_ref()?;
        principal = principal
            .replace("{email_local}", email.local())
            .replace("{email}", email.as_str());
    }
    let account = person.accounts.first()?;
    Some(principal.replace("{slack_id}", account.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hallpass_domain::{Email, Membership, Person, PersonId, SlackId};

    use super::fill;

    #[test]
    fn templates_are_filled_from_what_is_pinned() {
        let mut person = Person {
            id: PersonId::new("p"),
            version: 1,
            accounts: SlackId::parse("U0RITA").into_iter().collect(),
            email: Email::parse("rita@example.com"),
            name: "Rita".into(),
            time_zone: "UTC".into(),
            membership: Membership::Member,
            principals: BTreeMap::new(),
        };
        let filled = |template: &str, person: &Person| fill(template, person);
        assert_eq!(
            filled("{email}", &person).as_deref(),
            Some("rita@example.com")
        );
        assert_eq!(
            filled("u_{email_local}", &person).as_deref(),
            Some("u_rita")
        );
        assert_eq!(filled("{slack_id}", &person).as_deref(), Some("U0RITA"));
        person.email = None;
        assert_eq!(filled("{email_local}", &person), None);
        assert_eq!(filled("{slack_id}", &person).as_deref(), Some("U0RITA"));
    }
}
