//! What can be done with an app. What may take long goes on when nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::engine::answer::{Answer, Meaning, RefreshAnswer};
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::id::AppName;
use crate::server::console::apps::one;
use crate::server::console::apps::tested::{self, Tested};
use crate::server::console::asking::{self, Trouble};
use crate::server::house::House;
use crate::server::permit::{Administer, Level, Read, Visitor};
use crate::server::problem::Problem;

/// How long a page waits for what may take minutes: people look elsewhere after this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Names that a refresh tells one by one.
const CONCERNS_MAX: usize = 20;

/// The form of every button here.
#[derive(Deserialize)]
pub struct Pressed {
    csrf: String,
}

/// What came of something that may take long.
enum Outcome {
    Ended(Box<Answer>),
    Failed(Vec<String>),
    GoesOn,
}

/// Carries out a command in a task of its own, and waits for a while.
async fn carried<L: Level>(house: &Arc<House>, visitor: &Visitor<L>, command: Command) -> Result<Outcome, Trouble> {
    let (engine, actor, waited_for) = (Arc::clone(&house.engine), visitor.actor.clone(), house.background.begin());
    let task = tokio::spawn(async move {
        let answer = engine.answer(&actor, command, &Unwatched).await;
        if let Err(error) = &answer {
            tracing::warn!(%error, "what the console asked for was not done");
        }
        drop(waited_for);
        answer
    });
    match tokio::time::timeout(PATIENCE, task).await {
        Err(_) => Ok(Outcome::GoesOn),
        Ok(Err(error)) => Err(Problem::fault(format!("the work broke down: {error}")).into()),
        Ok(Ok(Ok(answer))) => Ok(Outcome::Ended(Box::new(answer))),
        Ok(Ok(Err(error @ (EngineError::Invalid(_) | EngineError::Files(_))))) => {
            Ok(Outcome::Failed(error.to_string().lines().map(str::to_owned).collect()))
        }
        Ok(Ok(Err(error))) => Err(error.into()),
    }
}

/// `POST /apps/{app}/test`: the checks, as a page.
///
/// # Errors
/// 404 if there is no such app; 403 if the form is not from here.
pub async fn test(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(app): Path<String>,
    Form(form): Form<Pressed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let name: AppName = asking::part("app", &app)?;
    let back = format!("/apps/{name}");
    match carried(&house, &visitor, Command::AppTest { app: name }).await? {
        Outcome::Ended(answer) => {
            let Answer::Tested(tested) = *answer else { return Err(asking::unexpected(&answer)) };
            // After the test: a good one ends a quarantine.
            let frame = one::frame(&house, &visitor, &app).await?;
            Ok(tested::page(&Tested { frame, checks: tested.checks }).into_response())
        }
        Outcome::Failed(lines) => Ok(asking::go(&house, &visitor, &back, lines)),
        Outcome::GoesOn => {
            let line = "The target has not answered yet; the test goes on. Look again in a moment.".to_owned();
            Ok(asking::go(&house, &visitor, &back, vec![line]))
        }
    }
}

/// `POST /apps/{app}/reconcile`: reads the target; the report is the page behind it.
///
/// # Errors
/// 403 if the form is not from here.
pub async fn reconcile(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(app): Path<String>,
    Form(form): Form<Pressed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let app: AppName = asking::part("app", &app)?;
    let back = format!("/apps/{app}/reconcile");
    let told = match carried(&house, &visitor, Command::Reconcile { app, last: false }).await? {
        Outcome::Ended(_) => vec!["Reconciled: only reads were sent.".to_owned()],
        Outcome::Failed(lines) => lines,
        Outcome::GoesOn => {
            vec!["It goes on, and this page shows what it found when it ends: load it again in a while.".to_owned()]
        }
    };
    Ok(asking::go(&house, &visitor, &back, told))
}

/// `POST /apps/{app}/refresh`: reads what the app can grant.
///
/// # Errors
/// 403 if the form is not from here.
pub async fn refresh(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(app): Path<String>,
    Form(form): Form<Pressed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let app: AppName = asking::part("app", &app)?;
    let back = format!("/apps/{app}/entitlements");
    let told = match carried(&house, &visitor, Command::Refresh { app }).await? {
        Outcome::Ended(answer) => match *answer {
            Answer::Refreshed(refreshed) => refreshed_words(&refreshed),
            other => return Err(asking::unexpected(&other)),
        },
        Outcome::Failed(lines) => lines,
        Outcome::GoesOn => {
            vec!["It goes on, and this page shows what it found when it ends: load it again in a while.".to_owned()]
        }
    };
    Ok(asking::go(&house, &visitor, &back, told))
}

fn refreshed_words(refreshed: &RefreshAnswer) -> Vec<String> {
    let changed = refreshed.diff.words();
    let mut lines = vec![if changed.is_empty() {
        "Refreshed: all is as it was.".to_owned()
    } else {
        format!("Refreshed: {changed}.")
    }];
    for source in &refreshed.sources {
        if let Some(why) = &source.incomplete {
            lines.push(format!("The list of {}s may lack some: {why}", source.kind));
        }
    }
    for concern in refreshed.concerns.iter().take(CONCERNS_MAX) {
        let what = match &concern.meaning {
            Meaning::Same => continue,
            Meaning::Now => "is there now".to_owned(),
            Meaning::Unknown => "is not there".to_owned(),
            Meaning::Gone => "is not there any more".to_owned(),
            Meaning::RenamedTo(name) => format!("is called “{name}” now"),
            Meaning::Ambiguous => "is the name of several".to_owned(),
        };
        lines.push(format!(
            "{} “{}”, which the rules grant to {} users, {what}.",
            concern.kind, concern.name, concern.users
        ));
    }
    lines
}

/// `POST /apps/{app}/pause`.
///
/// # Errors
/// 403 if the form is not from here.
pub async fn pause(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(app): Path<String>,
    Form(form): Form<Pressed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let app: AppName = asking::part("app", &app)?;
    let back = format!("/apps/{app}");
    asking::act(&house, &visitor, Command::AppPause { app }, &back, asking::done).await
}

/// `POST /apps/{app}/resume`.
///
/// # Errors
/// 403 if the form is not from here.
pub async fn resume(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(app): Path<String>,
    Form(form): Form<Pressed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let app: AppName = asking::part("app", &app)?;
    let back = format!("/apps/{app}");
    asking::act(&house, &visitor, Command::AppResume { app }, &back, asking::done).await
}
