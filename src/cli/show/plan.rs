//! A plan as people read it: by app, what would be done, what is held and blocked and why, what was left out, and the totals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, lines, text};
use crate::cli::show::time;
use crate::directory::value::Value;
use crate::engine::answer::{Abandoned, AppPlan, PlanFile};
use crate::provision::guard::finding::{Finding, FindingKind, Severity};
use crate::provision::operation::{Change, Kind, Operation};
use crate::provision::plan::{PlanCounts, Planned, SkipReason, Skipped, Verdict};
use crate::text::printable;

/// Changes of one operation that are listed; the rest is counted.
const CHANGES_MAX: usize = 8;

/// A finding that so many operations share is said once.
const COMMON_MIN: usize = 3;

/// All apps of a plan.
pub(crate) fn plan(style: &Style, plan: &PlanFile) -> String {
    let mut out = String::new();
    if plan.draft {
        out.push_str("Planned with the workspace's files, which are not active (`usher apply` activates them).\n\n");
    }
    for (index, app) in plan.apps.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        app_plan(style, app, &mut out);
    }
    out.push_str(&abandoned(style, plan));
    if plan.apps.is_empty() {
        out.push_str("There is no app to plan; `usher apps list` shows the apps of the active revision.\n");
    }
    out
}

/// Apps that these files no longer have.
pub(crate) fn abandoned(style: &Style, plan: &PlanFile) -> String {
    let warn = |left: &Abandoned| format!("{} {}\n", style.paint(Tint::Warn, "!"), printable(&left.warning()));
    plan.abandoned.iter().map(warn).collect()
}

fn app_plan(style: &Style, plan: &AppPlan, out: &mut String) {
    let heading = format!("Plan for {}", plan.summary.app);
    let _ = writeln!(out, "{}  {}", style.paint(Tint::Strong, &heading), time::absolute(style, plan.summary.as_of));
    if let Some(trouble) = &plan.trouble {
        let _ = writeln!(out, "{} {}", style.paint(Tint::Bad, "Could not be planned:"), printable(trouble));
        return;
    }
    for finding in &plan.summary.findings {
        let _ = writeln!(out, "{} {}", style.paint(tint(finding.severity), "!"), printable(&finding.to_string()));
    }
    for kind in Kind::ALL {
        let due = |planned: &&Planned| planned.operation.kind == kind && planned.verdict == Verdict::Queued;
        let planned: Vec<&Planned> = plan.operations.iter().filter(due).collect();
        group(style, heading_of(kind), Tint::Good, &planned, plan.summary.counts.get(kind, Verdict::Queued), out);
    }
    for (verdict, title, tint) in
        [(Verdict::Pending, "Held for approval", Tint::Warn), (Verdict::Refused, "Blocked", Tint::Bad)]
    {
        let planned: Vec<&Planned> = plan.operations.iter().filter(|planned| planned.verdict == verdict).collect();
        group(style, title, tint, &planned, plan.summary.counts.of(verdict), out);
    }
    skipped(style, &plan.skipped, plan.summary.counts.skipped, out);
    let _ = writeln!(out, "\n{} {}", style.paint(Tint::Strong, "Total:"), totals(&plan.summary.counts));
}

fn heading_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Link => "Link",
        Kind::Create => "Create",
        Kind::Update => "Update",
        Kind::Rename => "Rename",
        Kind::Deactivate => "Deactivate",
        Kind::Reactivate => "Reactivate",
        Kind::Delete => "Delete",
    }
}

fn group(style: &Style, title: &str, tint: Tint, planned: &[&Planned], total: u64, out: &mut String) {
    if planned.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.paint(tint, &format!("{title} ({total})")));
    let decided = planned.iter().any(|planned| planned.verdict != Verdict::Queued);
    let mut grid = if decided {
        Grid::new(style, &["User~", "Would do, and why it does not"])
    } else {
        Grid::new(style, &["User~", "Account~", "Would do", "Because"])
    };
    let shown = || planned.iter().take(style.rows_max);
    let common = if decided { BTreeMap::new() } else { common(planned) };
    for planned in shown() {
        let operation = &planned.operation;
        if decided {
            let said = [spoken(operation), findings(&planned.findings)].concat();
            grid.row([lines([operation.label.clone(), operation.user_name.clone()]), lines(said)]);
        } else {
            let deeds = lines(noted(operation, &planned.findings, &common));
            grid.row([text(&operation.label), text(&operation.user_name), deeds, text(&operation.reason)]);
        }
    }
    out.push_str(&grid.finish());
    for (finding, number) in &common {
        let _ = writeln!(out, "{}", style.paint(Tint::Faint, &printable(&format!("{number} of these: {finding}"))));
    }
    out.push_str(&remedies(style, shown().flat_map(|planned| &planned.findings)));
    more(style, total, planned.len().min(style.rows_max), out);
}

fn more(style: &Style, total: u64, shown: usize, out: &mut String) {
    let rest = total.saturating_sub(shown as u64);
    if rest > 0 {
        let _ = writeln!(out, "{}", style.paint(Tint::Faint, &format!("… and {rest} more (--all lists them)")));
    }
}

/// What an operation does, a line each.
fn deeds(operation: &Operation) -> Vec<String> {
    let mut deeds: Vec<String> = match operation.kind {
        Kind::Create => vec![created(operation)],
        Kind::Link => vec!["adopt the account; nothing is written".to_owned()],
        Kind::Delete => vec!["remove the account for good".to_owned()],
        Kind::Deactivate => vec!["active: true → false".to_owned()],
        Kind::Reactivate => vec!["active: false → true".to_owned()],
        Kind::Update | Kind::Rename => Vec::new(),
    };
    if operation.kind != Kind::Create {
        deeds.extend(operation.changes.iter().take(CHANGES_MAX).map(change));
        let rest = operation.changes.len().saturating_sub(CHANGES_MAX);
        if rest > 0 {
            deeds.push(format!("… and {rest} more attributes"));
        }
    }
    deeds.extend(
        operation
            .edges
            .iter()
            .map(|edge| format!("{} {} {}", if edge.add { "add to" } else { "remove from" }, edge.kind, edge.name)),
    );
    if !operation.released.is_empty() {
        deeds.push(format!("no longer managed: {}", operation.released.join(", ")));
    }
    deeds
}

/// The same, beginning with the kind.
fn spoken(operation: &Operation) -> Vec<String> {
    let mut deeds = deeds(operation);
    match (operation.kind, deeds.first_mut()) {
        (Kind::Link, _) => {}
        (kind, Some(first)) => *first = format!("{kind}: {first}"),
        (kind, None) => deeds.push(kind.to_string()),
    }
    deeds
}

/// With findings that only tell.
fn noted(operation: &Operation, findings: &[Finding], common: &BTreeMap<String, usize>) -> Vec<String> {
    let mut deeds = deeds(operation);
    let told = findings.iter().filter(|finding| finding.severity == Severity::Clear).map(ToString::to_string);
    deeds.extend(told.filter(|finding| !common.contains_key(finding)));
    deeds
}

/// Findings that only tell and that many operations share: said once, with their number.
fn common(planned: &[&Planned]) -> BTreeMap<String, usize> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for finding in planned.iter().flat_map(|planned| &planned.findings).filter(|each| each.severity == Severity::Clear)
    {
        *numbers.entry(finding.to_string()).or_default() += 1;
    }
    numbers.retain(|_, number| *number >= COMMON_MIN);
    numbers
}

/// Findings as sentences with their remedies, those that decide first.
pub(crate) fn reasons(findings: &[Finding]) -> Vec<String> {
    sorted(findings).iter().map(ToString::to_string).collect()
}

/// Findings as sentences, those that decide first; what to do about them is [`remedies`].
pub(crate) fn findings(findings: &[Finding]) -> Vec<String> {
    let sentence = |finding: &&Finding| match finding.detail.as_str() {
        "" => finding.kind.title().to_owned(),
        detail => format!("{}: {detail}", finding.kind.title()),
    };
    sorted(findings).iter().map(sentence).collect()
}

fn sorted(findings: &[Finding]) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// What to do about the findings above, each kind once.
pub(crate) fn remedies<'a>(style: &Style, findings: impl Iterator<Item = &'a Finding>) -> String {
    let kinds: BTreeSet<_> = findings.filter(|finding| finding.asks()).map(|finding| finding.kind).collect();
    let line = |kind: FindingKind| format!("→ {}: {}\n", kind.title(), kind.remedy());
    kinds.into_iter().map(|kind| style.paint(Tint::Faint, &line(kind))).collect()
}

/// How much it is, with the values that tell most.
fn created(operation: &Operation) -> String {
    let tells = |path: &str| path == "roles" || path == "title" || path.ends_with(":department");
    let told: Vec<String> = operation
        .changes
        .iter()
        .filter(|change| tells(&change.path))
        .filter_map(|change| Some(format!("{} {}", change.path.rsplit(':').next()?, brief(change.new.as_ref()?))))
        .collect();
    let attributes = format!("{} attributes", operation.changes.len());
    if told.is_empty() { attributes } else { format!("{attributes}: {}", told.join(", ")) }
}

/// `title: Clerk → Manager`; `(none)` for no value.
pub(crate) fn change(change: &Change) -> String {
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), brief);
    format!("{}: {} → {}", change.path, value(&change.old), value(&change.new))
}

/// A value for a table: objects of a list by their `value`.
pub(crate) fn brief(value: &Value) -> String {
    match value {
        Value::List(items) => items.iter().map(brief).collect::<Vec<_>>().join(", "),
        Value::Object(parts) => parts.get("value").map_or_else(|| value.to_string(), ToString::to_string),
        other => other.to_string(),
    }
}

fn skipped(style: &Style, skipped: &[Skipped], total: u64, out: &mut String) {
    if skipped.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.paint(Tint::Faint, &format!("Skipped ({total})")));
    let mut by_reason: Vec<(String, Vec<&str>)> = Vec::new();
    for skipped in skipped {
        let reason = skip_reason(style, &skipped.reason);
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, users)) => users.push(&skipped.label),
            None => by_reason.push((reason, vec![&skipped.label])),
        }
    }
    let mut grid = Grid::new(style, &["User", "Reason"]);
    let mut shown = 0;
    for (reason, users) in by_reason.iter().take(style.rows_max) {
        // Said once of many: a target that is down has the same words for everybody.
        let named = users.iter().take(COMMON_MIN).map(|user| (*user).to_owned());
        let rest = users.len().saturating_sub(COMMON_MIN);
        grid.row([lines(named.chain((rest > 0).then(|| format!("and {rest} more")))), text(reason)]);
        shown += users.len();
    }
    out.push_str(&grid.finish());
    more(style, total, shown, out);
}

fn skip_reason(style: &Style, reason: &SkipReason) -> String {
    match reason {
        SkipReason::Muted { event, why } => {
            format!(
                "muted by event {event} ({why}): asked again when the payload changes, or with `usher retry {event}`"
            )
        }
        SkipReason::AlreadyOpen { event } => format!("event {event} is open with the same payload"),
        SkipReason::InFlight { event } => format!("event {event} is being carried out; planned again when it ends"),
        SkipReason::Unlinked => "disassociated: nothing is done until `usher rematch`".to_owned(),
        SkipReason::Conflict { note } => format!("conflict, a person must look: {note}"),
        SkipReason::Existing { remote_id } => {
            format!("the account {remote_id} exists already and the app says on_existing = \"skip\"")
        }
        SkipReason::Kept => "kept: the leaving policy is `nothing`".to_owned(),
        SkipReason::NotObserved { why } => {
            format!("the target could not be looked at ({why}); nothing is created blindly")
        }
        SkipReason::NotYet { due } => format!("to be deleted {}", time::both(style, *due)),
        SkipReason::NotPossible { why } => format!("not possible with this connector: {why}"),
        SkipReason::Released { paths } => format!("no longer managed: {}; the target's values stay", paths.join(", ")),
        SkipReason::LeftAlone { paths } => {
            format!("adopted account; these differ there and are left alone (adopt_mode): {}", paths.join(", "))
        }
    }
}

/// `create 54, update 2; held 3 (link 3); blocked 1 (create 1); skipped 2; unchanged 40 of 100 pairs`.
pub(crate) fn totals(counts: &PlanCounts) -> String {
    let of = |verdict: Verdict| -> Vec<String> {
        let number = |(kind, verdicts): (&Kind, &BTreeMap<Verdict, u64>)| {
            verdicts.get(&verdict).filter(|number| **number > 0).map(|number| format!("{kind} {number}"))
        };
        counts.operations.iter().filter_map(number).collect()
    };
    let mut parts = Vec::new();
    let due = of(Verdict::Queued);
    parts.push(match counts.total() + counts.skipped {
        0 => "nothing to do".to_owned(),
        // Something waits, is blocked, or could not be looked at.
        _ if due.is_empty() => "nothing at once".to_owned(),
        _ => due.join(", "),
    });
    for (verdict, word) in [(Verdict::Pending, "held"), (Verdict::Refused, "blocked")] {
        let listed = of(verdict);
        if !listed.is_empty() {
            parts.push(format!("{word} {} ({})", counts.of(verdict), listed.join(", ")));
        }
    }
    if counts.skipped > 0 {
        parts.push(format!("skipped {}", counts.skipped));
    }
    parts.push(format!("unchanged {} of {} pairs", counts.unchanged, counts.pairs));
    parts.join("; ")
}

fn tint(severity: Severity) -> Tint {
    match severity {
        Severity::Clear => Tint::Plain,
        Severity::Hold => Tint::Warn,
        Severity::Refuse => Tint::Bad,
    }
}

/// An operation in a few words, for lists of events.
pub(crate) fn brief_deeds(operation: &Operation, with_kind: bool) -> Vec<String> {
    let mut deeds = if with_kind { spoken(operation) } else { deeds(operation) };
    if deeds.len() > 3 {
        let rest = deeds.len() - 3;
        deeds.truncate(3);
        deeds.push(format!("… and {rest} more"));
    }
    deeds
}
