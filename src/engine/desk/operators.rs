//! Operators: adding, listing, disabling.

use crate::access::actor::Actor;
use crate::access::operator::{FourEyes, Operator, Role};
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::id::OperatorId;
use crate::store::act::Identity;

/// Characters of an operator's name.
const NAME_MAX: usize = 100;

impl Engine {
    /// The store's identity.
    ///
    /// # Errors
    /// If the store has none.
    pub async fn identity(&self) -> Result<Identity, EngineError> {
        let none = || EngineError::Invalid("the store has no identity; `usher init` makes a workspace".to_owned());
        self.parts.store.identity().await?.ok_or_else(none)
    }

    pub(super) async fn operators(&self) -> Result<Answer, EngineError> {
        let four_eyes = self.identity().await?.four_eyes;
        Ok(Answer::Operators { operators: self.parts.store.operators().await?, four_eyes })
    }

    pub(super) async fn set_four_eyes(&self, actor: &Actor, four_eyes: FourEyes) -> Result<Answer, EngineError> {
        self.parts.store.set_four_eyes(four_eyes, actor.operator, self.parts.clock.now()).await?;
        Ok(Answer::Done(match four_eyes {
            FourEyes::Record => "four eyes: record; who approves what he caused says why, and it is marked".to_owned(),
            FourEyes::Enforce => "four eyes: enforce; nobody approves what he caused".to_owned(),
        }))
    }

    pub(super) async fn operator_add(
        &self,
        actor: &Actor,
        name: String,
        role: Role,
        os_account: Option<String>,
        user: Option<&UserRef>,
    ) -> Result<Answer, EngineError> {
        check_name(&name)?;
        let operators = self.parts.store.operators().await?;
        if operators.iter().any(|operator| operator.name == name) {
            return Err(EngineError::Invalid(format!("there is an operator `{name}` already")));
        }
        let taken = operators
            .iter()
            .find(|operator| !operator.disabled && os_account.is_some() && operator.os_account == os_account);
        if let Some(taken) = taken {
            return Err(EngineError::Invalid(format!(
                "that OS account is bound to the operator `{}` already",
                taken.name
            )));
        }
        let user = match user {
            Some(user) => Some(self.find_user(user).await?.id),
            None => None,
        };
        let now = self.parts.clock.now();
        let id = OperatorId::mint(now, &*self.parts.entropy);
        let operator = Operator { id, name: name.clone(), role, os_account, user, disabled: false, since: now };
        self.parts.store.put_operator(operator, actor.operator, now).await?;
        Ok(Answer::Done(format!("{name} is {role} now")))
    }

    pub(super) async fn operator_disable(&self, actor: &Actor, name: &str) -> Result<Answer, EngineError> {
        let operator = self.operator_of(name).await?;
        self.not_the_last_admin(&operator).await?;
        let id = operator.id;
        let disabled = Operator { disabled: true, ..operator };
        self.parts.store.put_operator(disabled, actor.operator, self.parts.clock.now()).await?;
        self.epochs.end(id);
        Ok(Answer::Done(format!("{name} is disabled; his sessions and tokens are over")))
    }
}

/// Names stand in the history, on pages and in logs.
fn check_name(name: &str) -> Result<(), EngineError> {
    let fits = !name.trim().is_empty() && name.trim() == name && name.chars().count() <= NAME_MAX;
    if fits && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(EngineError::Invalid(format!("an operator's name has 1 to {NAME_MAX} characters, without spaces around them")))
}
