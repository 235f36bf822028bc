//! Which roles the form lists: all that the person sees, and where those are too many for a form, those that are like a
//! word. No role is out of reach: what isn't listed is found by its name. The chosen one always stays among them.

use hallpass_domain::{Person, Role};

use super::App;
use super::facts::Facts;
use super::form_shown::LISTED;
use super::words::quoted;

/// So many roles are looked at before others have their turn: with thousands of them the rules take longer than a modal
/// may wait, and what opens it in time runs beside this.
const TURN: usize = 16;

impl App {
    /// The roles that somebody may ask for, and the others that they see.
    pub(super) async fn roles_of(&self, me: &Person, facts: &Facts) -> (Vec<&Role>, Vec<&Role>) {
        let (mut yours, mut others) = (Vec::new(), Vec::new());
        for (place, role) in self.settings.roles.values().enumerate() {
            if place % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            if !self.sees(me, role, facts) {
                continue;
            }
            if self.asks(me, role, facts) {
                yours.push(role);
            } else {
                others.push(role);
            }
        }
        (yours, others)
    }
}

/// The roles to list.
pub(super) struct Found<'a> {
    pub(super) yours: Vec<&'a Role>,
    pub(super) others: Vec<&'a Role>,
    /// What is looked for; none where nothing has to be.
    pub(super) find: Option<String>,
    /// Where nothing is like it.
    pub(super) note: Option<String>,
}

/// Of `yours` and `others`, those like `find`; `chosen` in any case.
pub(super) fn found<'a>(
    yours: Vec<&'a Role>,
    others: Vec<&'a Role>,
    find: &str,
    chosen: Option<&Role>,
) -> Found<'a> {
    if yours.len() + others.len() <= LISTED {
        return Found {
            yours,
            others,
            find: None,
            note: None,
        };
    }
    let words: Vec<String> = find.split_whitespace().map(str::to_lowercase).collect();
    let like = |role: &Role| {
        let text = format!("{} {}", role.name, role.description).to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let none = !yours.iter().chain(&others).any(|role| like(role));
    let stays =
        |role: &&Role| none || like(role) || chosen.is_some_and(|chosen| chosen.name == role.name);
    Found {
        yours: yours.into_iter().filter(stays).collect(),
        others: others.into_iter().filter(stays).collect(),
        find: Some(find.to_owned()),
        note: none.then(|| format!("No role is like {}.", quoted(find.trim()))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hallpass_domain::{Role, RoleName};

    use super::found;
    use crate::app::form_shown::LISTED;
    use crate::app::read::tests::role;

    fn roles(many: usize) -> Vec<Role> {
        let named = |number: usize| Role {
            name: RoleName::new(format!("reader-{number:04}")),
            description: format!("Read database {number:04}"),
            ..role()
        };
        (0..many).map(named).collect()
    }

    fn names(roles: &[&Role]) -> Vec<String> {
        roles.iter().map(|role| role.name.to_string()).collect()
    }

    #[test]
    fn each_of_twelve_hundred_is_found_by_its_name_and_by_what_it_permits() {
        let all = roles(1_200);
        let (yours, others) = all.split_at(700);
        let (yours, others): (Vec<&Role>, Vec<&Role>) =
            (yours.iter().collect(), others.iter().collect());
        let look = |word: &str| found(yours.clone(), others.clone(), word, None);
        for role in &all {
            let by_name = look(role.name.as_str());
            let found = names(&[by_name.yours, by_name.others].concat());
            assert_eq!(found, [role.name.to_string()]);
        }
        let permits = look("0999  DATABASE read");
        assert!(permits.yours.is_empty());
        assert_eq!(names(&permits.others), ["reader-0999"]);
        let all_listed: BTreeSet<String> = names(&look("").yours).into_iter().collect();
        assert_eq!(
            all_listed.len(),
            700,
            "nothing looked for, nothing left out here"
        );
    }

    #[test]
    fn where_nothing_is_like_it_all_stay_and_that_is_said() {
        let all = roles(1_200);
        let nothing = found(all.iter().collect(), Vec::new(), "no such thing", None);
        assert_eq!(nothing.yours.len(), 1_200);
        assert_eq!(
            nothing.note.as_deref(),
            Some("No role is like “no such thing”.")
        );
    }

    #[test]
    fn the_chosen_one_stays_whatever_is_looked_for() {
        let all = roles(1_200);
        let kept = found(all.iter().collect(), Vec::new(), "0001", Some(&all[1_187]));
        assert_eq!(names(&kept.yours), ["reader-0001", "reader-1187"]);
    }

    #[test]
    fn few_are_not_looked_through() {
        let all = roles(LISTED);
        let few = found(all.iter().collect(), Vec::new(), "0001", None);
        assert_eq!((few.yours.len(), few.find), (LISTED, None));
        let more = roles(LISTED + 1);
        assert!(
            found(more.iter().collect(), Vec::new(), "", None)
                .find
                .is_some()
        );
    }
}
