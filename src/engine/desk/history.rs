//! The history as a whole: export by pages, its head, what leaves it.

use std::path::Path;

use crate::access::actor::Actor;
use crate::clock::Span;
use crate::engine::answer::{Answer, ExportedEvent};
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::desk::explain::cause_words;
use crate::engine::desk::status::HistoryFilter;
use crate::engine::heads::ChainHead;
use crate::store::act::Verified;
use crate::text::printable;

impl Engine {
    /// One page of an export: events as they stand, with who caused them, and on demand with their entries.
    pub(super) async fn history_page(
        &self,
        user: Option<&UserRef>,
        filter: HistoryFilter,
        full: bool,
    ) -> Result<Answer, EngineError> {
        let query = self.event_query(user, filter).await?;
        let page = self.parts.store.events(query).await?;
        let operators = self.operator_names().await?;
        let mut events = Vec::with_capacity(page.items.len());
        for event in page.items {
            let by = self.parts.store.causer(&event.cause, event.filed_at).await?;
            let entries = if full { self.parts.store.entries(event.id).await? } else { Vec::new() };
            let caused_by = by.and_then(|by| operators.get(&by).cloned());
            events.push(ExportedEvent { cause: cause_words(&event.cause), caused_by, event, entries });
        }
        Ok(Answer::Exported { events, next: page.next })
    }

    pub(super) async fn heads_checked(&self, heads: &[ChainHead]) -> Result<Answer, EngineError> {
        let problems = self.check_heads(heads).await?;
        Ok(Answer::Verified(Verified { head: self.parts.store.head().await?, problems }))
    }

    pub(super) async fn history_prune(
        &self,
        keep: Span,
        archive: &Path,
        dry_run: bool,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        Ok(Answer::Pruned(self.prune(keep, archive, dry_run, watcher).await?))
    }

    pub(super) async fn history_erase(&self, actor: &Actor, user: &UserRef) -> Result<Answer, EngineError> {
        let user = self.find_user(user).await?;
        let erased = self.parts.store.erase_user(user.id, actor.operator, self.parts.clock.now()).await?;
        let mut said = vec![match erased.events {
            0 => format!("the history has no values of {} that could be erased", printable(&user.label())),
            events => format!(
                "{events} events and {} entries about {} have no values any more; the chain verifies as before",
                erased.entries,
                printable(&user.label())
            ),
        }];
        if !erased.open.is_empty() {
            let open: Vec<String> = erased.open.iter().map(ToString::to_string).collect();
            said.push(format!("not over yet, and left as they are: {}; erase again when they are", open.join(", ")));
        }
        said.push("the directory, the ledger, files of the archive and backups are not touched".to_owned());
        Ok(Answer::Done(said.join("\n")))
    }
}
