//! Where something stands: which file, which bytes of it, and from there line and column.
//! No meaning enters here; the text is only measured.

use std::ops::Range;

/// A file as read, under the name that people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub(super) text: String,
    /// Where each line begins, so that thousands of places are found quickly.
    starts: Vec<usize>,
}

/// Bytes `start..end` of the file with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    pub file: usize,
    pub start: usize,
    pub end: usize,
}

impl At {
    pub fn new(file: usize, span: &Range<usize>) -> Self {
        Self {
            file,
            start: span.start,
            end: span.end.max(span.start),
        }
    }

    pub fn span(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A place as people read it; line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Source {
    pub fn new(name: String, text: String) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(newlines).collect();
        Self { name, text, starts }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn place(&self, offset: usize) -> Place {
        let start = self.line_start(offset);
        Place {
            line: self.line_index(offset) + 1,
            column: self.text[start..self.boundary(offset)].chars().count() + 1,
        }
    }

    /// The line that holds `offset`, without its end.
    pub fn line(&self, offset: usize) -> &str {
        let start = self.line_start(offset);
        self.text[start..].lines().next().unwrap_or_default()
    }

    /// `span` cut at the end of its first line, so that one line shows it.
    pub fn first_line_of(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start);
        let line_end = self.line_start(start) + self.line(start).len();
        start..self.boundary(span.end).min(line_end).max(start)
    }

    /// Counted from 0.
    fn line_index(&self, offset: usize) -> usize {
        let at = self.boundary(offset);
        self.starts.partition_point(|start| *start <= at) - 1
    }

    fn line_start(&self, offset: usize) -> usize {
        self.starts[self.line_index(offset)]
    }

    /// The nearest character boundary at or before `offset`.
    fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Source};

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "one\nowner = \"Zoë\" # x\r\nlast";
        let source = Source::new("a.toml".into(), text.into());
        let hash = source.text.find('#').expect("a comment");
        assert_eq!(
            source.place(hash),
            Place {
                line: 2,
                column: 15
            }
        );
        assert_eq!(source.line(hash), "owner = \"Zoë\" # x");
        assert_eq!(source.place(9_999), Place { line: 3, column: 5 });
        assert_eq!(source.first_line_of(&(4..30)), 4..hash + 3);
    }
}
