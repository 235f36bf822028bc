//! The log: `RUST_LOG` filters it, one line per record whatever a record holds.
//! A line that came from outside could otherwise fake a record of its own.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// Starts the log on stderr. A filter that can't be read is an error, told in a sentence.
pub fn start(filter: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| format!("RUST_LOG can't be read as a filter: {error}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(OneLine(io::stderr));
    let started = match format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| format!("the log can't be started: {error}"))
}

/// Makes writers that keep a record on one line. The subscriber hands each record over in one call.
struct OneLine<M>(M);

struct Flat<W>(W);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = Flat<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Flat(self.0.make_writer())
    }
}

impl<W: Write> Write for Flat<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.0.write_all(flat(record).as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Escapes whatever would start a new line, move the cursor or reorder what is read; the last line feed stays.
fn flat(record: &[u8]) -> String {
    let text = String::from_utf8_lossy(record);
    let (body, end) = match text.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (text.as_ref(), ""),
    };
    let mut out = String::with_capacity(text.len());
    for letter in body.chars() {
        match letter {
            '\t' => out.push(letter),
            '\u{2028}'
            | '\u{2029}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => out.extend(letter.escape_unicode()),
            letter if letter.is_control() => out.extend(letter.escape_default()),
            letter => out.push(letter),
        }
    }
    out + end
}

#[cfg(test)]
mod tests {
    use super::flat;

    #[test]
    fn a_record_stays_on_its_line() {
        let forged =
            "INFO reason=stuck\n2026-01-01 INFO approved by=bob\r\x1b[2K\u{2028}x\u{202e}y\n";
        let line = flat(forged.as_bytes());
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with("y\n"));
        for sign in ['\r', '\x1b', '\u{2028}', '\u{202e}'] {
            assert!(!line.contains(sign), "{sign:?}");
        }
        assert!(line.contains("stuck\\n2026"));
    }

    #[test]
    fn ordinary_words_are_left_as_they_are() {
        let line = "INFO größe=„7“ 日本\t→ ok\n";
        assert_eq!(flat(line.as_bytes()), line);
    }
}
