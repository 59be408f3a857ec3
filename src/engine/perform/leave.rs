//! Deactivate and delete: never given up, and done when the account is inactive or gone, however it came to that.

use crate::connector::descriptor::Deactivation;
use crate::engine::perform::attempt::{Attempt, succeeded};
use crate::provision::guard::Cleared;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::scim::decode::Resource;
use crate::scim::filter::resource_path;
use crate::scim::target::Method;

impl Attempt<'_> {
    /// Carries out a deactivation.
    pub async fn deactivate(&mut self, cleared: &Cleared) -> Outcome {
        match self.cx().connector().users.deactivate {
            Deactivation::Active => match self.write(cleared, Some(false)).await {
                Ok(()) => succeeded(self.event.operation.remote_id.clone(), ""),
                Err(outcome) => outcome,
            },
            Deactivation::Delete => self.send_delete(|resource| resource.active != Some(true)).await,
            Deactivation::None => self.ended(self.impossible("this kind of target can't deactivate accounts")),
        }
    }

    /// Carries out a delete.
    pub async fn delete(&mut self, _cleared: &Cleared) -> Outcome {
        if !self.cx().connector().users.delete {
            return self.ended(self.impossible("this kind of target can't delete accounts"));
        }
        // Some keep a deleted account to be seen, deactivated.
        self.send_delete(|resource| resource.active == Some(false)).await
    }

    fn impossible(&self, why: &str) -> Failure {
        Failure { class: FailureClass::Refused, status: None, detail: why.to_owned(), retry_after: None }
    }

    /// Sends a DELETE; `gone` says whether an account that is still shown counts as done.
    async fn send_delete(&mut self, gone: fn(&Resource) -> bool) -> Outcome {
        let id = match self.remote_id() {
            Ok(id) => id,
            Err(outcome) => return outcome,
        };
        let path = resource_path(&self.cx().connector().users.path, id);
        let answer = match self.talk.send(Method::Delete, path, None).await {
            Ok(answer) => answer,
            Err(silence) => return self.silent(silence),
        };
        match answer.status {
            204 => succeeded(Some(id.to_owned()), ""),
            // 200 also comes for accounts that were never found, and with pages that are no SCIM.
            200..=203 => {
                self.after_delete(gone, self.doubt("the target said yes to a DELETE, but still shows the account"))
                    .await
            }
            500..=599 => {
                // A second DELETE is answered with 500 by some.
                let failure = self.talk.look_into(&answer).await;
                if failure.class == FailureClass::Server {
                    self.after_delete(gone, failure).await
                } else {
                    self.ended(failure)
                }
            }
            _ => match self.written(&answer).await {
                Ok(()) => succeeded(Some(id.to_owned()), ""),
                Err(outcome) => outcome,
            },
        }
    }

    /// Looks whether the account is gone; `failure` is what it failed with if it is not.
    pub async fn after_delete(&mut self, gone: fn(&Resource) -> bool, failure: Failure) -> Outcome {
        let id = match self.remote_id() {
            Ok(id) => id,
            Err(outcome) => return outcome,
        };
        match self.talk.get(id).await {
            Ok(None) => succeeded(Some(id.to_owned()), ""),
            Ok(Some(resource)) if gone(&resource) => {
                succeeded(Some(id.to_owned()), "the target keeps the account, deactivated")
            }
            Ok(Some(_)) => self.again(failure),
            Err(failure) => self.unknown(failure),
        }
    }
}
