//! Progress bars on stderr, if it is a terminal; nothing otherwise.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::engine::answer::Progress;
use crate::engine::context::Watcher;
use crate::text::printable;

/// A bar for each step of a command.
pub(crate) struct Bars {
    shown: bool,
    all: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    /// Bars for this process's stderr.
    pub(crate) fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal(), all: MultiProgress::new(), bars: Mutex::default() }
    }

    /// Takes all bars off the screen.
    pub(crate) fn clear(&self) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *bars).into_values().for_each(|bar| bar.finish_and_clear());
    }
}

impl Watcher for Bars {
    fn progress(&self, progress: Progress) {
        if !self.shown {
            return;
        }
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(progress.step.clone()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(progress.total));
            bar.set_style(style(progress.total));
            bar.set_message(printable(&progress.step));
            bar
        });
        if bar.length() != Some(progress.total) {
            bar.set_length(progress.total);
            bar.set_style(style(progress.total));
        }
        bar.set_position(progress.done);
    }
}

fn style(total: u64) -> ProgressStyle {
    let template = if total == 0 { "{spinner} {msg} {pos}" } else { "{msg:30} {bar:30} {pos}/{len} {elapsed}" };
    // The templates are constants and valid; the default style is the fallback.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ ")
}
