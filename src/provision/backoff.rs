//! When to try again: the schedule of `reliability.md` section 4, jitter from a hash so that a plan needs no random number.

use crate::clock::{Span, Timestamp};
use crate::digest::Hasher;
use crate::id::EventId;

/// Pauses after the 1st, 2nd, … failed attempt; the last one repeats.
pub const SCHEDULE: [Span; 10] = [
    Span::from_secs(5),
    Span::from_secs(15),
    Span::from_secs(60),
    Span::from_secs(300),
    Span::from_secs(900),
    Span::from_hours(1),
    Span::from_hours(3),
    Span::from_hours(6),
    Span::from_hours(12),
    Span::from_days(1),
];
/// The shortest and longest `Retry-After` that is believed.
pub const RETRY_AFTER: (Span, Span) = (Span::from_secs(1), Span::from_hours(1));

/// When attempt number `attempts` (from 1) of `event`, failed at `now`, is due again: ±20 % around the schedule.
pub fn due(event: EventId, attempts: u32, now: Timestamp) -> Timestamp {
    let index = (attempts.max(1) as usize - 1).min(SCHEDULE.len() - 1);
    let base = SCHEDULE[index].as_millis();
    let hash = Hasher::new().number(event.0).number(u64::from(attempts)).finish();
    let roll = u64::from(u16::from_le_bytes([hash.0[0], hash.0[1]]));
    let jittered = base * 8 / 10 + base * 4 / 10 * roll / u64::from(u16::MAX);
    now.plus_millis(i64::try_from(jittered).unwrap_or(i64::MAX))
}

/// `retry_after` brought into the believable range.
pub fn clamp_retry_after(now: Timestamp, retry_after: Timestamp) -> Timestamp {
    retry_after.clamp(now.plus(RETRY_AFTER.0), now.plus(RETRY_AFTER.1))
}
