//! Slack's mrkdwn: storing it as Slack does, and reading it into a tree.
//!
//! The page renders the tree, tests ask it for mentions and links. No HTML in here.
//! Rules: Slack's "Formatting text for app surfaces".

use serde_json::Value;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Inline {
    Text(String),
    Bold(Vec<Inline>),
    Italic(Vec<Inline>),
    Strike(Vec<Inline>),
    Code(String),
    /// `written` is what stood in the message; a bare URL has no label.
    Link {
        url: String,
        label: Option<String>,
        written: String,
    },
    /// `<@U…>`, `<#C…>`, `<!subteam^S…>`, `<!here>`.
    Mention {
        target: String,
        label: Option<String>,
        written: String,
    },
    Date {
        unix: i64,
        format: String,
        link: Option<String>,
        fallback: String,
    },
    Break,
}

/// A run of lines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Lines(Vec<Inline>),
    Quote(Vec<Inline>),
    Pre(String),
}

/// The text as Slack stores it: valid control sequences stay, every other `&`, `<`, `>` is escaped.
pub(crate) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut line_start = true;
    while let Some(next) = rest.chars().next() {
        if next == '<'
            && let Some((inner, after)) = enclosed(rest)
            && control(inner).is_some()
        {
            out.push_str(&rest[..rest.len() - after.len()]);
            rest = after;
            line_start = false;
            continue;
        }
        match next {
            '<' => out.push_str("&lt;"),
            '>' if line_start => out.push('>'),
            '>' => out.push_str("&gt;"),
            '&' if ["&amp;", "&lt;", "&gt;"]
                .iter()
                .any(|known| rest.starts_with(known)) =>
            {
                out.push('&');
            }
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
        line_start = next == '\n';
        rest = &rest[next.len_utf8()..];
    }
    out
}

/// A person's words as Slack stores them.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// `<inner>after`, when `text` starts with `<` and it is closed on the same line.
fn enclosed(text: &str) -> Option<(&str, &str)> {
    let end = text[1..].find(['>', '<', '\n'])? + 1;
    text[end..]
        .starts_with('>')
        .then(|| (&text[1..end], &text[end + 1..]))
}

/// What stands between `<` and `>`, if it is something.
fn control(inner: &str) -> Option<Inline> {
    let (target, label) = match inner.split_once('|') {
        Some((target, label)) => (target, Some(unescape(label))),
        None => (inner, None),
    };
    let written = format!("<{inner}>");
    let is_id = |id: &str, first: &[char]| {
        id.starts_with(first)
            && id.len() > 1
            && id
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    let mention = || {
        Some(Inline::Mention {
            target: target.into(),
            label: label.clone(),
            written: written.clone(),
        })
    };
    if let Some(id) = target.strip_prefix('@') {
        return if is_id(id, &['U', 'W', 'B']) {
            mention()
        } else {
            None
        };
    }
    if let Some(id) = target.strip_prefix('#') {
        return if is_id(id, &['C', 'G', 'D']) {
            mention()
        } else {
            None
        };
    }
    if let Some(special) = target.strip_prefix('!') {
        return match special.split_once('^') {
            None if ["here", "channel", "everyone"].contains(&special) => mention(),
            Some(("subteam", id)) if is_id(id, &['S']) => mention(),
            Some(("date", rest)) => date(rest, &label?),
            _ => None,
        };
    }
    let scheme = ["http://", "https://", "mailto:", "tel:"];
    scheme
        .iter()
        .any(|known| target.len() > known.len() && target.starts_with(known))
        .then(|| Inline::Link {
            url: unescape(target),
            label,
            written,
        })
}

/// `unix^format^link`, the part after `!date^`.
fn date(rest: &str, fallback: &str) -> Option<Inline> {
    let mut parts = rest.splitn(3, '^');
    let unix = parts.next()?.parse().ok()?;
    let format = parts.next()?.to_owned();
    let link = parts.next().map(unescape);
    Some(Inline::Date {
        unix,
        format,
        link,
        fallback: fallback.to_owned(),
    })
}

/// Mentions and links (bare URLs too) as written, date tokens without a link left out.
pub(crate) fn mentions_and_links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in parse(text) {
        match part {
            Part::Lines(inlines) | Part::Quote(inlines) => collect(&inlines, &mut found),
            Part::Pre(_) => {}
        }
    }
    found
}

fn collect(inlines: &[Inline], found: &mut Vec<String>) {
    for inline in inlines {
        match inline {
            Inline::Bold(inner) | Inline::Italic(inner) | Inline::Strike(inner) => {
                collect(inner, found);
            }
            Inline::Link { written, .. } | Inline::Mention { written, .. } => {
                found.push(written.clone());
            }
            Inline::Date { link, .. } => found.extend(link.clone()),
            Inline::Text(_) | Inline::Code(_) | Inline::Break => {}
        }
    }
}

/// Reads stored mrkdwn into runs of lines, quotes and code blocks.
pub(crate) fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("```") {
        let Some(length) = rest[start + 3..].find("```") else {
            break;
        };
        let before = &rest[..start];
        lines(before.strip_suffix('\n').unwrap_or(before), &mut parts);
        parts.push(Part::Pre(unescape(
            rest[start + 3..start + 3 + length].trim_matches('\n'),
        )));
        rest = &rest[start + length + 6..];
    }
    lines(rest, &mut parts);
    parts
}

fn lines(text: &str, parts: &mut Vec<Part>) {
    let text = if parts.is_empty() {
        text
    } else {
        text.strip_prefix('\n').unwrap_or(text)
    };
    if text.is_empty() {
        return;
    }
    for line in text.split('\n') {
        let quoted = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'));
        let inlines = inline(quoted.unwrap_or(line).trim_start_matches(' '));
        match (parts.last_mut(), quoted.is_some()) {
            (Some(Part::Quote(before)), true) | (Some(Part::Lines(before)), false) => {
                before.push(Inline::Break);
                before.extend(inlines);
            }
            (_, true) => parts.push(Part::Quote(inlines)),
            (_, false) => parts.push(Part::Lines(inlines)),
        }
    }
}

/// One line (no newline in it).
fn inline(line: &str) -> Vec<Inline> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(next) = line[at..].chars().next() {
        let rest = &line[at..];
        let boundary = !line[..at].ends_with(char::is_alphanumeric);
        let found = match next {
            '<' => enclosed(rest).and_then(|(inner, after)| {
                control(inner).map(|inline| (inline, rest.len() - after.len()))
            }),
            '`' => rest[1..]
                .find('`')
                .filter(|&n| n > 0)
                .map(|n| (Inline::Code(unescape(&rest[1..=n])), n + 2)),
            '*' | '_' | '~' if boundary => marked(rest, next),
            'h' if boundary => bare_url(rest),
            _ => None,
        };
        if let Some((inline, length)) = found {
            if !plain.is_empty() {
                out.push(Inline::Text(unescape(&std::mem::take(&mut plain))));
            }
            out.push(inline);
            at += length;
        } else {
            plain.push(next);
            at += next.len_utf8();
        }
    }
    if !plain.is_empty() {
        out.push(Inline::Text(unescape(&plain)));
    }
    out
}

/// `*bold*` and the like: the marks hug their words and don't stand inside one.
fn marked(text: &str, mark: char) -> Option<(Inline, usize)> {
    let inside = &text[1..];
    if inside.starts_with(|c: char| c.is_whitespace() || c == mark) {
        return None;
    }
    let end = inside
        .match_indices(mark)
        .map(|(end, _)| end)
        .find(|&end| {
            !inside[..end].ends_with(char::is_whitespace)
                && !inside[end + 1..].starts_with(char::is_alphanumeric)
        })?;
    let children = inline(&inside[..end]);
    let inline = match mark {
        '*' => Inline::Bold(children),
        '_' => Inline::Italic(children),
        _ => Inline::Strike(children),
    };
    Some((inline, end + 2))
}

/// Slack turns bare URLs into links by itself.
fn bare_url(text: &str) -> Option<(Inline, usize)> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))?;
    let end = text
        .find(|c: char| c.is_whitespace() || "<>|\"`".contains(c))
        .unwrap_or(text.len());
    let url =
        text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_', '~', '\'']);
    (url.len() > scheme.len()).then(|| {
        let link = Inline::Link {
            url: unescape(url),
            label: None,
            written: url.to_owned(),
        };
        (link, url.len())
    })
}

/// The words of a `rich_text` block.
pub(crate) fn rich_text_plain(block: &Value) -> String {
    fn walk(value: &Value, out: &mut String) {
        if let Some(text) = value["text"].as_str() {
            out.push_str(text);
        }
        for element in value["elements"].as_array().into_iter().flatten() {
            walk(element, out);
        }
    }
    let mut out = String::new();
    walk(block, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_signs_are_escaped_and_control_sequences_kept() {
        assert_eq!(normalise("a < b & c > d"), "a &lt; b &amp; c &gt; d");
        assert_eq!(normalise("&lt;@U1&gt; &amp;"), "&lt;@U1&gt; &amp;");
        assert_eq!(
            normalise("<@U1> <!channel> <foo>"),
            "<@U1> <!channel> &lt;foo&gt;"
        );
    }

    #[test]
    fn mentions_and_links_are_found_wherever_they_hide() {
        let text = "*<@U1|bob>* said _https://evil.example/x._ and <!here> `<@U2>` &lt;@U3&gt;";
        assert_eq!(
            mentions_and_links(text),
            ["<@U1|bob>", "https://evil.example/x", "<!here>"]
        );
        assert!(mentions_and_links("<!date^1700000000^{time}|12:00>").is_empty());
    }

    #[test]
    fn marks_need_word_boundaries() {
        assert_eq!(
            parse("snake_case_name 2*3*4"),
            [Part::Lines(vec![Inline::Text(
                "snake_case_name 2*3*4".into()
            )])]
        );
        assert_eq!(
            parse("*so* it"),
            [Part::Lines(vec![
                Inline::Bold(vec![Inline::Text("so".into())]),
                Inline::Text(" it".into())
            ])]
        );
    }

    #[test]
    fn quotes_and_code_blocks_are_parts_of_their_own() {
        let parts = parse("before\n&gt; said\n```\nlet a &lt; b;\n```\nafter");
        assert_eq!(parts[1], Part::Quote(vec![Inline::Text("said".into())]));
        assert_eq!(parts[2], Part::Pre("let a < b;".into()));
        assert_eq!(parts[3], Part::Lines(vec![Inline::Text("after".into())]));
    }
}
