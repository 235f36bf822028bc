//! What stands behind the role of a break-glass command, put in order for a suggestion: whoever types it at night mixes up
//! duration, incident and person. Nothing that was typed gets lost; what isn't found is left for the person to write.

use std::ops::Range;

use super::text::Typed;
use super::words::Words;
use super::{ask, span};
use crate::{Duration, SlackId};

/// Words as they were typed, with whom they mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest(Typed);

/// The same words, each in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Whom the access is for, and their mention as it was shown: `@rita`.
    pub person: Option<(SlackId, String)>,
    /// And as it was typed.
    pub duration: Option<(Duration, String)>,
    pub incident: Option<String>,
    /// Every other word, in its order.
    pub reason: String,
}

/// Which of the durations in it is the one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durations {
    Beside,
    InFront,
}

impl Rest {
    pub(super) fn new(typed: Typed) -> Self {
        Self(typed)
    }

    /// What stands in a field of its own.
    pub fn of(text: &str) -> Self {
        Self(Typed::read(text))
    }

    /// `is_incident`: whether a word could be one. A duration counts at the beginning, at the end and beside the incident:
    /// elsewhere it is part of the reason (`was down for 5m since`).
    pub fn sorted(&self, is_incident: impl Fn(&str) -> bool) -> Sorted {
        self.sorted_by(is_incident, Durations::Beside)
    }

    /// For a request that waits, which has its duration: one counts only in front, where it was meant as such.
    pub fn sorted_for_pending(&self, is_incident: impl Fn(&str) -> bool) -> Sorted {
        self.sorted_by(is_incident, Durations::InFront)
    }

    fn sorted_by(&self, is_incident: impl Fn(&str) -> bool, counts: Durations) -> Sorted {
        let mut taken: Vec<Range<usize>> = Vec::new();
        let mut sorted = Sorted::default();
        let mut words = Words::new(&self.0);
        let mut durations = Vec::new();
        let mut incident: Option<Range<usize>> = None;
        let mut reason_begun = false;
        while words.peek().is_some() {
            let (start, before) = (words.at(), words.clone());
            if !reason_begun && sorted.person.is_none() {
                let (person, nobody) = person(&mut words);
                // Right behind the role nothing but a person can follow; elsewhere “for” is a word like others.
                let nobody = nobody && start == 0;
                if person.is_some() || nobody {
                    sorted.person = person;
                    taken.push(start..words.at());
                    continue;
                }
                words = before.clone();
            }
            match ask::spelled(&mut words) {
                (Some(Ok(duration)), Some(typed)) => {
                    durations.push((start..words.at(), duration, typed));
                    continue;
                }
                // Wrong where a duration belongs: told, and not a word of the reason.
                (Some(Err(_)), _) if !reason_begun && durations.is_empty() => {
                    taken.push(start..words.at());
                    continue;
                }
                _ => words = before,
            }
            let word = words.take().unwrap_or_default();
            let bare = word.trim_end_matches([',', ';', ':', '.']);
            if incident.is_none() && is_incident(bare) {
                sorted.incident = Some(bare.to_owned());
                incident = Some(start..words.at());
            } else {
                reason_begun = true;
            }
        }
        let whole = 0..self.0.text.len();
        taken.extend(incident.clone());
        let beside = |range: &Range<usize>, taken: &[Range<usize>]| {
            let end = self.0.text[range.end..].trim().is_empty();
            let touches = taken
                .iter()
                .any(|one| one.end == range.start || range.end == one.start);
            range.start == whole.start || (counts == Durations::Beside && (end || touches))
        };
        let duration = durations
            .into_iter()
            .find(|(range, ..)| beside(range, &taken));
        if let Some((range, duration, typed)) = duration {
            sorted.duration = Some((duration, typed));
            taken.push(range);
        }
        sorted.reason = self.without(taken);
        sorted
    }

    fn without(&self, mut taken: Vec<Range<usize>>) -> String {
        taken.sort_by_key(|range| range.start);
        let (mut out, mut at) = (String::new(), 0);
        for range in taken {
            out.push_str(&self.0.text[at..range.start]);
            at = range.end;
        }
        out.push_str(&self.0.text[at..]);
        out.trim().to_owned()
    }
}

/// `for @rita`; with `true` where nobody is mentioned behind `for`.
fn person(words: &mut Words<'_>) -> (Option<(SlackId, String)>, bool) {
    let mut after = words.clone();
    if !(after.take()).is_some_and(|word| word.eq_ignore_ascii_case("for")) {
        return (None, false);
    }
    let before = after.clone();
    if let Some(account) = after.take_mention() {
        let shown = before.until(&after).to_owned();
        *words = after;
        return (Some((account, shown)), false);
    }
    *words = before.clone();
    if span::read(&mut before.clone()).is_some() {
        return (None, true);
    }
    let word = words.take().unwrap_or_default();
    let account = SlackId::parse(word);
    let nobody = account.is_none();
    (account.map(|account| (account, word.to_owned())), nobody)
}

#[cfg(test)]
mod tests {
    use super::super::{BreakGlass, Command};
    use super::{Rest, Sorted};
    use crate::Duration;

    fn rest(text: &str) -> Rest {
        let Command::BreakGlass(BreakGlass::Role { rest, .. }) =
            Command::parse(&format!("break-glass db {text}"))
        else {
            panic!("{text}");
        };
        rest
    }

    fn sorted(text: &str) -> Sorted {
        rest(text).sorted(|word| word.starts_with("INC-"))
    }

    #[test]
    fn each_word_finds_its_place() {
        for text in [
            "30m INC-1 orders are stuck",
            "INC-1 30m orders are stuck",
            "INC-1, 30m orders are stuck",
            "orders are stuck INC-1 30m",
            "orders are stuck 30m INC-1",
            "30m orders are stuck INC-1.",
            "INC-1 orders are stuck 30m",
        ] {
            let sorted = sorted(text);
            let half = (Duration::from_mins(30), "30m".to_owned());
            assert_eq!(sorted.duration, Some(half), "{text}");
            assert_eq!(sorted.incident.as_deref(), Some("INC-1"), "{text}");
            assert_eq!(sorted.reason, "orders are stuck", "{text}");
        }
    }

    #[test]
    fn nothing_that_was_typed_gets_lost() {
        let sorted_of = |text: &str| {
            let sorted = sorted(text);
            (
                sorted.duration.map(|(_, typed)| typed),
                sorted.incident,
                sorted.reason,
            )
        };
        assert_eq!(
            sorted_of("90 min orders are stuck"),
            (Some("90 min".into()), None, "orders are stuck".into())
        );
        assert_eq!(
            sorted_of("INC-1 checkout is slow for 5m since noon"),
            (
                None,
                Some("INC-1".into()),
                "checkout is slow for 5m since noon".into()
            )
        );
        assert_eq!(
            sorted_of("30m INC-1 2h of orders are lost"),
            (
                Some("30m".into()),
                Some("INC-1".into()),
                "2h of orders are lost".into()
            )
        );
    }

    #[test]
    fn whom_it_is_for_is_found_anywhere() {
        let sorted = sorted("30m for <@U0RITA|rita> INC-1 ask <@U0BOB|bob>");
        let (account, shown) = sorted.person.expect("a person");
        assert_eq!((account.as_str(), shown.as_str()), ("U0RITA", "@rita"));
        assert_eq!(sorted.reason, "ask @bob");
    }

    #[test]
    fn a_person_is_named_once_and_before_the_reason() {
        let of = |text: &str| {
            let sorted = sorted(text);
            (sorted.person.map(|(_, shown)| shown), sorted.reason)
        };
        assert_eq!(
            of("orders for <@U0RITA|rita>"),
            (None, "orders for @rita".into())
        );
        assert_eq!(
            of("for <@U0RITA|rita> for <@U0BOB|bob> stuck"),
            (Some("@rita".into()), "for @bob stuck".into())
        );
        // Right behind the role it can only be meant for a person; later it is a word like others.
        assert_eq!(of("for somebody INC-1 stuck"), (None, "stuck".into()));
        assert_eq!(
            of("INC-1 for somebody stuck"),
            (None, "for somebody stuck".into())
        );
    }

    #[test]
    fn what_is_wrong_in_a_durations_place_is_no_word_of_the_reason() {
        for (text, duration, reason) in [
            ("0m INC-1 stuck", None, "stuck"),
            ("stuck 0m now", None, "stuck 0m now"),
            ("30m 0m stuck", Some("30m"), "0m stuck"),
        ] {
            let sorted = sorted(text);
            let typed = sorted.duration.map(|(_, typed)| typed);
            assert_eq!(typed.as_deref(), duration, "{text}");
            assert_eq!(sorted.reason, reason, "{text}");
        }
    }

    #[test]
    fn a_request_that_waits_takes_a_duration_only_from_the_front() {
        let of = |text: &str| {
            let sorted = rest(text).sorted_for_pending(|word| word.starts_with("INC-"));
            let typed = sorted.duration.map(|(_, typed)| typed);
            (typed, sorted.incident, sorted.reason)
        };
        assert_eq!(
            of("30m INC-1 stuck"),
            (Some("30m".into()), Some("INC-1".into()), "stuck".into())
        );
        assert_eq!(
            of("INC-1 30m stuck"),
            (None, Some("INC-1".into()), "30m stuck".into())
        );
    }
}
