//! The directory by name, in memory: who is asked for by a part of a name stands in no order that a key could have, and reading a hundred
//! thousand rows takes longer than a page may. It is made when somebody asks first, some 100 bytes a user; what changes later is read again
//! by the next who asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::directory::user::{Standing, User};
use crate::id::UserId;
use crate::store::act::StoreResult;
use crate::store::acts::directory;
use crate::store::kv::Rows;
use crate::text::folded;

/// Users read at once while it is made.
const PAGE: usize = 2_000;
/// Beyond as many changed users it is made anew.
const STALE_MAX: usize = 10_000;

/// Which users, by name. Absent fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserQuery {
    /// Words that all occur in name, e-mail, user name or key.
    pub search: String,
    /// Who stands so, overrides included.
    pub standing: Option<Standing>,
    /// After this user: the cursor.
    pub after: Option<UserId>,
    /// At most this many.
    pub limit: usize,
}

/// A page of users by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// Who.
    pub users: Vec<UserId>,
    /// How many whom the words fit, by standing.
    pub standings: BTreeMap<Standing, u64>,
    /// How many come before this page.
    pub offset: u64,
    /// How many there are on all pages.
    pub total: u64,
    /// The cursor of the page before this one; the first page has none.
    pub previous: Option<UserId>,
    /// The cursor of the following page.
    pub next: Option<UserId>,
}

/// One user.
#[derive(Debug)]
struct Line {
    /// Folded: the name, then whatever else he is found by.
    text: Box<str>,
    id: UserId,
    standing: Standing,
}

impl Line {
    fn of(user: &User) -> Self {
        let label = user.label();
        let others = [user.text("email"), user.text("username"), Some(user.key.as_str())];
        let texts = std::iter::once(label.as_str()).chain(others.into_iter().flatten());
        let text = texts.map(folded).collect::<Vec<_>>().join("\n").into_boxed_str();
        Self { text, id: user.id, standing: user.effective_standing() }
    }
}

/// The directory by name.
#[derive(Debug, Default)]
pub(crate) struct UserIndex {
    /// By name; `None` = nobody asked yet.
    lines: Mutex<Option<Vec<Line>>>,
    /// Who changed since; `None` = nobody asked yet.
    stale: Mutex<Option<BTreeSet<UserId>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl UserIndex {
    /// Told after each commit who changed, also if it is not known whether it reached the disk.
    pub(crate) fn touch(&self, users: &[UserId]) {
        if let Some(stale) = locked(&self.stale).as_mut() {
            stale.extend(users);
        }
    }

    /// A page of users by name.
    pub(crate) fn find(&self, rows: &dyn Rows, query: &UserQuery) -> StoreResult<UserPage> {
        self.with(rows, |lines| page(lines, query))
    }

    /// Everybody who does not work here now.
    pub(crate) fn not_active(&self, rows: &dyn Rows) -> StoreResult<Vec<UserId>> {
        let mut users = self.with(rows, |lines| {
            let away = lines.iter().filter(|line| line.standing != Standing::Active);
            away.map(|line| line.id).collect::<Vec<_>>()
        })?;
        users.sort();
        Ok(users)
    }

    /// Looks at the lines as the rows have them now.
    fn with<T>(&self, rows: &dyn Rows, look: impl FnOnce(&[Line]) -> T) -> StoreResult<T> {
        let mut lines = locked(&self.lines);
        // Whoever changes from here on is noted; who changed before is in the rows.
        let stale = locked(&self.stale).replace(BTreeSet::new());
        let known = lines.take().filter(|_| stale.as_ref().is_some_and(|stale| stale.len() <= STALE_MAX));
        let fresh = match (known, stale) {
            (Some(known), Some(stale)) if stale.is_empty() => known,
            (Some(known), Some(stale)) => again(rows, known, &stale)?,
            _ => all(rows)?,
        };
        Ok(look(lines.insert(fresh)))
    }
}

fn sort(lines: &mut [Line]) {
    lines.sort_by(|a, b| (&a.text, a.id).cmp(&(&b.text, b.id)));
}

fn all(rows: &dyn Rows) -> StoreResult<Vec<Line>> {
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let users = directory::users_after(rows, after, PAGE)?;
        lines.extend(users.iter().map(Line::of));
        match users.last().filter(|_| users.len() == PAGE) {
            Some(last) => after = Some(last.id),
            None => break,
        }
    }
    sort(&mut lines);
    Ok(lines)
}

fn again(rows: &dyn Rows, mut lines: Vec<Line>, stale: &BTreeSet<UserId>) -> StoreResult<Vec<Line>> {
    lines.retain(|line| !stale.contains(&line.id));
    for id in stale {
        lines.extend(directory::user(rows, *id)?.as_ref().map(Line::of));
    }
    sort(&mut lines);
    Ok(lines)
}

fn page(lines: &[Line], query: &UserQuery) -> UserPage {
    let wanted = folded(&query.search);
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let mut standings = BTreeMap::new();
    let mut found = Vec::new();
    for (position, line) in lines.iter().enumerate() {
        if words.iter().all(|word| line.text.contains(word)) {
            *standings.entry(line.standing).or_default() += 1;
            if query.standing.is_none_or(|standing| standing == line.standing) {
                found.push(position);
            }
        }
    }
    let after = query.after.and_then(|after| lines.iter().position(|line| line.id == after));
    let start = after.map_or(0, |after| found.partition_point(|position| *position <= after));
    let end = (start + query.limit).min(found.len());
    let id = |index: usize| lines[found[index]].id;
    UserPage {
        users: (start..end).map(id).collect(),
        standings,
        offset: start as u64,
        total: found.len() as u64,
        previous: start.checked_sub(query.limit + 1).map(id),
        next: (end < found.len() && end > start).then(|| id(end - 1)),
    }
}
