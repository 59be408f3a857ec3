//! `/operators` and `/tokens`: who may act here, and what proves them to the API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::answer::{Answer, TokenAnswer};
use crate::engine::command::{Command, UserRef};
use crate::id::TokenId;
use crate::server::api::reply::{Done, Listed, act, ask, by_id, id, unexpected, user};
use crate::server::api::request::{At, Sent};
use crate::server::api::words::{FourEyes, Role, TokenKind};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;
use crate::text::printable;

/// Someone who may act in Usher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Operator {
    /// Kept for ever.
    pub id: String,
    /// Unique among operators.
    #[schema(example = "grace")]
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// The OS account that proves him on the machine itself.
    pub os_account: Option<String>,
    /// The user of the directory that he is.
    pub user: Option<String>,
    /// Whether he may do nothing any more.
    pub disabled: bool,
    /// Since when (RFC 3339).
    pub since: String,
}

/// All operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Operators {
    /// By name, those who are disabled included.
    pub items: Vec<Operator>,
    /// Whether they may decide about what they caused.
    pub four_eyes: FourEyes,
}

/// A new operator.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "grace", "role": "approver", "user": "hr:1002"}))]
pub struct OperatorSent {
    /// A name that no operator has.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// The OS account that proves him on the machine itself.
    #[serde(default)]
    pub os_account: Option<String>,
    /// The user of the directory that he is.
    #[serde(default)]
    pub user: Option<String>,
}

/// A token for the API, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    /// Which.
    #[schema(example = "tok_01a200d26d8f73b194ac9ea87e76713e")]
    pub id: String,
    /// Whose acts it makes.
    pub operator: String,
    /// What for.
    #[schema(example = "nightly report")]
    pub name: String,
    /// A person's, or a program's.
    pub kind: TokenKind,
    /// What it may do; never more than its operator.
    pub role: Role,
    /// Since when.
    pub issued_at: String,
    /// Until when.
    pub expires_at: String,
}

/// A new token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenIssued {
    /// What is known of it.
    pub token: Token,
    /// The token itself. It is shown this once.
    #[schema(example = "ush_…")]
    pub secret: String,
}

/// A token to issue.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly report", "role": "viewer", "kind": "service", "days": 30}))]
pub struct TokenSent {
    /// What for.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it may do; never more than you.
    pub role: Role,
    /// A person's, or a program's.
    pub kind: TokenKind,
    /// How long it lives; 90 days otherwise.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366)]
    pub days: Option<u64>,
}

impl From<TokenAnswer> for Token {
    fn from(answer: TokenAnswer) -> Self {
        Self {
            id: answer.token.id.to_string(),
            operator: answer.owner,
            name: answer.token.name,
            kind: answer.token.kind.into(),
            role: answer.token.role.into(),
            issued_at: answer.token.issued_at.to_string(),
            expires_at: answer.token.expires_at.to_string(),
        }
    }
}

impl From<crate::access::Operator> for Operator {
    fn from(operator: crate::access::Operator) -> Self {
        Self {
            id: operator.id.to_string(),
            name: operator.name,
            role: operator.role.into(),
            os_account: operator.os_account,
            user: operator.user.map(|user| user.to_string()),
            disabled: operator.disabled,
            since: operator.since.to_string(),
        }
    }
}

/// Operators
#[utoipa::path(get, path = "/operators", operation_id = "listOperators", tag = "operators",
    responses((status = 200, description = "all of them", body = Operators)))]
pub async fn list(State(house): State<Arc<House>>, permit: Permit<Read>) -> Result<Json<Operators>, Problem> {
    match ask(&house, &permit.actor, Command::Operators).await? {
        Answer::Operators { operators, four_eyes } => Ok(Json(Operators {
            items: operators.into_iter().map(Operator::from).collect(),
            four_eyes: four_eyes.into(),
        })),
        other => Err(unexpected(&other)),
    }
}

/// Add an operator
///
/// It needs a person who proved himself lately: a session, or a personal token of at most 12 hours.
#[utoipa::path(post, path = "/operators", operation_id = "addOperator", tag = "operators", request_body = OperatorSent,
    responses((status = 200, description = "who was added", body = Done)))]
pub async fn add(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    Sent(sent): Sent<OperatorSent>,
) -> Result<Json<Done>, Problem> {
    let name = sent.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || printable(&name) != name {
        return Err(Problem::bad_request("name: 1 to 100 characters that can be read"));
    }
    let user: Option<UserRef> = match sent.user {
        Some(named) => Some(by_id(&user(&house, &named).await?)),
        None => None,
    };
    let command = Command::OperatorAdd { name, role: sent.role.into(), os_account: sent.os_account, user };
    act(&house, &permit.actor, command).await
}

/// Disable an operator
///
/// For good. His tokens and sessions count for nothing from then on; the history keeps him. It needs a person who proved himself lately.
#[utoipa::path(post, path = "/operators/{name}/disable", operation_id = "disableOperator", tag = "operators",
    params(("name" = String, Path, description = "The operator's name", example = "grace")),
    responses((status = 200, description = "he is disabled", body = Done)))]
pub async fn disable(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(name): At<String>,
) -> Result<Json<Done>, Problem> {
    let Answer::Operators { operators, .. } = ask(&house, &permit.actor, Command::Operators).await? else {
        return Err(Problem::fault("the engine gave another answer than operators"));
    };
    if !operators.iter().any(|operator| operator.name == name) {
        return Err(Problem::not_found(format!("there is no operator `{}`", printable(&name))));
    }
    act(&house, &permit.actor, Command::OperatorDisable { name }).await
}

/// Tokens
///
/// Without their secrets, oldest first.
#[utoipa::path(get, path = "/tokens", operation_id = "listTokens", tag = "tokens",
    responses((status = 200, description = "all of them", body = Listed<Token>)))]
pub async fn tokens(State(house): State<Arc<House>>, permit: Permit<Read>) -> Result<Json<Listed<Token>>, Problem> {
    match ask(&house, &permit.actor, Command::Tokens).await? {
        Answer::Tokens(tokens) => Ok(Json(Listed::all(tokens.into_iter().map(Token::from).collect()))),
        other => Err(unexpected(&other)),
    }
}

/// Issue a token
///
/// Of your own, with at most your role. It needs a person who proved himself lately: a session, or a personal token of at most 12 hours.
#[utoipa::path(post, path = "/tokens", operation_id = "issueToken", tag = "tokens", request_body = TokenSent,
    responses((status = 200, description = "the token, with its secret", body = TokenIssued)))]
pub async fn issue(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Sent(sent): Sent<TokenSent>,
) -> Result<Json<TokenIssued>, Problem> {
    let TokenSent { name, role, kind, days } = sent;
    let command = Command::TokenAdd { name, role: role.into(), kind: kind.into(), days };
    match ask(&house, &permit.actor, command).await? {
        Answer::Token(mut answer) => {
            let none = || Problem::fault("a new token came without its secret");
            let secret = answer.secret.take().ok_or_else(none)?.expose().to_owned();
            Ok(Json(TokenIssued { token: (*answer).into(), secret }))
        }
        other => Err(unexpected(&other)),
    }
}

/// Revoke a token
///
/// Your own; an admin also that of somebody else. It counts for nothing from then on.
#[utoipa::path(delete, path = "/tokens/{token}", operation_id = "revokeToken", tag = "tokens",
    params(("token" = String, Path, description = "The token's id")),
    responses((status = 200, description = "it is revoked", body = Done)))]
pub async fn revoke(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(token): At<String>,
) -> Result<Json<Done>, Problem> {
    let id: TokenId = id("token", &token)?;
    let Answer::Tokens(tokens) = ask(&house, &permit.actor, Command::Tokens).await? else {
        return Err(Problem::fault("the engine gave another answer than tokens"));
    };
    if !tokens.iter().any(|each| each.token.id == id) {
        return Err(Problem::not_found(format!("there is no token {id}")));
    }
    act(&house, &permit.actor, Command::TokenRevoke { id }).await
}
