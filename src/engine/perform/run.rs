//! Carrying out one cleared operation.

use crate::engine::perform::attempt::Attempt;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::lesson::Lesson;
use crate::provision::account::Account;
use crate::provision::guard::Cleared;
use crate::provision::operation::Kind;
use crate::provision::outcome::{Exchange, Outcome};

/// What came of a conversation about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// What is to be recorded.
    pub outcome: Outcome,
    /// Requests and answers, redacted, in order.
    pub exchanges: Vec<Exchange>,
    /// What the app taught; to be taken in with [`crate::engine::perform::absorb`].
    pub lessons: Vec<Lesson>,
}

/// Carries out `cleared`, whose intent is on disk; `account` is its ledger entry as it was claimed.
///
/// Sends the writing request at most once per form (a second form only after the first was seen to change nothing), never a second
/// POST, and reads whatever it takes to know what became of it.
pub async fn perform<'a>(cx: Context<'a>, cleared: &'a Cleared, account: &'a Account) -> Performed {
    let event = cleared.event();
    let mut attempt = Attempt {
        talk: Conversation::new(cx).of_leaver(event.operation.kind.is_leaving()),
        event,
        account,
        number: event.attempts.saturating_add(1),
        started: cx.clock.now(),
    };
    let outcome = match cleared.operation().kind {
        Kind::Link => attempt.link().await,
        Kind::Create => attempt.create(cleared).await,
        Kind::Update => attempt.update(cleared).await,
        Kind::Rename => attempt.rename(cleared).await,
        Kind::Deactivate => attempt.deactivate(cleared).await,
        Kind::Reactivate => attempt.reactivate(cleared).await,
        Kind::Delete => attempt.delete(cleared).await,
    };
    Performed { outcome, exchanges: attempt.talk.exchanges, lessons: attempt.talk.lessons }
}
