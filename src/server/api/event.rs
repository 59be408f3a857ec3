//! An event, as answers show it: what it does, why, where it stands, who decided.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::directory::value::Value;
use crate::engine::pending;
use crate::history::sentence;
use crate::provision::approval;
use crate::provision::edge::EdgeChange;
use crate::provision::entry::{self, Fact};
use crate::provision::event;
use crate::provision::guard::finding;
use crate::provision::operation;
use crate::server::api::reply::word;
use crate::server::api::words::{Kind, Ruling, Severity, Status};

/// One event: the life of one operation for one user in one app.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Its number.
    #[schema(example = "evt_42")]
    pub id: String,
    /// The app.
    #[schema(example = "nulab")]
    pub app: String,
    /// The user's id.
    #[schema(example = "usr_01a200d26d8f73b194ac9ea87e76713e")]
    pub user: String,
    /// What people call the user.
    pub name: String,
    /// The userName that the account has or will have.
    pub user_name: String,
    /// The account's id at the target, if it has one.
    pub remote_id: Option<String>,
    /// What it does.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// The same, as people read it.
    #[schema(example = "Provisioned")]
    pub shown: String,
    /// Why it stands there and what to do; empty when all is well.
    pub reason: String,
    /// Why the user has the app, or loses it.
    pub because: String,
    /// The plan that it came from.
    pub plan: String,
    /// The held batch that it belongs to, if it does.
    pub batch: Option<String>,
    /// What would be sent, as a digest: approvals are for exactly this.
    pub payload: String,
    /// Attributes that it changes.
    pub changes: Vec<Change>,
    /// Entitlements that it adds and removes.
    pub entitlements: Vec<EntitlementChange>,
    /// What guards say about it.
    pub findings: Vec<Finding>,
    /// Decisions, oldest first.
    pub decisions: Vec<Decision>,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was filed (RFC 3339).
    pub filed_at: String,
    /// Since when the user waits for this.
    pub waiting_since: String,
    /// When its status last changed.
    pub changed_at: String,
    /// Since when it is asked again because nobody decided in time.
    pub escalated_at: Option<String>,
}

/// One attribute, old and new.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// Its path.
    #[schema(example = "name.givenName")]
    pub path: String,
    /// What it was; null = no value.
    pub old: Option<serde_json::Value>,
    /// What it becomes; null = no value.
    pub new: Option<serde_json::Value>,
}

/// One entitlement that is added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EntitlementChange {
    /// `group`, `role`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id at the target; empty = it is created first.
    pub remote_id: String,
    /// True = added, false = removed.
    pub add: bool,
}

/// What a guard says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// What was found.
    #[schema(example = "third_party_account")]
    pub kind: String,
    /// What it leads to.
    pub severity: Severity,
    /// What that is, in a few words.
    pub title: String,
    /// The offending values, in words.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Decision {
    /// What.
    pub ruling: Ruling,
    /// The operator's name.
    pub by: String,
    /// Whether he decided about his own act.
    pub own: bool,
    /// Why.
    pub comment: String,
    /// When.
    pub at: String,
}

/// What an approver needs beside the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Asking {
    /// The user's e-mail address.
    pub email: Option<String>,
    /// The user as `source:key`.
    pub key: String,
    /// The change that caused it, in words.
    pub because: String,
    /// Whose change that was.
    pub caused_by: Vec<String>,
    /// When it was made.
    pub caused_at: Option<String>,
    /// Which line of which rule gives each value: attribute path → place.
    pub rules: BTreeMap<String, String>,
    /// The revision that the rules are of.
    pub revision: Option<String>,
    /// When it expires; null = never.
    pub expires_at: Option<String>,
    /// How many different operators must approve it.
    pub approvers: usize,
    /// Who approved it so far.
    pub approved: Vec<String>,
    /// Who may.
    pub deciders: Vec<String>,
    /// Why too few may, and how to get on.
    pub stuck: Option<String>,
}

/// One fact of an event's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    /// Its place in the chain.
    pub sequence: u64,
    /// When.
    pub at: String,
    /// `filed`, `decided`, `intent`, `attempted`, `stepped`, …
    pub what: String,
    /// In words.
    pub words: String,
    /// Requests of an attempt and their answers, secrets taken out.
    pub exchanges: Vec<Exchange>,
}

/// One request to the target and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exchange {
    /// `POST`, …
    pub method: String,
    /// Path and query below the base URL.
    pub path: String,
    /// The HTTP status; null = no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub milliseconds: u32,
    /// What was sent.
    pub request: String,
    /// What came back.
    pub answer: String,
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        let operation = &event.operation;
        Self {
            id: event.id.to_string(),
            app: operation.app.to_string(),
            user: operation.user.to_string(),
            name: operation.label.clone(),
            user_name: operation.user_name.clone(),
            remote_id: operation.remote_id.clone(),
            kind: operation.kind.into(),
            status: event.status.kind().into(),
            shown: event.shown().to_owned(),
            reason: sentence::reason(&event),
            because: operation.reason.clone(),
            plan: event.plan.to_string(),
            batch: event.batch.map(|batch| batch.to_string()),
            payload: event.payload.to_string(),
            changes: operation.changes.iter().map(Change::from).collect(),
            entitlements: operation.edges.iter().map(EntitlementChange::from).collect(),
            findings: event.findings.iter().map(Finding::from).collect(),
            decisions: event.decisions.iter().map(Decision::from).collect(),
            attempts: event.attempts,
            filed_at: event.filed_at.to_string(),
            waiting_since: event.waiting_since.to_string(),
            changed_at: event.changed_at.to_string(),
            escalated_at: event.escalated.map(|at| at.to_string()),
        }
    }
}

impl From<&operation::Change> for Change {
    fn from(change: &operation::Change) -> Self {
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_json);
        Self { path: change.path.clone(), old: json(&change.old), new: json(&change.new) }
    }
}

impl From<&EdgeChange> for EntitlementChange {
    fn from(change: &EdgeChange) -> Self {
        let EdgeChange { kind, remote_id, name, add } = change.clone();
        Self { kind, name, remote_id, add }
    }
}

impl From<&finding::Finding> for Finding {
    fn from(finding: &finding::Finding) -> Self {
        Self {
            kind: finding.kind.word(),
            severity: finding.severity.into(),
            title: finding.kind.title().to_owned(),
            detail: finding.detail.clone(),
            remedy: finding.kind.remedy().to_owned(),
        }
    }
}

impl From<&approval::Decision> for Decision {
    fn from(decision: &approval::Decision) -> Self {
        Self {
            ruling: decision.ruling.into(),
            by: decision.name.clone(),
            own: decision.own,
            comment: decision.comment.clone(),
            at: decision.at.to_string(),
        }
    }
}

impl From<pending::Asking> for Asking {
    fn from(asking: pending::Asking) -> Self {
        Self {
            email: asking.email,
            key: asking.key,
            because: asking.because.what,
            caused_by: asking.because.by,
            caused_at: asking.because.at.map(|at| at.to_string()),
            rules: asking.rules.into_iter().map(|rule| (rule.path, rule.place)).collect(),
            revision: asking.revision.map(|number| number.to_string()),
            expires_at: asking.expires.map(|at| at.to_string()),
            approvers: asking.approvers,
            approved: asking.approved,
            deciders: asking.deciders,
            stuck: asking.stuck,
        }
    }
}

impl Entry {
    /// An entry with its sentence.
    pub fn new(entry: entry::Entry, sentence: &str) -> Self {
        let at = entry.at.to_string();
        let words = sentence.strip_prefix(&at).map_or(sentence, str::trim_start).to_owned();
        let what = word(&entry.fact);
        let exchanges = match entry.fact {
            Fact::Attempted { exchanges, .. } => exchanges.into_iter().map(Exchange::from).collect(),
            _ => Vec::new(),
        };
        Self { sequence: entry.sequence, at, what, words, exchanges }
    }
}

impl From<crate::provision::outcome::Exchange> for Exchange {
    fn from(exchange: crate::provision::outcome::Exchange) -> Self {
        let crate::provision::outcome::Exchange { method, path, status, millis, request, answer } = exchange;
        Self { method, path, status, milliseconds: millis, request, answer }
    }
}
