//! Where a request stands, in one line: the same words on the card, in notices, in lists and in answers.
//! What people wrote (why denied, why revoked) is handed back apart, for a block of its own.

use slack_morphism::prelude::SlackBlock;

use super::blocks;
use super::limits;
use super::text::Line;
use crate::ports::chat::{
    EndShown, GrantShown, GrantStateShown, KindShown, RequestShown, ReviewShown, Shown, StageShown,
    StateShown, Trouble,
};

/// Why the ladder's next step was asked without waiting: the requester is an approver, decided a stage before, or the
/// first ones aren't there. The answer doesn't guess which.
pub(super) const CLIMBED_AT_ONCE: &str = "Too few of the first approvers may decide this (nobody decides their own), so the next were asked at once.";

/// A line of ours, and somebody's words that belong to it.
pub(super) struct Told<'a> {
    pub(super) line: Line,
    pub(super) words: Option<(&'static str, &'a str)>,
}

impl<'a> Told<'a> {
    fn line(line: Line) -> Self {
        Self { line, words: None }
    }

    fn with(mut self, label: &'static str, words: Option<&'a str>) -> Self {
        self.words = words
            .filter(|words| !words.trim().is_empty())
            .map(|words| (label, words));
        self
    }

    /// The line as a section, and the words in their own.
    pub(super) fn blocks(self) -> Vec<SlackBlock> {
        let mut out = vec![blocks::section(self.line)];
        out.extend(self.words.map(|(label, text)| blocks::words(label, text)));
        out
    }
}

/// Where it stands, in full.
pub(super) fn told(request: &RequestShown) -> Told<'_> {
    told_after(approved_by(request).say(" "), request)
}

/// What was decided, without what became of it.
pub(super) fn decision(request: &RequestShown) -> Told<'_> {
    match &request.state {
        StateShown::Scheduled { .. } | StateShown::Approved | StateShown::Started(_) => {
            Told::line(approved_by(request))
        }
        StateShown::Pending(_)
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => told(request),
    }
}

/// Where it stands, for a card that lists who decided below.
pub(super) fn told_on_card(request: &RequestShown) -> Told<'_> {
    let named_below = request.reviews.iter().any(|review| review.approved);
    let by = if named_below {
        Line::new()
    } else {
        approved_by(request).say(" ")
    };
    told_after(by, request)
}

/// Where it stands, after a word on who approved it.
pub(super) fn told_after(by: Line, request: &RequestShown) -> Told<'_> {
    match &request.state {
        StateShown::Pending(stage) => Told::line(waits(stage)),
        StateShown::Scheduled { starts_at } => {
            Told::line(by.say("*Scheduled*: starts ").time(*starts_at).say("."))
        }
        StateShown::Approved => Told::line(approved(by, request)),
        StateShown::Denied { by, reason } => {
            Told::line(Line::of("*Denied* by ").person(by).say("."))
                .with("Why, in the approver’s words", reason.as_deref())
        }
        StateShown::Cancelled => Told::line(Line::of("*Cancelled* by its requester.")),
        StateShown::TimedOut => Told::line(
            Line::of("*Timed out*: nobody decided before ")
                .time(request.deadline)
                .say("."),
        ),
        StateShown::Void { why } => Told::line(Line::of("*Void*: it can’t be decided any more."))
            .with("Why", Some(why.as_str())),
        StateShown::Started(grant) => grant_told(by, request, grant),
    }
}

/// More time is there at once; other access is on its way.
fn approved(by: Line, request: &RequestShown) -> Line {
    match &request.kind {
        KindShown::Extend {
            ends_at: Some(ends_at),
            ..
        } => by
            .say("*Extended*: the access now ends ")
            .time(*ends_at)
            .say("."),
        KindShown::Extend { ends_at: None, .. } => {
            by.say("*Extended*; the access has ended since.")
        }
        KindShown::Access | KindShown::BreakGlass { .. } => by.say("The access is being set up."),
    }
}

fn grant_told<'a>(by: Line, request: &RequestShown, grant: &'a GrantShown) -> Told<'a> {
    match &grant.state {
        GrantStateShown::Provisioning => Told::line(coming(by, grant)),
        GrantStateShown::Active { ends_at, .. } => {
            Told::line(by.say("*Active* until ").time(*ends_at).say("."))
        }
        GrantStateShown::Revoking { why, stuck } => going(request, grant, why, stuck),
        GrantStateShown::Ended {
            why,
            at,
            verified_at,
            sessions_closed,
        } => {
            let (line, words) = end(why);
            let line = Line::of("*Ended* ")
                .time(*at)
                .say(": ")
                .line(line)
                .say(". Removal checked ")
                .time(*verified_at)
                .line(sessions(*sessions_closed))
                .say(".");
            Told::line(line).with("Why", words)
        }
        GrantStateShown::Failed { why } => Told::line(Line::of(
            "*Failed*: the access could not be given; what was given of it was taken back.",
        ))
        .with("What was wrong", Some(why.as_str())),
    }
}

fn coming(by: Line, grant: &GrantShown) -> Line {
    if grant.trouble.is_empty() {
        return by.say("The access is being set up.");
    }
    let line = by.say("*Not there yet*: ").line(troubles(grant));
    match grant.tried_until {
        Some(until) => line
            .say(" Trying again until ")
            .time(until)
            .say("; after that it is given up."),
        None => line.say(" Trying again."),
    }
}

fn going<'a>(
    request: &RequestShown,
    grant: &GrantShown,
    why: &'a EndShown,
    stuck: &[String],
) -> Told<'a> {
    let (ended, words) = end(why);
    if stuck.is_empty() && grant.trouble.is_empty() {
        let line = Line::of("The access is being taken away: ").line(ended);
        return Told::line(line.say(".")).with("Why", words);
    }
    let line = Line::of("*Not gone yet* (")
        .line(ended)
        .say("): ")
        .line(keeping(grant, stuck))
        .say(" ")
        .person(&request.holder)
        .say(" may *still* have access. Trying again until it is gone.");
    let line = line.say(if stuck.is_empty() {
        ""
    } else {
        " Security is told."
    });
    Told::line(line).with("Why", words)
}

/// What keeps it from being taken away.
fn keeping(grant: &GrantShown, stuck: &[String]) -> Line {
    if grant.trouble.is_empty() {
        let line = Line::new().names(stuck);
        return line.say(plural(stuck.len(), " doesn’t let go.", " don’t let go."));
    }
    troubles(grant)
}

/// `orders doesn’t answer; gate refuses to take it away: somebody has to look at it.`
fn troubles(grant: &GrantShown) -> Line {
    let shown = grant.trouble.iter().take(limits::PEOPLE).enumerate();
    let line = shown.fold(Line::new(), |line, (place, one)| {
        let line = line.say(if place == 0 { "" } else { "; " });
        line.words(&one.backend, limits::NAME).say(match one.how {
            Trouble::Silent => " doesn’t answer",
            Trouble::Failing => " answers, but doesn’t do it",
            Trouble::Refuses => " refuses to take it away: somebody has to look at it",
            Trouble::KeepsIt => {
                " says that it took it away, but it is still there: somebody has to look at it"
            }
        })
    });
    line.say(".")
}

/// Why it ended, and the words of whoever ended it.
pub(super) fn end(why: &EndShown) -> (Line, Option<&str>) {
    match why {
        EndShown::Expired => (Line::of("time was up"), None),
        EndShown::Dropped => (Line::of("given back by its holder"), None),
        EndShown::Revoked {
            by,
            operator,
            reason,
        } => {
            let line = match (by, operator) {
                (Some(by), _) => Line::of("revoked by ").person(by),
                (None, Some(operator)) => Line::of("revoked by the operator ").code(operator),
                (None, None) => Line::of("revoked"),
            };
            (line, Some(reason))
        }
        EndShown::Failed { why } => (Line::of("it could not be given in full"), Some(why)),
    }
}

/// `; 2 sessions closed`, or nothing where nobody knows.
pub(super) fn sessions(closed: Option<u32>) -> Line {
    match closed {
        None => Line::new(),
        Some(0) => Line::of("; no session was open"),
        Some(1) => Line::of("; 1 session closed"),
        Some(many) => Line::of("; ").number(many).say(" sessions closed"),
    }
}

/// `Approved by @bob, @eve.`
pub(super) fn approved_by(request: &RequestShown) -> Line {
    let by: Vec<Shown> = request
        .reviews
        .iter()
        .filter(|review| review.approved)
        .map(|review| review.reviewer.clone())
        .collect();
    match (&request.kind, by.is_empty()) {
        (KindShown::BreakGlass { commander, .. }, _) => {
            Line::of("*Break-glass* by ").person(commander).say(".")
        }
        (KindShown::Access | KindShown::Extend { .. }, false) => {
            Line::of("*Approved* by ").people(&by).say(".")
        }
        (KindShown::Access | KindShown::Extend { .. }, true) => Line::of("*No approval needed*."),
    }
}

/// `Waits for @bob (DBA on call): 0 of 1.`
pub(super) fn waits(stage: &StageShown) -> Line {
    let line = Line::of("Waits for ").line(asked(stage)).say(": ");
    approvals(line, stage).say(".")
}

/// `@bob, DBA on call`; the office alone where nobody is named.
pub(super) fn asked(stage: &StageShown) -> Line {
    match (stage.asked.is_empty(), stage.asked_as.is_empty()) {
        (true, true) => Line::of("nobody"),
        (true, false) => Line::new().names(&stage.asked_as),
        (false, true) => Line::new().people(&stage.asked),
        (false, false) => Line::new()
            .people(&stage.asked)
            .say(" (")
            .names(&stage.asked_as)
            .say(")"),
    }
}

/// `0 of 1 approval`, and which stage of several.
pub(super) fn approvals(line: Line, stage: &StageShown) -> Line {
    let line = line
        .number(stage.approvals as u64)
        .say(" of ")
        .number(stage.quorum as u64)
        .say(plural(stage.quorum, " approval", " approvals"));
    if stage.of > 1 {
        line.say(" in stage ")
            .number(stage.number as u64)
            .say(" of ")
            .number(stage.of as u64)
    } else {
        line
    }
}

/// Who decided so far, one line each, and their words.
pub(super) fn reviews(request: &RequestShown) -> Vec<SlackBlock> {
    let denied = matches!(request.state, StateShown::Denied { .. });
    let mut out = Vec::new();
    // What denied it is told as the state already.
    let told = request
        .reviews
        .iter()
        .filter(|review| review.approved || !denied);
    for review in told.take(limits::PEOPLE) {
        out.push(blocks::context(vec![review_line(review)]));
        if let Some(reason) = &review.reason {
            out.push(blocks::words("In the approver’s words", reason));
        }
    }
    out
}

fn review_line(review: &ReviewShown) -> Line {
    let verb = if review.approved {
        "Approved by "
    } else {
        "Denied by "
    };
    let line = Line::of(verb).person_in_full(&review.reviewer);
    let line = match review.at_most {
        Some(at_most) => line.say(", for at most ").span(at_most),
        None => line,
    };
    line.say(", ").time(review.at).say(".")
}

pub(super) fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}
