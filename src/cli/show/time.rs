//! Times for people: when it was, and how long ago.

use jiff::Timestamp as Instant;

use crate::cli::show::style::Style;
use crate::clock::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `12 s`, `3 min`, `5 h`, `9 d`: one unit, rounded down.
pub(crate) fn length(millis: u64) -> String {
    match millis / 1000 {
        secs if secs < MINUTE => format!("{secs} s"),
        secs if secs < HOUR => format!("{} min", secs / MINUTE),
        secs if secs < 2 * DAY => format!("{} h", secs / HOUR),
        secs => format!("{} d", secs / DAY),
    }
}

/// `3 min ago`, `in 2 h`, `now`.
pub(crate) fn relative(style: &Style, at: Timestamp) -> String {
    let (past, future) = (style.now.millis_since(at), at.millis_since(style.now));
    match (past, future) {
        (0..1000, 0..1000) => "now".to_owned(),
        (0, ahead) => format!("in {}", length(ahead)),
        (behind, _) => format!("{} ago", length(behind)),
    }
}

/// `2026-03-01 09:30:05` in the style's zone; only the time of day if it is today.
pub(crate) fn absolute(style: &Style, at: Timestamp) -> String {
    let zoned = |at: Timestamp| Instant::from_millisecond(at.as_millis()).map(|at| at.to_zoned(style.zone.clone()));
    match (zoned(at), zoned(style.now)) {
        (Ok(at), Ok(now)) if at.date() == now.date() => at.strftime("%H:%M:%S").to_string(),
        (Ok(at), _) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        _ => at.to_string(),
    }
}

/// Both: `09:30:05, 3 min ago`.
pub(crate) fn both(style: &Style, at: Timestamp) -> String {
    format!("{}, {}", absolute(style, at), relative(style, at))
}

/// Both, one above the other; what is now needs no second line.
pub(crate) fn two_lines(style: &Style, at: Timestamp) -> Vec<String> {
    let relative = relative(style, at);
    let mut lines = vec![absolute(style, at)];
    if relative != "now" {
        lines.push(relative);
    }
    lines
}
