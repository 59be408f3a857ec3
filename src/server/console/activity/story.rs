//! What became of an event: its change, what the guards said, who decided, and each attempt with what was sent and what came back.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::engine::answer::ExportedEvent;
use crate::history::sentence;
use crate::provision::approval::Ruling;
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::{Event, StatusKind};
use crate::provision::outcome::Exchange;
use crate::server::console::activity::links;
use crate::server::console::layout::Viewer;
use crate::server::console::words;
use crate::text::printable;

/// Which columns a list of events has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Of everybody.
    All,
    /// Of one user: without his name.
    OfUser,
}

/// A status as a badge, in the words of its kind of operation.
pub fn badge(event: &Event) -> Markup {
    words::toned(event.status.kind(), event.shown())
}

/// Whether somebody can have it tried again.
pub fn may_retry(event: &Event) -> bool {
    matches!(
        event.status.kind(),
        StatusKind::Queued | StatusKind::Verifying | StatusKind::Failed | StatusKind::Refused | StatusKind::Rejected
    )
}

/// The button that has an event tried again; the form comes back to `back`.
pub fn retry(viewer: &Viewer, event: &Event, back: &str) -> Markup {
    let (label, hint) = match event.status.kind() {
        StatusKind::Queued => ("Try now", "It is sent at once instead of at its time."),
        StatusKind::Verifying => ("Look now", "The target is asked at once what became of it."),
        _ => ("Retry", "It is planned again, also if nothing changed."),
    };
    html! {
        form .inline method="post" action=(format!("{}/retry", links::event(event.id))) {
            (viewer.token())
            input type="hidden" name="back" value=(back);
            button type="submit" title=(hint) { (label) }
        }
    }
}

/// Events, newest first, each of which opens to its story.
pub fn list(viewer: &Viewer, events: &[ExportedEvent], columns: Columns, (back, now): (&str, Timestamp)) -> Markup {
    html! {
        div .events .of-user[columns == Columns::OfUser] {
            @for one in events { (row(viewer, one, columns, (back, now))) }
        }
    }
}

fn row(viewer: &Viewer, one: &ExportedEvent, columns: Columns, (back, now): (&str, Timestamp)) -> Markup {
    let event = &one.event;
    let operation = &event.operation;
    html! {
        details .line id=(event.id) {
            summary {
                span .when { (words::moment(event.changed_at, now)) }
                span .state { (badge(event)) }
                @if columns == Columns::All { span .who { (printable(&operation.label)) } }
                span .where { (operation.kind) " · " (operation.app) }
                span .what { (short(event)) }
            }
            div .opened {
                p .links {
                    a href=(links::event(event.id)) { (event.id) ", the whole story" }
                    @if columns == Columns::All { " · " a href=(links::user(event.user())) { (printable(&operation.label)) } }
                    " · " a href=(links::pair(event.user(), event.app())) { "this account in " (event.app()) }
                    @if event.status.kind() == StatusKind::Pending { " · " a href="/approvals" { "decide" } }
                }
                (stands(event))
                (changes(event, None))
                (findings(event))
                (decisions(event))
                (entries(&one.entries))
                p .hint {
                    (operation.reason) " · " (one.cause)
                    @if let Some(by) = &one.caused_by { ", by " (by) }
                }
                @if may_retry(event) { (retry(viewer, event, back)) }
            }
        }
    }
}

/// What it does or why it is not done, in one line.
fn short(event: &Event) -> String {
    let reason = sentence::reason(event);
    if !reason.is_empty() {
        return printable(&reason);
    }
    let operation = &event.operation;
    let mut parts: Vec<String> = Vec::new();
    if !operation.changes.is_empty() {
        let paths: Vec<&str> = operation.changes.iter().map(|change| change.path.as_str()).take(4).collect();
        let more = operation.changes.len().saturating_sub(paths.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        parts.push(format!("{}{more}", paths.join(", ")));
    }
    parts.extend(operation.edges.iter().take(2).map(crate::provision::edge::EdgeChange::words));
    if parts.is_empty() { operation.reason.clone() } else { printable(&parts.join("; ")) }
}

/// Why it stands where it stands and what to do, if there is something to say.
pub fn stands(event: &Event) -> Markup {
    let status = event.status.kind();
    let bad = matches!(status, StatusKind::Failed | StatusKind::Refused);
    let said = match status {
        StatusKind::Pending | StatusKind::Refused => event.findings.iter().map(ToString::to_string).collect(),
        _ => vec![sentence::reason(event)],
    };
    html! {
        @for line in said.iter().filter(|line| !line.is_empty()) {
            @let (why, todo) = line.rsplit_once(" → ").unwrap_or((line, ""));
            div .reason .bad[bad] {
                p { (printable(why)) }
                @if !todo.is_empty() { p .todo { b { "What to do: " } (printable(todo)) } }
            }
        }
        @if let Some(since) = event.escalated.filter(|_| status == StatusKind::Pending) {
            p .trouble { "Escalated: asked again since " (words::instant(since)) ", and nobody decided in time." }
        }
    }
}

/// What it changes at the target; `place` names the rule's line of each value.
pub fn changes(event: &Event, place: Option<&dyn Fn(&str) -> String>) -> Markup {
    let operation = &event.operation;
    let titles = match event.status.kind() {
        StatusKind::Succeeded => ("Before", "After"),
        status if status.is_final() => ("Before", "Was to become"),
        _ => ("Now", "Becomes"),
    };
    let line = |change: &crate::provision::operation::Change| place.map(|of| of(&change.path)).unwrap_or_default();
    html! {
        (words::diff_titled(&operation.changes, titles, place.is_some().then_some(("Rule", &line))))
        @if !operation.edges.is_empty() {
            ul .edges { @for edge in &operation.edges { li { (printable(&edge.words())) } } }
        }
        @if !operation.released.is_empty() {
            p .hint { "No longer managed, left as they are at the target: " (operation.released.join(", ")) }
        }
    }
}

/// What the guards said, where [`stands`] does not say it already.
pub fn findings(event: &Event) -> Markup {
    if matches!(event.status.kind(), StatusKind::Pending | StatusKind::Refused) {
        return Markup::default();
    }
    html! { @for finding in &event.findings { p .finding { (printable(&finding.to_string())) } } }
}

/// Who decided.
pub fn decisions(event: &Event) -> Markup {
    html! {
        @for decision in &event.decisions {
            p .decision {
                @match decision.ruling {
                    Ruling::Approve => span .badge .good { "approved" },
                    Ruling::Reject => span .badge .bad { "rejected" },
                }
                " by " b { (decision.name) }
                @if decision.own { " (own act)" }
                @if decision.claimed { " (name claimed)" }
                ", " (words::instant(decision.at))
                @if !decision.comment.is_empty() { ": " q { (printable(&decision.comment)) } }
            }
        }
    }
}

/// What happened, oldest first, attempts with requests and answers as the history keeps them.
pub fn entries(entries: &[Entry]) -> Markup {
    html! {
        ol .story {
            @for entry in entries {
                li {
                    (words::instant(entry.at))
                    @match &entry.fact {
                        Fact::Attempted { attempt, exchanges } => {
                            div {
                                "attempt " (attempt)
                                @if exchanges.is_empty() { ": nothing was sent" }
                                @for exchange in exchanges { (sent(exchange)) }
                            }
                        }
                        fact => div { (printable(&sentence::fact(fact))) },
                    }
                }
            }
        }
        @if entries.is_empty() { p .hint { "What happened in detail was erased from the history." } }
    }
}

fn sent(exchange: &Exchange) -> Markup {
    let answer = exchange.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let good = exchange.status.is_some_and(|status| (200..300).contains(&status));
    html! {
        details .exchange {
            summary {
                code { (exchange.method) " " (printable(&exchange.path)) } " → "
                b .good[good] .bad[!good] { (answer) } " in " (exchange.millis) " ms"
            }
            (body("Sent", &exchange.request))
            (body("Answer", &exchange.answer))
        }
    }
}

fn body(title: &str, text: &str) -> Markup {
    let json = serde_json::from_str::<serde_json::Value>(text).ok();
    let pretty = json.and_then(|json| serde_json::to_string_pretty(&json).ok());
    html! {
        p .what-body { (title) }
        @if text.is_empty() { p .hint { "nothing" } }
        @else { pre tabindex="0" role="group" aria-label=(title) { (pretty.as_deref().unwrap_or(text)) } }
    }
}
