//! What is wrong with a break-glass command as it was typed, all of it at once, and the command that would do. Who may break
//! the glass isn't looked at here.

use hallpass_domain::command::{self, Ask};
use hallpass_domain::role::BreakGlassRule;
use hallpass_domain::{Person, Role, nearest};

use super::App;
use super::break_glass::TypedForPending;
use super::check_ask::{Checked, check, parameters, placed};
use super::glass_form::Kept;
use super::glass_words::{self, Typed};
use super::incident::{incident_only, reason_only};
use super::stop::Stop;
use crate::app::answer::Answer;

impl App {
    /// The ask's own checks, with break-glass' bounds in place of the role's: of what was meant, and where it stands.
    pub(super) fn check_break_glass(&self, typed: &Typed, role: &Role) -> Checked {
        let (bounded, command) = self.for_break_glass(role);
        let mut meant = glass_words::meant(typed, &bounded);
        let placed = placed(&typed.parameters, &meant.reason, role);
        meant.reason.clone_from(&placed.reason);
        let duration = typed.duration.clone();
        let found = || meant.duration.as_deref().map(command::duration);
        let ask = Ask {
            role: role.name.to_string(),
            parameters: placed.parameters.clone(),
            duration: duration.or_else(found),
            reason: meant.reason.clone(),
            ..Ask::default()
        };
        // The incident stands in a place of its own.
        let without_ticket = Role {
            ticket: None,
            ..bounded.clone()
        };
        let mut checked = check(&command, &ask, &without_ticket);
        let misplaced = glass_words::misplaced(typed, &meant, role);
        let misplaced = misplaced.into_iter().chain(placed.told(role));
        checked.problems.splice(0..0, misplaced);
        if meant.incident.is_none() {
            let wrong = incident_only(role, &typed.incident);
            checked.problems.extend(wrong);
        }
        let (_, parameters) = parameters(&placed.parameters, role, &mut Vec::new());
        checked.would_do = glass_words::would_do(&command, &bounded, &parameters, &meant);
        checked
    }

    pub(super) fn for_break_glass(&self, role: &Role) -> (Role, String) {
        let most = role
            .break_glass
            .as_ref()
            .map_or(role.max_duration, |rule: &BreakGlassRule| rule.max_duration);
        let bounded = Role {
            max_duration: most,
            min_duration: role.min_duration.min(most),
            default_duration: None,
            ..role.clone()
        };
        (bounded, format!("{} break-glass", self.settings.command))
    }

    pub(super) fn check_for_pending(
        &self,
        typed: &TypedForPending,
        role: &Role,
    ) -> (Vec<String>, String) {
        let sorted = glass_words::sorted_for_pending(&typed.rest, &typed.incident, role);
        let (_, command) = self.for_break_glass(role);
        let would_do = glass_words::would_do_for_pending(&command, &typed.id, role, &sorted);
        let wrong = incident_only(role, &typed.incident);
        let mut problems = Vec::new();
        match (&sorted.duration, wrong.is_empty()) {
            (Some((_, duration)), fits) if !fits || typed.incident == *duration => {
                problems.push(format!(
                    "A request that waits is given for as long as was asked: leave {duration} out."
                ));
            }
            (None, false) if sorted.incident.is_some() => {
                problems.push("The incident stands before the reason.".into());
            }
            (None, false) => problems.extend(wrong),
            (Some(_) | None, _) => {}
        }
        problems.extend(reason_only(&sorted.reason));
        (problems, would_do)
    }

    /// The role doesn't exist: the rest is told as for the nearest one whose glass can be broken.
    pub(super) async fn no_such_glass(
        &self,
        me: &Person,
        typed: &Typed,
        answer: Answer,
    ) -> Result<Answer, Stop> {
        let Answer::Problems(mut problems) = answer else {
            return Ok(answer);
        };
        let roles = self.glass_roles(me).await;
        let near = nearest(&typed.role, roles.iter().map(|role| role.name.as_str()));
        let near = near.first().and_then(|name| {
            let role = roles.iter().find(|role| role.name.as_str() == *name);
            role.copied()
        });
        if let Some(role) = near {
            let checked = self.check_break_glass(typed, role);
            problems.sentences.extend(checked.problems);
            problems.would_do = Some(checked.would_do);
            let kept = Kept::of(typed, role);
            return self
                .with_glass_form(me, Answer::Problems(problems), kept)
                .await;
        }
        Ok(Answer::Problems(problems))
    }
}
