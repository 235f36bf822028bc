//! One file per target system, each an implementation of `ports::Backend`: it turns an order into the target's own
//! calls and the target's answer into a receipt, or an error that says whether another try is worth it.
//! What Hallpass decides (who, until when, whether at all) may not enter; nor does anything remember state: the target
//! is asked each time. `docs/adding-a-backend.md` walks through a new one.

pub mod postgres;
mod retired;
pub mod webhook;

pub use postgres::Postgres;
pub use retired::Retired;
pub use webhook::Webhook;

/// What a receipt may hold at most, in bytes (`ports::Receipt`).
const RECEIPT_BYTES: usize = 4 * 1024;

/// What is quoted of a target's own words in a sentence, in bytes.
const QUOTED_BYTES: usize = 300;

/// The longest beginning of `text` that fits into `bytes` without splitting a character.
fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// A target's words for use in a sentence: one line, bounded, without control characters or marks that turn the
/// direction of writing, so that no target can forge a line of a log or a message.
fn quoted(text: &str) -> String {
    let tame: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| {
            !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
        })
        .collect();
    let line = tame.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = cut(&line, QUOTED_BYTES);
    if kept.len() < line.len() {
        format!("{kept}…")
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::{QUOTED_BYTES, cut, quoted};

    #[test]
    fn cutting_never_splits_a_character() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 9), "añb");
        assert_eq!(cut("ñ", 1), "");
    }

    #[test]
    fn what_a_target_says_stays_on_one_bounded_line() {
        assert_eq!(
            quoted("no\r\nlevel=ERROR\u{202E} x\0y"),
            "no level=ERROR x y"
        );
        let long = quoted(&"ü".repeat(1_000));
        assert!(long.len() <= QUOTED_BYTES + "…".len() && long.ends_with('…'));
    }
}
