//! The committer: runs waiting acts one after the other, writes them together, flushes once, and answers only then.

use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::{briefs, reads};
use crate::store::group::Group;
use crate::store::kv::Kv;
use crate::store::layout;
use crate::store::record::StoredHead;

/// A group is closed once it has this many rows and entries: some MB, some milliseconds.
const GROUP_ROWS_MAX: usize = 20_000;

/// One act that waits.
pub(crate) trait Job: Send {
    /// Runs the act.
    fn run(&mut self, group: &mut Group<'_>);
    /// Answers: the act's own result if the group was written, else why not.
    fn answer(self: Box<Self>, written: Result<(), &StoreError>);
}

/// The one writer of a store.
pub(crate) struct Committer {
    head: StoredHead,
}

impl Committer {
    /// Starts where the rows' chain ends.
    pub(crate) fn open(kv: &dyn Kv) -> StoreResult<Self> {
        briefs::ensure(kv)?;
        Ok(Self { head: reads::head(kv)? })
    }

    /// The end of the chain.
    pub(crate) fn head(&self) -> &StoredHead {
        &self.head
    }

    /// Runs acts from `jobs` until there is none or the group is full, writes them, and answers.
    pub(crate) fn commit(
        &mut self,
        kv: &dyn Kv,
        gate: &std::sync::RwLock<()>,
        jobs: &mut dyn Iterator<Item = Box<dyn Job>>,
    ) {
        let mut group = Group::new(kv, self.head.clone());
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        while group.len() < GROUP_ROWS_MAX
            && let Some(mut job) = jobs.next()
        {
            job.run(&mut group);
            done.push(job);
        }
        let users = group.take_users();
        let (batch, head, turnover) = group.seal();
        let written = if batch.is_empty() { Ok(()) } else { self.write(kv, gate, batch, (head, turnover)) };
        if let Some(user_index) = kv.user_index() {
            user_index.touch(&users);
        }
        for job in done {
            job.answer(written.as_ref().copied());
        }
    }

    fn write(
        &mut self,
        kv: &dyn Kv,
        gate: &std::sync::RwLock<()>,
        batch: crate::store::kv::WriteBatch,
        (head, turnover): (StoredHead, crate::store::kv::Turnover),
    ) -> StoreResult<()> {
        kv.room()?;
        let applied = {
            // Reads see all of a group or nothing.
            let _writing = gate.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            kv.apply(batch)
        };
        let written = applied.and_then(|()| kv.flush());
        match written {
            Ok(()) => {
                kv.flushed(&head, turnover);
                self.head = head;
                Ok(())
            }
            Err(error) => {
                kv.mend();
                // What was applied may or may not have reached the disk: go on from what is there.
                if let Ok(head) = reads::head(kv) {
                    self.head = head;
                }
                Err(error)
            }
        }
    }
}

/// Writes the format into an empty store, checks it in another.
pub(crate) fn check_format(kv: &dyn Kv) -> StoreResult<()> {
    match crate::store::kv::read::<u32>(kv, &layout::meta("format"))? {
        Some(layout::FORMAT) => Ok(()),
        Some(other) => Err(StoreError::Damaged(format!(
            "it has format {other}, this program knows {}; use the usher that wrote it",
            layout::FORMAT
        ))),
        None => {
            kv.room()?;
            kv.apply(vec![(layout::meta("format").0, Some(crate::store::record::encode(&layout::FORMAT)))])?;
            kv.flush()
        }
    }
}
