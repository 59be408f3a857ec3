//! `/rules`: the active files, and drafts that are checked, tried, planned and activated.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, HeaderName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::answer::{Answer, ApplyAnswer};
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::engine::trial::{self, RulesChecked};
use crate::id::RevisionNumber;
use crate::server::api::draft::Draft;
use crate::server::api::explained::Explained;
use crate::server::api::plans::Plans;
use crate::server::api::reply::{self, ask, by_id, find, unexpected};
use crate::server::api::request::{Sent, if_match, tag};
use crate::server::api::revisions::{Revision, shown};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// A revision with its files.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Files {
    /// The revision.
    pub revision: Revision,
    /// Path → text.
    pub files: BTreeMap<String, String>,
}

/// A draft to check or to plan.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DraftSent {
    /// The draft.
    pub draft: Draft,
}

/// What a check of a draft found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Checked {
    /// Whether it could be activated.
    pub valid: bool,
    /// Mistakes; with one of them, examples are not run.
    pub errors: Vec<Mistake>,
    /// Examples, of all apps.
    pub examples: Vec<Example>,
}

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mistake {
    /// The file.
    #[schema(example = "rules/nulab-pass.rhai")]
    pub file: String,
    /// From 1; 0 = the whole file.
    pub line: usize,
    /// From 1; 0 = the whole line.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// How one example came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Example {
    /// The examples' file.
    pub file: String,
    /// Its name; empty = the whole file.
    pub name: String,
    /// Whether it came out as it should.
    pub passed: bool,
    /// What differs.
    pub problems: Vec<ExampleDifference>,
}

/// One thing that is not as an example says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExampleDifference {
    /// The attribute path, `in_scope`, `create_only` or `entitlements`; empty = the rules or the file are wrong.
    pub what: String,
    /// As the example says; empty = no value.
    pub expected: String,
    /// As the rules say; empty = no value.
    pub got: String,
    /// All of it in words.
    pub words: String,
}

/// On whom rules are tried.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user": "hr:1001", "app": "nulab"}))]
pub struct Trial {
    /// The user: an id, `source:key`, a key, an e-mail address or a user name.
    pub user: String,
    /// The app.
    pub app: String,
    /// With these files; with the active ones otherwise.
    #[serde(default)]
    pub draft: Option<Draft>,
}

/// A draft to activate.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"draft": {"files": {"roles.toml": ""}}, "base": "rev_3", "comment": "no roles by condition"}))]
pub struct Activation {
    /// The draft.
    pub draft: Draft,
    /// The revision that it was made from; `If-Match` says the same.
    #[serde(default)]
    pub base: Option<String>,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

/// What an activation did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Activated {
    /// Whether it is active now.
    pub activated: bool,
    /// The revision; null if nothing was stored.
    pub revision: Option<Revision>,
    /// Which files changed, in words.
    pub changes: Vec<String>,
    /// What it does to each app.
    pub plan: Plans,
}

impl From<RulesChecked> for Checked {
    fn from(checked: RulesChecked) -> Self {
        let valid = checked.passed();
        let mistake = |mistake: trial::Mistake| {
            let trial::Mistake { file, line, column, reason } = mistake;
            Mistake { file, line, column, reason }
        };
        let difference = |deviation: trial::Deviation| {
            let trial::Deviation { what, expected, got, sentence } = deviation;
            ExampleDifference { what, expected, got, words: sentence }
        };
        let example = |run: trial::ExampleRun| Example {
            passed: run.deviations.is_empty(),
            file: run.file,
            name: run.name,
            problems: run.deviations.into_iter().map(difference).collect(),
        };
        Self {
            valid,
            errors: checked.mistakes.into_iter().map(mistake).collect(),
            examples: checked.examples.into_iter().map(example).collect(),
        }
    }
}

/// What became of an activation.
///
/// # Errors
/// If the store fails.
pub async fn activated(house: &House, answer: ApplyAnswer) -> Result<Activated, Problem> {
    let revision = match answer.revision {
        Some(revision) => Some(shown(house, revision).await?),
        None => None,
    };
    Ok(Activated { activated: answer.activated, revision, changes: answer.changes, plan: answer.plan.into() })
}

/// The active rules
///
/// All files of the active revision. `ETag` is the revision: send it as `If-Match` with an activation.
#[utoipa::path(get, path = "/rules", operation_id = "showRules", tag = "rules",
    responses((status = 200, description = "the files", body = Files, headers(("ETag" = String, description = "the active revision"))),
              (status = 404, description = "no revision is active yet", body = Problem, content_type = "application/problem+json")))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
) -> Result<([(HeaderName, String); 1], Json<Files>), Problem> {
    match find(&house, &permit.actor, Command::Export).await? {
        Answer::Files { revision, bundle } => {
            let version = tag(revision.number);
            let revision = shown(&house, revision).await?;
            Ok(([(ETAG, version)], Json(Files { revision, files: bundle.files })))
        }
        other => Err(unexpected(&other)),
    }
}

/// Check a draft
///
/// Every mistake with file, line and column, and how the examples come out. Nothing is stored or sent.
#[utoipa::path(post, path = "/rules/validate", operation_id = "validateRules", tag = "rules", request_body = DraftSent,
    responses((status = 200, description = "what was found", body = Checked)))]
pub async fn validate(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Sent(sent): Sent<DraftSent>,
) -> Result<Json<Checked>, Problem> {
    let draft = sent.draft.bundle(&house, &permit.actor).await?;
    match ask(&house, &permit.actor, Command::RulesCheck { app: None, draft: Some(draft) }).await? {
        Answer::RulesChecked(checked) => Ok(Json(checked.into())),
        other => Err(unexpected(&other)),
    }
}

/// Try rules on a user
///
/// The account that he would have beside the one that he has. Nothing is stored or sent.
#[utoipa::path(post, path = "/rules/try", operation_id = "tryRules", tag = "rules", request_body = Trial,
    responses((status = 200, description = "what the account would be", body = Explained),
              (status = 404, description = "there is no such user or app", body = Problem, content_type = "application/problem+json")))]
pub async fn attempt(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Sent(trial): Sent<Trial>,
) -> Result<Json<Explained>, Problem> {
    let user = by_id(&reply::user(&house, &trial.user).await?);
    let command = match trial.draft {
        Some(draft) => {
            let draft = draft.bundle(&house, &permit.actor).await?;
            Command::RulesTry { app: reply::id("app", &trial.app)?, user, draft: Some(draft) }
        }
        None => Command::Explain { user, app: reply::app(&house, &trial.app).await?, at: None },
    };
    match ask(&house, &permit.actor, command).await? {
        Answer::Explained(explained) => Ok(Json((*explained).into())),
        Answer::RulesTried(tried) => Ok(Json(tried.explained.into())),
        other => Err(unexpected(&other)),
    }
}

/// Plan a change of the rules
///
/// What an activation would do to everybody: examples are run, only reads are sent, nothing is stored.
#[utoipa::path(post, path = "/rules/plan", operation_id = "planRules", tag = "rules", request_body = DraftSent,
    responses((status = 200, description = "what it would do", body = Activated)))]
pub async fn plan(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Sent(sent): Sent<DraftSent>,
) -> Result<Json<Activated>, Problem> {
    let bundle = sent.draft.bundle(&house, &permit.actor).await?;
    let command = Command::Apply { bundle, base: None, comment: String::new(), dry_run: true };
    match ask(&house, &permit.actor, command).await? {
        Answer::Applied(answer) => Ok(Json(activated(&house, answer).await?)),
        other => Err(unexpected(&other)),
    }
}

/// Activate a draft
///
/// Stores it as a revision and makes it active, if the revision that it was made from is active still and all examples come out. It
/// needs a person who proved himself lately: a session, or a personal token of at most 12 hours.
#[utoipa::path(post, path = "/rules/activate", operation_id = "activateRules", tag = "rules", request_body = Activation,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the rules that the draft was made from")),
    responses((status = 200, description = "what was done", body = Activated),
              (status = 412, description = "another revision is active by now", body = Problem, content_type = "application/problem+json"),
              (status = 428, description = "neither `base` nor `If-Match` says what the draft was made from", body = Problem, content_type = "application/problem+json")))]
pub async fn activate(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    headers: HeaderMap,
    Sent(sent): Sent<Activation>,
) -> Result<Json<Activated>, Problem> {
    let active = || async { Ok::<_, EngineError>(house.engine.active().await?.revision.clone().map(|one| one.number)) };
    let base = base(&headers, sent.base.as_deref())?;
    let moved = |now: Option<RevisionNumber>| {
        let now = now.map_or_else(|| "none".to_owned(), |number| number.to_string());
        Problem::moved(format!("the active revision is {now}; lay the draft over that one and look at it again"))
    };
    let before = active().await?;
    match (&base, before) {
        (Some(base), Some(before)) if !base.contains(&before) => return Err(moved(Some(before))),
        (None, Some(_)) => return Err(Problem::base_needed()),
        _ => {}
    }
    let bundle = sent.draft.bundle(&house, &permit.actor).await?;
    let command = Command::Apply { bundle, base: before, comment: sent.comment, dry_run: false };
    match house.engine.answer(&permit.actor, command, &Unwatched).await {
        Ok(Answer::Applied(answer)) => Ok(Json(activated(&house, answer).await?)),
        Ok(other) => Err(unexpected(&other)),
        Err(error) => {
            let now = active().await?;
            Err(if now == before { error.into() } else { moved(now) })
        }
    }
}

/// What a draft was made from, as `If-Match` or `base` says.
fn base(headers: &HeaderMap, base: Option<&str>) -> Result<Option<Vec<RevisionNumber>>, Problem> {
    let wrong = |error: crate::id::InvalidId| Problem::bad_request(format!("base: {error}"));
    if let Some(base) = base {
        return Ok(Some(vec![base.parse().map_err(wrong)?]));
    }
    let Some(tags) = if_match(headers) else { return Ok(None) };
    Ok(Some(tags.iter().filter_map(|each| each.trim_matches('"').parse().ok()).collect()))
}
