//! To whoever was asked and has nothing to decide any more: that it is handled, by whom, and what became of it.

use super::Rendered;
use super::blocks;
use super::state;
use super::text::Line;
use crate::ports::chat::{RequestShown, StateShown};

pub(super) fn handled(request: &RequestShown) -> Rendered {
    // Stays as it is, so it says what was decided, not how the access goes on.
    let told = state::decision(request);
    let line = match &request.state {
        StateShown::Pending(_) => Line::of("Your part is done: "),
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => Line::of("Handled, nothing is left for you to do: "),
    };
    let line = line
        .person(&request.holder)
        .say("’s ")
        .code(&request.role)
        .say(" (")
        .code(&request.short)
        .say("). ")
        .line(told.line);
    let mut out = vec![blocks::section(line.clone())];
    out.extend(told.words.map(|(label, text)| blocks::words(label, text)));
    Rendered::new(line, out)
}
