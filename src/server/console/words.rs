//! Small things that several pages show the same way: times, statuses, values, changes.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::provision::event::StatusKind;
use crate::provision::operation::Change;

/// A moment: the time itself for programs and on hover, its age for people.
pub fn moment(at: Timestamp, now: Timestamp) -> Markup {
    let new = now.millis_since(at) < 60_000;
    html! { time datetime=(at) title=(at) { @if new { "just now" } @else { (age(now, at)) " ago" } } }
}

/// A moment in full, as people write it: `2026-03-01 09:30:00 UTC`.
pub fn instant(at: Timestamp) -> Markup {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    html! { time datetime=(at) { (day) " " (time.get(..8).unwrap_or(time)) " UTC" } }
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
    toned(status, status.word())
}

/// Words in the colour of a status.
pub fn toned(status: StatusKind, said: &str) -> Markup {
    let tone = match status {
        StatusKind::Succeeded => "good",
        StatusKind::Failed | StatusKind::Refused | StatusKind::Expired => "bad",
        StatusKind::Pending | StatusKind::Verifying => "note",
        StatusKind::Queued | StatusKind::Running | StatusKind::Rejected | StatusKind::Superseded => "plain",
    };
    html! { span .badge .(tone) { (said) } }
}

/// A value, or that there is none.
pub fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "(none)".to_owned(), ToString::to_string)
}

/// A column of a diff: its title, and what is known of each change.
pub type Note<'n> = Option<(&'n str, &'n dyn Fn(&Change) -> String)>;

/// Attributes old and new; `note` adds a column with what is known of each (the rule's line, for example).
pub fn diff(changes: &[Change], note: Note<'_>) -> Markup {
    diff_titled(changes, ("Now", "Becomes"), note)
}

/// Attributes old and new under other titles: of what is over, for example.
pub fn diff_titled(changes: &[Change], (old, new): (&str, &str), note: Note<'_>) -> Markup {
    html! {
        @if !changes.is_empty() {
            table .diff {
                thead { tr {
                    th { "Attribute" } th { (old) } th { (new) }
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
