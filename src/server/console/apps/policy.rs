//! Policies in sentences. Pure: an app's file and its connector in, words out.

use crate::connector::app::{AdoptMode, App, Approvals, LeavingPolicies, LeavingPolicy, Limits, OnExisting};
use crate::connector::descriptor::{Connector, Deactivation, UpdateVerb, UsernameChange};
use crate::connector::grants::EntitlementPolicy;
use crate::connector::groups::GroupMode;
use crate::connector::reconcile::{Drift, MembershipDrift, ReconcilePolicy};
use crate::provision::guard::finding::{FindingKind, Severity};
use crate::provision::guard::policy::{BlastRadius, GuardPolicy, Radius, SMALL_APP};

/// Findings about single operations, in the order of what they lead to.
const FINDINGS: [FindingKind; 26] = [
    FindingKind::Ambiguous,
    FindingKind::DuplicateUserName,
    FindingKind::RequiredMissing,
    FindingKind::ValueNotAllowed,
    FindingKind::UnsupportedAttribute,
    FindingKind::UnlistedAppRole,
    FindingKind::RenameImpossible,
    FindingKind::RuleError,
    FindingKind::GroupsWritten,
    FindingKind::DeleteProtected,
    FindingKind::DeleteAdopted,
    FindingKind::ThirdPartyAccount,
    FindingKind::OwnedByOther,
    FindingKind::Recreation,
    FindingKind::RoleDowngrade,
    FindingKind::Privileged,
    FindingKind::RenameReplaces,
    FindingKind::ExternalIdChange,
    FindingKind::ProtectedUser,
    FindingKind::ProtectedGroup,
    FindingKind::NoLookup,
    FindingKind::DeactivatedByTarget,
    FindingKind::RuleErrors,
    FindingKind::Rename,
    FindingKind::Rehire,
    FindingKind::UnknownEntitlement,
];

/// What each finding leads to under a policy.
pub fn guards(policy: &GuardPolicy) -> Vec<(FindingKind, Severity)> {
    let mut guards: Vec<(FindingKind, Severity)> =
        FINDINGS.iter().map(|kind| (*kind, policy.severity(*kind))).collect();
    let others = policy.findings.keys().filter(|kind| !FINDINGS.contains(kind));
    guards.extend(others.map(|kind| (*kind, policy.severity(*kind))));
    guards
}

/// Who gets the app.
pub fn assigned(app: &App) -> Vec<String> {
    let assign = &app.assign;
    let mut words = Vec::new();
    if assign.everyone {
        words.push("Every active user.".to_owned());
    }
    for (what, names) in
        [("Holders of the role", &assign.roles), ("Members of the group", &assign.groups), ("The user", &assign.users)]
    {
        words.extend(names.iter().map(|name| format!("{what} {name}.")));
    }
    words.extend(assign.app_roles.iter().map(|(grant, role)| format!("{grant} brings the app role {role}.")));
    if !app.app_role_order.is_empty() {
        words.push(format!("Of several app roles the highest wins: {}.", app.app_role_order.join(" < ")));
    }
    words.push("Whoever an operator assigns it to by hand.".to_owned());
    words
}

/// What waits for an approver because of its kind.
pub fn approvals(approvals: &Approvals) -> Vec<String> {
    let kinds = [
        ("creates", approvals.create),
        ("updates", approvals.update),
        ("renames", approvals.rename),
        ("deactivations", approvals.deactivate),
        ("reactivations", approvals.reactivate),
        ("deletes", approvals.delete),
    ];
    let asked: Vec<&str> = kinds.iter().filter(|(_, asked)| *asked).map(|(kind, _)| *kind).collect();
    let mut words = vec![if asked.is_empty() {
        "No kind of operation by itself; what a guard holds waits.".to_owned()
    } else {
        format!("All {}, and what a guard holds.", asked.join(", "))
    }];
    if !approvals.two.is_empty() {
        let two: Vec<String> = approvals.two.iter().map(ToString::to_string).collect();
        words.push(format!("Two different operators must approve: {}.", two.join(", ")));
    }
    words.push(format!(
        "An approver has {}; after that it is asked again and escalates. Leavers and adoptions never expire.",
        approvals.expire_after
    ));
    words
}

/// What becomes of accounts that Usher did not create.
pub fn existing(app: &App) -> Vec<String> {
    let found = match app.on_existing {
        OnExisting::Hold => "An approver may adopt an account that exists; nobody else touches it.",
        OnExisting::Adopt => "An account that exists and matches is adopted.",
        OnExisting::Skip => "An account that exists is left alone.",
    };
    let then = match app.adopt_mode {
        AdoptMode::Fill => "After an adoption only what is empty there is filled in.",
        AdoptMode::Overwrite => "After an adoption whatever differs is overwritten.",
        AdoptMode::Observe => "After an adoption nothing is written.",
    };
    let mut words = vec![found.to_owned(), then.to_owned()];
    if !app.guard.privileged.is_empty() {
        words.push(format!("Privileged, beside what the connector names: {}.", app.guard.privileged.join(", ")));
    }
    if !app.guard.protected.is_empty() {
        words.push(format!("Protected users: {}.", app.guard.protected.join(", ")));
    }
    if !app.guard.protected_groups.is_empty() {
        words.push(format!("Protected groups: {}.", app.guard.protected_groups.join(", ")));
    }
    words
}

/// What happens to whoever leaves.
pub fn leaving(leaving: &LeavingPolicies) -> Vec<String> {
    let act = |policy| match policy {
        LeavingPolicy::Nothing => "the account is kept as it is".to_owned(),
        LeavingPolicy::Deactivate => "the account is deactivated".to_owned(),
        LeavingPolicy::Delete if leaving.delete_after.as_secs() == 0 => "the account is deleted at once".to_owned(),
        LeavingPolicy::Delete => format!("the account is deactivated, and deleted after {}", leaving.delete_after),
    };
    let kept = |yes, then: &str, otherwise: &str| (if yes { then } else { otherwise }).to_owned();
    vec![
        format!("Suspended: {}.", act(leaving.on_suspend)),
        format!("Lost the app: {}.", act(leaving.on_unassign)),
        format!("Deleted: {}.", act(leaving.on_delete)),
        kept(
            leaving.revoke_on_leave,
            "What was granted to a leaver is taken back.",
            "Memberships stay with the deactivated account.",
        ),
        kept(leaving.delete_adopted, "Adopted accounts may be deleted too.", "Adopted accounts are never deleted."),
    ]
}

/// What may be done with groups.
pub fn entitlements(policy: &EntitlementPolicy) -> Vec<String> {
    let mut words = vec![
        if policy.memberships {
            "Members are added and removed, one's own only."
        } else {
            "Memberships are planned and shown, and never sent."
        }
        .to_owned(),
        if policy.create_missing {
            "A group that the target lacks is created, once."
        } else {
            "A group that the target lacks is not created: that grant waits."
        }
        .to_owned(),
    ];
    words.push(if policy.refresh.is_empty() {
        "The catalogue is read before the first plan that needs it, and on command.".to_owned()
    } else {
        format!("The catalogue is read by the schedule {}.", policy.refresh)
    });
    words
}

/// What becomes of differences.
pub fn reconcile(policy: &ReconcilePolicy) -> Vec<String> {
    let act = |drift| match drift {
        Drift::Report => "is reported",
        Drift::Repair => "is put back, through all guards",
        Drift::Adopt => "is kept as it is there",
    };
    let mut words = vec![if policy.schedule.is_empty() {
        "The target is compared on command only.".to_owned()
    } else {
        format!("The target is compared by the schedule {}.", policy.schedule)
    }];
    words.push(format!("A value that was changed there {}.", act(policy.default)));
    words.extend(policy.attributes.iter().map(|(path, drift)| format!("{path} {}.", act(*drift))));
    words.push(
        match policy.memberships {
            MembershipDrift::Report => "A membership of ours that is gone is reported.",
            MembershipDrift::Repair => "A membership of ours that is gone is granted again.",
        }
        .to_owned(),
    );
    words
}

/// How fast the target is asked, and for how long.
pub fn limits(limits: &Limits, connector: &Connector) -> Vec<String> {
    let together = if limits.concurrency == 0 { 4 } else { limits.concurrency };
    let rate = match limits.rate {
        0 => format!(
            "From 10 requests a second, climbing to {} while the target does not object.",
            connector.http.rate_max
        ),
        rate => format!("{rate} requests a second."),
    };
    vec![
        rate,
        format!("{together} requests at once, one for each user."),
        format!("Creates and updates are tried for {}; deactivations until they are done.", limits.give_up_after),
        format!(
            "A request may take {} s, {} s to connect, {} s for a page of a list.",
            limits.timeout_secs, limits.connect_timeout_secs, limits.list_timeout_secs
        ),
    ]
}

/// What departs from the standard at this kind of target.
pub fn connector(connector: &Connector) -> Vec<String> {
    let users = &connector.users;
    let mut words = vec![format!("Existing accounts are matched on {}.", users.match_on.join(", then "))];
    words.push(match users.update {
        UpdateVerb::Patch => "Updates are PATCH requests.".to_owned(),
        UpdateVerb::Put => "Updates are PUT requests of the whole account; what others set is sent back.".to_owned(),
    });
    words.push(
        match users.username_change {
            UsernameChange::InPlace => "A changed userName keeps the account.",
            UsernameChange::Replaces => "A changed userName replaces the account: it is held.",
            UsernameChange::Never => "A changed userName is refused by the target.",
        }
        .to_owned(),
    );
    words.push(
        match users.deactivate {
            Deactivation::Active => "Deactivation sets active to false.",
            Deactivation::Delete => "DELETE deactivates.",
            Deactivation::None => "Accounts can't be deactivated there.",
        }
        .to_owned(),
    );
    words.push(
        match connector.groups.mode {
            GroupMode::Full => "Groups can be created and read, and members changed.",
            GroupMode::MembershipOnly => "Members of groups can be changed; the groups themselves are never written.",
            GroupMode::ReadOnly => "Groups are only read.",
            GroupMode::None => "It has no groups.",
        }
        .to_owned(),
    );
    let quirks = [
        (!users.keeps_external_id, "It does not keep externalId."),
        (users.username_is_email, "The userName must be the e-mail address."),
        (
            !users.username_unique,
            "It does not refuse a second account of the same userName: each create is searched first.",
        ),
        (users.read_back, "It may ignore changes silently: every write is read back."),
        (users.token_issuer_fixed, "The account of whoever issued the token can't be deactivated or lowered."),
        (!connector.paging.total_is_right, "The totals of its lists can't be trusted."),
        (!connector.filter.supported, "It can't be searched: lists are read instead."),
        (connector.groups.computed, "It computes who is a member: a membership may be sent and not be effective."),
        (connector.groups.unverified, "The form of its member changes is not published: try one user first."),
    ];
    words.extend(quirks.iter().filter(|(is, _)| *is).map(|(_, sentence)| (*sentence).to_owned()));
    if !connector.privileged.is_empty() {
        words.push(format!("Privileged there: {}.", connector.privileged.join(", ")));
    }
    words
}

/// Each class and its limit.
pub fn radius(radius: &BlastRadius) -> Vec<(&'static str, String)> {
    let words = |limit: &Radius| {
        let absolute =
            if limit.absolute > 0 { format!(", or {} whatever the share", limit.absolute) } else { String::new() };
        format!("{} and {} %{absolute}", limit.count, limit.percent)
    };
    vec![
        ("Deactivate or delete", words(&radius.leave)),
        ("The same, while fewer than 40 are active", radius.leave_small.to_string()),
        ("Rename, or another externalId", words(&radius.rename)),
        ("Memberships taken away", words(&radius.edge_removal)),
        ("One attribute changed", words(&radius.update)),
        ("One attribute cleared", words(&radius.clear)),
        ("Create, after the first cycle", words(&radius.create)),
    ]
}

const _: () = assert!(SMALL_APP == 40, "the sentence above says so");
