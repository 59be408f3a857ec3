//! Small things that several pages show the same way: times, statuses, values, changes.

use std::collections::BTreeMap;
use std::fmt::Write;

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::provision::event::StatusKind;
use crate::provision::operation::{Change, Kind};

/// A moment: the time itself for programs and on hover, its age for people.
pub fn moment(at: Timestamp, now: Timestamp) -> Markup {
    let is_fresh = now.millis_since(at) < 60_000;
    html! { time datetime=(at) title=(at) { @if is_fresh { "just now" } @else { (age(now, at)) " ago" } } }
}

/// How long ago, in the largest unit that says enough.
pub fn age(now: Timestamp, since: Timestamp) -> String {
    let minutes = now.millis_since(since) / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..=119 => format!("{minutes} min"),
        120..=2_879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

/// A status as a badge, whose colour never says more than its word.
pub fn badge(status: StatusKind) -> Markup {
    let tone = match status {
        StatusKind::Succeeded => "good",
        StatusKind::Failed | StatusKind::Refused | StatusKind::Expired => "bad",
        StatusKind::Pending | StatusKind::Verifying => "note",
        StatusKind::Queued | StatusKind::Running | StatusKind::Rejected | StatusKind::Superseded => "plain",
    };
    html! { span .badge .(tone) { (status) } }
}

/// A value, or that there is none.
pub fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "(none)".to_owned(), ToString::to_string)
}

/// A column of a diff: its title, and what is known of each change.
pub type Note<'n> = Option<(&'n str, &'n dyn Fn(&Change) -> String)>;

/// Attributes old and new; `note` adds a column with what is known of each (the rule's line, for example).
pub fn diff(changes: &[Change], note: Note<'_>) -> Markup {
    html! {
        @if !changes.is_empty() {
            table .diff {
                thead { tr {
                    th { "Attribute" } th { "Now" } th { "Becomes" }
                    @if let Some((title, _)) = note { th { (title) } }
                } }
                tbody {
                    @for change in changes {
                        tr {
                            th scope="row" { code { (change.path) } }
                            td .old { (value(change.old.as_ref())) }
                            td .new { (value(change.new.as_ref())) }
                            @if let Some((_, of)) = note { td .hint { (of(change)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What was done just now, in sentences.
pub fn told(lines: &[String]) -> Markup {
    html! {
        @if !lines.is_empty() {
            div .told role="status" { ul { @for line in lines { li { (line) } } } }
        }
    }
}

/// How many of each kind, in words.
pub fn kinds(kinds: &BTreeMap<Kind, usize>) -> String {
    kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect::<Vec<_>>().join(", ")
}

/// An address with a query: what is empty is left out, the rest is percent-encoded.
pub fn address(path: &str, query: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(name);
        address.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => address.push(char::from(byte)),
                // Writing to a string can't fail.
                _ => drop(write!(address, "%{byte:02X}")),
            }
        }
    }
    address
}

/// Which page of how many, with the ones beside it; nothing if there is only one.
pub fn pager((page, pages): (usize, usize), found: &str, address: &dyn Fn(usize) -> String) -> Markup {
    html! {
        @if pages > 1 {
            nav .pager aria-label="Pages" {
                @if page > 1 { a .button href=(address(page - 1)) rel="prev" { "← Before" } }
                span { "Page " (page) " of " (pages) " · " (found) }
                @if page < pages { a .button href=(address(page + 1)) rel="next" { "Next →" } }
            }
        }
    }
}

/// A moment that is still to come: when, for people.
pub fn ahead(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at) { @if at <= now { "any moment" } @else { "in " (age(at, now)) } } }
}
