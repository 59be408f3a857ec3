//! What a guard says about an operation or a plan.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::provision::operation::{Kind, Operation};

/// What a finding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Shown, nothing more.
    Clear,
    /// An approver must release the operation.
    Hold,
    /// The operation is forbidden.
    Refuse,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An account exists that Usher did not create.
    ThirdPartyAccount,
    /// The account found belongs to another user in the ledger, living or not.
    OwnedByOther,
    /// Several accounts match.
    Ambiguous,
    /// The account was lost at the target and would be made again.
    Recreation,
    /// A deleted account of ours is created anew.
    Rehire,
    /// The app role goes down.
    RoleDowngrade,
    /// A privileged value is granted.
    Privileged,
    /// userName changes in place.
    Rename,
    /// userName changes and the target replaces the account.
    RenameReplaces,
    /// userName changes and the target refuses that.
    RenameImpossible,
    /// externalId changes.
    ExternalIdChange,
    /// The user is protected.
    ProtectedUser,
    /// A required attribute has no value.
    RequiredMissing,
    /// A value is not among those allowed.
    ValueNotAllowed,
    /// The target does not have this attribute.
    UnsupportedAttribute,
    /// Two of our users want the same userName.
    DuplicateUserName,
    /// Several app roles of which one is not in `app_role_order`.
    UnlistedAppRole,
    /// A rule failed.
    RuleError,
    /// Too many rules failed: the app's batch is held.
    RuleErrors,
    /// An adopted account would be deleted.
    DeleteAdopted,
    /// Nothing at the target can be searched for.
    NoLookup,
    /// The app asks for an approval for this kind of operation.
    ApprovalRequired,
    /// The class exceeds the blast radius.
    BlastRadius,
    /// A manager has no account yet.
    Deferred,
    /// The rule's `in_scope`, not the user's state or assignment, makes him leave.
    OutOfScope,
    /// A rule grants an entitlement that the target does not have.
    UnknownEntitlement,
    /// A rule grants an entitlement of whose name there are several.
    AmbiguousEntitlement,
    /// A rule grants what has no members to add to.
    NotGrantable,
    /// An entitlement that we granted is gone at the target.
    EntitlementGone,
    /// The app's memberships are switched off.
    MembershipsOff,
    /// The vendor does not publish how members are changed.
    UnverifiedForm,
    /// The group is protected.
    ProtectedGroup,
    /// An account's `groups` would be written.
    GroupsWritten,
    /// The target's own admin deactivated the account, and it would be activated again.
    DeactivatedByTarget,
    /// The account that would be adopted has other values than the rules want.
    AdoptionDiffers,
    /// A protected account would be deleted.
    DeleteProtected,
    /// A generation of a source waits for a person.
    SourceParked,
    /// It follows from an import that shrank by more than goes unasked, and was applied because somebody said so.
    SourceShrunk,
    /// The target refused several users for the same reason.
    SameRefusal,
}

impl FindingKind {
    /// The severity unless the app's policy says otherwise (`reliability.md` section 4).
    pub fn default_severity(self) -> Severity {
        match self {
            Self::ThirdPartyAccount
            | Self::OwnedByOther
            | Self::Recreation
            | Self::RoleDowngrade
            | Self::Privileged
            | Self::RenameReplaces
            | Self::ExternalIdChange
            | Self::ProtectedUser
            | Self::NoLookup
            | Self::RuleErrors
            | Self::ApprovalRequired
            | Self::ProtectedGroup
            | Self::DeactivatedByTarget
            | Self::BlastRadius => Severity::Hold,
            Self::Ambiguous
            | Self::RenameImpossible
            | Self::RequiredMissing
            | Self::ValueNotAllowed
            | Self::UnsupportedAttribute
            | Self::DuplicateUserName
            | Self::UnlistedAppRole
            | Self::RuleError
            | Self::GroupsWritten
            | Self::DeleteProtected
            | Self::DeleteAdopted => Severity::Refuse,
            Self::Rehire
            | Self::Rename
            | Self::Deferred
            | Self::OutOfScope
            | Self::UnknownEntitlement
            | Self::AmbiguousEntitlement
            | Self::NotGrantable
            | Self::EntitlementGone
            | Self::MembershipsOff
            | Self::AdoptionDiffers
            | Self::SourceParked
            | Self::SourceShrunk
            | Self::SameRefusal
            | Self::UnverifiedForm => Severity::Clear,
        }
    }

    /// What no policy may go below: a fault has no payload that could be sent, and another user's account is never taken
    /// without a person's consent.
    pub fn least_severity(self) -> Severity {
        match self {
            Self::RuleError | Self::UnlistedAppRole | Self::GroupsWritten => Severity::Refuse,
            Self::OwnedByOther | Self::RuleErrors | Self::BlastRadius => Severity::Hold,
            _ => Severity::Clear,
        }
    }

    /// Whether it speaks of the plan as a whole: not part of an operation's payload.
    pub fn is_about_the_plan(self) -> bool {
        matches!(
            self,
            Self::BlastRadius | Self::RuleErrors | Self::SourceParked | Self::SourceShrunk | Self::SameRefusal
        )
    }

    /// The word in app files and JSON.
    pub fn word(self) -> String {
        // Unit variants serialise as their snake_case name.
        serde_json::to_value(self).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::ThirdPartyAccount => "an account exists that Usher did not create",
            Self::OwnedByOther => "the account found belongs to another user",
            Self::Ambiguous => "several accounts match",
            Self::Recreation => "the account was removed at the target and would be made again",
            Self::Rehire => "somebody who left comes back",
            Self::RoleDowngrade => "the app role goes down",
            Self::Privileged => "a privileged value is granted",
            Self::Rename => "the userName changes",
            Self::RenameReplaces => "the target replaces the account when its userName changes",
            Self::RenameImpossible => "the target does not allow a changed userName",
            Self::ExternalIdChange => "the externalId changes",
            Self::ProtectedUser => "the user is protected",
            Self::RequiredMissing => "a required attribute has no value",
            Self::ValueNotAllowed => "a value is not allowed",
            Self::UnsupportedAttribute => "the target does not have this attribute",
            Self::DuplicateUserName => "two users want the same userName",
            Self::UnlistedAppRole => "an app role is not in app_role_order",
            Self::RuleError => "the rule failed",
            Self::RuleErrors => "too many rules failed",
            Self::DeleteAdopted => "an adopted account would be deleted",
            Self::NoLookup => "the target can't be searched",
            Self::ApprovalRequired => "this kind of operation needs an approval",
            Self::BlastRadius => "more than the blast radius allows",
            Self::Deferred => "a reference waits for its account",
            Self::OutOfScope => "the rule's in_scope says no",
            Self::UnknownEntitlement => "not granted: the target does not have it",
            Self::AmbiguousEntitlement => "not granted: several have this name",
            Self::NotGrantable => "not granted: it has no members",
            Self::EntitlementGone => "gone at the target: forgotten, nothing is sent",
            Self::MembershipsOff => "memberships are switched off for this app",
            Self::UnverifiedForm => "the form of membership changes is unverified",
            Self::ProtectedGroup => "the group is protected",
            Self::GroupsWritten => "`groups` of an account would be written",
            Self::DeactivatedByTarget => "somebody deactivated the account at the target",
            Self::AdoptionDiffers => "the account has other values than the rules want",
            Self::DeleteProtected => "a protected account would be deleted",
            Self::SourceParked => "an import waits for a decision, and nothing of it is in this plan",
            Self::SourceShrunk => "this follows from an import that shrank, and was applied all the same",
            Self::SameRefusal => "the target refuses several users for the same reason",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::ThirdPartyAccount => "approve to adopt the account, or reject to leave it alone",
            Self::OwnedByOther => {
                "compare the two users; reject, and correct the one that is wrong, or approve to hand the account over"
            }
            Self::Ambiguous => "leave one account with this value at the target, then `usher retry`",
            Self::Recreation => "approve to create it again, or reject if it was removed on purpose",
            Self::RoleDowngrade | Self::Privileged | Self::ExternalIdChange | Self::ProtectedUser => {
                "approve if this is meant, or reject and correct the directory or the rule"
            }
            Self::RenameReplaces => {
                "approve to let the target replace the account; the old one is deactivated and checked"
            }
            Self::RenameImpossible => {
                "keep the old userName with an override (`usher users set`), or rename at the target by hand"
            }
            Self::RequiredMissing => "give the user a value in the source, or a default in the rule",
            Self::ValueNotAllowed => "use one of the values the connector allows",
            Self::UnsupportedAttribute => "take the attribute out of the rule",
            Self::DuplicateUserName => "correct one of the users in the source",
            Self::UnlistedAppRole => "add the role to app_role_order, or take one of the grants away",
            Self::RuleError | Self::RuleErrors => "correct the rule (`usher rules check`), then `usher apply`",
            Self::DeleteProtected => {
                "take the user out of guard.protected first, or delete the account at the target by hand"
            }
            Self::SourceParked => {
                "look at it with `usher imports show`, then `usher imports apply` or `usher imports drop`"
            }
            Self::SourceShrunk => "compare with `usher imports show`; if it was a mistake, import the right file again",
            Self::SameRefusal => {
                "correct the rule or the values it complains about; `usher history --status failed` lists the users"
            }
            Self::DeleteAdopted => "delete it at the target by hand, or set leaving.delete_adopted = true",
            Self::NoLookup => "make the target searchable, or approve to create without looking first",
            Self::ApprovalRequired => "approve or reject it",
            Self::BlastRadius => "look at what caused it, then approve the batch or reject it",
            Self::UnknownEntitlement => {
                "make it at the target, correct the name, or set entitlements.create_missing = true; then `usher apps refresh`"
            }
            Self::AmbiguousEntitlement => "rename one of them at the target, then `usher apps refresh`",
            Self::NotGrantable => "set the attribute in `account()`",
            Self::ProtectedGroup => "approve if this is meant, or reject and correct the rule",
            Self::GroupsWritten => "use `fn entitlements(user)` and `grant(\"group\", name)`",
            Self::DeactivatedByTarget => "approve to activate it again, or reject to leave it as it is",
            Self::MembershipsOff => "set entitlements.memberships = true when they may be sent",
            Self::UnverifiedForm => "try one user first, and look at the target",
            Self::Rehire
            | Self::Rename
            | Self::Deferred
            | Self::OutOfScope
            | Self::AdoptionDiffers
            | Self::EntitlementGone => "nothing",
        }
    }
}

impl FromStr for FindingKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        serde_json::from_value(serde_json::Value::from(word)).map_err(|_| format!("`{word}` is no finding"))
    }
}

/// One finding about one operation or one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// What it leads to, by the app's policy.
    pub severity: Severity,
    /// The offending values, in words.
    pub detail: String,
}

impl Finding {
    /// With the default severity.
    pub fn new(kind: FindingKind, detail: impl Into<String>) -> Self {
        Self { kind, severity: kind.default_severity(), detail: detail.into() }
    }
}

impl Finding {
    /// Whether somebody should do something about it: it does not let the operation go on, or is worth a look in any case. What a policy
    /// clears that would be held otherwise asks for nothing.
    pub fn asks(&self) -> bool {
        let told = self.kind.default_severity() == Severity::Clear && self.kind.remedy() != "nothing";
        self.severity != Severity::Clear || told
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.title())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if self.asks() {
            write!(f, " → {}", self.kind.remedy())?;
        }
        Ok(())
    }
}

/// A class of the blast radius: what is counted together. One string in readable formats (`create`, `update:title`), so that it
/// can be a key of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Class {
    /// New accounts.
    Create,
    /// Changes of one attribute.
    Update(String),
    /// One attribute losing its value.
    Clear(String),
    /// Renames and externalId changes.
    Rename,
    /// Deactivations and deletes.
    Leave,
    /// Edge removals.
    EdgeRemoval,
    /// Adoptions: never counted, but decided together.
    Adoption,
}

impl Class {
    /// The classes an operation counts for. A link writes nothing and a reactivation gives back: they have none.
    pub fn of(operation: &Operation) -> Vec<Self> {
        let mut classes = Vec::new();
        match operation.kind {
            Kind::Create => classes.push(Self::Create),
            Kind::Rename => classes.push(Self::Rename),
            Kind::Deactivate | Kind::Delete => classes.push(Self::Leave),
            Kind::Update => classes.extend(operation.changes.iter().map(|change| match change.new {
                Some(_) => Self::Update(change.path.clone()),
                None => Self::Clear(change.path.clone()),
            })),
            Kind::Link | Kind::Reactivate => {}
        }
        // What a leaver loses counts as his leaving: a single one must not be held for his many groups.
        if !operation.kind.is_leaving() && operation.edges.iter().any(|edge| !edge.add) {
            classes.push(Self::EdgeRemoval);
        }
        classes
    }
}

impl Class {
    /// How much an operation counts for a class: edge removals each, everything else once.
    pub fn weight(&self, operation: &Operation) -> u64 {
        match self {
            Self::EdgeRemoval => operation.edges.iter().filter(|edge| !edge.add).count() as u64,
            _ => 1,
        }
    }
}

impl From<Class> for String {
    fn from(class: Class) -> Self {
        match class {
            Class::Create => "create".to_owned(),
            Class::Update(path) => format!("update:{path}"),
            Class::Clear(path) => format!("clear:{path}"),
            Class::Rename => "rename".to_owned(),
            Class::Leave => "leave".to_owned(),
            Class::EdgeRemoval => "edge_removal".to_owned(),
            Class::Adoption => "adoption".to_owned(),
        }
    }
}

impl TryFrom<String> for Class {
    type Error = String;
    fn try_from(word: String) -> Result<Self, String> {
        match word.split_once(':') {
            Some(("update", path)) => return Ok(Self::Update(path.to_owned())),
            Some(("clear", path)) => return Ok(Self::Clear(path.to_owned())),
            _ => {}
        }
        match word.as_str() {
            "create" => Ok(Self::Create),
            "rename" => Ok(Self::Rename),
            "leave" => Ok(Self::Leave),
            "edge_removal" => Ok(Self::EdgeRemoval),
            "adoption" => Ok(Self::Adoption),
            _ => Err(format!(
                "`{word}` is no class; expected create, update:PATH, clear:PATH, rename, leave, edge_removal or adoption"
            )),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("creates"),
            Self::Update(path) => write!(f, "updates of {path}"),
            Self::Clear(path) => write!(f, "clearings of {path}"),
            Self::Rename => f.write_str("renames"),
            Self::Leave => f.write_str("deactivations and deletes"),
            Self::EdgeRemoval => f.write_str("entitlement removals"),
            Self::Adoption => f.write_str("adoptions"),
        }
    }
}
