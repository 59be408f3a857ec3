//! How an app stands, in a badge and in sentences.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::connector::capability::AppState;
use crate::provision::account::Presence;
use crate::provision::edge::EdgeState;
use crate::server::console::words;

/// In a word.
pub fn badge(state: &AppState) -> Markup {
    let (tone, word) = match state {
        AppState::Live => ("good", "live"),
        AppState::Untested => ("plain", "untested"),
        AppState::Paused { .. } => ("note", "paused"),
        AppState::BreakerOpen { .. } => ("note", "not answering"),
        AppState::Quarantined { .. } => ("bad", "quarantined"),
        AppState::Disabled { .. } => ("bad", "disabled"),
    };
    html! { span .badge .(tone) { (word) } }
}

/// Why nothing is sent, and when it goes on; nothing if it is sent.
pub fn notice(state: &AppState, now: Timestamp) -> Markup {
    match state {
        AppState::Live => html! {},
        AppState::Untested => html! {
            p .notice .note { b { "Never tested." } " Nothing was sent to it yet. Test the connection first: that sends only reads." }
        },
        AppState::Paused { by, at } => html! {
            p .notice .note { b { "Paused" } " by " (by) ", " (words::moment(*at, now)) ". Nothing is sent, not even for leavers; they are planned, and everything else when it is resumed." }
        },
        AppState::BreakerOpen { since, why, next_try, tries } => html! {
            div .notice .note {
                p { b { "Not answering" } " for " (words::age(now, *since)) ": " (why) }
                p { "One request tries it " (words::ahead(*next_try, now)) " (" (tries) " tried so far); what waits follows by itself when it is answered. After an hour it is quarantined." }
            }
        },
        AppState::Quarantined { since, why, next_probe, probes } => html! {
            div .notice .bad {
                p { b { "In quarantine" } " for " (words::age(now, *since)) ": " (why) }
                p { "Nothing but probes is sent: " (probes) " so far, the next " (words::ahead(*next_probe, now)) ". Put right what it says, then test the connection: a good test ends the quarantine." }
            }
        },
        AppState::Disabled { since, why } => html! {
            div .notice .bad {
                p { b { "Disabled" } " after too long in quarantine (" (words::age(now, *since)) "): " (why) }
                p { "Only a person can resume it. Leavers that were not delivered stay listed." }
            }
        },
    }
}

/// What the number of accounts in a presence counts.
pub fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::None => "people without an account yet",
        Presence::Active => "active accounts",
        Presence::Deactivated => "deactivated accounts",
        Presence::Deleted => "deleted accounts",
        Presence::Kept => "kept as they are",
        Presence::Unlinked => "disassociated",
        Presence::Conflict => "conflicts: look at them",
        Presence::Lost => "lost at the target",
        Presence::Unknown => "being found out",
        Presence::DeactivatedThere => "deactivated at the target",
    }
}

/// What the number of memberships in a state counts.
pub fn edge(state: EdgeState) -> &'static str {
    match state {
        EdgeState::Adding => "to be added",
        EdgeState::Granted => "granted",
        EdgeState::Found => "found there",
        EdgeState::Removing => "to be removed",
        EdgeState::Unknown => "being found out",
    }
}
