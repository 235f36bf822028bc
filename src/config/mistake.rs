//! What is wrong with a configuration: one mistake with its place, its source line and what would do,
//! and how a list of them is shown. What counts as wrong is decided in the other files of this room.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::source::Source;

/// The kinds of mistakes; tests and the shell tell them apart by this, people by the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Unreadable,
    Syntax,
    Version,
    UnknownKey,
    MissingKey,
    WrongType,
    WrongValue,
    WrongDuration,
    /// `default_duration` over `max_duration` and its like.
    DurationOrder,
    DefinedTwice,
    UndefinedName,
    Cycle,
    MissingStages,
    UnreachableQuorum,
    /// A requester is the only one left to decide, and no ladder helps.
    EmptiedStage,
    BadPattern,
    ExampleMismatch,
    NoBackend,
    UndefinedParameter,
    RoleName,
    MissingVariable,
    Secret,
    EmailLocal,
    TimeZone,
    SlackIdShape,
    NoReviewer,
    LadderOrder,
    /// Nothing is wrong by the rules, but hardly meant.
    Suspicious,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Mistake,
    Warning,
}

/// How mistakes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// `file:line:column: …`, the source line with a marker, the suggestion: for logs, editors and CI.
    Plain,
    /// Drawn for a terminal, with or without colour.
    Graphical { colour: bool },
}

/// One mistake (or warning).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub kind: Kind,
    pub severity: Severity,
    /// A sentence without its full stop.
    pub message: String,
    /// What would do.
    pub help: Option<String>,
    pub file: String,
    /// From 1; 0 where the mistake belongs to the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 where `line` is.
    pub column: usize,
    /// The file's text, secrets masked.
    pub(super) source: Arc<Source>,
    pub(super) span: Range<usize>,
}

impl Mistake {
    /// The line it is about, secrets masked; empty where the mistake belongs to the file as a whole.
    pub fn source_line(&self) -> &str {
        if self.line == 0 {
            ""
        } else {
            self.source.line(self.span.start)
        }
    }

    /// Ends with a line break.
    pub fn render(&self, look: Look) -> String {
        match look {
            Look::Plain => self.plain(),
            Look::Graphical { colour } => self.graphical(colour),
        }
    }

    fn plain(&self) -> String {
        let word = match self.severity {
            Severity::Mistake => "mistake",
            Severity::Warning => "warning",
        };
        let verdict = format!("{}: {word}: {}\n", self.address(), self.message);
        let help = self.help.as_ref();
        let help = help.map(|help| format!("  help: {help}\n"));
        [verdict, self.marked_line(), help.unwrap_or_default()].concat()
    }

    /// The source line with a marker under it; empty where the mistake belongs to the file as a whole.
    fn marked_line(&self) -> String {
        if self.line == 0 {
            return String::new();
        }
        let number = self.line.to_string();
        let shown = self.source_line();
        let width = self.source.text[self.span.clone()].chars().count().max(1);
        format!(
            "  {number} | {shown}\n  {} | {}{}\n",
            " ".repeat(number.len()),
            " ".repeat(self.column - 1),
            "^".repeat(width)
        )
    }

    fn graphical(&self, colour: bool) -> String {
        let theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_context_lines(1);
        let shown = Drawn {
            mistake: self,
            source: NamedSource::new(&self.file, self.source.text.clone()),
        };
        let mut out = String::new();
        match handler.render_report(&mut out, &shown) {
            Ok(()) => out,
            Err(fmt::Error) => self.plain(),
        }
    }

    /// `hallpass.toml:12:5`.
    pub fn address(&self) -> String {
        if self.line == 0 {
            self.file.clone()
        } else {
            format!("{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address(), self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A mistake together with the text that miette draws from.
#[derive(Debug)]
struct Drawn<'a> {
    mistake: &'a Mistake,
    source: NamedSource<String>,
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mistake.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.mistake.severity {
            Severity::Mistake => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.mistake.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.mistake.line > 0).then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = LabeledSpan::underline(self.mistake.span.clone());
        (self.mistake.line > 0)
            .then(|| Box::new(std::iter::once(here)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

/// All mistakes of a configuration, in the order of files and lines; never empty as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Every mistake, one after the other.
    pub fn render(&self, look: Look) -> String {
        self.0
            .iter()
            .map(|mistake| mistake.render(look))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Only what stops a start; warnings left out.
    pub fn count(&self) -> usize {
        self.0
            .iter()
            .filter(|mistake| mistake.severity == Severity::Mistake)
            .count()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Look::Plain).trim_end())
    }
}

impl std::error::Error for Mistakes {}
