//! How far a request with several stages is: one line on its card, in the order in which they are asked.

use slack_morphism::prelude::SlackBlock;

use super::blocks;
use super::limits;
use super::text::Line;
use crate::ports::chat::StageShown;

/// `1. dba: approved  →  *2. security: 0 of 1*`; none where there is one stage.
pub(super) fn progress(stage: &StageShown) -> Option<SlackBlock> {
    if stage.steps.is_empty() {
        return None;
    }
    let mut line = Line::of("Stages: ");
    for (place, step) in stage.steps.iter().take(limits::PEOPLE).enumerate() {
        let now = place + 1 == stage.number;
        let mark = if now { "*" } else { "" };
        line = line.say(if place == 0 { "" } else { "  →  " });
        line = line.say(mark).number(place as u64 + 1).say(". ");
        line = line.names(&step.asked_as).say(": ");
        line = match place + 1 < stage.number {
            true => line.say("approved"),
            false if now => line
                .number(step.approvals as u64)
                .say(" of ")
                .number(step.quorum as u64),
            false => line.say("not asked yet"),
        };
        line = line.say(mark);
    }
    Some(blocks::context(vec![line]))
}
