//! Who may do what: how operators sign in, other roles, and what they did.

use crate::access::actor::Actor;
use crate::access::operator::{Operator, Role};
use crate::clock::Timestamp;
use crate::engine::access_command::{AccessAnswer, AccessCommand, Deed, Person};
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::history::sentence;
use crate::id::OperatorId;
use crate::store::deeds::DeedQuery;
use crate::store::keyring::{Admitted, OpenVisitor};

/// Most deeds of one answer.
const DEEDS_MAX: usize = 500;

impl Engine {
    pub(super) async fn access(&self, actor: &Actor, command: AccessCommand) -> Result<Answer, EngineError> {
        match command {
            AccessCommand::People => self.people().await,
            AccessCommand::SetRole { name, role } => self.set_role(actor, &name, role).await,
            AccessCommand::Enable { name } => self.enable(actor, &name).await,
            AccessCommand::Deeds { operator, since, until, before, limit } => {
                self.deeds(operator, (since, until), before, limit).await
            }
            AccessCommand::Secrets => self.secrets().await,
            AccessCommand::SecretSet { app, secret } => self.secret_set(actor, &app, secret).await,
            AccessCommand::SecretDrop { app } => self.secret_drop(actor, &app).await,
        }
    }

    /// Lets somebody in whom an OpenID provider vouches for.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn admit_open(
        &self,
        (issuer, subject): (String, String),
        name: String,
        role: Option<Role>,
    ) -> Result<Admitted, EngineError> {
        let now = self.parts.clock.now();
        let id = OperatorId::mint(now, &*self.parts.entropy);
        let before = self.parts.store.operators().await?;
        let visitor = OpenVisitor { issuer, subject, name, role, id };
        let admitted = self.parts.store.admit_open(visitor, now).await?;
        match &admitted {
            Admitted::Welcome(operator)
                if before.iter().any(|was| was.id == operator.id && was.role != operator.role) =>
            {
                self.epochs.end(operator.id);
            }
            Admitted::NoRole(Some(operator)) => self.epochs.end(*operator),
            _ => {}
        }
        Ok(admitted)
    }

    async fn people(&self) -> Result<Answer, EngineError> {
        let store = &self.parts.store;
        let (operators, tokens) = (store.operators().await?, store.tokens().await?);
        let (identities, sign_ins) = (store.open_identities().await?, store.sign_ins().await?);
        let now = self.parts.clock.now();
        let mut people = Vec::with_capacity(operators.len());
        for operator in operators {
            let id = operator.id;
            people.push(Person {
                password_since: store.password(id).await?.map(|hash| hash.set_at),
                issuer: identities.iter().find(|one| one.operator == id).map(|one| one.issuer.clone()),
                last: sign_ins.get(&id).copied(),
                tokens: tokens.iter().filter(|token| token.operator == id && now < token.expires_at).count(),
                operator,
            });
        }
        Ok(Answer::Access(AccessAnswer::People(people)))
    }

    async fn set_role(&self, actor: &Actor, name: &str, role: Role) -> Result<Answer, EngineError> {
        let operator = self.operator_of(name).await?;
        if operator.disabled {
            return Err(EngineError::Invalid(format!("{name} is disabled; enable him first")));
        }
        if operator.role == role {
            return Ok(Answer::Done(format!("{name} is {role} already")));
        }
        let identities = self.parts.store.open_identities().await?;
        if identities.iter().any(|one| one.operator == operator.id) {
            return Err(EngineError::Invalid(format!(
                "the OpenID provider says what {name} may do, at every sign-in; change it there"
            )));
        }
        if role < Role::Admin {
            self.not_the_last_admin(&operator).await?;
        }
        let id = operator.id;
        self.parts.store.put_operator(Operator { role, ..operator }, actor.operator, self.parts.clock.now()).await?;
        self.epochs.end(id);
        Ok(Answer::Done(format!("{name} is {role} now; his sessions are over")))
    }

    async fn enable(&self, actor: &Actor, name: &str) -> Result<Answer, EngineError> {
        let operator = self.operator_of(name).await?;
        if !operator.disabled {
            return Ok(Answer::Done(format!("{name} is not disabled")));
        }
        let others = self.parts.store.operators().await?;
        let taken = others
            .iter()
            .find(|one| !one.disabled && operator.os_account.is_some() && one.os_account == operator.os_account);
        if let Some(taken) = taken {
            return Err(EngineError::Invalid(format!("his OS account is bound to `{}` meanwhile", taken.name)));
        }
        let role = operator.role;
        let enabled = Operator { disabled: false, ..operator };
        self.parts.store.put_operator(enabled, actor.operator, self.parts.clock.now()).await?;
        Ok(Answer::Done(format!("{name} is {role} again; tokens that he had are gone")))
    }

    async fn deeds(
        &self,
        operator: Option<String>,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        before: Option<u64>,
        limit: usize,
    ) -> Result<Answer, EngineError> {
        let operator = match operator {
            Some(name) => Some(self.operator_of(&name).await?.id),
            None => None,
        };
        let query = DeedQuery { operator, since, until, before, limit: limit.min(DEEDS_MAX) };
        let page = self.parts.store.deeds(query).await?;
        let names = self.operator_names().await?;
        let mut deeds = Vec::with_capacity(page.items.len());
        for entry in page.items {
            let Some(by) = entry.fact.deed_of() else { continue };
            let user = match entry.user {
                Some(id) => self.parts.store.user(id).await?.map(|user| (id, user.label())),
                None => None,
            };
            deeds.push(Deed {
                sequence: entry.sequence,
                at: entry.at,
                operator: names.get(&by).cloned().unwrap_or_else(|| by.to_string()),
                what: sentence::fact(&entry.fact),
                app: entry.app,
                user,
            });
        }
        Ok(Answer::Access(AccessAnswer::Deeds { deeds, next: page.next }))
    }

    /// The operator of that name.
    pub(super) async fn operator_of(&self, name: &str) -> Result<Operator, EngineError> {
        let found = self.parts.store.operators().await?.into_iter().find(|operator| operator.name == name);
        found.ok_or_else(|| {
            EngineError::Invalid(format!("there is no operator `{name}`; `usher operators list` shows them"))
        })
    }

    /// Whether another admin is left.
    pub(super) async fn not_the_last_admin(&self, operator: &Operator) -> Result<(), EngineError> {
        let operators = self.parts.store.operators().await?;
        let is_admin = |one: &Operator| !one.disabled && one.role == Role::Admin;
        if is_admin(operator) && operators.iter().filter(|one| is_admin(one)).count() == 1 {
            return Err(EngineError::Invalid(format!("{} is the last admin; add another one first", operator.name)));
        }
        Ok(())
    }
}
