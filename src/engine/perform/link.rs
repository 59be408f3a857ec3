//! Link: reads the account that is to be adopted and writes nothing.

use crate::directory::value::Value;
use crate::engine::perform::attempt::{Attempt, done};
use crate::provision::account::Observation;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::scim::decode::Resource;

impl Attempt<'_> {
    /// Reads the account, makes sure that it is still the one that was approved, and takes its values as the base.
    pub async fn link(&mut self) -> Outcome {
        let id = match self.remote_id() {
            Ok(id) => id,
            Err(outcome) => return outcome,
        };
        let resource = match self.talk.get(id).await {
            Ok(Some(resource)) => resource,
            Ok(None) => {
                return self.ended(Failure {
                    class: FailureClass::Missing,
                    status: Some(404),
                    detail: format!("account {id} is no longer there"),
                    retry_after: None,
                });
            }
            Err(failure) => return self.ended(failure),
        };
        if let Some(why) = self.no_longer_matches(&resource) {
            return self.conflict(&why);
        }
        match self.other_owner(id).await {
            Err(outcome) => outcome,
            // An approver may hand an account over from one user to another (the finding says so); the store moves it.
            Ok(Some(owner)) if !self.handed_over(owner) => {
                self.conflict(&format!("account {id} is {owner}'s in the ledger"))
            }
            Ok(_) => {
                let mut done = done(Some(id.to_owned()), "");
                done.found_active = resource.active.unwrap_or(true);
                done.found = resource.values;
                Outcome::Succeeded(done)
            }
        }
    }

    /// Whether the value that the account was matched on has changed since it was observed.
    fn no_longer_matches(&self, resource: &Resource) -> Option<String> {
        let Observation::ThirdParty { matched_on, values, .. } = &self.account.observation else { return None };
        let was = values.get(matched_on).and_then(Value::as_text)?;
        (!resource.has(matched_on, was))
            .then(|| format!("account {} no longer has {matched_on} {was}, on which it was matched", resource.id))
    }

    fn handed_over(&self, owner: crate::id::UserId) -> bool {
        matches!(&self.account.observation, Observation::OwnedByOther { owner: seen, .. } if *seen == owner)
            && self.event.decisions.last().is_some()
    }
}
