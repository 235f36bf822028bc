//! "Why not?": what would be decided, by which rule of which file, which role would do instead, and whom to ask.

use super::Rendered;
use super::blocks;
use super::limits;
use super::text::Line;
use crate::app::answer::WhyShown;

pub(super) fn why(why: &WhyShown) -> Rendered {
    let line = if why.allowed {
        Line::of("*Yes*, you may ask for ")
    } else {
        Line::of("*No*, not ")
    };
    let line = line
        .code(&why.role)
        .say(" for ")
        .span(why.duration)
        .say(".");
    let mut text = line.clone();
    let mut out = vec![blocks::section(line)];
    if !why.sentences.is_empty() {
        let sentences = why.sentences.iter().take(limits::ENTRIES);
        for sentence in sentences.clone() {
            text = text.say(" ").words(sentence, limits::QUOTE);
        }
        out.push(blocks::lines(sentences.cloned()));
    }
    let next = next(why);
    for line in &next {
        text = text.say(" ").line(line.clone());
    }
    out.extend(next.into_iter().map(blocks::section));
    if let Some(would_do) = &why.would_do {
        let lead = if why.allowed {
            "Ask like this:"
        } else {
            "This would do:"
        };
        let line = text.say(" ").say(lead).say(" ");
        text = line.words(would_do, limits::QUOTE);
        out.push(blocks::lines([lead.into(), would_do.clone()]));
    }
    out.push(blocks::context(vec![rules(why)]));
    Rendered::new(text, out)
}

fn next(why: &WhyShown) -> Vec<Line> {
    let mut out = Vec::new();
    if !why.nearest.is_empty() {
        let line = Line::of("Nearest that you may ask for: ");
        out.push(line.names(&why.nearest).say("."));
    }
    if !why.ask.is_empty() {
        let line = if why.allowed {
            Line::of("First to be asked: ")
        } else {
            Line::of("Who can help: ")
        };
        out.push(line.people(&why.ask).say("."));
    }
    out
}

/// The rules that determined it, as the record would name them.
fn rules(why: &WhyShown) -> Line {
    if why.rules.is_empty() {
        return Line::of("No rule permits it; what no rule permits is refused.");
    }
    let lead = Line::of(if why.rules.len() == 1 {
        "By the rule "
    } else {
        "By the rules "
    });
    let shown = why.rules.iter().take(limits::PEOPLE).enumerate();
    let line = shown.fold(lead, |line, (place, rule)| {
        line.say(if place == 0 { "" } else { ", " }).code(rule)
    });
    line.say(".")
}
