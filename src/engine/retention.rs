//! Retention: what ended long ago goes to the archive, line by line, and then out of the store. In small pages, so that nobody waits; the
//! lines are on disk before the rows go, so that a crash in between writes some lines twice and loses none.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::digest::{Digest, Hasher};
use crate::engine::answer::Progress;
use crate::engine::context::{Engine, EngineError, Unwatched, Watcher};
use crate::engine::heads::{ChainHead, ends_with_newline};
use crate::id::EventId;
use crate::store::query::{Aged, Prune};

/// Events a page: some hundred kilobytes.
const PAGE_EVENTS: usize = 250;
/// How often the keeper looks whether something is due.
const LOOK: Duration = Duration::from_secs(1);
/// How often events that are too old are looked for.
const PRUNE_EVERY: Span = Span::from_days(1);
/// How often the file of heads is looked at.
const HEADS_EVERY: Span = Span::from_secs(600);

/// How long the history is kept, and where what leaves it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// Events that ended longer ago are archived; `None` = never.
    pub keep: Option<Span>,
    /// The folder of the archive.
    pub archive: PathBuf,
    /// The file of heads.
    pub heads: PathBuf,
}

/// What a prune did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Events that ended before this.
    pub before: Timestamp,
    /// How many.
    pub events: u64,
    /// Their entries.
    pub entries: u64,
    /// Where they were written.
    pub files: Vec<PathBuf>,
    /// Nothing was done.
    pub dry_run: bool,
}

/// One line of the archive.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    /// An event with its entries.
    Archived(&'a Aged),
    /// The end of the chain when the lines before were written.
    Head(&'a ChainHead),
}

impl Engine {
    /// Archives and prunes what ended more than `keep` ago.
    ///
    /// # Errors
    /// If the store or the archive can't be written. What was pruned until then stays pruned.
    pub async fn prune(
        &self,
        keep: Span,
        archive: &Path,
        dry_run: bool,
        watcher: &dyn Watcher,
    ) -> Result<Pruned, EngineError> {
        let before = self.parts.clock.now().minus(keep);
        let mut done = Pruned { before, events: 0, entries: 0, files: Vec::new(), dry_run };
        let mut after: Option<EventId> = None;
        while !self.is_stopping() {
            let page = self.parts.store.aged(before, after, PAGE_EVENTS).await?;
            after = page.next;
            if !page.items.is_empty() {
                let entries: u64 = page.items.iter().map(|aged| aged.entries.len() as u64).sum();
                done.events += match dry_run {
                    true => page.items.len() as u64,
                    false => self.archive(page.items, before, archive, &mut done.files).await?,
                };
                done.entries += entries;
                watcher.progress(Progress { step: "archiving".to_owned(), app: None, done: done.events, total: 0 });
            }
            if after.is_none() {
                break;
            }
        }
        Ok(done)
    }

    /// One page: lines on disk first, then the act.
    async fn archive(
        &self,
        aged: Vec<Aged>,
        before: Timestamp,
        archive: &Path,
        files: &mut Vec<PathBuf>,
    ) -> Result<u64, EngineError> {
        let head = self.chain_head().await?;
        let mut months: BTreeMap<String, Vec<Aged>> = BTreeMap::new();
        for one in aged {
            months.entry(month(one.event.changed_at)).or_default().push(one);
        }
        let mut pruned = 0;
        for (month, aged) in months {
            let file = archive.join(format!("{month}.jsonl"));
            let events = aged.iter().map(|aged| aged.event.id).collect();
            let (path, head) = (file.clone(), head.clone());
            let writing = tokio::task::spawn_blocking(move || write(&path, &aged, &head));
            let trouble = |error: io::Error| {
                EngineError::Invalid(format!("the archive {} can't be written: {error}", archive.display()))
            };
            let digest = writing.await.map_err(|error| trouble(io::Error::other(error)))?.map_err(trouble)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let prune = Prune { events, before, file: name, digest };
            pruned += self.parts.store.prune(prune, self.parts.clock.now()).await?;
            if !files.contains(&file) {
                files.push(file);
            }
        }
        Ok(pruned)
    }

    /// Keeps the history until [`Engine::stop`]: a head a day outside the store, and what is too old into the archive. Trouble is said
    /// and tried again.
    pub async fn keep_history(self: Arc<Self>, keeping: Keeping) {
        let (mut pruned, mut headed): (Option<Timestamp>, Option<Timestamp>) = (None, None);
        while !self.is_stopping() {
            let now = self.parts.clock.now();
            let is_due = |last: Option<Timestamp>, every: Span| {
                last.is_none_or(|last| now < last || now.millis_since(last) >= every.as_millis())
            };
            if is_due(headed, HEADS_EVERY) {
                headed = Some(now);
                self.keep_head_or_say(&keeping.heads, false).await;
            }
            if let Some(keep) = keeping.keep.filter(|_| is_due(pruned, PRUNE_EVERY)) {
                pruned = Some(now);
                match self.prune(keep, &keeping.archive, false, &Unwatched).await {
                    Ok(done) if done.events > 0 => {
                        tracing::info!(events = done.events, before = %done.before, "old events were archived");
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "old events could not be archived; tried again tomorrow"),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Appends a head; an error is said, because nobody waits for it.
    pub async fn keep_head_or_say(&self, file: &Path, now: bool) {
        if let Err(error) = self.keep_head(file, now).await {
            tracing::error!(%error, "the head of the history could not be written outside the store");
        }
    }
}

/// The month of a time: `2026-03`.
fn month(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}

/// Appends lines, durably; returns their digest. A line that a crash cut short is ended first.
fn write(file: &Path, aged: &[Aged], head: &ChainHead) -> io::Result<Digest> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut out = private(OpenOptions::new().create(true).append(true).read(true)).open(file)?;
    let mut text = if ends_with_newline(&mut out)? { String::new() } else { "\n".to_owned() };
    let mut hasher = Hasher::new();
    for line in aged.iter().map(Line::Archived).chain([Line::Head(head)]) {
        let line = serde_json::to_string(&line)?;
        hasher.text(&line);
        text.push_str(&line);
        text.push('\n');
    }
    out.write_all(text.as_bytes())?;
    out.sync_data()?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(hasher.finish())
}

/// For its owner only: it holds personal data.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}
