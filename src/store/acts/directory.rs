//! Users: reads, the indexes that find them, and edits by operators.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::directory::change::{Cause, UserEdit};
use crate::directory::user::{Standing, User};
use crate::id::{AppName, OperatorId, SourceName, UserId};
use crate::page::Page;
use crate::provision::entry::Fact;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::marks;
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout::{self, Key};
use crate::store::query::Urgency;
use crate::store::record::decode;

/// One user.
pub(crate) fn user(rows: &dyn Rows, id: UserId) -> StoreResult<Option<User>> {
    kv::read(rows, &layout::user(id))
}

/// The next users by id.
pub(crate) fn users_after(rows: &dyn Rows, after: Option<UserId>, limit: usize) -> StoreResult<Vec<User>> {
    let mut from = after.map_or_else(layout::users, layout::user).0;
    if after.is_some() {
        from.push(0);
    }
    let pairs = rows.scan(&from, &layout::users().end(), Order::Ascending, limit)?;
    pairs.iter().map(|(_, value)| decode(value)).collect()
}

pub(crate) fn users(rows: &dyn Rows, after: Option<UserId>, limit: usize) -> StoreResult<Page<User, UserId>> {
    let items = users_after(rows, after, limit)?;
    let next = (items.len() == limit).then(|| items.last().map(|user| user.id)).flatten();
    Ok(Page { items, next })
}

/// The id behind a key of a source.
pub(crate) fn id_of_key(rows: &dyn Rows, source: &SourceName, key: &str) -> StoreResult<Option<UserId>> {
    let value = rows.get(&layout::user_key(source, key).0)?;
    Ok(value.as_deref().and_then(layout::user_at_end))
}

pub(crate) fn users_by_key(rows: &dyn Rows, source: &SourceName, keys: &[String]) -> StoreResult<Vec<Option<User>>> {
    keys.iter()
        .map(|key| match id_of_key(rows, source, key)? {
            Some(id) => user(rows, id),
            None => Ok(None),
        })
        .collect()
}

pub(crate) fn find_users(rows: &dyn Rows, text: &str) -> StoreResult<Vec<User>> {
    let mut ids = BTreeSet::new();
    for (key, _) in kv::under(rows, &layout::found(&layout::folded(text)), usize::MAX)? {
        ids.extend(layout::user_at_end(&key));
    }
    for source in sources(rows)? {
        ids.extend(id_of_key(rows, &source, text)?);
    }
    let users = ids.into_iter().map(|id| user(rows, id)).collect::<StoreResult<Vec<_>>>()?;
    Ok(users.into_iter().flatten().collect())
}

/// The sources that users come from: found by skipping along the keys.
fn sources(rows: &dyn Rows) -> StoreResult<Vec<SourceName>> {
    let (mut from, to) = (layout::user_keys().0, layout::user_keys().end());
    let mut sources = Vec::new();
    while let Some((key, _)) = rows.scan(&from, &to, Order::Ascending, 1)?.first() {
        let length = key.get(1).copied().map_or(0, usize::from);
        let name = key.get(2..2 + length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(source) = name.and_then(|name| SourceName::new(name).ok()) else { break };
        from = layout::user_keys_of(&source).end();
        sources.push(source);
    }
    Ok(sources)
}

fn index_keys(user: &User) -> BTreeSet<Key> {
    let mut keys: BTreeSet<Key> =
        layout::searchable(user).iter().map(|text| layout::found_user(text, user.id)).collect();
    keys.extend(user.manager.as_ref().map(|manager| layout::report(&user.source, manager, user.id)));
    keys
}

/// Writes a user with his indexes. `before` = as the rows have him.
pub(crate) fn save(tx: &mut Group<'_>, before: Option<&User>, after: &User) -> StoreResult<()> {
    let (old, new) = (before.map(index_keys).unwrap_or_default(), index_keys(after));
    for gone in old.difference(&new) {
        tx.remove(gone.clone());
    }
    for key in new.difference(&old) {
        tx.put_key(key.clone());
    }
    if before.is_none() {
        tx.put_bytes(layout::user_key(&after.source, &after.key), after.id.as_bytes().to_vec());
        tx.head_mut().users += 1;
    }
    tx.put_user(after)
}

/// Whether a change may take an account away: the user is not active, or lost something that can grant an app.
pub(crate) fn urgency(before: Option<&User>, after: &User, app: &AppName) -> Urgency {
    let lost = before.is_some_and(|before| {
        !before.roles.is_subset(&after.roles)
            || !before.groups.is_subset(&after.groups)
            || (before.direct.contains_key(app) && !after.direct.contains_key(app))
    });
    if lost || after.effective_standing() != Standing::Active { Urgency::Leaver } else { Urgency::Normal }
}

pub(crate) fn change_user(
    tx: &mut Group<'_>,
    id: UserId,
    edit: &UserEdit,
    apps: &[AppName],
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<User> {
    let before = user(tx, id)?.ok_or_else(|| StoreError::NotFound(id.to_string()))?;
    if let UserEdit::Several { from: Some(from), .. } = edit
        && *from != before.revision
    {
        return Err(StoreError::Stale(format!("{id} is at revision {} now, not {from}", before.revision)));
    }
    let after = edit.apply(&before, at);
    if after == before {
        return Ok(after);
    }
    save(tx, Some(&before), &after)?;
    let cause = Cause::Operator(by);
    for app in apps {
        marks::mark(tx, app, id, urgency(Some(&before), &after, app), &cause, at)?;
    }
    if marks::shows_differently(&before, &after) {
        marks::mark_reports(tx, apps, &after, &cause, at)?;
    }
    tx.enter(at, About::user(id), Fact::UserEdited { what: words(edit), operator: by });
    Ok(after)
}

/// The edit without values: they may be personal.
fn words(edit: &UserEdit) -> String {
    match edit {
        UserEdit::Stand(Standing::Active) => "made active by hand".to_owned(),
        UserEdit::Stand(Standing::Suspended) => "suspended by hand".to_owned(),
        UserEdit::Stand(Standing::Deleted) => "deleted by hand".to_owned(),
        UserEdit::Restore => "the manual standing was lifted".to_owned(),
        UserEdit::Override { attribute, .. } => format!("`{attribute}` overridden"),
        UserEdit::Lift { attribute } => format!("the override of `{attribute}` was lifted"),
        UserEdit::Assign { app, .. } => format!("{app} assigned"),
        UserEdit::Unassign { app } => format!("{app} unassigned"),
        UserEdit::Several { edits, .. } => edits.iter().map(words).collect::<Vec<_>>().join("; "),
    }
}
