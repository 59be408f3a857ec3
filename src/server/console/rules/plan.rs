//! A plan as people read it: how much of what, what is held and why, and some of each kind.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::engine::answer::{AppPlan, PlanFile};
use crate::provision::guard::finding::{Finding, Severity};
use crate::provision::operation::{Kind, Operation};
use crate::provision::plan::{Planned, SkipReason, Skipped, Verdict};
use crate::server::console::words;

/// Operations of one kind that are shown.
const SAMPLE_MAX: usize = 15;
/// A finding that so many operations share is said once above them; the most often shared ones.
const COMMON_MIN: u64 = 3;
const COMMON_MAX: usize = 5;
/// Changes of one operation that are shown; the rest is counted.
const CHANGES_MAX: usize = 6;

/// All apps of a plan.
pub fn all(plan: &PlanFile) -> Markup {
    html! {
        @if plan.apps.is_empty() { p .hint { "There is no app to plan." } }
        @for left in &plan.abandoned { p .finding { (left.warning()) } }
        @for app in &plan.apps { (one(app)) }
    }
}

fn one(plan: &AppPlan) -> Markup {
    let counts = &plan.summary.counts;
    html! {
        section .panel {
            h2 { (plan.summary.app) }
            @if let Some(trouble) = &plan.trouble { p .trouble { (trouble) } }
            @if counts.total() + counts.skipped == 0 {
                p { "Nothing to do: " (counts.unchanged) " of " (counts.pairs) " accounts are as they should be." }
            } @else if counts.total() == 0 {
                p {
                    "Nothing at once: " (counts.unchanged) " of " (counts.pairs) " accounts are as they should be, "
                    (counts.skipped) " are left as they are, for reasons that stand below."
                }
            } @else {
                (numbers(plan))
                (common(&plan.operations))
                p .hint { (counts.unchanged) " of " (counts.pairs) " pairs stay as they are." }
            }
            @for finding in &plan.summary.findings { p .finding { (finding) } }
            @for kind in Kind::ALL {
                @let planned: Vec<&Planned> = plan.operations.iter().filter(|planned| planned.operation.kind == kind).collect();
                @if !planned.is_empty() { (sample(kind, &planned, counts.operations.get(&kind).map_or(0, |each| each.values().sum()))) }
            }
            @if !plan.skipped.is_empty() { (skipped(&plan.skipped, counts.skipped)) }
        }
    }
}

/// What several operations have in common: said once, with their number among those that are kept.
fn common(operations: &[Planned]) -> Markup {
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let findings = operations.iter().flat_map(|planned| &planned.findings);
    for finding in findings.filter(|finding| finding.severity != Severity::Clear) {
        *numbers.entry(finding.to_string()).or_default() += 1;
    }
    let mut often: Vec<(String, u64)> = numbers.into_iter().filter(|(_, number)| *number >= COMMON_MIN).collect();
    often.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    html! {
        @for (finding, number) in often.iter().take(COMMON_MAX) { p .finding { (number) " of these: " (finding) } }
    }
}

fn numbers(plan: &AppPlan) -> Markup {
    let counts = &plan.summary.counts;
    html! {
        table .numbers {
            thead { tr { th { "Kind" } th .number { "Would be sent" } th .number { "Held for approval" } th .number { "Blocked" } } }
            tbody {
                @for kind in Kind::ALL {
                    @let all: Vec<u64> = [Verdict::Queued, Verdict::Pending, Verdict::Refused].map(|verdict| counts.get(kind, verdict)).to_vec();
                    @if all.iter().any(|number| *number > 0) {
                        tr { th scope="row" { (kind) } @for number in all { td .number { @if number > 0 { (number) } @else { span .hint { "–" } } } } }
                    }
                }
            }
        }
    }
}

fn sample(kind: Kind, planned: &[&Planned], total: u64) -> Markup {
    html! {
        details .sample open[total <= 3] {
            summary { (kind) " " span .hint { (total) } }
            div .wide {
                table {
                    thead { tr { th { "User" } th { "Would do" } th { "Because" } } }
                    tbody {
                        @for planned in planned.iter().take(SAMPLE_MAX) {
                            tr {
                                th scope="row" { a href=(format!("/users/{}", planned.operation.user)) { (planned.operation.label) } br; span .hint { (planned.operation.user_name) } }
                                td { (deeds(&planned.operation)) }
                                td { (verdict(planned.verdict)) " " (planned.operation.reason) (findings(&planned.findings)) }
                            }
                        }
                    }
                }
            }
            @if total > SAMPLE_MAX as u64 { p .hint { "… and " (total - SAMPLE_MAX as u64) " more of this kind" } }
        }
    }
}

/// What an operation does, a line each.
fn deeds(operation: &Operation) -> Markup {
    let rest = operation.changes.len().saturating_sub(CHANGES_MAX);
    html! {
        ul .plain {
            @match operation.kind {
                Kind::Link => li { "adopt the account; nothing is written" },
                Kind::Delete => li { "remove the account for good" },
                Kind::Deactivate => li { "active: true → false" },
                Kind::Reactivate => li { "active: false → true" },
                Kind::Create | Kind::Update | Kind::Rename => {},
            }
            @for change in operation.changes.iter().take(CHANGES_MAX) {
                li { code { (change.path) } ": " @if operation.kind != Kind::Create { span .hint { (words::value(change.old.as_ref())) } " → " } (words::value(change.new.as_ref())) }
            }
            @if rest > 0 { li .hint { "… and " (rest) " more attributes" } }
            @for edge in &operation.edges { li { (edge.words()) } }
            @if !operation.released.is_empty() { li { "no longer managed: " (operation.released.join(", ")) } }
        }
    }
}

fn verdict(verdict: Verdict) -> Markup {
    html! {
        @match verdict {
            Verdict::Queued => {},
            Verdict::Pending => span .badge .note { "held" },
            Verdict::Refused => span .badge .bad { "blocked" },
        }
    }
}

fn findings(findings: &[Finding]) -> Markup {
    html! {
        @for finding in findings {
            p .finding[finding.severity != Severity::Clear] .hint[finding.severity == Severity::Clear] { (finding) }
        }
    }
}

fn skipped(skipped: &[Skipped], total: u64) -> Markup {
    html! {
        details .sample {
            summary { "left out " span .hint { (total) } }
            ul .plain {
                @for each in skipped.iter().take(SAMPLE_MAX) { li { (each.label) ": " (reason(&each.reason)) } }
            }
            @if total > SAMPLE_MAX as u64 { p .hint { "… and " (total - SAMPLE_MAX as u64) " more" } }
        }
    }
}

/// Why a pair has no operation, in words.
fn reason(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Muted { event, why } => format!("muted by {event} ({why})"),
        SkipReason::AlreadyOpen { event } => format!("{event} is open with the same payload"),
        SkipReason::InFlight { event } => format!("{event} is being carried out; planned again when it ends"),
        SkipReason::Unlinked => "disassociated: nothing until a rematch".to_owned(),
        SkipReason::Conflict { note } => format!("conflict, a person must look: {note}"),
        SkipReason::Existing { remote_id } => format!("the account {remote_id} exists, and the app leaves such alone"),
        SkipReason::Kept => "kept: the leaving policy does nothing".to_owned(),
        SkipReason::NotObserved { why } => {
            format!("the target could not be looked at ({why}); nothing is created blindly")
        }
        SkipReason::NotYet { due } => format!("to be deleted at {due}"),
        SkipReason::NotPossible { why } => format!("not possible with this connector: {why}"),
        SkipReason::Released { paths } => format!("no longer managed: {}; the target's values stay", paths.join(", ")),
        SkipReason::LeftAlone { paths } => {
            format!("adopted; these differ there and are left alone: {}", paths.join(", "))
        }
    }
}

/// The plan of one user.
pub fn of_one(plan: &AppPlan) -> Markup {
    html! {
        @if let Some(trouble) = &plan.trouble { p .trouble { (trouble) } }
        @for planned in &plan.operations {
            p { strong { (planned.operation.kind) } " " (verdict(planned.verdict)) " " (planned.operation.reason) }
            (deeds(&planned.operation))
            (findings(&planned.findings))
        }
        @for each in &plan.skipped { p { "Nothing: " (reason(&each.reason)) } }
        @if plan.operations.is_empty() && plan.skipped.is_empty() { p { "do nothing: the account is as it should be, or there is none to make." } }
        @for finding in &plan.summary.findings { p .finding { (finding) } }
    }
}
