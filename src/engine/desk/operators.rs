//! Operators: adding, listing, disabling.

use crate::access::actor::Actor;
use crate::access::operator::{FourEyes, Operator, Role};
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::id::OperatorId;
use crate::store::act::Identity;

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
        let operators = self.parts.store.operators().await?;
        let found = operators.iter().find(|operator| operator.name == name);
        let none = || EngineError::Invalid(format!("there is no operator `{name}`; `usher operators list` shows them"));
        let operator = found.ok_or_else(none)?;
        let admins = operators.iter().filter(|other| !other.disabled && other.role == Role::Admin);
        if operator.role == Role::Admin && admins.count() == 1 && !operator.disabled {
            return Err(EngineError::Invalid(format!("{name} is the last admin; add another one first")));
        }
        let disabled = Operator { disabled: true, ..operator.clone() };
        self.parts.store.put_operator(disabled, actor.operator, self.parts.clock.now()).await?;
        Ok(Answer::Done(format!("{name} is disabled")))
    }
}
