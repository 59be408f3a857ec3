//! What waits, as an approver sees it: who, what, why, and who decides; and the forms that decide.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::engine::pending::Pending;
use crate::engine::queue::Held;
use crate::provision::escalation::Escalation;
use crate::provision::guard::finding::Severity;
use crate::server::console::layout::Viewer;
use crate::server::console::words;

/// One event.
pub fn card(waiting: &Pending, now: Timestamp, may: bool) -> Markup {
    let (event, asking) = (&waiting.event, &waiting.asking);
    let operation = &event.operation;
    let (id, title) = (format!("pick-{}", event.id), format!("title-{}", event.id));
    let rule = |change: &crate::provision::operation::Change| asking.place(&change.path).unwrap_or_default().to_owned();
    html! {
        article .event .leaver[operation.kind.is_leaving()] id=(format!("event-{}", event.id)) aria-labelledby=(title) {
            header {
                @if may { input .pick type="checkbox" name="event" value=(event.id) id=(id) aria-label=(format!("Choose {}", operation.label)); }
                h3 id=(title) { a href=(format!("/users/{}", operation.user)) { (operation.label) } }
                span .badge .plain { (operation.kind) }
                span { "in " a href=(format!("/apps/{}", operation.app)) { (operation.app) } }
                @match Escalation::of(event, now) {
                    Some(level) => span .badge .bad { (level.word().to_lowercase()) },
                    None => @if event.escalated.is_some() { span .badge .bad { "escalated" } },
                }
                @if let Some(batch) = event.batch { a .badge .note href=(format!("/approvals/batches/{batch}")) { "in a held batch" } }
                @if !asking.approved.is_empty() { span .badge .note { (asking.approved.len()) " of " (asking.approvers) " approved" } }
                span .hint { a href=(format!("/activity/{}", event.id)) { (event.id) } " · waiting " (words::age(now, event.waiting_since)) }
            }
            (words::diff(&operation.changes, Some(("Rule", &rule))))
            @if !operation.edges.is_empty() { ul { @for edge in &operation.edges { li { (edge.words()) } } } }
            @for finding in &event.findings {
                p .finding[finding.severity != Severity::Clear] .hint[finding.severity == Severity::Clear] { (finding) }
            }
            (around(waiting))
        }
    }
}

/// What lies around the change.
fn around(waiting: &Pending) -> Markup {
    let (event, asking) = (&waiting.event, &waiting.asking);
    html! {
        dl {
            dt { "Account" }
            dd {
                (event.operation.user_name)
                @if let Some(email) = asking.email.as_ref().filter(|email| **email != event.operation.user_name) { " · " (email) }
                " · " (asking.key)
            }
            dt { "Because" }
            dd {
                (event.operation.reason) " · " (asking.because.what)
                @if !asking.because.by.is_empty() { ", by " (asking.because.by.join(" and ")) }
            }
            dt { "Decides" }
            dd {
                @if asking.deciders.is_empty() { "nobody can" } @else { (asking.deciders.join(", ")) }
                @if asking.approvers > 1 { " · two must" }
                @if !asking.approved.is_empty() { " · approved by " (asking.approved.join(" and ")) }
                @if let Some(stuck) = &asking.stuck { " · " span .trouble { (stuck) } }
                " · "
                @match asking.expires { Some(at) => { "until " (at) }, None => "never expires" }
            }
        }
    }
}

/// Decides about what is ticked.
pub fn decide_ticked() -> Markup {
    html! {
        div .decide {
            // Enter in the comment decides nothing: the form's default button is this one.
            button type="submit" disabled hidden {}
            label for="comment" { "Comment" }
            input #comment name="comment" maxlength="500" placeholder="Why. Needed for what you caused yourself";
            button .primary type="submit" name="verdict" value="approve" { "Approve what is ticked" }
            button .danger type="submit" name="verdict" value="reject" { "Reject what is ticked" }
        }
    }
}

/// Decides about a whole batch, as it was shown.
pub fn decide_batch(viewer: &Viewer, held: &Held, back: &str) -> Markup {
    let name = format!("comment-{}", held.batch);
    html! {
        form method="post" action="/approvals" {
            div .decide .whole {
                (viewer.token())
                button type="submit" disabled hidden {}
                input type="hidden" name="back" value=(back);
                input type="hidden" name="batch" value=(held.batch);
                input type="hidden" name="shown" value=(held.shown);
                label for=(name) { "Comment" }
                input id=(name) name="comment" maxlength="500" placeholder="What joins after you looked is not decided with it";
                button .primary type="submit" name="verdict" value="approve" { "Approve all " (held.shown.count) }
                button .danger type="submit" name="verdict" value="reject" { "Reject all " (held.shown.count) }
            }
        }
    }
}

/// What the script answers to: shown with `?`.
pub fn keys() -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl {
                dt { kbd { "j" } " " kbd { "k" } } dd { "the next, the one before" }
                dt { kbd { "x" } } dd { "tick it, or not" }
                dt { kbd { "Shift" } "+" kbd { "x" } } dd { "tick all on this page, or none" }
                dt { kbd { "o" } } dd { "open the user" }
                dt { kbd { "a" } } dd { "approve what is ticked, or the one that is marked: Enter in the comment sends it" }
                dt { kbd { "r" } } dd { "reject it, the same way" }
                dt { kbd { "Esc" } } dd { "leave the comment" }
                dt { kbd { "?" } } dd { "these keys" }
            }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}
