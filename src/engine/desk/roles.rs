//! Roles: what there is, what they give, and who has them. Users are counted for an answer at most once a minute: no row says how many
//! have a role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Span;
use crate::directory::user::User;
use crate::engine::active::Active;
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::engine::paged::{RoleLine, RolesAnswer};

/// Users read at once.
const PAGE: usize = 1_000;
/// How long a count is good enough.
const COUNT_HOLDS: Span = Span::from_secs(60);

impl Engine {
    pub(super) async fn roles(&self) -> Result<Answer, EngineError> {
        let mut counted = self.counted_roles.lock().await;
        let now = self.parts.clock.now();
        let active = self.active().await?;
        let fresh = counted.as_ref().filter(|(digest, answer)| {
            *digest == active.digest && answer.counted_at <= now && now <= answer.counted_at.plus(COUNT_HOLDS)
        });
        if let Some((_, answer)) = fresh {
            return Ok(Answer::Roles(Box::new(answer.clone())));
        }
        let users = self.count_roles(&active).await?;
        let answer = RolesAnswer { counted_at: now, roles: lines(&active, users) };
        *counted = Some((active.digest, answer.clone()));
        Ok(Answer::Roles(Box::new(answer)))
    }

    async fn count_roles(&self, active: &Arc<Active>) -> Result<BTreeMap<String, u64>, EngineError> {
        let mut counts = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.parts.store.users(after, PAGE).await?;
            for (_, roles) in with_roles(active, page.items).await? {
                for role in roles {
                    *counts.entry(role).or_default() += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(counts);
            }
        }
    }
}

/// Users with all their roles, those by condition included; where a condition fails, those of the source.
///
/// # Errors
/// If the evaluation breaks down.
pub(super) async fn with_roles(
    active: &Arc<Active>,
    users: Vec<User>,
) -> Result<Vec<(User, BTreeSet<String>)>, EngineError> {
    let active = Arc::clone(active);
    let evaluated = tokio::task::spawn_blocking(move || {
        let app = active.apps.values().next();
        let roles = |user: &User| app.and_then(|app| app.rules.roles(user).ok()).unwrap_or_else(|| user.roles.clone());
        let with = |user: User| {
            let roles = roles(&user);
            (user, roles)
        };
        users.into_iter().map(with).collect()
    });
    evaluated.await.map_err(|error| EngineError::Invalid(format!("evaluating the roles failed: {error}")))
}

/// What the users have, what conditions give, and what apps ask for.
fn lines(active: &Active, users: BTreeMap<String, u64>) -> Vec<RoleLine> {
    let mut lines: BTreeMap<String, RoleLine> = BTreeMap::new();
    let line = |lines: &mut BTreeMap<String, RoleLine>, name: &str, change: &dyn Fn(&mut RoleLine)| {
        let fresh = || RoleLine { name: name.to_owned(), ..RoleLine::default() };
        change(lines.entry(name.to_owned()).or_insert_with(fresh));
    };
    for (name, number) in users {
        line(&mut lines, &name, &|line| line.users = number);
    }
    for app in active.apps.values() {
        for role in &app.spec.roles {
            line(&mut lines, &role.name, &|line| line.condition = Some(role.when.clone()));
        }
        for role in &app.spec.app.assign.roles {
            line(&mut lines, role, &|line| line.apps.push(app.spec.name.clone()));
        }
    }
    lines.into_values().collect()
}
