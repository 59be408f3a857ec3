//! A report while it is being made: all is counted, some of each kind is kept.

use crate::provision::drift::{DriftLine, ReconcileReport};

/// Lines of each kind that are kept.
const LINES_MAX: u64 = 40;
/// Sentences that are kept.
const NOTES_MAX: usize = 20;

/// The report so far.
pub(super) struct Tally {
    pub(super) report: ReconcileReport,
}

impl Tally {
    /// Adds one difference.
    pub(super) fn line(&mut self, line: DriftLine) {
        self.lines(line, 1);
    }

    /// Adds one line that stands for several.
    pub(super) fn lines(&mut self, line: DriftLine, number: u64) {
        let kept = self.report.lines.iter().filter(|known| known.kind == line.kind).count() as u64;
        *self.report.counts.entry(line.kind).or_default() += number;
        if kept < LINES_MAX {
            self.report.lines.push(line);
        }
    }

    /// Adds a sentence, once.
    pub(super) fn note(&mut self, sentence: String) {
        let notes = &mut self.report.notes;
        if notes.len() < NOTES_MAX && !notes.contains(&sentence) {
            notes.push(sentence);
        }
    }

    /// Says why the list proves no absence; the first reason counts.
    pub(super) fn incomplete(&mut self, why: String) {
        self.report.incomplete.get_or_insert(why);
    }
}
