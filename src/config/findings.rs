//! Collects mistakes while the configuration is walked, so that one pass tells all of them.
//! A mistake that is met again through another role is kept once.

use std::cell::RefCell;
use std::sync::Arc;

use super::mistake::{Kind, Mistake, Severity};
use super::source::{At, Source};

#[derive(Debug, Default)]
pub(super) struct Findings {
    sources: Vec<Source>,
    found: RefCell<Vec<Found>>,
    /// Values that must not be shown.
    secrets: RefCell<Vec<At>>,
    /// Environment variables that the file names.
    variables: RefCell<Vec<(String, At)>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    kind: Kind,
    severity: Severity,
    at: Place,
    message: String,
    help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(usize),
    At(At),
}

impl Findings {
    /// Takes a file in and gives it its number.
    pub(super) fn add_source(&mut self, name: String, text: String) -> usize {
        self.sources.push(Source::new(name, text));
        self.sources.len() - 1
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// `hallpass.toml:12`.
    pub(super) fn line_of(&self, at: At) -> String {
        let source = &self.sources[at.file];
        format!("{}:{}", source.name, source.place(at.start).line)
    }

    pub(super) fn mistake(&self, kind: Kind, at: At, message: impl Into<String>) {
        self.mistake_with(kind, at, message, None);
    }

    pub(super) fn mistake_with(
        &self,
        kind: Kind,
        at: At,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.at(Severity::Mistake, kind, at, message.into(), help.into());
    }

    pub(super) fn warning(
        &self,
        kind: Kind,
        at: At,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.at(Severity::Warning, kind, at, message.into(), help.into());
    }

    fn at(&self, severity: Severity, kind: Kind, at: At, message: String, help: Option<String>) {
        self.put(Found {
            kind,
            severity,
            at: Place::At(at),
            message,
            help,
        });
    }

    /// A mistake of the file as a whole.
    pub(super) fn of_file(&self, kind: Kind, file: usize, message: impl Into<String>) {
        self.put(Found {
            kind,
            severity: Severity::Mistake,
            at: Place::File(file),
            message: message.into(),
            help: None,
        });
    }

    /// From now on the value at `at` is shown as asterisks.
    pub(super) fn mask(&self, at: At) {
        self.secrets.borrow_mut().push(at);
    }

    /// Remembers a variable that must be set before the configuration can serve.
    pub(super) fn needs_variable(&self, name: &str, at: At) {
        self.variables.borrow_mut().push((name.to_owned(), at));
    }

    /// Tells of every variable for which `is_set` says no.
    pub(super) fn tell_missing_variables(&self, severity: Severity, is_set: impl Fn(&str) -> bool) {
        for (name, at) in self.variables.borrow().iter() {
            if !is_set(name) {
                self.put(Found {
                    kind: Kind::MissingVariable,
                    severity,
                    at: Place::At(*at),
                    message: format!("the environment variable {name} is not set"),
                    help: Some(format!(
                        "set {name}, or {name}_FILE to the path of a file that holds it"
                    )),
                });
            }
        }
    }

    pub(super) fn is_masked(&self, at: At) -> bool {
        self.secrets.borrow().contains(&at)
    }

    fn put(&self, mut found: Found) {
        found.message = printable(&found.message).replace('\n', " ");
        found.help = found.help.map(|help| printable(&help).replace('\n', " "));
        let mut list = self.found.borrow_mut();
        let told = list.iter().any(|one| {
            one == &found
                || (one.kind == found.kind && one.at == found.at && is_of_the_text(found.kind))
        });
        if !told {
            list.push(found);
        }
    }

    /// Everything found, by file, line and column.
    pub(super) fn finish(self) -> Vec<Mistake> {
        let mut found = self.found.into_inner();
        let broken = found.iter().any(|one| one.kind == Kind::Syntax);
        // What a broken file leaves out is no second mistake.
        found.retain(|one| !broken || !follows_from_syntax(one.kind));
        found.sort_by_key(|one| (one.at, one.severity, one.kind));
        let mut sources = self.sources;
        for source in &mut sources {
            source.text = printable(&source.text);
        }
        for secret in self.secrets.into_inner() {
            mask(&mut sources[secret.file].text, secret);
        }
        let sources: Vec<Arc<Source>> = sources.into_iter().map(Arc::new).collect();
        found.into_iter().map(|one| placed(one, &sources)).collect()
    }
}

/// Without what would move a terminal's cursor or turn text around (Unicode's Cc and its bidi controls).
/// Letter for letter and of the same length in bytes, so that every place stays where it is.
fn printable(text: &str) -> String {
    let shown = |letter: char| match letter {
        '\n' => '\n',
        '\t' | '\r' => ' ',
        '\u{80}'..='\u{9f}' => '\u{bf}',
        letter if letter.is_control() => '?',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(shown).collect()
}

fn placed(found: Found, sources: &[Arc<Source>]) -> Mistake {
    let (source, span, line, column) = match found.at {
        Place::File(file) => (&sources[file], 0..0, 0, 0),
        Place::At(at) => {
            let source = &sources[at.file];
            let place = source.place(at.start);
            let span = source.first_line_of(&at.span());
            (source, span, place.line, place.column)
        }
    };
    Mistake {
        kind: found.kind,
        severity: found.severity,
        message: found.message,
        help: found.help,
        file: source.name.clone(),
        line,
        column,
        source: Arc::clone(source),
        span,
    }
}

/// Byte for byte, so that every span stays where it is.
fn mask(text: &mut String, at: At) {
    if let (Some(before), Some(hidden), Some(after)) = (
        text.get(..at.start),
        text.get(at.start..at.end),
        text.get(at.end..),
    ) {
        let stars: String = hidden
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { '*' })
            .collect();
        *text = format!("{before}{stars}{after}");
    }
}

/// Is the same mistake whichever role it is met through, in whatever words.
fn is_of_the_text(kind: Kind) -> bool {
    matches!(kind, Kind::UnknownKey | Kind::MissingKey | Kind::Secret)
}

fn follows_from_syntax(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::MissingKey
            | Kind::UndefinedName
            | Kind::UndefinedParameter
            | Kind::MissingStages
            | Kind::NoBackend
            | Kind::UnreachableQuorum
            | Kind::EmptiedStage
            | Kind::NoReviewer
            | Kind::WrongType
            | Kind::Version
            | Kind::Suspicious
    )
}
