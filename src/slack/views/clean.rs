//! People's words made harmless: one line, visible characters only, no start of a link, no mrkdwn marks, Slack's escapes.
//! It knows nothing of blocks or limits; `text` puts its results together.

/// Slack's three escapes: <https://docs.slack.dev/messaging/formatting-message-text#escaping>.
pub(super) fn escape(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}

/// More than any field takes; what is behind it is never looked at.
const MOST_LETTERS: usize = 4_000;

/// One line of visible characters, without the start of a link: line breaks become `↵`, other white space a blank,
/// control, bidi and invisible characters go.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut marks = 0;
    let mut letters = text.chars().take(MOST_LETTERS).peekable();
    while let Some(letter) = letters.next() {
        marks = if is_mark(letter) { marks + 1 } else { 0 };
        match letter {
            _ if marks > MOST_MARKS => {}
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                out.push_str(" ↵ ");
            }
            letter if letter.is_whitespace() || is_blank(letter) => out.push(' '),
            letter if letter.is_control() || is_invisible(letter) => {}
            letter => out.push(letter),
        }
    }
    out.trim().replace("://", ": //")
}

/// More marks than any script piles on one letter: they would cover the lines above and below.
const MOST_MARKS: usize = 3;

fn is_mark(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'..='\u{36F}'
            | '\u{483}'..='\u{489}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{FE20}'..='\u{FE2F}'
    )
}

/// Letters that look like nothing.
fn is_blank(letter: char) -> bool {
    matches!(
        letter,
        '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
    )
}

/// Format characters: bidi controls and marks, zero-width ones, soft hyphen, tags, interlinear annotations.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{AD}'
            | '\u{34F}'
            | '\u{600}'..='\u{605}'
            | '\u{61C}'
            | '\u{6DD}'
            | '\u{70F}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Takes mrkdwn's marks away by their look-alikes, and the colons of emoji names.
pub(super) fn calm(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        let inside = before.is_alphanumeric() && next.is_alphanumeric();
        out.push(match letter {
            '*' => '∗',
            '_' if !inside => '＿',
            '~' => '∼',
            '`' => 'ˋ',
            ':' if opens_emoji(letters.clone()) => '∶',
            other => other,
        });
        before = letter;
    }
    out
}

/// Whether a name and another colon follow: `:white_check_mark:`.
fn opens_emoji(letters: impl Iterator<Item = char>) -> bool {
    /// Longer names than any emoji has.
    const LONGEST: usize = 100;
    let mut letters = letters
        .take(LONGEST)
        .skip_while(|letter| !letter.is_whitespace() && *letter != ':');
    letters.next() == Some(':')
}
