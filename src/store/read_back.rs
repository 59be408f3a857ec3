//! What a key of the layout says, read back from its end.

use crate::clock::Timestamp;
use crate::id::{EventId, RevisionNumber, UserId};

/// The user id that a key ends with.
pub(crate) fn user_at_end(key: &[u8]) -> Option<UserId> {
    let tail = key.len().checked_sub(16)?;
    uuid::Uuid::from_slice(&key[tail..]).ok().map(UserId)
}

/// The number (event, revision, sequence) that a key ends with.
pub(crate) fn number_at_end(key: &[u8]) -> Option<u64> {
    let tail = key.len().checked_sub(8)?;
    key[tail..].try_into().ok().map(u64::from_be_bytes)
}

/// Time and revision of a key made by [`activation`](crate::store::layout::activation).
pub(crate) fn activation_at_end(key: &[u8]) -> Option<(Timestamp, RevisionNumber)> {
    due_at_end(key).map(|(at, number)| (at, RevisionNumber(number.0)))
}

/// Time and event of a key made by [`due`](crate::store::layout::due).
pub(crate) fn due_at_end(key: &[u8]) -> Option<(Timestamp, EventId)> {
    let event = number_at_end(key)?;
    let time = number_at_end(&key[..key.len() - 8])?;
    Some((Timestamp::from_millis((time ^ (1 << 63)).cast_signed()), EventId(event)))
}
