//! The checks: one small function each, over one operation. Each adds findings; none decides.

use std::collections::BTreeSet;

use crate::connector::app::{AppSpec, OnExisting};
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::id::UserId;
use crate::provision::account::{Account, Observation, Origin};
use crate::provision::desired::Desired;
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::provision::operation::{Kind, Operation};

/// What the checks look at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The app.
    pub app: &'a AppSpec,
    /// The user.
    pub user: &'a User,
    /// The user's roles, those by condition included.
    pub roles: &'a BTreeSet<String>,
    /// The ledger entry.
    pub account: &'a Account,
    /// What the rules want; `None` for leavers.
    pub desired: Option<&'a Desired>,
    /// The operation.
    pub operation: &'a Operation,
    /// Who else wants or has the userName.
    pub name_owner: Option<UserId>,
    /// Why the rules say that the user is protected.
    pub protected_by_rule: Option<&'a str>,
}

/// What can be judged of an operation without its user and what is desired: at both gates.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// The app.
    pub app: &'a AppSpec,
    /// The ledger entry.
    pub account: &'a Account,
    /// The operation.
    pub operation: &'a Operation,
}

impl<'a> Subject<'a> {
    fn deed(&self) -> Deed<'a> {
        Deed { app: self.app, account: self.account, operation: self.operation }
    }
}

/// The checks that clearance repeats with the policy of today, and what takes somebody's consent.
pub fn again(deed: Deed<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in [role_downgrade, privileged, sensitive_groups, approval_required, adoption, delete_adopted] {
        check(deed, &mut findings);
    }
    findings
}

/// All checks, in the order in which their findings are shown.
pub fn all(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let deed = subject.deed();
    for check in [required_missing, value_not_allowed, unsupported_attribute, duplicate_user_name] {
        check(subject, &mut findings);
    }
    for check in [role_downgrade, privileged, sensitive_groups] {
        check(deed, &mut findings);
    }
    groups_written(subject, &mut findings);
    let by_rule = subject.protected_by_rule;
    findings.extend(protection(subject.app, (subject.user, subject.roles, by_rule), subject.operation.kind));
    approval_required(deed, &mut findings);
    findings
}

fn writes_values(operation: &Operation) -> bool {
    matches!(operation.kind, Kind::Create | Kind::Update | Kind::Rename | Kind::Reactivate)
}

fn required_missing(subject: Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(desired) = subject.desired.filter(|_| writes_values(subject.operation)) else { return };
    for (path, rule) in &subject.app.connector.attributes {
        let has_value = |path: &str| desired.attributes.get(path).is_some_and(|wanted| wanted.value.is_some());
        if rule.required && !has_value(path) && path != "active" {
            findings.push(Finding::new(FindingKind::RequiredMissing, path.clone()));
        }
    }
    let said_already = subject.app.connector.rule("userName").is_some_and(|rule| rule.required);
    if desired.user_name().is_none_or(str::is_empty) && !said_already {
        findings.push(Finding::new(FindingKind::RequiredMissing, "userName"));
    }
}

fn value_not_allowed(subject: Subject<'_>, findings: &mut Vec<Finding>) {
    if !writes_values(subject.operation) {
        return;
    }
    for change in &subject.operation.changes {
        let (Some(value), Some(rule)) = (&change.new, subject.app.connector.rule(&change.path)) else { continue };
        for text in plain_values(value) {
            if !rule.allowed.is_empty() && !rule.allowed.contains(&text) {
                let detail = format!("{} is `{text}`; allowed are {}", change.path, rule.allowed.join(", "));
                findings.push(Finding::new(FindingKind::ValueNotAllowed, detail));
            }
            if rule.length_max > 0 && text.chars().count() > rule.length_max as usize {
                let detail = format!("{} is longer than {} characters", change.path, rule.length_max);
                findings.push(Finding::new(FindingKind::ValueNotAllowed, detail));
            }
        }
    }
    let named = subject.operation.changes.iter().find(|change| change.path == "userName");
    if let Some(name) = named.and_then(|change| change.new.as_ref()?.as_text())
        && subject.app.connector.users.username_is_email
        && !looks_like_email(name)
    {
        findings.push(Finding::new(
            FindingKind::ValueNotAllowed,
            format!("userName is `{name}`; an e-mail address is expected"),
        ));
    }
}

fn looks_like_email(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
}

fn unsupported_attribute(subject: Subject<'_>, findings: &mut Vec<Finding>) {
    if !writes_values(subject.operation) {
        return;
    }
    for change in &subject.operation.changes {
        if change.new.is_some() && subject.app.connector.lacks(&change.path) {
            findings.push(Finding::new(FindingKind::UnsupportedAttribute, change.path.clone()));
        }
    }
}

fn duplicate_user_name(subject: Subject<'_>, findings: &mut Vec<Finding>) {
    // Of several users who want the name of one account that is not ours, none may have it.
    let adopts =
        subject.operation.kind == Kind::Link && matches!(subject.account.observation, Observation::ThirdParty { .. });
    let takes_name = subject.operation.kind == Kind::Create
        || adopts
        || subject.operation.changes.iter().any(|change| change.path == "userName" && change.old.is_some());
    if let Some(owner) = subject.name_owner.filter(|owner| *owner != subject.user.id && takes_name) {
        let name = subject.desired.and_then(Desired::user_name).unwrap_or_default();
        findings.push(duplicate(name, owner));
    }
}

/// The finding that `other` has or wants the same userName.
pub fn duplicate(name: &str, other: UserId) -> Finding {
    Finding::new(FindingKind::DuplicateUserName, format!("`{name}` is also the userName of {other}"))
}

fn role_downgrade(deed: Deed<'_>, findings: &mut Vec<Finding>) {
    let order = match deed.app.app.app_role_order.as_slice() {
        [] => &deed.app.connector.app_role_order,
        own => own,
    };
    if order.is_empty() || deed.operation.kind == Kind::Create {
        return;
    }
    let rank = |value: &Option<Value>| {
        let values = value.as_ref().map(plain_values).unwrap_or_default();
        values.iter().filter_map(|text| order.iter().position(|listed| listed == text)).max()
    };
    for change in &deed.operation.changes {
        match (rank(&change.old), rank(&change.new)) {
            (Some(old), Some(new)) if new < old => {
                findings.push(Finding::new(FindingKind::RoleDowngrade, format!("{} → {}", order[old], order[new])));
            }
            // Taken away altogether.
            (Some(old), None) if change.new.is_none() => {
                findings.push(Finding::new(FindingKind::RoleDowngrade, format!("{} → (none)", order[old])));
            }
            _ => {}
        }
    }
}

fn privileged(deed: Deed<'_>, findings: &mut Vec<Finding>) {
    let listed = deed.app.connector.privileged.iter().chain(&deed.app.app.guard.privileged);
    for (attribute, wanted) in listed.filter_map(|item| item.split_once(':')) {
        for change in deed.operation.changes.iter().filter(|change| change.path == attribute) {
            let has = |value: &Option<Value>| {
                value.as_ref().is_some_and(|value| plain_values(value).iter().any(|v| v == wanted))
            };
            if has(&change.new) && !has(&change.old) {
                findings.push(Finding::new(FindingKind::Privileged, format!("{attribute} {wanted}")));
            }
        }
        // An adoption of an account that shows a privileged value is decided singly.
        if deed.operation.kind == Kind::Link
            && let Observation::ThirdParty { values, .. } = &deed.account.observation
            && values.get(attribute).is_some_and(|value| plain_values(value).iter().any(|v| v == wanted))
        {
            findings.push(Finding::new(FindingKind::Privileged, format!("the account has {attribute} {wanted}")));
        }
    }
}

/// Groups that are privileged when somebody is added, or protected either way.
fn sensitive_groups(deed: Deed<'_>, findings: &mut Vec<Finding>) {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let listed = deed.app.connector.privileged.iter().chain(&deed.app.app.guard.privileged);
    let privileged: Vec<&str> = listed.filter_map(|item| item.strip_prefix("group:")).collect();
    for edge in &deed.operation.edges {
        let is = |listed: &str| same(listed, &edge.name) || listed == edge.remote_id;
        if edge.add && privileged.iter().any(|listed| is(listed)) {
            findings.push(Finding::new(FindingKind::Privileged, format!("group {}", edge.name)));
        }
        if deed.app.app.guard.protected_groups.iter().any(|listed| is(listed)) {
            findings.push(Finding::new(FindingKind::ProtectedGroup, edge.words()));
        }
    }
}

/// Who is in which group is never written through the account (RFC 7643 section 4.1.2), whatever an override says.
fn groups_written(subject: Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(desired) = subject.desired.filter(|_| writes_values(subject.operation)) else { return };
    let written = |path: &&String| *path == "groups" || path.starts_with("groups.") || path.starts_with("groups[");
    if let Some(path) = desired.attributes.keys().find(written) {
        findings.push(Finding::new(FindingKind::GroupsWritten, path.clone()));
    }
}

/// Whether the user is protected: by name, role, group or attribute, or because the rules say so. His account is never deleted.
pub fn protection(
    app: &AppSpec,
    (user, roles, by_rule): (&User, &BTreeSet<String>, Option<&str>),
    kind: Kind,
) -> Vec<Finding> {
    let hit = |item: &&String| {
        if let Some(role) = item.strip_prefix("role:") {
            roles.contains(role)
        } else if let Some(group) = item.strip_prefix("group:") {
            user.groups.contains(group)
        } else if let Some((attribute, value)) = item.split_once('=') {
            user.attribute(attribute).is_some_and(|held| plain_values(held).iter().any(|held| held == value))
        } else {
            **item == format!("{}:{}", user.source, user.key)
        }
    };
    let listed = app.app.guard.protected.iter().filter(hit).cloned();
    let said = by_rule.map(|reason| format!("by {}: {reason}", app.rules_file));
    let mut findings: Vec<Finding> =
        listed.chain(said).map(|why| Finding::new(FindingKind::ProtectedUser, why)).collect();
    if let (Kind::Delete, Some(first)) = (kind, findings.first()) {
        let detail = first.detail.clone();
        findings.push(Finding::new(FindingKind::DeleteProtected, detail));
    }
    findings
}

/// An account that is not ours is adopted only as the app says now.
fn adoption(deed: Deed<'_>, findings: &mut Vec<Finding>) {
    let Observation::ThirdParty { remote_id, matched_on, .. } = &deed.account.observation else { return };
    let detail = match deed.app.app.on_existing {
        _ if deed.operation.kind != Kind::Link => return,
        OnExisting::Adopt => return,
        OnExisting::Hold => format!("account {remote_id}, found by {matched_on}"),
        OnExisting::Skip => format!("account {remote_id}; the app says on_existing = \"skip\""),
    };
    findings.push(Finding::new(FindingKind::ThirdPartyAccount, detail));
}

fn delete_adopted(deed: Deed<'_>, findings: &mut Vec<Finding>) {
    let adopted = deed.account.origin == Some(Origin::Adopted) && !deed.app.app.leaving.delete_adopted;
    if deed.operation.kind == Kind::Delete && adopted {
        let name = deed.account.user_name().unwrap_or_default();
        findings.push(Finding::new(FindingKind::DeleteAdopted, name));
    }
}

fn approval_required(deed: Deed<'_>, findings: &mut Vec<Finding>) {
    let asked = deed.app.app.approvals.asks(deed.operation);
    if asked {
        findings.push(Finding::new(FindingKind::ApprovalRequired, deed.operation.kind.word()));
    }
}

/// The plain texts of a value: itself, its items, or the `value` of complex items (RFC 7643 section 2.4).
fn plain_values(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) => vec![text.clone()],
        Value::Integer(number) => vec![number.to_string()],
        Value::Boolean(flag) => vec![flag.to_string()],
        Value::List(items) => items.iter().flat_map(plain_values).collect(),
        Value::Object(parts) => parts.get("value").map(plain_values).unwrap_or_default(),
    }
}
