//! To whoever was asked and has nothing to decide any more: that it is handled, by whom, and what became of it.

use super::Rendered;
use super::blocks;
use super::state;
use super::text::Line;
use crate::ports::chat::{RequestShown, StateShown};

pub(super) fn handled(request: &RequestShown) -> Rendered {
    let told = state::told(request);
    let line = match &request.state {
        StateShown::Pending(_) => Line::of("Your part is done, thank you. "),
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => Line::of("Handled, nothing is left for you to do. "),
    };
    let line = line
        .person(&request.holder)
        .say("’s ")
        .code(&request.role)
        .say(" (")
        .code(&request.short)
        .say("). ");
    let mut out = vec![blocks::section(line.clone().line(told.line.clone()))];
    out.extend(told.words.map(state::Words::block));
    Rendered::new(line.line(told.in_full()), out)
}
