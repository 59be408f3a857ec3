//! An app: a configured instance of a connector, as `apps/NAME.toml` describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Span;
use crate::connector::descriptor::Connector;
use crate::connector::grants::EntitlementPolicy;
use crate::connector::groups::GroupMode;
use crate::connector::reconcile::ReconcilePolicy;
use crate::digest::{Digest, Hasher};
use crate::directory::assignment::AssignRule;
use crate::directory::role::RoleDefinition;
use crate::id::{AppName, Name};
use crate::provision::approval::Demand;
use crate::provision::guard::finding::Finding;
use crate::provision::guard::policy::GuardPolicy;
use crate::provision::operation::{Kind, Operation};
use crate::text::{self, FileError};

/// An app file. Its name is the file's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The connector's name.
    pub connector: Name,
    /// What people call it; the name if empty.
    #[serde(default)]
    pub title: String,
    /// `https://…`, without a trailing slash; `http://` only for loopback.
    pub base_url: String,
    /// Where the bearer token is read from: `env:NAME`, `file:PATH` or `sealed`. Never the token itself.
    pub credential: CredentialRef,
    /// The rules file below `rules/`.
    pub rules: String,
    /// Cron expression, five fields (minute hour day month weekday), UTC unless `timezone` says otherwise; empty = by kicks only.
    #[serde(default)]
    pub schedule: String,
    /// IANA time zone of the schedule.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Who gets the app.
    #[serde(default)]
    pub assign: AssignRule,
    /// App roles from least to most.
    #[serde(default)]
    pub app_role_order: Vec<String>,
    /// What happens when an account exists that Usher did not create.
    #[serde(default)]
    pub on_existing: OnExisting,
    /// What an adoption may overwrite.
    #[serde(default)]
    pub adopt_mode: AdoptMode,
    /// Leaving policies.
    #[serde(default)]
    pub leaving: LeavingPolicies,
    /// Kinds of operation that wait for an approver.
    #[serde(default)]
    pub approvals: Approvals,
    /// What the guards look for and do.
    #[serde(default)]
    pub guard: GuardPolicy,
    /// Groups and other entitlements: when they are read, and what may be done with them.
    #[serde(default)]
    pub entitlements: EntitlementPolicy,
    /// When the target is compared with what we pushed, and what becomes of differences.
    #[serde(default)]
    pub reconcile: ReconcilePolicy,
    /// Rates, concurrency, time-outs.
    #[serde(default)]
    pub limits: Limits,
    /// Private address ranges are dialled only if this says so (loopback always is).
    #[serde(default)]
    pub allow_private_network: bool,
    /// Certificates (PEM) of the authorities that the target's own must come from; the system's if empty. An app without any has the
    /// digest that it always had.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tls_ca: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Where a credential is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialRef {
    /// An environment variable.
    Env(String),
    /// A file, relative to the workspace; one trailing newline is dropped.
    File(String),
    /// The store: entered in the console or with `usher apps secret`, sealed for this app at this origin.
    Sealed,
}

impl FromStr for CredentialRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            // The value is not repeated: people paste tokens here.
            None if text == "sealed" => Ok(Self::Sealed),
            _ => {
                Err("a credential is a reference, `env:NAME`, `file:PATH` or `sealed`, never the secret itself"
                    .to_owned())
            }
        }
    }
}

impl fmt::Display for CredentialRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Sealed => f.write_str("sealed"),
        }
    }
}

impl Serialize for CredentialRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CredentialRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What happens when an account exists that is not in the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExisting {
    /// An approver may adopt it.
    #[default]
    Hold,
    /// It is adopted.
    Adopt,
    /// It is left alone.
    Skip,
}

/// What an adoption may overwrite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptMode {
    /// Only what is empty there.
    #[default]
    Fill,
    /// Whatever differs.
    Overwrite,
    /// Nothing.
    Observe,
}

/// What happens when a user leaves an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeavingPolicy {
    /// Freeze: no updates, the ledger is kept, shown *Kept*.
    Nothing,
    /// `active = false`.
    Deactivate,
    /// Deactivate, then delete (after `delete_after`); only accounts of origin `created` unless the app says otherwise.
    Delete,
}

/// Leaving policies (`design.md` section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeavingPolicies {
    /// The user is suspended: `deactivate` or `nothing`.
    pub on_suspend: LeavingPolicy,
    /// The user lost the app.
    pub on_unassign: LeavingPolicy,
    /// The user was deleted.
    pub on_delete: LeavingPolicy,
    /// How long after the deactivation a delete is planned; `0s` = at once, without deactivation first.
    pub delete_after: Span,
    /// Whether adopted accounts may be deleted too.
    pub delete_adopted: bool,
    /// Whether what we granted a leaver is taken back; otherwise memberships stay with the deactivated account.
    pub revoke_on_leave: bool,
}

impl Default for LeavingPolicies {
    fn default() -> Self {
        Self {
            on_suspend: LeavingPolicy::Deactivate,
            on_unassign: LeavingPolicy::Deactivate,
            on_delete: LeavingPolicy::Deactivate,
            delete_after: Span::from_days(30),
            delete_adopted: false,
            revoke_on_leave: false,
        }
    }
}

/// Kinds of operation that wait for an approver, beside what guards hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// Creates.
    pub create: bool,
    /// Updates.
    pub update: bool,
    /// Renames.
    pub rename: bool,
    /// Deactivations.
    pub deactivate: bool,
    /// Reactivations.
    pub reactivate: bool,
    /// Deletes.
    pub delete: bool,
    /// How long an approver has; leavers and adoptions never expire.
    pub expire_after: Span,
    /// What two different operators must approve: kinds, findings, `batch`.
    pub two: BTreeSet<Demand>,
}

impl Approvals {
    /// Whether an operation waits for an approver because of what kind it is.
    pub fn asks(&self, operation: &Operation) -> bool {
        operation.kinds().into_iter().any(|kind| {
            let asked = match kind {
                Kind::Link => false,
                Kind::Create => self.create,
                Kind::Update => self.update,
                Kind::Rename => self.rename,
                Kind::Deactivate => self.deactivate,
                Kind::Reactivate => self.reactivate,
                Kind::Delete => self.delete,
            };
            asked || self.two.contains(&Demand::Kind(kind))
        })
    }

    /// Whether two different operators must approve an operation with `findings`.
    pub fn asks_two(&self, operation: &Operation, findings: &[Finding]) -> bool {
        self.two.iter().any(|demand| demand.concerns(operation, findings))
    }
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            create: false,
            update: false,
            rename: false,
            deactivate: false,
            reactivate: false,
            delete: true,
            expire_after: Span::from_hours(72),
            two: BTreeSet::new(),
        }
    }
}

/// Rates, concurrency, time-outs (`reliability.md` section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests in flight, 1 to 64; 0 = 4.
    pub concurrency: u32,
    /// Requests a second; 0 = start at 10 and climb to the connector's `rate_max`; loopback targets have none unless set.
    pub rate: u32,
    /// Seconds to connect.
    pub connect_timeout_secs: u64,
    /// Seconds for a whole request.
    pub timeout_secs: u64,
    /// Seconds for a page of a list.
    pub list_timeout_secs: u64,
    /// How long creates and updates are retried before they fail for good.
    pub give_up_after: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 4,
            rate: 0,
            connect_timeout_secs: 5,
            timeout_secs: 20,
            list_timeout_secs: 60,
            give_up_after: Span::from_days(7),
        }
    }
}

impl App {
    /// Parses and checks an app file.
    ///
    /// # Errors
    /// A [`FileError`] with line and column for TOML and unknown keys; about the whole file for contradictions.
    pub fn parse(file: &Path, source: &str) -> Result<Self, FileError> {
        let app: Self = text::from_toml(file, source)?;
        let wrong = |reason: String| Err(FileError::whole(file, reason));
        let rest = app.base_url.strip_prefix("https://").or_else(|| app.base_url.strip_prefix("http://"));
        if rest.is_none_or(str::is_empty) {
            return wrong(format!("base_url `{}` must start with https:// (http:// only for loopback)", app.base_url));
        }
        if app.base_url.starts_with("http://") && !app.is_loopback() {
            return wrong(format!(
                "base_url `{}` sends the token in the clear; use https:// (http:// is for loopback only)",
                app.base_url
            ));
        }
        if app.base_url.contains('{') {
            return wrong(format!("base_url `{}` still has a {{PLACEHOLDER}} to fill in", app.base_url));
        }
        if app.leaving.on_suspend == LeavingPolicy::Delete {
            return wrong("leaving.on_suspend is `deactivate` or `nothing`: a suspended user comes back".to_owned());
        }
        for grant in app.assign.app_roles.keys() {
            let listed = match grant.split_once(':') {
                Some(("role", name)) => app.assign.roles.iter().any(|role| role == name),
                Some(("group", name)) => app.assign.groups.iter().any(|group| group == name),
                _ => grant == "everyone" && app.assign.everyone,
            };
            if !listed {
                return wrong(format!(
                    "assign.app_roles names `{grant}`, which assign does not list; use `role:NAME` or `group:NAME` of its roles and groups"
                ));
            }
        }
        if let Some(reason) = app.entitlements.contradiction().or_else(|| app.reconcile.contradiction()) {
            return wrong(reason);
        }
        if let Some(reason) = app.mistaken_ca() {
            return wrong(reason.to_owned());
        }
        if app.limits.concurrency > 64 {
            return wrong(format!("limits.concurrency is {}, the most is 64", app.limits.concurrency));
        }
        Ok(app)
    }

    /// What `tls_ca` is, if it can't be what it should be. The text is not repeated: it may be a key.
    fn mistaken_ca(&self) -> Option<&'static str> {
        if self.tls_ca.is_empty() {
            None
        } else if self.tls_ca.contains("PRIVATE KEY-----") {
            Some("tls_ca holds a private key; it takes the certificate of the authority, and nothing secret")
        } else if !self.tls_ca.contains("-----BEGIN CERTIFICATE-----") {
            Some(
                "tls_ca is no certificate; expected the text of a PEM file, -----BEGIN CERTIFICATE----- and what follows",
            )
        } else if self.base_url.starts_with("http://") {
            Some("tls_ca says whose certificate the target must have, but base_url is http://")
        } else {
            None
        }
    }

    /// Whether the base URL names this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    }

    /// `host` of the base URL, without port.
    pub fn host(&self) -> &str {
        let rest = self.base_url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        match authority.rfind(']') {
            Some(end) => &authority[..=end],
            None => authority.split(':').next().unwrap_or(""),
        }
    }

    /// Scheme, host and port of the base URL: what an approval is bound to.
    pub fn origin(&self) -> String {
        match self.base_url.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or(rest)),
            None => self.base_url.clone(),
        }
    }
}

/// An app with everything it is made of, as one revision has it.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSpec {
    /// The app's name.
    pub name: AppName,
    /// Its definition.
    pub app: App,
    /// Its connector.
    pub connector: Connector,
    /// Path of the rules below the workspace, for messages.
    pub rules_file: String,
    /// The rules' text.
    pub rules_source: String,
    /// The examples' text, empty if there are none.
    pub examples_source: String,
    /// Role definitions by condition (all of them: rules may ask for any).
    pub roles: Vec<RoleDefinition>,
    /// Over app, connector, rules and roles: a pair is planned again when it changes.
    pub digest: Digest,
}

impl AppSpec {
    /// Puts the parts together and computes the digest.
    pub fn new(
        name: AppName,
        app: App,
        connector: Connector,
        rules: (String, String, String),
        roles: Vec<RoleDefinition>,
    ) -> Self {
        let (rules_file, rules_source, examples_source) = rules;
        let digest = Hasher::new().value(&app).value(&connector).text(&rules_source).value(&roles).finish();
        Self { name, app, connector, rules_file, rules_source, examples_source, roles, digest }
    }

    /// What the app wants of its connector that the connector can't do, in words.
    pub fn contradiction(&self) -> Option<String> {
        let (entitlements, groups) = (&self.app.entitlements, &self.connector.groups);
        if entitlements.create_missing && groups.mode != GroupMode::Full {
            return Some(format!(
                "entitlements.create_missing is true, but connector `{}` can't create groups",
                self.connector.name
            ));
        }
        if !entitlements.refresh.is_empty() && !groups.exist() && self.connector.entitlements.is_empty() {
            return Some(format!(
                "entitlements.refresh is `{}`, but connector `{}` has neither groups nor other entitlements",
                entitlements.refresh, self.connector.name
            ));
        }
        None
    }

    /// What people call the app.
    pub fn title(&self) -> &str {
        if self.app.title.is_empty() { self.name.as_str() } else { &self.app.title }
    }
}

/// Apps by name.
pub type Apps = BTreeMap<AppName, AppSpec>;
