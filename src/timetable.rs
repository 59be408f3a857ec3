//! Timetables: when a cron expression is due next, and whether it means anything. Pure: the time is an argument.

use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use cron::Schedule;

use crate::clock::Timestamp;

/// A schedule that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron expression.
    #[error("`{expression}` is no cron expression of five fields (minute hour day month weekday): {reason}")]
    Expression {
        /// What was written.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a time zone.
    #[error("`{0}` is no IANA time zone like Europe/Amsterdam")]
    Zone(String),
}

/// Whether an `expression` means something in a time `zone`; empty text is no expression, and means *never*.
///
/// # Errors
/// [`ScheduleError`] with the offending text.
pub fn check(expression: &str, zone: &str) -> Result<(), ScheduleError> {
    let _: Tz = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    next_time(expression, zone, Timestamp::default()).map(drop)
}

/// The first time after `now` that a cron `expression` names in a time `zone`; `None` = never: it is empty.
///
/// # Errors
/// [`ScheduleError`] with the offending text.
pub fn next_time(expression: &str, zone: &str, now: Timestamp) -> Result<Option<Timestamp>, ScheduleError> {
    if expression.trim().is_empty() {
        return Ok(None);
    }
    let fields = expression.split_whitespace().count();
    // The crate wants seconds first; people write five fields.
    let full = if fields == 5 { format!("0 {expression}") } else { expression.to_owned() };
    let schedule = Schedule::from_str(&full)
        .map_err(|error| ScheduleError::Expression { expression: expression.to_owned(), reason: error.to_string() })?;
    let zone: Tz = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    let from: Option<DateTime<Utc>> = Utc.timestamp_millis_opt(now.as_millis()).single();
    let next = from.and_then(|from| schedule.after(&from.with_timezone(&zone)).next());
    Ok(next.map(|at| Timestamp::from_millis(at.with_timezone(&Utc).timestamp_millis())))
}
