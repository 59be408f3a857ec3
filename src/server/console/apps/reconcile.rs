//! What the last reconcile found: where the target is not as it was left, and what becomes of each difference.

use std::sync::Arc;

use axum::extract::{Path, State};
use maud::{Markup, html};

use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::EngineError;
use crate::provision::drift::{DriftKind, DriftLine, ReconcileReport};
use crate::server::console::apps::frame::{Frame, Tab};
use crate::server::console::apps::one;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::{layout, words};
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Reconciled {
    /// The app, and who looks.
    pub frame: Frame,
    /// The last report; `None` = it was never reconciled.
    pub report: Option<ReconcileReport>,
}

/// `GET /apps/{app}/reconcile`.
///
/// # Errors
/// 404 if there is no such app.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(app): Path<String>,
) -> Result<Markup, Trouble> {
    let frame = one::frame(&house, &visitor, &app).await?;
    let command = Command::Reconcile { app: frame.app.name.clone(), last: true };
    let report = match house.engine.answer(&visitor.actor, command, &crate::engine::context::Unwatched).await {
        Ok(Answer::Reconciled(report)) => Some(*report),
        Ok(answer) => return Err(asking::unexpected(&answer)),
        Err(EngineError::Invalid(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(page(&Reconciled { frame, report }))
}

/// The page.
pub fn page(context: &Reconciled) -> Markup {
    let body = match &context.report {
        None => html! {
            div .empty {
                p { "This app was never reconciled." }
                p { "A reconcile reads the target and compares it with what was pushed and what the rules want. It sends only reads." }
            }
        },
        Some(report) => found(context, report),
    };
    context.frame.page(Tab::Reconcile, &body)
}

fn found(context: &Reconciled, report: &ReconcileReport) -> Markup {
    let now = context.frame.now;
    html! {
        p .hint {
            "Read " (words::moment(report.ended, now)) ": " (report.read.listed) " accounts on " (report.read.pages) " pages, "
            (report.read.compared) " of ours compared, " (report.read.groups) " groups"
            @if report.read.in_flight > 0 { ", " (report.read.in_flight) " left out because something is under way" } "."
        }
        @if let Some(why) = &report.trouble { p .notice .bad { "Given up before its end: " (why) } }
        @if let Some(why) = &report.incomplete { p .notice .note { "Not the whole truth: " (why) } }
        @if report.lines.is_empty() && report.trouble.is_none() { p .notice .good { "The target is as it was left." } }
        ul .tiles {
            @for (kind, number) in &report.counts { @if *number > 0 {
                li { div .tile .(if kind.is_drift() { "note" } else { "plain" }) { b { (number) } (kind.title()) } }
            } }
        }
        @for kind in DriftKind::ALL { (lines(report, kind)) }
        @if !report.notes.is_empty() { section .panel { h2 { "What else to know" } ul { @for note in &report.notes { li { (note) } } } } }
    }
}

fn lines(report: &ReconcileReport, kind: DriftKind) -> Markup {
    let lines: Vec<&DriftLine> = report.lines.iter().filter(|line| line.kind == kind).collect();
    let total = report.counts.get(&kind).copied().unwrap_or(0);
    // Columns in which this kind has nothing to say are left out.
    let columns = Columns {
        subject: lines.iter().any(|line| !line.subject.is_empty()),
        values: lines.iter().any(|line| line.pushed.is_some() || line.desired.is_some() || line.actual.is_some()),
    };
    html! {
        @if !lines.is_empty() {
            h2 .drift { (kind.title()) }
            (layout::wide(kind.title(), &html! { table {
                thead { tr {
                    th { "Who or what" }
                    @if columns.subject { th { "Where" } }
                    @if columns.values { th { "Pushed" } th { "Wanted" } th { "There" } }
                    th { "What becomes of it" }
                } }
                tbody { @for line in &lines { (row(line, &columns)) } }
            } }))
            @if total > lines.len() as u64 { p .hint { (lines.len()) " of " (total) " are shown." } }
        }
    }
}

/// Which columns a table has.
struct Columns {
    subject: bool,
    values: bool,
}

fn row(line: &DriftLine, columns: &Columns) -> Markup {
    html! {
        tr {
            th scope="row" {
                @match line.user { Some(user) => a href=(format!("/users/{user}")) { (line.label) }, None => (line.label) }
                @if !line.remote_id.is_empty() { br; code .hint { (line.remote_id) } }
            }
            @if columns.subject { td { (line.subject) } }
            @if columns.values {
                td { (words::value(line.pushed.as_ref())) }
                td { (words::value(line.desired.as_ref())) }
                td { (words::value(line.actual.as_ref())) }
            }
            td {
                (line.fate.words())
                @if let Some(event) = line.event { " · " a href=(format!("/activity/{event}")) { (event) } }
                @if !line.note.is_empty() { br; span .hint { (line.note) } }
            }
        }
    }
}
