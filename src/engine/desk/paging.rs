//! Pages of long lists, for programs. A page looks at so many rows and no more, whatever it finds among them.

use crate::directory::user::User;
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::engine::desk::roles::with_roles;
use crate::engine::desk::status::HistoryFilter;
use crate::engine::paged::{PageAnswer, Paged};
use crate::id::{AppName, ImportId, UserId};
use crate::page::Page;
use crate::provision::account::Presence;
use crate::provision::event::StatusKind;
use crate::provision::guard::finding::FindingKind;
use crate::store::query::AccountQuery;

/// Rows that one page looks at.
const LOOKED_AT_MAX: usize = 5_000;
/// Rows read at once.
const CHUNK: usize = 1_000;

impl Engine {
    pub(super) async fn paged(&self, paged: Paged) -> Result<Answer, EngineError> {
        Ok(Answer::Page(match paged {
            Paged::Users { search, role, after, limit } => {
                PageAnswer::Users(self.users_page((search.as_deref(), role.as_deref()), after, limit).await?)
            }
            Paged::Accounts { user, app, presences, after, limit } => {
                PageAnswer::Accounts(self.accounts_page(user, (app, &presences), after, limit).await?)
            }
            Paged::Approvals { user, filter, finding } => {
                PageAnswer::Approvals(self.approvals_page(user, filter, finding).await?)
            }
            Paged::Imports { before, limit } => PageAnswer::Imports(self.imports_page(before, limit).await?),
        }))
    }

    async fn users_page(
        &self,
        (search, role): (Option<&str>, Option<&str>),
        mut after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<User, UserId>, EngineError> {
        let active = self.active().await?;
        let wanted = search.map(str::to_lowercase);
        let (mut items, mut looked_at): (Vec<User>, usize) = (Vec::new(), 0);
        loop {
            // Without a filter every row is one of the page.
            let chunk = if search.is_none() && role.is_none() { limit } else { CHUNK };
            let page = self.parts.store.users(after, chunk).await?;
            looked_at += page.items.len();
            let found = page.items.into_iter().filter(|user| wanted.as_ref().is_none_or(|text| says(user, text)));
            let found: Vec<User> = match role {
                None => found.collect(),
                Some(role) => {
                    let with = with_roles(&active, found.collect()).await?;
                    with.into_iter().filter(|(_, roles)| roles.contains(role)).map(|(user, _)| user).collect()
                }
            };
            items.extend(found);
            after = page.next;
            if items.len() > limit {
                items.truncate(limit);
                after = items.last().map(|user| user.id);
            }
            if items.len() == limit || after.is_none() || looked_at >= LOOKED_AT_MAX {
                return Ok(Page { items, next: after });
            }
        }
    }

    async fn accounts_page(
        &self,
        user: Option<UserRef>,
        (app, presences): (Option<AppName>, &[Presence]),
        mut after: Option<(AppName, UserId)>,
        limit: usize,
    ) -> Result<Page<crate::engine::answer::StatusRow, (AppName, UserId)>, EngineError> {
        let user = match user {
            Some(user) => Some(self.find_user(&user).await?.id),
            None => None,
        };
        let (mut accounts, mut looked_at) = (Vec::new(), 0);
        loop {
            let chunk = if presences.is_empty() { limit } else { CHUNK };
            let query = AccountQuery { app: app.clone(), user, presences: Vec::new(), after, limit: chunk };
            let page = self.parts.store.accounts(query).await?;
            looked_at += page.items.len();
            let fits = |presence| presences.is_empty() || presences.contains(&presence);
            accounts.extend(page.items.into_iter().filter(|account| fits(account.presence)));
            after = page.next;
            if accounts.len() > limit {
                accounts.truncate(limit);
                after = accounts.last().map(|account| (account.app.clone(), account.user));
            }
            if accounts.len() == limit || after.is_none() || looked_at >= LOOKED_AT_MAX {
                return Ok(Page { items: self.rows_of(accounts).await?, next: after });
            }
        }
    }

    async fn approvals_page(
        &self,
        user: Option<UserRef>,
        filter: HistoryFilter,
        finding: Option<FindingKind>,
    ) -> Result<Page<crate::engine::pending::Pending, crate::id::EventId>, EngineError> {
        let filter = HistoryFilter { statuses: vec![StatusKind::Pending], ..filter };
        let limit = filter.limit;
        let mut query = self.event_query(user.as_ref(), filter).await?;
        query.open = true;
        let (mut asker, mut items, mut looked_at) = (self.asker().await?, Vec::new(), 0);
        loop {
            let page = self.parts.store.events(query.clone()).await?;
            query.before = page.next;
            looked_at += page.items.len();
            for event in page.items {
                let fits = finding.is_none_or(|finding| event.findings.iter().any(|each| each.kind == finding));
                if fits && items.len() == limit {
                    // The page is full, and this one begins the next.
                    query.before = items.last().map(|waiting: &crate::engine::pending::Pending| waiting.event.id);
                    return Ok(Page { items, next: query.before });
                }
                if fits {
                    items.push(asker.waiting(event).await?);
                }
            }
            if items.len() == limit || query.before.is_none() || looked_at >= LOOKED_AT_MAX {
                return Ok(Page { items, next: query.before });
            }
        }
    }

    async fn imports_page(
        &self,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Page<crate::store::query::Import, ImportId>, EngineError> {
        // There are a few a day, and the store sorts them all in any case.
        let all = self.parts.store.imports(usize::MAX).await?;
        let after = |before| all.iter().position(|import| import.id == before).map_or(all.len(), |at| at + 1);
        let from = before.map_or(0, after);
        let mut items: Vec<_> = all.into_iter().skip(from).take(limit + 1).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|import| import.id);
        Ok(Page { items, next })
    }
}

/// Whether a user's name, e-mail or key has `text`, which is in lower case.
fn says(user: &User, text: &str) -> bool {
    let texts = [Some(user.label()), user.text("email").map(str::to_owned), Some(user.key.clone())];
    texts.into_iter().flatten().any(|each| each.to_lowercase().contains(text))
}
