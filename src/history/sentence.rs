//! Sentences: what happened and what stands, in words that ops can act on.

use crate::provision::account::{Account, Presence};
use crate::provision::approval::Ruling;
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::{Event, Status, StatusKind};

/// What ops see of a presence.
pub fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::None => "No account",
        Presence::Active => "Provisioned",
        Presence::Deactivated => "Deactivated",
        Presence::DeactivatedThere => "Deactivated at the target",
        Presence::Deleted => "Deleted",
        Presence::Kept => "Kept",
        Presence::Unlinked => "Unlinked",
        Presence::Conflict => "Conflict",
        Presence::Lost => "Lost",
        Presence::Unknown => "Unknown",
    }
}

/// Presence plus the newest event, and the reason with what to do if something is wrong.
pub fn status(account: &Account, event: Option<&Event>) -> (String, String) {
    let base = presence(account.presence);
    // A basis is there while nothing is left to do: what was refused or failed before that asks for nothing any more.
    let moot = |event: &&Event| {
        let status = event.status.kind();
        account.basis.is_some() && matches!(status, StatusKind::Failed | StatusKind::Refused | StatusKind::Rejected)
    };
    let Some(event) = event.filter(|event| !moot(event)) else { return (base.to_owned(), account.note.clone()) };
    let kind = event.operation.kind;
    let shown = match event.status.kind() {
        StatusKind::Succeeded | StatusKind::Superseded | StatusKind::Expired => base.to_owned(),
        StatusKind::Failed => format!("{base} · {kind} failed"),
        StatusKind::Refused => format!("{base} · {kind} blocked"),
        StatusKind::Rejected => format!("{base} · {kind} rejected"),
        StatusKind::Pending => format!("{base} · {kind} pending"),
        StatusKind::Queued => format!("{base} · {kind} queued"),
        StatusKind::Running | StatusKind::Verifying => format!("{base} · {}", event.shown()),
    };
    let reason = reason(event);
    (shown, if reason.is_empty() { silent(account) } else { reason })
}

/// What is said of an account whose newest event says nothing: its note, or that something is not tried again.
fn silent(account: &Account) -> String {
    let muted = account.mute.as_ref().filter(|_| account.basis.is_none() && account.note.is_empty());
    muted.map_or_else(
        || account.note.clone(),
        |mute| format!("what {0} was to do is not tried again; `usher retry {0}` tries it", mute.event),
    )
}

/// Why an event stands where it stands, and what to do; empty when all is well.
pub fn reason(event: &Event) -> String {
    match &event.status {
        Status::Failed { failure } => format!("{} → {}", failure.detail, failure.class.remedy_for(event.app())),
        Status::Queued { due, last: Some(failure) } => {
            let remedy = failure.class.remedy_for(event.app());
            format!("{}; attempt {} at {due} → {remedy}", failure.detail, event.attempts + 1)
        }
        Status::Verifying { .. } => "the outcome is unknown; it is looked up before anything is sent again".to_owned(),
        Status::Pending => {
            let since = event.escalated.map(|since| format!("escalated: asked again since {since}; "));
            format!("{}{}", since.unwrap_or_default(), findings(event))
        }
        Status::Refused => findings(event),
        Status::Rejected => event
            .decisions
            .last()
            .map(|decision| format!("rejected by {}: {}", decision.name, decision.comment))
            .unwrap_or_default(),
        Status::Expired => "nobody decided in time; it is asked again".to_owned(),
        Status::Succeeded { note } => note.clone(),
        Status::Queued { last: None, .. } | Status::Running { .. } | Status::Superseded { .. } => String::new(),
    }
}

fn findings(event: &Event) -> String {
    let said: Vec<String> = event.findings.iter().map(ToString::to_string).collect();
    said.join("; ")
}

/// The life of an event, a sentence an entry, oldest first.
pub fn story(event: &Event, entries: &[Entry]) -> Vec<String> {
    let mut story = vec![format!("{} for {}: {}", event.operation.kind, event.operation.label, event.operation.reason)];
    story.extend(entries.iter().map(|entry| format!("{}  {}", entry.at, fact(&entry.fact))));
    story
}

/// One fact in words.
pub fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Planned { plan, payload, status, .. } => {
            format!("planned by {plan}, payload {}, {status}", payload.short())
        }
        Fact::Decided(decision) => {
            let word = match decision.ruling {
                Ruling::Approve => "approved",
                Ruling::Reject => "rejected",
            };
            let own = if decision.own { " (own act)" } else { "" };
            let claimed = if decision.claimed { " (claimed with --as)" } else { "" };
            let comment = if decision.comment.is_empty() { String::new() } else { format!(": {}", decision.comment) };
            format!("{word} by {}{own}{claimed}{comment}", decision.name)
        }
        Fact::Intent { attempt, .. } => format!("attempt {attempt} begins"),
        Fact::Attempted { attempt, exchanges } => {
            let sent: Vec<String> = exchanges
                .iter()
                .map(|exchange| {
                    let answer = exchange.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                    format!("{} {} → {answer} in {} ms", exchange.method, exchange.path, exchange.millis)
                })
                .collect();
            if sent.is_empty() {
                format!("attempt {attempt}: nothing was sent")
            } else {
                format!("attempt {attempt}: {}", sent.join("; "))
            }
        }
        Fact::EdgeIntent { change, together, .. } if *together > 1 => {
            format!("{}: about to be sent, with {} others", change.words(), together - 1)
        }
        Fact::EdgeIntent { change, .. } => format!("{}: about to be sent", change.words()),
        Fact::EdgeEnded { change, detail, exchange: Some(event), .. } => {
            format!("{}: {detail} (the request is with {event})", change.words())
        }
        Fact::EdgeEnded { change, detail, .. } => format!("{}: {detail}", change.words()),
        Fact::Stepped { status, detail, .. } if detail.is_empty() => status.to_string(),
        Fact::Stepped { status, detail, .. } => format!("{status}: {detail}"),
        Fact::Filed { plan, plan_digest, revision, payload, status, .. } => {
            let under = revision.map_or_else(String::new, |revision| format!(" under {revision}"));
            format!("planned by {plan} ({}){under}, payload {}, {status}", plan_digest.short(), payload.short())
        }
        Fact::Found { values, active } => {
            let state = if *active { "active" } else { "not active" };
            let paths: Vec<&str> = values.keys().map(String::as_str).collect();
            format!("found there, {state}, with {}", paths.join(", "))
        }
        Fact::Erased { what, .. } => what.clone(),
        Fact::Import { import, what, .. } => format!("import {import}: {what}"),
        Fact::UserEdited { what, .. } | Fact::AccountTouched { what, .. } | Fact::Operator { what, .. } => what.clone(),
        Fact::Revision { number, what, .. } => format!("{what} {number}"),
        Fact::AppState { what } | Fact::Store { what } | Fact::Catalogue { what } | Fact::Reconciled { what } => {
            what.clone()
        }
    }
}
