//! Who somebody is who comes over the network: passwords, tokens, the one-time token of a new store.

use crate::access::actor::Actor;
use crate::access::credential::{
    Means, PERSONAL_DECIDES, PasswordHash, SignIn, TOKEN_LIVES, Token, TokenKind, Typed, Way,
};
use crate::access::operator::{Operator, Role};
use crate::clock::Span;
use crate::engine::answer::{Answer, TokenAnswer};
use crate::engine::command::Command;
use crate::engine::context::{Engine, EngineError};
use crate::id::{OperatorId, TokenId};
use crate::password;
use crate::secret::Secret;

/// The longest life of a token, in days.
const TOKEN_DAYS_MAX: u64 = 366;

impl Engine {
    /// The operator whose name and password these are; `None` = one of them is wrong, or he is disabled. Takes as long either way.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sign_in(&self, name: &str, typed: Secret) -> Result<Option<Operator>, EngineError> {
        let operators = self.parts.store.operators().await?;
        let found = operators.into_iter().find(|operator| !operator.disabled && operator.name == name);
        let kept = match &found {
            Some(operator) => self.parts.store.password(operator.id).await?.map(|hash| hash.phc),
            None => None,
        };
        let known = kept.is_some();
        // Somebody who is not there takes as long as somebody who is.
        let phc = kept.unwrap_or_else(|| NOBODY.to_owned());
        let right = hashing(move || password::verify(&typed, &phc)).await?;
        let found = found.filter(|_| known && right);
        if let Some(operator) = &found {
            self.note_sign_in(operator.id).await?;
        }
        Ok(found)
    }

    async fn note_sign_in(&self, operator: OperatorId) -> Result<(), EngineError> {
        let sign_in = SignIn { at: self.parts.clock.now(), way: Way::Password };
        Ok(self.parts.store.note_sign_in(operator, sign_in).await?)
    }

    /// Sets the first password of the first admin with the one-time token that `init` printed.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if the token is not the one that is kept, or the password is too short.
    pub async fn set_up(&self, token: &Secret, typed: Secret) -> Result<Operator, EngineError> {
        let operator = self.first_admin().await?;
        let hash = self.hashed(typed).await?;
        let now = self.parts.clock.now();
        self.parts.store.use_bootstrap(password::fingerprint(token), operator.id, hash, now).await?;
        self.epochs.end(operator.id);
        self.note_sign_in(operator.id).await?;
        Ok(operator)
    }

    /// A new one-time token in place of an older one, made by whoever holds the workspace: in the name of the admin whose password it sets.
    ///
    /// # Errors
    /// If there is no admin, or the store fails.
    pub async fn bootstrap(&self) -> Result<Secret, EngineError> {
        let admin = self.first_admin().await?.id;
        self.bootstrap_by(admin).await
    }

    async fn bootstrap_by(&self, by: OperatorId) -> Result<Secret, EngineError> {
        let token = password::token("once", &*self.parts.entropy);
        self.parts.store.put_bootstrap(password::fingerprint(&token), by, self.parts.clock.now()).await?;
        Ok(token)
    }

    /// Whose password a one-time token sets.
    async fn first_admin(&self) -> Result<Operator, EngineError> {
        let operators = self.parts.store.operators().await?;
        let admins = operators.into_iter().filter(|operator| !operator.disabled && operator.role == Role::Admin);
        let none = || EngineError::Invalid("there is no admin; `usher operators add` makes one".to_owned());
        admins.min_by_key(|operator| operator.id).ok_or_else(none)
    }

    /// The operator as he stands now; `None` = he is disabled or unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn actor_of(&self, id: OperatorId, means: Means) -> Result<Option<Actor>, EngineError> {
        let operators = self.parts.store.operators().await?;
        let found = operators.into_iter().find(|operator| operator.id == id && !operator.disabled);
        Ok(found.map(|operator| Actor {
            operator: operator.id,
            name: operator.name,
            role: operator.role,
            user: operator.user,
            claimed: false,
            means,
        }))
    }

    /// Whoever a token stands for; `None` = unknown, expired, or its operator is disabled. A token's role is never more than its
    /// operator's.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn actor_of_token(&self, token: &Secret) -> Result<Option<Actor>, EngineError> {
        let now = self.parts.clock.now();
        let found = self.parts.store.token(password::fingerprint(token)).await?;
        let Some(token) = found.filter(|token| now < token.expires_at) else { return Ok(None) };
        let means = match token.kind {
            TokenKind::Personal => Means::PersonalToken { issued_at: token.issued_at },
            TokenKind::Service => Means::ServiceToken,
        };
        let actor = self.actor_of(token.operator, means).await?;
        Ok(actor.map(|actor| Actor { role: actor.role.min(token.role), ..actor }))
    }

    /// A token of his own for somebody who proved himself just now: it lives as long as it may decide. His earlier ones that have
    /// expired are forgotten.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn token_at_sign_in(&self, operator: &Operator, name: String) -> Result<(Token, Secret), EngineError> {
        let now = self.parts.clock.now();
        let old = self.parts.store.tokens().await?;
        for old in old.iter().filter(|old| old.operator == operator.id && old.expires_at <= now) {
            self.parts.store.revoke_token(old.id, operator.id, now).await?;
        }
        let name = if name.trim().is_empty() { "command line".to_owned() } else { name };
        self.issue(operator.id, (name, TokenKind::Personal, operator.role), PERSONAL_DECIDES).await
    }

    async fn issue(
        &self,
        operator: OperatorId,
        (name, kind, role): (String, TokenKind, Role),
        lives: Span,
    ) -> Result<(Token, Secret), EngineError> {
        let now = self.parts.clock.now();
        let secret = password::token("ush", &*self.parts.entropy);
        let token = Token {
            id: TokenId::mint(now, &*self.parts.entropy),
            operator,
            name,
            kind,
            role,
            digest: password::fingerprint(&secret),
            issued_at: now,
            expires_at: now.plus(lives),
        };
        self.parts.store.put_token(token.clone(), operator, now).await?;
        Ok((token, secret))
    }

    /// Commands about passwords and tokens.
    pub(super) async fn keys(&self, actor: &Actor, command: Command) -> Result<Answer, EngineError> {
        match command {
            Command::PasswordSet { name, password } => self.password_set(actor, name.as_deref(), password).await,
            Command::Bootstrap => Ok(Answer::OneTime(Typed::new(self.bootstrap_by(actor.operator).await?.expose()))),
            Command::TokenAdd { name, role, kind, days } => self.token_add(actor, name, role, kind, days).await,
            Command::TokenRevoke { id } => self.token_revoke(actor, id).await,
            _ => self.tokens().await,
        }
    }

    async fn password_set(&self, actor: &Actor, name: Option<&str>, typed: Typed) -> Result<Answer, EngineError> {
        let operators = self.parts.store.operators().await?;
        let wanted = name.unwrap_or(&actor.name);
        let none =
            || EngineError::Invalid(format!("there is no operator `{wanted}`; `usher operators list` shows them"));
        let operator = operators.iter().find(|operator| operator.name == wanted).ok_or_else(none)?;
        if operator.id != actor.operator && actor.role < Role::Admin {
            return Err(EngineError::Invalid("only an admin sets the password of somebody else".to_owned()));
        }
        let hash = self.hashed(typed.into_secret()).await?;
        let now = self.parts.clock.now();
        self.parts.store.put_password(operator.id, hash, actor.operator, now).await?;
        self.epochs.end(operator.id);
        Ok(Answer::Done(format!("the password of {wanted} is set; his other sessions and personal tokens are over")))
    }

    async fn tokens(&self) -> Result<Answer, EngineError> {
        let operators = self.parts.store.operators().await?;
        let owner = |id: OperatorId| operators.iter().find(|one| one.id == id).map(|one| one.name.clone());
        let tokens = self.parts.store.tokens().await?;
        Ok(Answer::Tokens(
            tokens
                .into_iter()
                .map(|token| TokenAnswer { owner: owner(token.operator).unwrap_or_default(), token, secret: None })
                .collect(),
        ))
    }

    async fn token_add(
        &self,
        actor: &Actor,
        name: String,
        role: Role,
        kind: TokenKind,
        days: Option<u64>,
    ) -> Result<Answer, EngineError> {
        if name.trim().is_empty() {
            return Err(EngineError::Invalid("a token needs a name that says what it is for".to_owned()));
        }
        if role > actor.role {
            return Err(EngineError::Invalid(format!("you are {}: a token of yours can't be {role}", actor.role)));
        }
        if kind == TokenKind::Service && role == Role::Approver {
            return Err(EngineError::Invalid(
                "a service token never decides: give it viewer, or admin for what an admin's program does".to_owned(),
            ));
        }
        let lives = match days {
            None => TOKEN_LIVES,
            Some(days) if (1..=TOKEN_DAYS_MAX).contains(&days) => Span::from_days(days),
            Some(days) => {
                return Err(EngineError::Invalid(format!("a token lives 1 to {TOKEN_DAYS_MAX} days, not {days}")));
            }
        };
        if kind == TokenKind::Personal && matches!(actor.means, Means::PersonalToken { .. }) {
            // It would decide for another 12 hours, and so on for ever.
            return Err(EngineError::Invalid(
                "a token does not issue personal ones: `usher sign-in` makes one, or the console; it may issue service tokens"
                    .to_owned(),
            ));
        }
        let (token, secret) = self.issue(actor.operator, (name, kind, role), lives).await?;
        let secret = Some(Typed::new(secret.expose()));
        Ok(Answer::Token(Box::new(TokenAnswer { owner: actor.name.clone(), token, secret })))
    }

    async fn token_revoke(&self, actor: &Actor, id: TokenId) -> Result<Answer, EngineError> {
        let own = self.parts.store.tokens().await?.iter().any(|one| one.id == id && one.operator == actor.operator);
        if !own && actor.role < Role::Admin {
            return Err(EngineError::Invalid("only an admin revokes the token of somebody else".to_owned()));
        }
        let now = self.parts.clock.now();
        match self.parts.store.revoke_token(id, actor.operator, now).await? {
            Some(token) => Ok(Answer::Done(format!("the token “{}” is revoked", token.name))),
            None => Err(EngineError::Invalid(format!("there is no token {id}; `usher tokens list` shows them"))),
        }
    }

    async fn hashed(&self, typed: Secret) -> Result<PasswordHash, EngineError> {
        let entropy = std::sync::Arc::clone(&self.parts.entropy);
        let phc = hashing(move || password::hash(&typed, &*entropy)).await?;
        let phc = phc.map_err(|error| EngineError::Invalid(error.to_string()))?;
        Ok(PasswordHash { phc, set_at: self.parts.clock.now() })
    }
}

/// A hash that no password has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashing takes tens of milliseconds of a processor: never on an async worker.
async fn hashing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::Invalid(format!("hashing broke down: {error}")))
}
