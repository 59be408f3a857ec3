//! Users: finding, showing and editing them.

use crate::access::actor::Actor;
use crate::clock::Timestamp;
use crate::directory::change::UserEdit;
use crate::directory::source::{SourceTarget, as_held};
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::engine::active::Active;
use crate::engine::answer::{Answer, UserAnswer};
use crate::engine::command::{Edit, UserRef};
use crate::engine::context::{Engine, EngineError};
use crate::engine::user_list::{ListedAccount, ListedUser, UserList};
use crate::id::{SourceName, UserId};
use crate::store::query::AccountQuery;
use crate::store::user_index::UserQuery;
use crate::text::printable;

/// Users a search looks through at most: ten pages of a large directory.
const SEARCHED_MAX: usize = 100_000;
/// Users read at once while searching.
const SEARCH_PAGE: usize = 1_000;
/// Accounts of one user shown.
const ACCOUNTS_MAX: usize = 1_000;

impl Engine {
    /// The one user that `named` means: id, `source:key`, key, e-mail or user name.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub async fn find_user(&self, named: &UserRef) -> Result<User, EngineError> {
        let store = &self.parts.store;
        let text = named.0.trim();
        if let Ok(id) = text.parse::<UserId>() {
            let none = || EngineError::Invalid(format!("there is no user {id}"));
            return store.user(id).await?.ok_or_else(none);
        }
        if let Some((source, key)) = text.split_once(':')
            && let Ok(source) = SourceName::new(source)
            && let Some(user) = store.users_by_key(&source, vec![key.to_owned()]).await?.into_iter().flatten().next()
        {
            return Ok(user);
        }
        let mut found = store.find_users(text).await?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(EngineError::Invalid(format!(
                "no user is called `{}`; give an id (usr_…), source:key, key, e-mail or user name (`usher users list` shows them)",
                printable(text)
            ))),
            _ => {
                let who: Vec<String> = found
                    .iter()
                    .map(|user| format!("{}:{} ({})", user.source, user.key, printable(&user.label())))
                    .collect();
                Err(EngineError::Invalid(format!("`{}` means several users: {}", printable(text), who.join(", "))))
            }
        }
    }

    /// Users by id; `search` is part of a name, e-mail or key.
    pub(super) async fn users(&self, search: Option<&str>, limit: usize) -> Result<Answer, EngineError> {
        let wanted = search.map(str::to_lowercase);
        let hit = |user: &User| {
            wanted.as_ref().is_none_or(|wanted| {
                let texts = [Some(user.label()), user.text("email").map(str::to_owned), Some(user.key.clone())];
                texts.into_iter().flatten().any(|text| text.to_lowercase().contains(wanted))
            })
        };
        let (mut users, mut after, mut seen) = (Vec::new(), None, 0);
        while users.len() < limit && seen < SEARCHED_MAX {
            let page = self.parts.store.users(after, SEARCH_PAGE).await?;
            seen += page.items.len();
            users.extend(page.items.into_iter().filter(|user| hit(user)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        users.truncate(limit);
        Ok(Answer::Users(users))
    }

    /// Users by name, with where they have accounts.
    pub(super) async fn users_by_name(&self, query: UserQuery) -> Result<Answer, EngineError> {
        let store = &self.parts.store;
        let page = store.users_by_name(query).await?;
        let mut users = Vec::with_capacity(page.users.len());
        for id in &page.users {
            let Some(user) = store.user(*id).await? else { continue };
            let query = AccountQuery { user: Some(*id), limit: ACCOUNTS_MAX, ..AccountQuery::default() };
            let accounts = store.accounts(query).await?.items.into_iter().map(|account| ListedAccount {
                presence: account.presence,
                open: account.open_event,
                // With a basis nothing is left to do: what was refused before asks for nothing any more.
                muted: account.mute.filter(|_| account.basis.is_none()).map(|mute| mute.why),
                app: account.app,
            });
            users.push(ListedUser { user, accounts: accounts.collect() });
        }
        Ok(Answer::UsersByName(Box::new(UserList { page, users })))
    }

    pub(super) async fn trends(&self, since: Timestamp) -> Result<Answer, EngineError> {
        Ok(Answer::Trends(Box::new(self.parts.store.trends(since, self.parts.clock.now()).await?)))
    }

    pub(super) async fn user_show(&self, named: &UserRef) -> Result<Answer, EngineError> {
        let user = self.find_user(named).await?;
        let active = self.active().await?;
        let roles = match active.apps.values().next() {
            Some(app) => app.rules.roles(&user).unwrap_or_else(|_| user.roles.clone()),
            None => user.roles.clone(),
        };
        let accounts = self.status_rows(Some(user.id), None, 1_000).await?;
        Ok(Answer::User(Box::new(UserAnswer { user, roles: roles.into_iter().collect(), accounts })))
    }

    pub(super) async fn user_edit(&self, actor: &Actor, named: &UserRef, edit: Edit) -> Result<Answer, EngineError> {
        let user = self.find_user(named).await?;
        let active = self.active().await?;
        let (edit, what) = edited(&user, &active, edit)?;
        let now = self.parts.clock.now();
        let changed = self.parts.store.change_user(user.id, edit, active.names(), actor.operator, now).await?;
        self.lanes.kick_all();
        let unchanged = if changed.revision == user.revision { " (nothing changed)" } else { "" };
        Ok(Answer::Done(format!("{}: {what}{unchanged}", printable(&changed.label()))))
    }
}

/// An edit as the directory takes it, and what it does in words.
fn edited(user: &User, active: &Active, edit: Edit) -> Result<(UserEdit, String), EngineError> {
    Ok(match edit {
        Edit::Set { attribute, value } => {
            attribute_name(&attribute)?;
            let value = held(&attribute, value)?;
            let what = format!("{attribute} is overridden");
            (UserEdit::Override { attribute, value }, what)
        }
        Edit::Lift { attribute } => {
            attribute_name(&attribute)?;
            let what = format!("{attribute} comes from the source again");
            (UserEdit::Lift { attribute }, what)
        }
        Edit::Stand(standing) => (UserEdit::Stand(standing), format!("now {}", format!("{standing:?}").to_lowercase())),
        Edit::Restore => (UserEdit::Restore, "stands as the source says again".to_owned()),
        Edit::Assign { app, mut assignment } => {
            let spec = active.app(&app)?;
            let order = &spec.spec.app.app_role_order;
            if let Some(role) = assignment.app_role.as_ref().filter(|role| !order.is_empty() && !order.contains(role)) {
                let why = format!("`{}` is no app role of {app}; it has {}", printable(role), order.join(", "));
                return Err(EngineError::Invalid(why));
            }
            for (attribute, value) in &mut assignment.overrides {
                attribute_name(attribute)?;
                *value = held(attribute, value.take())?;
            }
            let before = user.direct.get(&app).filter(|before| **before != assignment);
            let instead = before.map(|before| format!("; it was {}", printable(&before.words()))).unwrap_or_default();
            let what = format!("{app} is assigned {}{instead}", printable(&assignment.words()));
            (UserEdit::Assign { app, assignment }, what)
        }
        Edit::Unassign { app } => {
            if !user.direct.contains_key(&app) {
                return Err(EngineError::Invalid(format!(
                    "{} has no direct assignment of {app}; roles and groups that grant it are changed in the source or the app",
                    printable(&user.label())
                )));
            }
            let what = format!("{app} is no longer assigned directly");
            (UserEdit::Unassign { app }, what)
        }
        Edit::Several { edits, from } => {
            let edited = edits.into_iter().map(|edit| edited(user, active, edit)).collect::<Result<Vec<_>, _>>()?;
            let (edits, words): (Vec<_>, Vec<_>) = edited.into_iter().unzip();
            (UserEdit::Several { edits, from }, words.join("; "))
        }
    })
}

fn held(attribute: &str, value: Option<Value>) -> Result<Option<Value>, EngineError> {
    value.map(|value| as_held(attribute, value)).transpose().map_err(EngineError::Invalid)
}

fn attribute_name(name: &str) -> Result<(), EngineError> {
    match SourceTarget::parse(name) {
        Ok(SourceTarget::Attribute(_)) => Ok(()),
        Ok(_) => Err(EngineError::Invalid(format!(
            "`{name}` can't be overridden; use suspend, restore, assign, or change the source"
        ))),
        Err(why) => Err(EngineError::Invalid(why)),
    }
}
