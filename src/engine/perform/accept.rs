//! Whether an account may be taken for the one we created (`reliability.md` section 3, cases 2, 3 and 6; `design.md` section 6,
//! last paragraph). When in doubt, it is not: a person looks.

use crate::clock::{Span, Timestamp};
use crate::connector::capability::FilterProbe;
use crate::engine::perform::attempt::{Attempt, done};
use crate::engine::perform::lesson::Lesson;
use crate::provision::account::Observation;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::scim::decode::{Resource, fold};
use crate::scim::encode;

/// How far the target's clock may be from ours, and its times rounded, when an account's age is compared with the intent.
pub const CLOCK_SKEW_MAX: Span = Span::from_secs(60);

/// What speaks for a hit that does not bear our externalId.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// None: our request was refused.
    None,
    /// Our request may have been carried out, at or after this time.
    MayHaveArrived(Timestamp),
    /// The target said 201, without showing what it created.
    SaidCreated,
}

impl Attempt<'_> {
    /// An answer of 201 that shows the account.
    pub async fn accept_created(&mut self, mut resource: Resource) -> Outcome {
        let echoes_id =
            self.external_id().is_none() || !self.cx().keeps_external_id() || resource.external_id.is_some();
        let other_name = resource.user_name.is_some() && !self.bears_sent_name(&resource);
        if !other_name && (resource.user_name.is_none() || !echoes_id) {
            // Not everything is echoed: what is stored counts.
            match self.talk.get(&resource.id).await {
                Ok(Some(stored)) => resource = stored,
                Ok(None) => return self.unknown(self.doubt("the account that was just created can't be read yet")),
                Err(failure) => return self.unknown(failure),
            }
        }
        match self.check_identity(&resource) {
            Ok(keeps) => {
                let note = if keeps == Some(false) { "the target keeps no externalId" } else { "" };
                self.take(&resource, keeps, note).await
            }
            Err(why) => self.conflict(&why),
        }
    }

    /// Whether the account has the userName that was sent, without case.
    pub fn bears_sent_name(&self, resource: &Resource) -> bool {
        resource.user_name.as_deref().is_some_and(|name| fold(name) == fold(&self.sent_user_name()))
    }

    /// userName and externalId as sent, or as far as the target is known to change them. Returns whether externalId is kept, as
    /// far as this shows.
    fn check_identity(&self, resource: &Resource) -> Result<Option<bool>, String> {
        if !self.bears_sent_name(resource) {
            let shown = resource.user_name.as_deref().unwrap_or("no userName");
            let (wanted, id) = (self.sent_user_name(), &resource.id);
            return Err(format!("asked for userName {wanted}, the target shows account {id} with {shown}"));
        }
        match (self.external_id(), resource.external_id.as_deref()) {
            (None, _) => Ok(None),
            (Some(sent), Some(got)) if sent == got => Ok(Some(true)),
            (Some(_), Some(got)) if self.cx().named_by(got).is_some_and(|user| user != self.event.user()) => {
                Err(format!("account {} bears the externalId of another user of ours", resource.id))
            }
            _ if !self.cx().keeps_external_id() => Ok(None),
            (Some(_), None) if self.cx().learned.keeps_external_id.is_none() => Ok(Some(false)),
            (Some(_), None) => Err(format!("account {} bears no externalId, though this target keeps it", resource.id)),
            (Some(_), Some(_)) => Err(format!("account {} bears an externalId that we did not send", resource.id)),
        }
    }

    /// userName as it was sent: as this target takes it.
    pub fn sent_user_name(&self) -> String {
        let name = self.event.operation.user_name.as_str().into();
        encode::shape(self.cx().connector(), "userName", &name).as_text().unwrap_or_default().to_owned()
    }

    /// Takes the account, unless the ledger knows its id under another user.
    async fn take(&mut self, resource: &Resource, keeps: Option<bool>, note: &str) -> Outcome {
        // A filter that is half proven is searched with after this: not for an account that is someone else's.
        let more_follows = self.cx().learned.filters.values().any(|probe| *probe == FilterProbe::HalfProven);
        let owner = if self.cx().owners.finish_asks() && !more_follows {
            Ok(None)
        } else {
            self.other_owner(&resource.id).await
        };
        match owner {
            Err(outcome) => outcome,
            Ok(Some(owner)) => self.conflict(&format!(
                "the target answered with account {}, which is {owner}'s in the ledger",
                resource.id
            )),
            Ok(None) => {
                if let Some(keeps) = keeps
                    && self.cx().learned.keeps_external_id != Some(keeps)
                {
                    self.talk.lessons.push(Lesson::KeepsExternalId(keeps));
                }
                let mut done = done(Some(resource.id.clone()), note);
                done.found_active = resource.active.unwrap_or(true);
                Outcome::Succeeded(done)
            }
        }
    }

    /// What a search for the account found, when the answer to the create did not tell.
    pub async fn judge(&mut self, hits: &[Resource], evidence: Evidence, failure: Failure) -> Outcome {
        let ours: Vec<&Resource> = hits.iter().filter(|hit| self.bears_our_id(hit)).collect();
        match (ours.as_slice(), hits) {
            ([one], _) => {
                let sent_form = self.external_id().is_some_and(|sent| one.external_id.as_deref() == Some(sent));
                self.take(one, sent_form.then_some(true), "found again by its externalId").await
            }
            ([_, ..], _) => self.conflict("several accounts bear this user's externalId"),
            ([], [one]) => match self.plausible(one, evidence) {
                Ok(()) => {
                    let keeps = (self.external_id().is_some() && one.external_id.is_none()).then_some(false);
                    let note = "found again by its userName: no account had it before, and this one is not older than the request";
                    self.take(one, keeps, note).await
                }
                Err(why) => self.conflict_with(&failure, &format!("account {} has this userName: {why}", one.id)),
            },
            _ => self.conflict_with(&failure, "several accounts have this userName or another matching value"),
        }
    }

    /// Whether a hit without our externalId may be taken for ours: the target keeps none or a foreign form, nobody had the name
    /// before, and the account is not older than the intent.
    fn plausible(&self, hit: &Resource, evidence: Evidence) -> Result<(), String> {
        if evidence == Evidence::None {
            return Err("Usher did not create it".to_owned());
        }
        self.check_identity(hit)?;
        let Evidence::MayHaveArrived(since) = evidence else { return Ok(()) };
        if !matches!(self.account.observation, Observation::Absent { .. }) {
            return Err("it is not known that the name was free before".to_owned());
        }
        match hit.created {
            Some(created) if created >= since.minus(CLOCK_SKEW_MAX) => Ok(()),
            Some(created) => {
                Err(format!("it is older ({created}) than the request that may have created it ({since})"))
            }
            None => Err("the target does not say when it was created, so it may be older than our request".to_owned()),
        }
    }

    /// An answer that would make someone else's account ours.
    pub fn conflict(&self, why: &str) -> Outcome {
        Outcome::Conflict(Failure {
            class: FailureClass::Conflict,
            status: None,
            detail: crate::scim::redact::redact(why.as_bytes()),
            retry_after: None,
        })
    }

    fn conflict_with(&self, failure: &Failure, why: &str) -> Outcome {
        let detail = format!("{why} ({})", failure.detail);
        Outcome::Conflict(Failure { class: FailureClass::Conflict, detail, ..failure.clone() })
    }

    /// A failure that says: not known.
    pub fn doubt(&self, detail: &str) -> Failure {
        Failure { class: FailureClass::Server, status: None, detail: detail.to_owned(), retry_after: None }
    }
}
