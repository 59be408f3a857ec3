//! Rename: a change of matching attributes, in the way this kind of target does it.

use crate::clock::Timestamp;
use crate::connector::descriptor::UsernameChange;
use crate::engine::perform::accept::CLOCK_SKEW_MAX;
use crate::engine::perform::attempt::{Attempt, done, succeeded};
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::find::{Effort, Filtered, Found, Marks};
use crate::provision::guard::Cleared;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::scim::decode::Resource;

impl Attempt<'_> {
    /// Carries out a rename.
    pub async fn rename(&mut self, cleared: &Cleared) -> Outcome {
        let names = self.event.operation.changes.iter().any(|change| change.path == "userName");
        match self.cx().connector().users.username_change {
            UsernameChange::Never if names => self.ended(Failure {
                class: FailureClass::Refused,
                status: None,
                detail: "this kind of target never changes a userName".to_owned(),
                retry_after: None,
            }),
            UsernameChange::Replaces if names => self.rename_replacing(cleared).await,
            _ => self.update(cleared).await,
        }
    }

    /// The target makes a new account for the new userName and invalidates the old one.
    async fn rename_replacing(&mut self, cleared: &Cleared) -> Outcome {
        // The new name must be free, or the account that has it would be taken for ours.
        let bearers = match self.bearers_of_new_name().await {
            Err(outcome) => return outcome,
            Ok(bearers) => bearers,
        };
        if let Some(other) = bearers.iter().find(|hit| !self.bears_our_id(hit)) {
            return self.conflict(&format!("account {} has the new userName already", other.id));
        }
        if bearers.is_empty() {
            // The old account need not show the new value: it is not read back, the replacement is looked for.
            match self.send_once(cleared).await {
                Ok(()) => {}
                // A 5xx may come after the commit, and the old id is of no use then.
                Err(Outcome::Retry { failure, .. }) if failure.class == FailureClass::Server => {
                    return self.unknown(failure);
                }
                Err(outcome) => return outcome,
            }
        }
        let failure = self.doubt("the account with the new userName is not to be seen yet");
        self.after_replacement(failure, None).await
    }

    /// Looks for the replacement; `failure` is what is said if there is none (yet). If it is not certain that the name was free
    /// before, `since` is the intent's time: an account that does not bear our externalId must not be older.
    pub async fn after_replacement(&mut self, failure: Failure, since: Option<Timestamp>) -> Outcome {
        let Ok(old) = self.remote_id() else { return self.unknown(failure) };
        let hits = match self.bearers_of_new_name().await {
            Ok(hits) => hits,
            Err(outcome) => return outcome,
        };
        let replacement = match hits.as_slice() {
            [] => match self.talk.get(old).await {
                // The account kept its id after all.
                Ok(Some(account)) if self.bears_sent_name(&account) => {
                    return succeeded(Some(old.to_owned()), "the account kept its id");
                }
                Ok(_) => return self.unknown(failure),
                Err(failure) => return self.unknown(failure),
            },
            [one] => one,
            _ => return self.conflict("several accounts have the new userName"),
        };
        if replacement.id == old {
            return succeeded(Some(old.to_owned()), "the account kept its id");
        }
        let young =
            |since: Timestamp| replacement.created.is_some_and(|created| created >= since.minus(CLOCK_SKEW_MAX));
        if !self.bears_our_id(replacement) && since.is_some_and(|since| !young(since)) {
            return self.conflict(&format!(
                "account {} has the new userName, but may have had it before the rename",
                replacement.id
            ));
        }
        match self.other_owner(&replacement.id).await {
            Err(outcome) => outcome,
            Ok(Some(owner)) => {
                self.conflict(&format!("account {} with the new userName is {owner}'s in the ledger", replacement.id))
            }
            Ok(None) => {
                let note = self.old_account(old).await;
                let mut done = done(Some(replacement.id.clone()), &note);
                done.replaced = Some(old.to_owned());
                done.found_active = replacement.active.unwrap_or(true);
                Outcome::Succeeded(done)
            }
        }
    }

    /// What became of the replaced account, in words.
    async fn old_account(&mut self, old: &str) -> String {
        match self.talk.get(old).await {
            Ok(None) => format!("the target replaced account {old}, which is gone"),
            Ok(Some(account)) if account.active == Some(false) => {
                format!("the target replaced account {old}, which is inactive")
            }
            Ok(Some(_)) => format!("the target replaced account {old}, which is still active: look at it there"),
            Err(failure) => format!("the target replaced account {old}, which could not be read: {}", failure.detail),
        }
    }

    async fn bearers_of_new_name(&mut self) -> Result<Vec<Resource>, Outcome> {
        let name = self.sent_user_name();
        match self.talk.search("userName", &name).await {
            Ok(Filtered::Hits(hits)) => Ok(hits),
            Ok(Filtered::Unusable(_)) => {
                let mut marks = Marks::default();
                marks.add("userName", Some(&name));
                match self.talk.find(&marks, Effort::Thorough).await {
                    Ok(Found::Hits(hits)) => Ok(hits),
                    Ok(Found::Unsearchable(why)) => Err(self.again(self.doubt(&why))),
                    Err(failure) => Err(self.again(failure)),
                }
            }
            Err(failure) => Err(self.again(failure)),
        }
    }
}

/// Whether an account that a rename replaced is gone or inactive: asked until it is, then it is no longer *retired*.
///
/// # Errors
/// A [`Failure`] if the target does not tell.
pub async fn is_retired(cx: Context<'_>, remote_id: &str) -> Result<bool, Failure> {
    let account = Conversation::new(cx).get(remote_id).await?;
    Ok(account.is_none_or(|account| account.active == Some(false)))
}
