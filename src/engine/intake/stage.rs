//! From read rows to a committed or parked generation, in pages: memory holds the rows that were read and their keys, not the directory.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::clock::{Clock, Timestamp};
use crate::directory::change::{SourceRow, StagedRow};
use crate::directory::source::{Missing, Source, SourceTarget};
use crate::directory::user::{Standing, User};
use crate::engine::intake::compare::{Unsaid, compare, keep_other_groups};
use crate::engine::intake::decide;
use crate::engine::intake::guard;
use crate::engine::intake::tally::{self, Tally};
use crate::entropy::Entropy;
use crate::id::{AppName, ImportId, OperatorId, SourceName, UserId};
use crate::import::{MissingColumn, Problem, Read, RowAt};
use crate::store::Store;
use crate::store::act::StoreError;
use crate::store::query::{Import, ImportState, Preview};

/// Keys looked up at once.
const LOOKUP_KEYS_MAX: usize = 500;
/// Users read at once when looking for the missing.
const USERS_PAGE: usize = 500;
/// Rows staged at once: what the store takes in one act.
const STAGE_ROWS_MAX: usize = 1_000;

/// What an import needs from outside.
pub struct Intake<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The time.
    pub clock: &'a dyn Clock,
    /// For new ids.
    pub entropy: &'a dyn Entropy,
    /// Who imports.
    pub operator: OperatorId,
    /// The apps whose pairs a change marks dirty.
    pub apps: Vec<AppName>,
    /// Told how far it is.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows are compared with the present users.
    Compare,
    /// The missing are looked for.
    Missing,
    /// Changed rows become users.
    Apply,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// Rows or users done.
    pub done: u64,
    /// Of how many; 0 = not known.
    pub total: u64,
}

/// How an import is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Users of the source who are not in it are suspended, deleted or kept as the source says.
    pub full: bool,
    /// The number of losses that are expected: more still parks.
    pub accept_shrink: Option<u64>,
    /// Somebody wants to look before it counts: it parks whatever the guard says.
    pub park: bool,
}

/// Why an import was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The store refused or failed.
    #[error("the import could not be stored")]
    Store(#[from] StoreError),
    /// No such generation.
    #[error("there is no import {0}; see `usher imports list`")]
    Unknown(ImportId),
    /// It does not wait for a decision.
    #[error("import {id} is {state}, expected one that is parked")]
    NotParked {
        /// Which.
        id: ImportId,
        /// How it stands, in words.
        state: String,
    },
    /// It was computed against users that a later import changed.
    #[error(
        "import {id} is older than import {newer} of the same source, which was applied since; drop it and import the files again"
    )]
    Overtaken {
        /// Which.
        id: ImportId,
        /// The later one.
        newer: ImportId,
    },
    /// It shrinks by more than was said.
    #[error(
        "import {id} shrinks something by {count}, {accepted} were accepted; look at it with `usher imports show {id}`"
    )]
    ShrinksMore {
        /// Which.
        id: ImportId,
        /// The largest count.
        count: u64,
        /// What `--accept-shrink` said.
        accepted: u64,
    },
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// Which generation.
    pub import: ImportId,
    /// Of which source.
    pub source: SourceName,
    /// Applied, or parked with the reasons.
    pub state: ImportState,
    /// Rows read.
    pub rows: u64,
    /// Rows staged: users that change.
    pub staged: u64,
    /// What it did, or would do.
    pub preview: Preview,
    /// Attribute → known users for whom it changes.
    pub touched: BTreeMap<String, u64>,
    /// Rows that could not be read.
    pub problems: Vec<Problem>,
    /// How many.
    pub problem_count: u64,
    /// Mapped columns that were missing (delta only).
    pub missing_columns: Vec<MissingColumn>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// Takes a read generation in: applied when this returns, or parked with a preview.
///
/// # Errors
/// The store failed. What was staged is dropped; after a crash [`decide::resume`] finishes what was committed.
pub async fn import(
    cx: &Intake<'_>,
    source: &Source,
    mut read: Read,
    asked: Asked,
) -> Result<ImportReport, IntakeError> {
    decide::finish_committed(cx).await?;
    let at = cx.clock.now();
    let import = Import {
        id: ImportId::mint(at, cx.entropy),
        source: source.name.clone(),
        full: asked.full,
        files: read.files.iter().map(|file| file.display().to_string()).collect(),
        operator: cx.operator,
        at,
        state: ImportState::Staging,
        rows: read.rows.len() as u64,
        staged: 0,
        preview: Preview::default(),
    };
    cx.store.open_import(import.clone()).await?;
    let rows = std::mem::take(&mut read.rows);
    let mut staging = Staging::new(cx, source, import.id, read.known_groups.take());
    let closed = match staging.fill(rows, &read.unread_keys, asked.full).await {
        Ok(()) => staging.close(asked, (if asked.full { read.unknown_count } else { 0 }, read.tree)).await,
        Err(error) => Err(error),
    };
    let Closed { preview, staged, parked, touched } = match closed {
        Ok(closed) => closed,
        Err(error) => {
            // Nothing is lost if this fails too: what is still staging after a crash is dropped at the next start.
            let _ = cx.store.drop_import(import.id, cx.operator, cx.clock.now()).await;
            return Err(error);
        }
    };
    let state = if parked.is_empty() {
        decide::apply(cx, import.id, staged).await?;
        ImportState::Applied
    } else {
        ImportState::Parked { reasons: parked }
    };
    Ok(ImportReport {
        import: import.id,
        source: import.source,
        state,
        rows: import.rows,
        staged,
        preview,
        touched,
        problems: read.problems,
        problem_count: read.problem_count,
        missing_columns: read.missing_columns,
        notes: read.notes,
    })
}

/// A generation that is put aside.
struct Closed {
    preview: Preview,
    staged: u64,
    parked: Vec<String>,
    touched: BTreeMap<String, u64>,
}

/// A generation being put aside.
struct Staging<'a, 'c> {
    cx: &'a Intake<'c>,
    source: &'a Source,
    import: ImportId,
    known_groups: Option<BTreeSet<String>>,
    tally: Tally,
    waiting: Vec<StagedRow>,
    staged: u64,
    /// New users so far, and the one time they are minted at.
    minted: u64,
    at: Timestamp,
    /// Active users of the source; counted by [`Staging::missing`] or when the guard needs it.
    base: Option<u64>,
}

impl<'a, 'c> Staging<'a, 'c> {
    fn new(cx: &'a Intake<'c>, source: &'a Source, import: ImportId, known_groups: Option<BTreeSet<String>>) -> Self {
        Self {
            cx,
            source,
            import,
            known_groups,
            tally: Tally::default(),
            waiting: Vec::new(),
            staged: 0,
            minted: 0,
            at: cx.clock.now(),
            base: None,
        }
    }

    async fn fill(&mut self, rows: Vec<RowAt>, unread: &BTreeSet<String>, full: bool) -> Result<(), IntakeError> {
        let total = rows.len() as u64;
        let mut present: HashSet<String> = HashSet::new();
        if full {
            present = rows.iter().map(|at| at.row.key.clone()).chain(unread.iter().cloned()).collect();
        }
        let empty = self.cx.store.users(None, 1).await?.items.is_empty();
        let mut done = 0;
        let mut rows = rows.into_iter();
        loop {
            let page: Vec<RowAt> = rows.by_ref().take(LOOKUP_KEYS_MAX).collect();
            if page.is_empty() {
                break;
            }
            done += page.len() as u64;
            self.page(page, empty).await?;
            (self.cx.progress)(Progress { step: Step::Compare, done, total });
        }
        if full {
            self.missing(&present).await?;
        }
        self.flush().await
    }

    /// Compares one page of rows with the users of their keys.
    async fn page(&mut self, page: Vec<RowAt>, empty: bool) -> Result<(), IntakeError> {
        let keys: Vec<String> = page.iter().map(|at| at.row.key.clone()).collect();
        let users =
            if empty { vec![None; keys.len()] } else { self.cx.store.users_by_key(&self.source.name, keys).await? };
        for (mut at, user) in page.into_iter().zip(users) {
            match user {
                Some(user) => {
                    if let Some(known) = &self.known_groups {
                        keep_other_groups(&user, &mut at.row, known);
                    }
                    let unsaid = match at.keeps_standing {
                        true => Unsaid::Stays,
                        false if self.source.mapping.contains_key(&SourceTarget::State) => Unsaid::Emptied,
                        false => Unsaid::Active,
                    };
                    if let Some(difference) = compare(&user, &at.row, unsaid) {
                        self.tally.change(&user, &difference);
                        self.put(user.id, difference.row).await?;
                    }
                }
                None => {
                    let others = match tally::email(&at.row) {
                        Some(email) if !empty => self.cx.store.find_users(&email).await?,
                        _ => Vec::new(),
                    };
                    self.tally.add(&self.source.name, &at.row, &others);
                    // People of one import sort as its rows do.
                    let number = u32::try_from(self.minted).unwrap_or(u32::MAX);
                    self.minted += 1;
                    self.put(UserId::mint_in_order(self.at, number, self.cx.entropy), at.row).await?;
                }
            }
        }
        Ok(())
    }

    /// Finds the users of the source who are not `present`, and counts the active ones.
    async fn missing(&mut self, present: &HashSet<String>) -> Result<(), IntakeError> {
        let (mut after, mut done, mut base) = (None, 0, 0);
        loop {
            let page = self.cx.store.users(after, USERS_PAGE).await?;
            done += page.items.len() as u64;
            for user in page.items.iter().filter(|user| user.source == self.source.name) {
                base += u64::from(user.standing == Standing::Active);
                if !present.contains(&user.key)
                    && let Some(standing) = fate(user, self.source.missing)
                {
                    self.tally.miss(user);
                    let row = SourceRow { key: user.key.clone(), standing: Some(standing), ..SourceRow::default() };
                    self.put(user.id, row).await?;
                }
            }
            (self.cx.progress)(Progress { step: Step::Missing, done, total: 0 });
            after = page.next;
            if after.is_none() {
                self.base = Some(base);
                return Ok(());
            }
        }
    }

    async fn put(&mut self, user: UserId, row: SourceRow) -> Result<(), IntakeError> {
        self.waiting.push(StagedRow { user, row });
        if self.waiting.len() == STAGE_ROWS_MAX { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), IntakeError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let count = rows.len() as u64;
        self.cx.store.stage_import(self.import, self.staged, rows).await?;
        self.staged += count;
        Ok(())
    }

    /// Asks the guard and ends staging: preview, rows staged, reasons to park.
    async fn close(self, asked: Asked, unread: (u64, bool)) -> Result<Closed, IntakeError> {
        // Counting the directory costs a scan: a delta of a handful needs none.
        let base = match self.base {
            Some(base) => base,
            None if guard::largest(self.tally.preview()) > guard::SMALL_COUNT_MAX => self.count_active().await?,
            None => 0,
        };
        let (mut preview, touched) = self.tally.finish();
        preview.shrinks = guard::reasons(&preview, base, None, unread);
        let mut parked = guard::reasons(&preview, base, asked.accept_shrink, unread);
        if asked.park && parked.is_empty() {
            parked.push(guard::LOOK_FIRST.to_owned());
        }
        self.cx.store.close_import(self.import, preview.clone(), parked.clone(), self.cx.clock.now()).await?;
        Ok(Closed { preview, staged: self.staged, parked, touched })
    }

    async fn count_active(&self) -> Result<u64, IntakeError> {
        let (mut after, mut count) = (None, 0);
        loop {
            let page = self.cx.store.users(after, USERS_PAGE).await?;
            let ours = |user: &&User| user.source == self.source.name && user.standing == Standing::Active;
            count += page.items.iter().filter(ours).count() as u64;
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}

/// Where a missing user stands from now on; `None` = he stays as he is.
fn fate(user: &User, missing: Missing) -> Option<Standing> {
    let standing = match missing {
        Missing::Suspend => Standing::Suspended,
        Missing::Delete => Standing::Deleted,
        Missing::Keep => return None,
    };
    (standing > user.standing).then_some(standing)
}
