//! When a cron expression is due next: weekdays as crontab(5) numbers them, time zones with their changes, and what means nothing.

use usher::clock::Timestamp;
use usher::timetable::{check, next_time};

/// A Sunday.
const NOW: &str = "2026-11-22T19:00:00Z";

fn next(expression: &str, zone: &str, after: &str) -> String {
    next_time(expression, zone, after.parse().unwrap()).unwrap().unwrap().to_string()
}

#[test]
fn weekdays_are_numbered_from_sunday() {
    for (field, day) in [
        ("1", "2026-11-23"),
        ("MON", "2026-11-23"),
        ("1-5", "2026-11-23"),
        ("0", "2026-11-29"),
        ("7", "2026-11-29"),
        ("6,0", "2026-11-28"),
        ("5-7", "2026-11-27"),
        ("*/3", "2026-11-25"),
        ("2-6/2", "2026-11-24"),
        ("SAT", "2026-11-28"),
    ] {
        let due = next(&format!("0 9 * * {field}"), "UTC", NOW);
        assert!(due.starts_with(&format!("{day}T09:00:00")), "{field}: {due}");
    }
    assert!(next("0 9 * * *", "UTC", NOW).starts_with("2026-11-23T09:00:00"));
}

#[test]
fn the_hours_around_a_change_of_the_clock_are_met_once() {
    // Amsterdam skips 02:30 on 29 March 2026, and has it twice on 25 October.
    let spring = next("30 2 * * *", "Europe/Amsterdam", "2026-03-28T12:00:00Z");
    assert!(spring.starts_with("2026-03-30T00:30:00"), "{spring}");
    let autumn = next("30 3 * * *", "Europe/Amsterdam", "2026-10-24T12:00:00Z");
    assert!(autumn.starts_with("2026-10-25T02:30:00"), "{autumn}");
}

#[test]
fn what_means_nothing_is_said_to() {
    let now: Timestamp = NOW.parse().unwrap();
    for good in ["", "*/15 * * * *", "0 3 1 * ?", "0 9 * * 1-5", "0 0 29 2 *"] {
        assert_eq!(check(good, "Europe/Amsterdam", now), Ok(()), "{good}");
    }
    for (wrong, why) in [
        ("every day", "every day"),
        ("61 * * * *", "61 * * * *"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "it has 6"),
        ("@hourly", "@hourly"),
        ("0 0 31 2 *", "never comes"),
        ("0 9 * * 8", "`8` is no weekday"),
        ("0 9 * * 5-2", "ends before it begins"),
        ("0 9 * * 1/0", "no step"),
        ("0 9 * * 1-FRI", "by number and by name"),
    ] {
        let error = check(wrong, "UTC", now).unwrap_err().to_string();
        assert!(error.contains(why), "{wrong}: {error}");
    }
    assert!(check("* * * * *", "Mars/X", now).unwrap_err().to_string().contains("`Mars/X`"));
}
