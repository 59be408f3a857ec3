//! What waits for a decision, with everything that an approver needs; and what became of decisions.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::cli::show::plan::{brief_deeds, change, findings, remedies};
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Field, Grid, lines, text};
use crate::cli::show::time;
use crate::engine::answer::{BatchAnswer, DecisionAnswer};
use crate::engine::pending::{Asking, Chosen, Leaver, Pending};
use crate::id::{BatchId, EventId};
use crate::provision::event::Event;
use crate::provision::operation::{Kind, Operation};
use crate::text::printable;

/// What waits for an approver.
pub(crate) fn approvals(style: &Style, waiting: &[Pending]) -> String {
    let Some(first) = waiting.first() else { return "Nothing waits for a decision.\n".to_owned() };
    let mut out = table(style, waiting);
    out.push_str(&remedies(style, waiting.iter().flat_map(|waiting| &waiting.event.findings)));
    let mut batches: BTreeMap<BatchId, usize> = BTreeMap::new();
    for batch in waiting.iter().filter_map(|waiting| waiting.event.batch) {
        *batches.entry(batch).or_default() += 1;
    }
    for (batch, members) in batches {
        let _ = writeln!(
            out,
            "Held batch {batch}: {members} of these; decided whole with --batch {batch}, shown with `usher approvals show {batch}`"
        );
    }
    let escalated = waiting.iter().filter(|waiting| waiting.event.escalated.is_some()).count();
    if escalated > 0 {
        let said = format!("{escalated} escalated: nobody decided in time, they were asked again");
        let _ = writeln!(out, "{}", style.paint(Tint::Bad, &said));
    }
    let first = first.event.id;
    let _ = writeln!(
        out,
        "\nDecide with `usher approvals approve {first} --comment WHY` or `usher approvals reject {first} --comment WHY`; \
         `usher approvals show {first}` has every value, rule and line."
    );
    out
}

fn table(style: &Style, waiting: &[Pending]) -> String {
    let mut grid =
        Grid::new(style, &["Event!", "User, app~", "Would do, and why it is held", "Because, and who decides"]);
    for Pending { event, asking } in waiting {
        let operation = &event.operation;
        let mut said = brief(operation, asking);
        said.extend(findings(&event.findings));
        let mut around = vec![operation.reason.clone(), because(style, asking)];
        around.extend(deciding(style, event, asking));
        let account = asking.email.as_deref() != Some(operation.user_name.as_str());
        let mut who = vec![operation.label.clone()];
        who.extend(asking.email.clone());
        who.extend(account.then(|| operation.user_name.clone()));
        who.push(format!("{} in {}", asking.key, event.app()));
        grid.row([age(style, event), lines(who), lines(said), lines(around)]);
    }
    grid.finish()
}

fn age(style: &Style, event: &Event) -> Field {
    let mut age = vec![event.id.to_string(), time::length(style.now.millis_since(event.waiting_since))];
    if event.escalated.is_some() {
        age.push("escalated".to_owned());
        return lines(age).tinted(Tint::Bad);
    }
    lines(age)
}

/// What would be done in a few lines, each changed value with its rule.
fn brief(operation: &Operation, asking: &Asking) -> Vec<String> {
    let with_rule = |line: String| {
        let rule = operation
            .changes
            .iter()
            .filter(|change| line.contains(&format!("{}: ", change.path)))
            .find_map(|change| asking.place(&change.path));
        rule.map_or(line.clone(), |rule| format!("{line}  ({rule})"))
    };
    let deeds = brief_deeds(operation, true);
    if operation.kind == Kind::Create { deeds } else { deeds.into_iter().map(with_rule).collect() }
}

fn because(style: &Style, asking: &Asking) -> String {
    let because = &asking.because;
    let by = if because.by.is_empty() { String::new() } else { format!(", by {}", because.by.join(" and ")) };
    let at = because.at.map(|at| format!(", {}", time::relative(style, at))).unwrap_or_default();
    format!("{}{by}{at}", because.what)
}

/// Until when, and whose decision it is.
fn deciding(style: &Style, event: &Event, asking: &Asking) -> Vec<String> {
    let expires =
        asking.expires.map_or("never expires".to_owned(), |at| format!("expires {}", time::relative(style, at)));
    let mut said = Vec::new();
    if asking.approvers > 1 {
        let approved =
            if asking.approved.is_empty() { String::new() } else { format!(" ({})", asking.approved.join(", ")) };
        said.push(format!("{} of {} approved{approved}", asking.approved.len(), asking.approvers));
    }
    if let Some(since) = event.escalated {
        said.push(format!("escalated {}", time::relative(style, since)));
    }
    said.push(match &asking.stuck {
        Some(why) => format!("{expires}; {why}"),
        None => format!("{expires}; {} may decide", asking.deciders.join(", ")),
    });
    said
}

/// The facts of one event that an approver asks for, beside what the event itself says.
pub(crate) fn facts(style: &Style, event: &Event, asking: &Asking) -> Vec<(&'static str, String)> {
    let operation = &event.operation;
    let email = asking.email.as_deref().unwrap_or("no e-mail address");
    let mut facts = vec![("user", format!("{}, {email}, {}", operation.label, asking.key))];
    facts.push(("cause", because(style, asking)));
    for one in &operation.changes {
        let place = asking.place(&one.path).map(|place| format!("   ({place})")).unwrap_or_default();
        facts.push(("change", format!("{}{place}", change(one))));
    }
    for edge in &operation.edges {
        let place = asking.place(&format!("{} {}", edge.kind, edge.name)).map(|place| format!("   ({place})"));
        facts.push(("change", format!("{}{}", edge.words(), place.unwrap_or_default())));
    }
    match (asking.revision, asking.current) {
        _ if asking.rules.is_empty() => {}
        (Some(revision), false) => facts.push(("rules", format!("of {revision}, which is not active any more"))),
        (None, _) => facts.push(("rules", "of a revision that is not known any more".to_owned())),
        (Some(_), true) => {}
    }
    if let Some(batch) = event.batch {
        facts.push(("batch", batch.to_string()));
    }
    if event.is_waiting() {
        facts.push(("waiting", time::length(style.now.millis_since(event.waiting_since))));
        facts.extend(deciding(style, event, asking).into_iter().map(|line| ("decision", line)));
    }
    facts
}

/// A held batch: what is decided with it, and for adoptions what is not.
pub(crate) fn batch(style: &Style, answer: &BatchAnswer) -> String {
    let mut out = String::new();
    let members = || answer.exact.iter().chain(&answer.differing);
    let adoptions = members().any(|waiting| waiting.event.operation.kind == Kind::Link);
    let exact = if adoptions { "As the rules want them" } else { "Held together" };
    let parts = [
        (exact, &answer.exact),
        ("With other values than the rules want", &answer.differing),
        ("Several accounts match: blocked, not decided with the batch", &answer.ambiguous),
    ];
    for (title, waiting) in parts.iter().filter(|(_, waiting)| !waiting.is_empty()) {
        let _ = writeln!(out, "{}", style.paint(Tint::Strong, &format!("{title} ({})", waiting.len())));
        out.push_str(&table(style, &waiting[..waiting.len().min(style.rows_max)]));
        more(style, waiting.len(), &mut out);
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "Decide exactly these {} with `usher approvals approve --batch {} --shown {} --comment WHY`; what joins later waits.",
        answer.shown.count, answer.batch, answer.shown
    );
    out
}

fn more(style: &Style, number: usize, out: &mut String) {
    if number > style.rows_max {
        let _ = writeln!(out, "… and {} more (--json lists them)", number - style.rows_max);
    }
}

/// What a decision would take.
pub(crate) fn chosen(style: &Style, chosen: &Chosen) -> String {
    let word = if chosen.approve { "approve" } else { "reject" };
    let mut out = table(style, &chosen.events[..chosen.events.len().min(style.rows_max)]);
    more(style, chosen.shown.count, &mut out);
    let _ = writeln!(
        out,
        "\nThis would {word} {} events, {}. Nothing is decided yet; with --shown {} exactly these are.",
        chosen.shown.count, chosen.shown, chosen.shown
    );
    out
}

/// Who should have no account any more, and has.
pub(crate) fn leavers(style: &Style, leavers: &[Leaver]) -> String {
    if leavers.is_empty() {
        return "No leaver has an active account.\n".to_owned();
    }
    let title = format!("Leavers still active ({})", leavers.len());
    let mut out = format!("{}\n", style.paint(Tint::Bad, &title));
    let mut grid = Grid::new(style, &["User~", "App!", "Event!", "Leaves because", "Active because"]);
    for leaver in leavers.iter().take(style.rows_max) {
        grid.row([
            lines([leaver.label.clone(), leaver.key.clone()]),
            text(leaver.app.as_str()),
            text(leaver.event.map(|event: EventId| event.to_string()).unwrap_or_default()),
            text(&leaver.leaves),
            text(&leaver.why),
        ]);
    }
    out.push_str(&grid.finish());
    more(style, leavers.len(), &mut out);
    out
}

/// What became of decisions.
pub(crate) fn decided(style: &Style, decisions: &[DecisionAnswer]) -> String {
    if decisions.is_empty() {
        return "Nothing was there to decide.\n".to_owned();
    }
    let mut out = String::new();
    for decision in decisions {
        let (mark, said) = match &decision.refused {
            None if decision.missing > 0 => (
                style.paint(Tint::Warn, "!"),
                format!(
                    "{} of {} approved, it waits for another operator",
                    decision.approvers - decision.missing,
                    decision.approvers
                ),
            ),
            None => (style.paint(Tint::Good, "✓"), "decided".to_owned()),
            Some(reason) => (style.paint(Tint::Bad, "✗"), printable(reason)),
        };
        let _ = writeln!(out, "{mark} {} {}: {said}", decision.event, printable(&decision.label));
    }
    out
}
