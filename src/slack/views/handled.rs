//! To whoever was asked and has nothing to decide any more: that it is handled, by whom, and what became of it.

use super::blocks;
use super::notices::whose;
use super::state;
use super::text::Line;
use super::{Audience, Rendered};
use crate::ports::chat::{RequestShown, StateShown};

pub(super) fn handled(request: &RequestShown) -> Rendered {
    let lead = match &request.state {
        StateShown::Pending(_) => Line::of("Your part is done, thank you. "),
        StateShown::Scheduled { .. }
        | StateShown::Approved
        | StateShown::Denied { .. }
        | StateShown::Cancelled
        | StateShown::TimedOut
        | StateShown::Void { .. }
        | StateShown::Started(_) => Line::of("Handled, nothing is left for you to do. "),
    };
    let whose = lead.line(whose(request, Audience::Channel));
    // Stays as it is, so it says what was decided, not how the access goes on.
    let told = state::decision(whose, request);
    let mut out = vec![blocks::section(told.line.clone())];
    out.extend(told.words.map(state::Words::block));
    Rendered::new(told.in_full(), out)
}
