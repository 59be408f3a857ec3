//! What came of an attempt, classified by the layer that saw it; the pusher obeys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::id::AppName;

/// Why an attempt failed: what it means for the event, the app and the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The endpoint could not be reached, was too slow or broke off (counts for the breaker).
    Endpoint,
    /// 5xx (counts for the breaker).
    Server,
    /// 401, or a 403 that a read confirms: the credential is refused (counts for the breaker).
    Credential,
    /// The answer is not SCIM (an HTML page with 200, broken JSON; counts for the breaker).
    NotScim,
    /// 429 in one of its forms.
    RateLimited,
    /// This user is refused: 400, 403, 413, 422 (never counts for the breaker).
    Refused,
    /// 409 or a taken name (never counts for the breaker).
    Conflict,
    /// 404 for an account that should be there.
    Missing,
    /// 200, but the change did not take.
    NotEffective,
}

impl FailureClass {
    /// Whether another attempt may help.
    pub fn retries(self) -> bool {
        matches!(self, Self::Endpoint | Self::Server | Self::Credential | Self::NotScim | Self::RateLimited)
    }

    /// Whether it says something about the endpoint rather than about one user.
    pub fn counts_for_breaker(self) -> bool {
        matches!(self, Self::Endpoint | Self::Server | Self::Credential | Self::NotScim)
    }

    /// What ops can do about it, for an app.
    pub fn remedy_for(self, app: &AppName) -> String {
        self.remedy().replace("APP", app.as_str())
    }

    /// What ops can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Endpoint => {
                "check that the target is up and the base URL is right (`usher apps test APP`); it is tried again by itself"
            }
            Self::Server => "the target has a fault of its own; it is tried again by itself",
            Self::Credential => "renew the credential the app refers to, then `usher apps test APP`",
            Self::NotScim => {
                "the base URL probably points at a web page, not at the SCIM endpoint; check it with `usher apps test APP`"
            }
            Self::RateLimited => "nothing: it is sent again when the target allows",
            Self::Refused => {
                "correct the value the target complains about (directory or rule); the next cycle tries the new payload, `usher retry` the same one"
            }
            Self::Conflict => {
                "look at the account at the target: adopt it with `usher rematch USER APP`, or free the name there, then `usher retry`"
            }
            Self::Missing => "the account was removed at the target; re-creating it waits for an approval",
            Self::NotEffective => {
                "the target accepts this change without making it; change the connector's patch_style or update verb, or leave the attribute out of the rule"
            }
        }
    }
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What it means.
    pub class: FailureClass,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The target's words or ours, redacted, at most 2 KiB.
    pub detail: String,
    /// When the target wants to be asked again.
    pub retry_after: Option<Timestamp>,
}

/// One request and its answer as the history keeps it; bodies are redacted and at most 2 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// `POST`, …
    pub method: String,
    /// Path and query below the base URL.
    pub path: String,
    /// HTTP status; `None` = no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub millis: u32,
    /// What was sent.
    pub request: String,
    /// What came back.
    pub answer: String,
}

/// What the account is after a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The account's id at the target (new after a create, a link, or a rename that replaces).
    pub remote_id: Option<String>,
    /// Values found at the target that become the base (a link), by attribute path.
    pub found: BTreeMap<String, Value>,
    /// Whether the account was active there (a link).
    pub found_active: bool,
    /// The id that was replaced (a rename that replaces).
    pub replaced: Option<String>,
    /// Something worth telling, in words: *already gone*, *the target keeps no externalId*.
    pub note: String,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Succeeded(Done),
    /// Not done; try again at `due`.
    Retry {
        /// Why.
        failure: Failure,
        /// When.
        due: Timestamp,
    },
    /// The request may or may not have been carried out: to be found out before anything is sent again.
    Unknown {
        /// Why we do not know.
        failure: Failure,
        /// When to look.
        due: Timestamp,
    },
    /// Not done, and another attempt with the same payload does not help.
    Failed(Failure),
    /// An answer that would make someone else's account ours: presence becomes `conflict`.
    Conflict(Failure),
    /// A known id answers 404: presence becomes `lost`; re-creation is planned and held.
    Lost(Failure),
    /// Cleared at planning, void at the attempt (payload, approval, app or generation changed): planned again.
    Void {
        /// Why, in words.
        why: String,
    },
}

impl Outcome {
    /// The word in logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "success",
            Self::Retry { .. } => "another attempt",
            Self::Unknown { .. } => "not known",
            Self::Failed(_) => "failure",
            Self::Conflict(_) => "conflict",
            Self::Lost(_) => "lost",
            Self::Void { .. } => "void",
        }
    }
}
