//! What an app may do, in words: who gets it, what waits for an approver, what happens to leavers, what the guards do, and how the target is.

use std::sync::Arc;

use axum::extract::{Path, State};
use maud::{Markup, html};

use crate::connector::descriptor::Connector;
use crate::provision::guard::finding::{FindingKind, Severity};
use crate::server::console::apps::frame::{Frame, Tab};
use crate::server::console::apps::{one, policy};
use crate::server::console::asking::Trouble;
use crate::server::console::layout;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Policies {
    /// The app, and who looks.
    pub frame: Frame,
    /// Its connector, as the active revision has it.
    pub connector: Connector,
    /// What a guard may find of its operations, and what it leads to here.
    pub guards: Vec<(FindingKind, Severity)>,
}

/// `GET /apps/{app}/policies`.
///
/// # Errors
/// 404 if there is no such app.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(app): Path<String>,
) -> Result<Markup, Trouble> {
    let frame = one::frame(&house, &visitor, &app).await?;
    let active = house.engine.active().await?;
    let gone = || Problem::not_found(format!("there is no app `{app}`"));
    let connector = active.apps.get(&frame.app.name).ok_or_else(gone)?.spec.connector.clone();
    let guards = policy::guards(&frame.app.app.guard);
    Ok(page(&Policies { frame, connector, guards }))
}

/// The page.
pub fn page(context: &Policies) -> Markup {
    let app = &context.frame.app.app;
    let body = html! {
        p .hint { "As the active revision has them. They are changed in " code { "apps/" (context.frame.app.name) ".toml" } ", with the " a href="/rules" { "rules" } "." }
        div .columns {
            (section("Who gets it", &policy::assigned(app)))
            (section("What waits for an approver", &policy::approvals(&app.approvals)))
            (section("Accounts that exist already", &policy::existing(app)))
            (section("Leaving", &policy::leaving(&app.leaving)))
            (section("Groups and other entitlements", &policy::entitlements(&app.entitlements)))
            (section("Differences at the target", &policy::reconcile(&app.reconcile)))
            (section("How fast", &policy::limits(&app.limits, &context.connector)))
            (section(&format!("The connector: {}", context.connector.title), &policy::connector(&context.connector)))
        }
        h2 { "Blast radius: what one class may change within 24 hours" }
        (layout::wide("Blast radius", &html! { table {
            thead { tr { th { "Class" } th { "Held if more than" } } }
            tbody { @for (class, limit) in policy::radius(&app.guard.blast_radius) { tr { th scope="row" { (class) } td { (limit) } } } }
        } }))
        h2 { "Guards: what is found, and what it leads to here" }
        (guards(context))
    };
    context.frame.page(Tab::Policies, &body)
}

fn section(title: &str, sentences: &[String]) -> Markup {
    html! { section .panel { h2 { (title) } ul { @for sentence in sentences { li { (sentence) } } } } }
}

fn guards(context: &Policies) -> Markup {
    let tone = |severity| match severity {
        Severity::Clear => ("plain", "goes on, with a note"),
        Severity::Hold => ("note", "waits for an approver"),
        Severity::Refuse => ("bad", "is refused"),
    };
    html! {
        (layout::wide("Guards", &html! { table {
            thead { tr { th { "Finding" } th { "Leads to" } th { "By" } th { "What to do" } } }
            tbody { @for (kind, severity) in &context.guards { @let (tone, words) = tone(*severity); tr {
                th scope="row" { (kind.title()) }
                td .nowrap { span .badge .(tone) { (words) } }
                td { @if *severity == kind.default_severity() { span .hint { "default" } } @else { "this app" } }
                td { (kind.remedy()) }
            } } }
        } }))
    }
}
