//! Small things that several pages show the same way: times, statuses, values, changes.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::provision::event::StatusKind;
use crate::provision::operation::Change;

/// A moment: the time itself for programs and on hover, its age for people.
pub fn moment(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at) { (age(now, at)) " ago" } }
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

/// A column's title, and what it says of each change.
pub type Note<'a> = (&'a str, &'a dyn Fn(&Change) -> String);

/// Attributes old and new; `note` adds a column with what is known of each (the rule's line, for example).
pub fn diff(changes: &[Change], note: Option<Note<'_>>) -> Markup {
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
            ul .told role="status" { @for line in lines { li { (line) } } }
        }
    }
}
