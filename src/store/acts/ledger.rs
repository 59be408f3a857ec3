//! Accounts as rows, with the indexes and counters that follow from them.

use std::collections::BTreeSet;

use crate::id::{AppName, UserId};
use crate::provision::account::{Account, MuteReason};
use crate::store::act::StoreResult;
use crate::store::group::Group;
use crate::store::kv::{self, Rows};
use crate::store::layout::{self, Key};

/// The ledger entry of a pair, if there is one.
pub(crate) fn find(rows: &dyn Rows, app: &AppName, user: UserId) -> StoreResult<Option<Account>> {
    kv::read(rows, &layout::account(app, user))
}

/// The ledger entry of a pair; an empty one if there is none.
pub(crate) fn load(rows: &dyn Rows, app: &AppName, user: UserId) -> StoreResult<Account> {
    Ok(find(rows, app, user)?.unwrap_or_else(|| Account::new(app.clone(), user)))
}

/// An account as it was read, to be changed and saved.
pub(crate) struct Draft {
    before: Option<Indexed>,
    unchanged: Account,
    /// As it will be.
    pub(crate) account: Account,
}

/// What indexes and counters know of an account.
struct Indexed {
    presence: crate::provision::account::Presence,
    keys: BTreeSet<Key>,
}

fn indexed(account: &Account) -> BTreeSet<Key> {
    let (app, user) = (&account.app, account.user);
    let ids = account.remote_id.iter().chain(account.retired.iter().map(|old| &old.remote_id));
    let mut keys: BTreeSet<Key> = ids.map(|id| layout::remote(app, id, user)).collect();
    keys.extend(account.user_name().map(|name| layout::name(app, &crate::text::folded(name), user)));
    if let Some(mute) = account.mute.as_ref().filter(|mute| mute.why == MuteReason::Failed) {
        keys.insert(layout::mute(app, mute.at, user));
    }
    keys
}

impl Draft {
    /// Reads the account of a pair.
    pub(crate) fn load(rows: &dyn Rows, app: &AppName, user: UserId) -> StoreResult<Self> {
        let found = find(rows, app, user)?;
        let before = found.as_ref().map(|account| Indexed { presence: account.presence, keys: indexed(account) });
        let account = found.unwrap_or_else(|| Account::new(app.clone(), user));
        Ok(Self { before, unchanged: account.clone(), account })
    }

    /// Writes it, if it changed, with indexes and counters.
    pub(crate) fn save(self, tx: &mut Group<'_>) -> StoreResult<()> {
        if self.before.is_some() && self.account == self.unchanged {
            return Ok(());
        }
        let account = self.account;
        let after = indexed(&account);
        let (presence, before) = match self.before {
            Some(before) => (Some(before.presence), before.keys),
            None => (None, BTreeSet::new()),
        };
        for gone in before.difference(&after) {
            tx.remove(gone.clone());
        }
        for new in after.difference(&before) {
            tx.put_key(new.clone());
        }
        fold_anew(tx, &self.unchanged, &account);
        tx.count_account(&account.app, presence, Some(account.presence))?;
        tx.put(layout::account(&account.app, account.user), &account)
    }

    /// The open event ended: the pair has none, and what was computed before is out of date.
    pub(crate) fn close(&mut self) {
        self.account.open_event = None;
        self.account.generation += 1;
    }
}

/// Names beyond ASCII were once folded otherwise: the old key goes, the new one is there whatever was.
fn fold_anew(tx: &mut Group<'_>, before: &Account, after: &Account) {
    let (app, user) = (&after.app, after.user);
    if let Some(old) = before.user_name().filter(|name| layout::folded(name) != crate::text::folded(name)) {
        tx.remove(layout::name(app, &layout::folded(old), user));
    }
    if let Some(name) = after.user_name().filter(|name| !name.is_ascii()) {
        tx.put_key(layout::name(app, &crate::text::folded(name), user));
    }
}
