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
pub fn check(expression: &str, zone: &str, now: Timestamp) -> Result<(), ScheduleError> {
    let _: Tz = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    let wrong = |reason: String| Err(ScheduleError::Expression { expression: expression.to_owned(), reason });
    match (expression.split_whitespace().count(), next_time(expression, zone, now)?) {
        (0, _) | (5, Some(_)) => Ok(()),
        (5, None) => wrong("it names a day that never comes".to_owned()),
        (fields, _) => wrong(format!("it has {fields}")),
    }
}

/// Weekdays as crontab(5) numbers them, from 0; 7 is Sunday too.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The weekdays of a cron expression by name: the crate counts them from 1 for Sunday, people from 0.
fn named_weekdays(field: &str) -> Result<String, String> {
    if matches!(field, "*" | "?") {
        return Ok(field.to_owned());
    }
    let items: Vec<String> = field.split(',').map(named_weekday).collect::<Result<_, _>>()?;
    Ok(items.join(","))
}

/// One item: `1`, `1-5`, `*/2`, `1-5/2`; names stay as they are.
fn named_weekday(item: &str) -> Result<String, String> {
    if item.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        let days = item.split('/').next().unwrap_or(item);
        return match days.bytes().any(|byte| byte.is_ascii_digit()) {
            true => Err(format!("`{item}` has weekdays by number and by name; write one or the other")),
            false => Ok(item.to_owned()),
        };
    }
    let number = |text: &str| match text.parse::<usize>() {
        Ok(day) if day <= 7 => Ok(day),
        _ => Err(format!("`{text}` is no weekday; expected 0 (Sunday) to 7 (Sunday again), or SUN to SAT")),
    };
    let (range, step) = match item.split_once('/') {
        None => (item, 1),
        Some((range, step)) => match step.parse::<usize>() {
            Ok(step) if step > 0 => (range, step),
            _ => return Err(format!("`{step}` is no step between weekdays")),
        },
    };
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None if range == "*" => (0, 6),
        None if item.contains('/') => (number(range)?, 6),
        None => (number(range)?, number(range)?),
    };
    if first > last {
        return Err(format!("`{range}` ends before it begins"));
    }
    let days: Vec<&str> = (first..=last).step_by(step).map(|day| WEEKDAYS[day % 7]).collect();
    Ok(days.join(","))
}

/// The first time after `now` that a cron `expression` names in a time `zone`; `None` = never: it is empty.
///
/// # Errors
/// [`ScheduleError`] with the offending text.
pub fn next_time(expression: &str, zone: &str, now: Timestamp) -> Result<Option<Timestamp>, ScheduleError> {
    if expression.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |reason: String| ScheduleError::Expression { expression: expression.to_owned(), reason };
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let full = match fields[..] {
        // The crate wants seconds first; people write five fields.
        [minute, hour, day, month, weekday] => {
            format!("0 {minute} {hour} {day} {month} {}", named_weekdays(weekday).map_err(wrong)?)
        }
        _ => expression.to_owned(),
    };
    let schedule = Schedule::from_str(&full).map_err(|error| wrong(error.to_string()))?;
    let zone: Tz = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    let from: Option<DateTime<Utc>> = Utc.timestamp_millis_opt(now.as_millis()).single();
    let next = from.and_then(|from| schedule.after(&from.with_timezone(&zone)).next());
    Ok(next.map(|at| Timestamp::from_millis(at.with_timezone(&Utc).timestamp_millis())))
}
