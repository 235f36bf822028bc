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

/// A line of ours, and the words that belong to it.
pub(super) struct Told<'a> {
    pub(super) line: Line,
    pub(super) words: Option<Words<'a>>,
}

/// What somebody wrote, or a sentence of ours or a backend's.
#[derive(Clone, Copy)]
pub(super) enum Words<'a> {
    /// Under this label, so that nobody takes them for ours.
    Theirs(&'static str, &'a str),
    Ours(&'a str),
}

impl Words<'_> {
    /// In a block of their own.
    pub(super) fn block(self) -> SlackBlock {
        match self {
            Self::Theirs(label, words) => blocks::words(label, words),
            Self::Ours(words) => blocks::words("", words),
        }
    }
}

impl<'a> Told<'a> {
    fn line(line: Line) -> Self {
        Self { line, words: None }
    }

    fn theirs(mut self, label: &'static str, words: Option<&'a str>) -> Self {
        let words = words.filter(|words| !words.trim().is_empty());
        self.words = words.map(|words| Words::Theirs(label, words));
        self
    }

    fn ours(mut self, words: &'a str) -> Self {
        self.words = Some(Words::Ours(words));
        self
    }

    /// The line as a section, and the words in their own.
    pub(super) fn blocks(self) -> Vec<SlackBlock> {
        let mut out = vec![blocks::section(self.line)];
        out.extend(self.words.map(Words::block));
        out
    }

    /// All of it in one line, made harmless: for lists, and for whoever has the text read to them.
    pub(super) fn in_full(self) -> Line {
        match self.words {
            None => self.line,
            Some(Words::Ours(words)) => self.line.say(" ").words(words, limits::QUOTE),
            Some(Words::Theirs(_, words)) => self
                .line
                .say(" Why: “")
                .words(words, limits::QUOTE)
                .say("”"),
        }
    }
}

/// How the sentence begins.
enum Way {
    /// With where it stands, after a word on who approved it.
    Alone(Line),
    /// With whose access it is: `Your db-admin (R-7K2M)`.
    Of(Line),
}

impl Way {
    fn begin(self, alone: &'static str, of: &'static str) -> Line {
        match self {
            Self::Alone(_) => Line::of(alone),
            Self::Of(whose) => whose.say(of),
        }
    }

    /// The same where it matters who approved it: before what stands there alone, behind a whole sentence.
    fn approved(self, alone: Line, of: Line, request: &RequestShown) -> Line {
        match self {
            Self::Alone(by) => by.line(alone),
            Self::Of(whose) => whose.line(of).say(" ").line(approved_by(request)),
        }
    }
}

/// Where it stands, in full.
pub(super) fn told(request: &RequestShown) -> Told<'_> {
    told_after(approved_by(request).say(" "), request)
}

/// The same in one sentence with whose access it is: `Your db-admin (R-7K2M) was denied by @bob.`
pub(super) fn told_of(whose: Line, request: &RequestShown) -> Told<'_> {
    told_in(Way::Of(whose), request)
}

/// What was decided of whose access, without what became of it.
pub(super) fn decision(whose: Line, request: &RequestShown) -> Told<'_> {
    match &request.state {
        StateShown::Scheduled { .. } | StateShown::Approved | StateShown::Started(_) => {
            Told::line(whose.say(". ").line(approved_by(request)))
        }
        StateShown::Pending(_)
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. } => told_of(whose, request),
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
    told_in(Way::Alone(by), request)
}

fn told_in(way: Way, request: &RequestShown) -> Told<'_> {
    match &request.state {
        StateShown::Pending(stage) => Told::line(match way {
            Way::Alone(_) => waits(stage),
            Way::Of(whose) => approvals(
                whose.say(" still waits for ").line(asked(stage)).say(": "),
                stage,
            )
            .say("."),
        }),
        StateShown::Scheduled { starts_at } => {
            let starts = |lead: &'static str| Line::of(lead).time(*starts_at).say(".");
            Told::line(way.approved(starts("*Starts* "), starts(" *starts* "), request))
        }
        StateShown::Approved => Told::line(approved(way, request)),
        StateShown::Denied { by, reason } => {
            let line = way.begin("*Denied* by ", " was *denied* by ").person(by);
            Told::line(line.say(".")).theirs("Why, in the approver’s words", reason.as_deref())
        }
        StateShown::Cancelled => Told::line(way.begin(
            "*Cancelled* by its requester.",
            " was *cancelled* by its requester.",
        )),
        StateShown::TimedOut => {
            let line = way.begin(
                "*Timed out*: nobody decided before ",
                " *timed out*: nobody decided before ",
            );
            Told::line(line.time(request.deadline).say("."))
        }
        StateShown::Void { why } => {
            let line = match &request.kind {
                KindShown::Access | KindShown::BreakGlass { .. } => way.begin(
                    "*Closed*, and no access was given.",
                    " was *closed*, and no access was given.",
                ),
                KindShown::Extend { .. } => way.begin(
                    "*Closed*, and no time was added.",
                    " was *closed*, and no time was added.",
                ),
            };
            Told::line(line).ours(why)
        }
        StateShown::Started(grant) => grant_told(way, request, grant),
    }
}

/// More time is there at once; other access is on its way.
fn approved(way: Way, request: &RequestShown) -> Line {
    match &request.kind {
        KindShown::Extend {
            ends_at: Some(ends_at),
            ..
        } => {
            let ends = |lead: &'static str| Line::of(lead).time(*ends_at).say(".");
            way.approved(
                ends("*Extended*: the access now ends "),
                ends(" is *extended* and now ends "),
                request,
            )
        }
        KindShown::Extend { ends_at: None, .. } => way.approved(
            Line::of("*Extended*; the access has ended since."),
            Line::of(" was *extended* and has ended since."),
            request,
        ),
        KindShown::Access | KindShown::BreakGlass { .. } => set_up(way, request),
    }
}

fn set_up(way: Way, request: &RequestShown) -> Line {
    way.approved(
        Line::of("The access is being set up."),
        Line::of(" is being set up."),
        request,
    )
}

fn grant_told<'a>(way: Way, request: &RequestShown, grant: &'a GrantShown) -> Told<'a> {
    match &grant.state {
        GrantStateShown::Provisioning => Told::line(coming(way, request, grant)),
        GrantStateShown::Active { ends_at, .. } => {
            let until = |lead: &'static str| Line::of(lead).time(*ends_at).say(".");
            let (alone, of) = (until("*Active* until "), until(" is *active* until "));
            Told::line(way.approved(alone, of, request))
        }
        GrantStateShown::Revoking { why, stuck } => going(way, request, grant, why, stuck),
        GrantStateShown::Ended {
            why,
            at,
            verified_at,
            sessions_closed,
        } => {
            let (line, words) = end(why);
            let line = way
                .begin("*Ended* ", " *ended* ")
                .time(*at)
                .say(": ")
                .line(line)
                .say(". Removal checked ")
                .time(*verified_at)
                .line(sessions(*sessions_closed))
                .say(".");
            words.of(line)
        }
        GrantStateShown::Failed { why } => Told::line(way.begin(
            "*Failed*: the access could not be given; what was given of it was taken back.",
            " could not be given; what was given of it was taken back.",
        ))
        .ours(why),
    }
}

/// What belongs to an end: the words of whoever ended it, or why it failed.
struct EndWords<'a>(Option<Words<'a>>);

impl<'a> EndWords<'a> {
    fn theirs(label: &'static str, words: Option<&'a str>) -> Self {
        let words = words.filter(|words| !words.trim().is_empty());
        Self(words.map(|words| Words::Theirs(label, words)))
    }

    fn of(self, line: Line) -> Told<'a> {
        Told {
            line,
            words: self.0,
        }
    }
}

fn coming(way: Way, request: &RequestShown, grant: &GrantShown) -> Line {
    if grant.trouble.is_empty() {
        return set_up(way, request);
    }
    let line = match way {
        Way::Alone(by) => by.say("*Not there yet*: "),
        Way::Of(whose) => whose.say(" is *not there yet*: "),
    };
    let line = line.line(troubles(grant));
    match grant.tried_until {
        Some(until) => line
            .say(" Trying again until ")
            .time(until)
            .say("; after that it is given up."),
        None => line.say(" Trying again."),
    }
}

fn going<'a>(
    way: Way,
    request: &RequestShown,
    grant: &GrantShown,
    why: &'a EndShown,
    stuck: &[String],
) -> Told<'a> {
    let (ended, words) = end(why);
    if stuck.is_empty() && grant.trouble.is_empty() {
        let begin = way.begin("The access is being taken away: ", " is being taken away: ");
        return words.of(begin.line(ended).say("."));
    }
    let line = way
        .begin("*Not gone yet*: ", " is *not gone yet*: ")
        .line(ended)
        .say(", but ")
        .line(keeping(grant, stuck))
        .say(" ")
        .person(&request.holder)
        .say(" may *still* have access. Trying again until it is gone.");
    let line = line.say(if stuck.is_empty() {
        ""
    } else {
        " Security is told."
    });
    words.of(line)
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
            Trouble::Failing => " isn’t done, because the last try failed",
            Trouble::Refuses => " refuses to take it away: somebody has to look at it",
            Trouble::KeepsIt => {
                " says that it took it away, but it is still there: somebody has to look at it"
            }
        })
    });
    line.say(".")
}

/// Why it ended, and the words of whoever ended it.
fn end(why: &EndShown) -> (Line, EndWords<'_>) {
    match why {
        EndShown::Expired => (Line::of("time was up"), EndWords(None)),
        EndShown::Dropped { reason } => (
            Line::of("given back by its holder"),
            EndWords::theirs("Why, in the holder’s words", reason.as_deref()),
        ),
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
            (
                line,
                EndWords::theirs("Why, in their words", reason.as_deref()),
            )
        }
        EndShown::Failed { why } => (
            Line::of("it could not be given in full"),
            EndWords(Some(Words::Ours(why))),
        ),
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

/// `@rita has this already until 05:12 (R-7K2M).`
pub(super) fn held(request: &RequestShown) -> Option<Line> {
    let held = request.held.as_ref()?;
    let line = Line::new().person(&request.holder);
    Some(
        line.say(" has this already until ")
            .time(held.ends_at)
            .say(" (")
            .code(&held.short)
            .say("); this would stand beside it."),
    )
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
