//! What was measured, and how it is shown: one line per figure, with the median, the least and the most of the rounds.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this program is for"
)]

use std::time::Duration;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis,
    MiB,
    /// One over another, of the same round.
    Ratio,
    PerSecond,
}

struct Line {
    figure: String,
    unit: Unit,
    /// One per round.
    values: Vec<f64>,
}

struct Section {
    title: String,
    lines: Vec<Line>,
}

/// Sections and lines stand in the order in which they were first noted.
#[derive(Default)]
pub(crate) struct Table(Vec<Section>);

impl Table {
    /// Adds one round's value to a figure.
    pub(crate) fn note(&mut self, section: &str, figure: &str, unit: Unit, value: f64) {
        let at = self.0.iter().position(|known| known.title == section);
        let at = at.unwrap_or_else(|| {
            self.0.push(Section {
                title: section.into(),
                lines: Vec::new(),
            });
            self.0.len() - 1
        });
        let lines = &mut self.0[at].lines;
        match lines.iter_mut().find(|line| line.figure == figure) {
            Some(line) => line.values.push(value),
            None => lines.push(Line {
                figure: figure.into(),
                unit,
                values: vec![value],
            }),
        }
    }

    /// As [`Table::note`], of a time, in milliseconds.
    pub(crate) fn note_time(&mut self, section: &str, figure: &str, took: Duration) {
        self.note(section, figure, Unit::Millis, millis(took));
    }

    pub(crate) fn print(&self, conditions: &str) {
        println!("\n{conditions}");
        for Section { title, lines } in &self.0 {
            println!("\n{title:<68} {:>9} {:>9} {:>9}", "median", "min", "max");
            for line in lines {
                println!("{}", line.shown());
            }
        }
    }
}

impl Line {
    fn shown(&self) -> String {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let least = sorted.first().copied().unwrap_or(f64::NAN);
        let most = sorted.last().copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle.saturating_sub(1)], sorted[middle]),
            _ => sorted[middle],
        };
        let unit = match self.unit {
            Unit::Millis => "ms",
            Unit::MiB => "MiB",
            Unit::Ratio => "×",
            Unit::PerSecond => "/s",
        };
        let mark = if self.unit == Unit::Ratio { "=" } else { " " };
        let figure = &self.figure;
        format!("{mark} {figure:<66} {median:>9.2} {least:>9.2} {most:>9.2}  {unit}")
    }
}

/// The times of one kind in one round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn extend(&mut self, times: impl IntoIterator<Item = Duration>) {
        self.0.extend(times);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least time that this share of them didn't exceed (nearest rank); zero where there are none.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What happens meanwhile, beside the table.
pub(crate) fn progress(line: &str) {
    eprintln!("bench: {line}");
}
