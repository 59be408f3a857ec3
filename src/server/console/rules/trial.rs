//! One user, tried: the account that stands beside the one that the rules want, and what a plan would do to him.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::directory::value::Value;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::context::EngineError;
use crate::engine::explained::{AttributeLine, EntitlementLine};
use crate::engine::trial::{Mistake, RulesTried};
use crate::id::{AppName, UserId};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::{files, listing, plan};
use crate::server::console::{sign_in, words};
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// Users that are offered instead of one who is not there.
const NEAR_MAX: usize = 10;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Who looks.
    pub viewer: Viewer,
    /// The apps there are.
    pub apps: Vec<String>,
    /// What was asked: app and user.
    pub asked: (String, String),
    /// Whether a draft is tried.
    pub draft: bool,
    /// What came out; `None` = nothing was asked.
    pub tried: Option<RulesTried>,
    /// Why nothing did.
    pub trouble: Option<String>,
    /// Users who may be meant.
    pub near: Vec<(UserId, String)>,
    /// What is wrong with the files, if that is why.
    pub mistakes: Vec<Mistake>,
}

/// What is asked.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    app: String,
    #[serde(default)]
    user: String,
}

/// `GET /rules/try`.
///
/// # Errors
/// If the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let files = files::read(&house, &visitor).await?;
    let apps = files.shown().files.keys();
    let apps: Vec<String> =
        apps.filter_map(|path| Some(path.strip_prefix("apps/")?.strip_suffix(".toml")?.to_owned())).collect();
    let draft = files.draft.is_some();
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    let mut context = Trial {
        viewer,
        apps,
        asked: (asked.app.clone(), asked.user.clone()),
        draft,
        tried: None,
        trouble: (!told.is_empty()).then(|| told.join(" ")),
        near: Vec::new(),
        mistakes: Vec::new(),
    };
    let Ok(app) = AppName::new(asked.app.as_str()) else {
        return Ok(page(&context).into_response());
    };
    if !asked.user.trim().is_empty() {
        let command = Command::RulesTry { app, user: UserRef(asked.user.trim().to_owned()), draft: files.of_draft() };
        let back =
            format!("/rules/try?app={}&user={}", sign_in::urlencode(&asked.app), sign_in::urlencode(&asked.user));
        match files::ask(&house, &visitor, command, &back).await? {
            Ok(Answer::RulesTried(tried)) => context.tried = Some(*tried),
            Ok(other) => return Err(asking::unexpected(&other)),
            Err(EngineError::Files(errors)) => context.mistakes = errors.into_iter().map(Mistake::from).collect(),
            Err(error) => {
                context.trouble = Some(error.to_string());
                context.near = near(&house, &visitor, asked.user.trim()).await?;
            }
        }
    }
    Ok(page(&context).into_response())
}

/// Users who may be meant by a text that names nobody.
async fn near(house: &Arc<House>, visitor: &Visitor<Read>, text: &str) -> Result<Vec<(UserId, String)>, Trouble> {
    let command = Command::Users { search: Some(text.to_owned()), limit: NEAR_MAX };
    match asking::ask(house, visitor, command).await? {
        Answer::Users(users) => Ok(users.iter().take(NEAR_MAX).map(|user| (user.id, user.label())).collect()),
        other => Err(asking::unexpected(&other)),
    }
}

/// The form that asks.
pub fn form(apps: &[String], app: &str, user: &str) -> Markup {
    html! {
        form .inline .panel method="get" action="/rules/try" {
            label for="user" { "User" }
            input #user name="user" value=(user) required placeholder="e-mail, name, key or id" maxlength="200";
            label for="app" { "in" }
            @if apps.is_empty() {
                input #app name="app" value=(app) required placeholder="app";
            } @else {
                select #app name="app" { @for each in apps { option value=(each) selected[each == app] { (each) } } }
            }
            button .primary type="submit" { "Try" }
        }
    }
}

/// The page.
pub fn page(context: &Trial) -> Markup {
    let mistakes: Vec<&Mistake> = context.mistakes.iter().collect();
    let body = html! {
        p .crumbs { a href="/rules" { "Rules" } " / Try on a user" }
        h1 { "Try on a user" }
        p .hint { "With " @if context.draft { a href="/rules/draft" { "your draft" } } @else { "the active rules" } ". Nothing is written anywhere." }
        (form(&context.apps, &context.asked.0, &context.asked.1))
        @if let Some(trouble) = &context.trouble { p .trouble role="alert" { (trouble) } }
        @if !context.near.is_empty() {
            p { "Meant may be: " }
            ul { @for (user, label) in &context.near { li { a href=(format!("/rules/try?app={}&user={user}", sign_in::urlencode(&context.asked.0))) { (label) } } } }
        }
        @if !mistakes.is_empty() { p { "The rules are wrong; nobody can be tried:" } (listing::mistakes(&mistakes)) }
        @if let Some(tried) = &context.tried { (outcome(tried)) }
    };
    layout::page(&context.viewer, Place::Rules, "Try on a user", &body)
}

fn outcome(tried: &RulesTried) -> Markup {
    let it = &tried.explained;
    html! {
        section .panel {
            h2 { a href=(format!("/users/{}", it.user)) { (it.label) } " in " (it.app) }
            dl {
                dt { "Account" } dd { (it.account.words) @if let Some(name) = &it.account.user_name { " · " (name) } }
                dt { "Access" } dd {
                    (it.access.words)
                    @if let Some(role) = &it.access.app_role { " · app role " (role) }
                }
                @if let Some(why) = &tried.protected { dt { "Protected" } dd { (why) } }
                @if !it.in_the_way.is_empty() { dt { "In the way" } dd { ul .plain { @for line in &it.in_the_way { li { (line) } } } } }
            }
            h3 { "A plan would" }
            (plan::of_one(&tried.plan))
            h3 { "Attributes" }
            (attributes(tried))
            @if !it.entitlements.is_empty() || !tried.active_grants.is_empty() { h3 { "Entitlements" } (entitlements(tried)) }
        }
    }
}

fn attributes(tried: &RulesTried) -> Markup {
    let lines: BTreeMap<&str, &AttributeLine> =
        tried.explained.attributes.iter().map(|line| (line.path.as_str(), line)).collect();
    let active = tried.active.as_ref();
    let paths: BTreeSet<&str> =
        lines.keys().copied().chain(active.iter().flat_map(|wanted| wanted.keys().map(String::as_str))).collect();
    let wanted_now = |path: &str| active.and_then(|wanted| wanted.get(path)).and_then(Option::as_ref);
    let same = |one: Option<&Value>, other: Option<&Value>| match (one, other) {
        (Some(one), Some(other)) => one.same(other),
        (one, other) => one.is_none() && other.is_none(),
    };
    html! {
        div .wide {
            table .tried {
                thead { tr {
                    th { "Attribute" } th { "Account now" }
                    @if tried.draft { th { "Active rules" } th { "Draft" } } @else { th { "Rules" } }
                } }
                tbody {
                    @for path in paths {
                        @let line = lines.get(path);
                        @let desired = line.and_then(|line| line.desired.as_ref());
                        @let moves = tried.draft && !same(desired, wanted_now(path));
                        tr .differs[line.is_some_and(|line| line.differs) || moves] {
                            th scope="row" {
                                code { (path) }
                                @if let Some(at) = line.and_then(|line| line.line.as_deref()) { br; span .hint { (place(at)) } }
                            }
                            td { (words::value(line.and_then(|line| line.pushed.as_ref()))) }
                            @if tried.draft { td { (words::value(wanted_now(path))) } }
                            td .new[moves || line.is_some_and(|line| line.differs)] {
                                (words::value(desired))
                                @if let Some(line) = line.filter(|line| !line.note.is_empty()) { " " span .hint { (line.note) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `rules/x.rhai:12` as a link to the line.
fn place(at: &str) -> Markup {
    html! {
        @match at.rsplit_once(':') {
            Some((file, line)) => a href=(format!("{}#L{line}", files::address(file))) { (at.strip_prefix("rules/").unwrap_or(at)) },
            None => (at),
        }
    }
}

fn entitlements(tried: &RulesTried) -> Markup {
    let lines = &tried.explained.entitlements;
    let granted =
        |kind: &str, name: &str| tried.active_grants.iter().any(|(k, n)| k == kind && n.eq_ignore_ascii_case(name));
    let known =
        |kind: &str, name: &str| lines.iter().any(|line| line.kind == kind && line.name.eq_ignore_ascii_case(name));
    let word = |granted: bool| if granted { "granted" } else { "not granted" };
    let wanted = |line: &EntitlementLine| line.wanted.map_or("not known", word);
    html! {
        div .wide {
            table .tried {
                thead { tr { th { "Entitlement" } th { "Account now" } @if tried.draft { th { "Active rules" } th { "Draft" } } @else { th { "Rules" } } } }
                tbody {
                    @for line in lines {
                        @let moves = tried.draft && line.wanted.is_some_and(|wanted| wanted != granted(&line.kind, &line.name));
                        tr .differs[line.differs || moves] {
                            th scope="row" { (line.kind) " “" (line.name) "”" @if let Some(at) = &line.line { br; span .hint { (place(at)) } } }
                            td { @if line.stands.is_empty() { "not there" } @else { (line.stands) } }
                            @if tried.draft { td { (word(granted(&line.kind, &line.name))) } }
                            td .new[line.differs || moves] { (wanted(line)) }
                        }
                    }
                    @for (kind, name) in tried.active_grants.iter().filter(|(kind, name)| tried.draft && !known(kind, name)) {
                        tr .differs { th scope="row" { (kind) " “" (name) "”" } td { "not there" } td { "granted" } td .new { "not granted" } }
                    }
                }
            }
        }
    }
}
