//! Apps, revisions, operators, checks.

use std::fmt::Write;

use crate::access::operator::{FourEyes, Operator};
use crate::cli::show::plan;
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, count, lines, text};
use crate::cli::show::time;
use crate::connector::capability::AppState;
use crate::connector::revision::{Bundle, Revision};
use crate::engine::answer::{AppAnswer, ApplyAnswer, Check, CheckLevel, SyncAnswer};
use crate::id::RevisionNumber;
use crate::provision::account::Presence;
use crate::provision::escalation::Escalation;
use crate::provision::event::StatusKind;
use crate::store::act::Verified;
use crate::text::printable;

/// How an app stands, in words and in a tint.
fn state(style: &Style, state: &AppState) -> (String, Tint) {
    let when = |at| time::relative(style, at);
    match state {
        AppState::Untested => ("untested".to_owned(), Tint::Faint),
        AppState::Live => ("live".to_owned(), Tint::Good),
        AppState::Paused { by, at } => (format!("paused by {by}, {}", when(*at)), Tint::Warn),
        AppState::Quarantined { since, why, next_probe, .. } => {
            (format!("quarantined {}: {why}; next probe {}", when(*since), when(*next_probe)), Tint::Bad)
        }
        AppState::BreakerOpen { since, why, next_try, .. } => {
            (format!("not answering, {}: {why}; one request tries it {}", when(*since), when(*next_try)), Tint::Warn)
        }
        AppState::Disabled { since, why } => {
            (format!("disabled {}: {why}; `usher apps resume`", when(*since)), Tint::Bad)
        }
    }
}

/// All apps.
pub(crate) fn apps(style: &Style, apps: &[AppAnswer]) -> String {
    if apps.is_empty() {
        return "There is no app yet; describe one in apps/NAME.toml and run `usher apply`.\n".to_owned();
    }
    let mut grid = Grid::new(style, &["App!", "Active!", "Last cycle!", "How it stands, and what waits"]);
    for app in apps {
        let number = |status: StatusKind| app.counts.events.get(&status).copied().unwrap_or(0);
        let numbers = [
            ("pending", number(StatusKind::Pending)),
            ("queued", number(StatusKind::Queued)),
            ("failed", number(StatusKind::Failed)),
            ("blocked", number(StatusKind::Refused)),
            ("to be planned", app.counts.dirty),
        ];
        let told = numbers.iter().filter(|(_, number)| *number > 0).map(|(word, number)| format!("{word} {number}"));
        let told = told.collect::<Vec<_>>().join(", ");
        let (how, tint) = state(style, &app.state);
        grid.row([
            text(app.name.as_str()),
            count(app.counts.accounts.get(&Presence::Active).copied().unwrap_or(0)),
            text(app.last_cycle.map(|at| time::relative(style, at)).unwrap_or_default()),
            lines([format!("{how} ({})", app.app.connector), told].into_iter().filter(|line| !line.is_empty()))
                .tinted(tint),
        ]);
    }
    let mut out = grid.finish();
    for app in apps {
        out.push_str(&waits(style, app));
    }
    out
}

/// What waits, where nothing is sent or a leaver has waited for too long.
fn waits(style: &Style, app: &AppAnswer) -> String {
    let late = app.waiting.leavers.iter().filter_map(|leaver| leaver.escalation).max();
    if app.state.stopped().is_none() && late.is_none() && app.waiting.unseen.is_none() {
        return String::new();
    }
    let tint = if late.is_some() { Tint::Bad } else { Tint::Warn };
    let planned = match app.counts.dirty {
        0 => String::new(),
        1 => "; 1 user to be planned".to_owned(),
        dirty => format!("; {dirty} users to be planned"),
    };
    let waits = format!("{}: {}{planned}", app.name, printable(&app.waiting.words()));
    format!("{}\n", style.paint(tint, &waits))
}

/// One app.
pub(crate) fn app(style: &Style, answer: &AppAnswer) -> String {
    let app = &answer.app;
    let mut out = String::new();
    let title = if app.title.is_empty() { answer.name.as_str() } else { &app.title };
    let _ = writeln!(out, "{}", style.paint(Tint::Strong, &format!("{} ({})", printable(title), answer.name)));
    let mut grid = Grid::new(style, &["Setting!", "Value"]);
    let (how, tint) = state(style, &answer.state);
    grid.row([text("state"), text(how).tinted(tint)]);
    let schedule = if app.schedule.is_empty() {
        "by kicks only".to_owned()
    } else {
        format!("{} ({})", app.schedule, app.timezone)
    };
    let last = answer.last_cycle.map_or_else(|| "none yet".to_owned(), |at| time::both(style, at));
    for (name, value) in [
        ("connector", app.connector.to_string()),
        ("base URL", app.base_url.clone()),
        ("credential", app.credential.to_string()),
        ("rules", format!("rules/{}", app.rules)),
        ("schedule", schedule),
        ("last cycle", last),
        ("last reconcile", reconciled(style, answer)),
        ("accounts", numbers(answer.counts.accounts.iter())),
        (
            "events",
            answer.counts.events.iter().map(|(status, n)| format!("{status} {n}")).collect::<Vec<_>>().join(", "),
        ),
        ("to be planned", answer.counts.dirty.to_string()),
        ("waiting", answer.waiting.words()),
    ] {
        grid.row([text(name), text(value)]);
    }
    if answer.escalated > 0 {
        let said = format!("{} pending that nobody decided about in time", answer.escalated);
        grid.row([text("escalated"), text(said).tinted(Tint::Bad)]);
    }
    out.push_str(&grid.finish());
    for finding in &answer.findings {
        let _ = writeln!(out, "{} {}", style.paint(Tint::Warn, "!"), printable(&finding.to_string()));
    }
    out.push_str(&leavers(style, answer));
    for (title, sentences) in [("What it taught us", &answer.learned), ("To know before connecting", &answer.notes)] {
        if !sentences.is_empty() {
            let _ = writeln!(out, "\n{}", style.paint(Tint::Strong, title));
            for sentence in sentences {
                let _ = writeln!(out, "  · {}", printable(sentence));
            }
        }
    }
    out
}

/// Leavers who wait, one by one.
fn leavers(style: &Style, answer: &AppAnswer) -> String {
    if answer.waiting.leavers.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(style, &["Leaver~", "Event!", "State!", "Since!", "", "Reason, and what to do"]);
    for leaver in &answer.waiting.leavers {
        grid.row([
            text(&leaver.label),
            text(leaver.event.to_string()),
            text(leaver.status.word()),
            text(time::relative(style, leaver.since)),
            text(leaver.escalation.map(Escalation::word).unwrap_or_default()).tinted(Tint::Bad),
            text(&leaver.reason),
        ]);
    }
    format!("\n{}\n{}", style.paint(Tint::Strong, "Leavers who wait"), grid.finish())
}

fn reconciled(style: &Style, answer: &AppAnswer) -> String {
    let Some(last) = &answer.reconciled else { return "none yet".to_owned() };
    let found = match last.drift {
        0 => "as we left it".to_owned(),
        number => format!("{number} differences; `usher reconcile {} --last`", answer.name),
    };
    let whole = if last.incomplete.is_some() { ", not the whole truth" } else { "" };
    format!("{}: {found}{whole}", time::both(style, last.at))
}

fn numbers<'a>(counts: impl Iterator<Item = (&'a Presence, &'a u64)>) -> String {
    let word = |presence: &Presence| format!("{presence:?}").to_lowercase();
    counts
        .filter(|(_, n)| **n > 0)
        .map(|(presence, n)| format!("{} {n}", word(presence)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Checks, each on its line.
pub(crate) fn checks(style: &Style, checks: &[Check]) -> String {
    let mut out = String::new();
    for check in checks {
        let mark = match check.level {
            CheckLevel::Good => style.paint(Tint::Good, "✓"),
            CheckLevel::Note => style.paint(Tint::Warn, "!"),
            CheckLevel::Bad => style.paint(Tint::Bad, "✗"),
        };
        let _ = writeln!(out, "{mark} {}: {}", printable(&check.subject), printable(&check.finding));
    }
    out
}

/// What an `apply` did or would do.
pub(crate) fn applied(style: &Style, answer: &ApplyAnswer) -> String {
    let mut out = String::new();
    for change in &answer.changes {
        let _ = writeln!(out, "  {}", printable(change));
    }
    for app in &answer.plan.apps {
        let said = match &app.trouble {
            Some(trouble) => format!("could not be planned: {}", printable(trouble)),
            None => plan::totals(&app.summary.counts),
        };
        let _ = writeln!(out, "  {}: {said}", style.paint(Tint::Strong, app.summary.app.as_str()));
        for finding in &app.summary.findings {
            let _ = writeln!(out, "    ! {}", printable(&finding.to_string()));
        }
    }
    out.push_str(&plan::abandoned(style, &answer.plan));
    let _ = match (&answer.revision, answer.activated) {
        (Some(revision), true) => writeln!(out, "{} {} is active.", style.paint(Tint::Good, "✓"), revision.number),
        (Some(revision), false) => writeln!(out, "{} is stored, not active.", revision.number),
        (None, _) if answer.changes.is_empty() => writeln!(out, "The workspace says what the active revision says."),
        (None, _) => writeln!(out, "Nothing was activated (dry run)."),
    };
    out
}

/// Revisions, newest first.
pub(crate) fn revisions(style: &Style, revisions: &[Revision], active: Option<RevisionNumber>) -> String {
    if revisions.is_empty() {
        return "There is no revision yet; `usher apply` makes the first from the workspace's files.\n".to_owned();
    }
    let mut grid = Grid::new(style, &["Revision!", "", "When!", "Parent!", "Digest!", "Comment"]);
    for revision in revisions {
        let active = active == Some(revision.number);
        grid.row([
            text(revision.number.to_string()),
            text(if active { "active" } else { "" }).tinted(Tint::Good),
            text(time::both(style, revision.at)),
            text(revision.parent.map(|parent| parent.to_string()).unwrap_or_default()),
            text(revision.digest.short()),
            text(&revision.comment),
        ]);
    }
    grid.finish()
}

/// One revision's files.
pub(crate) fn files(style: &Style, revision: &Revision, bundle: &Bundle) -> String {
    let mut out = String::new();
    let _ =
        writeln!(out, "{} {}", style.paint(Tint::Strong, &revision.number.to_string()), printable(&revision.comment));
    let mut grid = Grid::new(style, &["File", "Lines!"]);
    for (path, source) in &bundle.files {
        grid.row([text(path), count(source.lines().count() as u64)]);
    }
    out.push_str(&grid.finish());
    out
}

/// Operators.
pub(crate) fn operators(style: &Style, operators: &[Operator], four_eyes: FourEyes) -> String {
    let mut grid = Grid::new(style, &["Operator", "Role!", "OS account", "User", "Since!", ""]);
    for operator in operators {
        grid.row([
            text(&operator.name),
            text(operator.role.to_string()),
            text(operator.os_account.as_deref().unwrap_or_default()),
            text(operator.user.map(|user| user.to_string()).unwrap_or_default()),
            text(time::relative(style, operator.since)),
            text(if operator.disabled { "disabled" } else { "" }).tinted(Tint::Faint),
        ]);
    }
    let mut out = if grid.is_empty() { "There is no operator.\n".to_owned() } else { grid.finish() };
    let _ = writeln!(
        out,
        "\n{}",
        match four_eyes {
            FourEyes::Record => "Four eyes: record. One may approve what one caused, with a comment, and it is marked.",
            FourEyes::Enforce => "Four eyes: enforce. Nobody approves what he himself caused.",
        }
    );
    out
}

/// Events that are admitted and not done: they wait for another attempt, or their outcome is not known yet.
pub(crate) fn unfinished(app: &SyncAnswer) -> u64 {
    [StatusKind::Queued, StatusKind::Verifying].iter().filter_map(|status| app.waiting.get(status)).sum()
}

/// What a sync did.
pub(crate) fn synced(style: &Style, apps: &[SyncAnswer]) -> String {
    let mut out = String::new();
    for app in apps {
        let list = |counts: &std::collections::BTreeMap<StatusKind, u64>| {
            let parts: Vec<String> =
                counts.iter().filter(|(_, n)| **n > 0).map(|(status, n)| format!("{status} {n}")).collect();
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        };
        let _ = writeln!(out, "{}", style.paint(Tint::Strong, app.app.as_str()));
        if let Some(summary) = &app.summary {
            let _ = writeln!(out, "  planned   {}", plan::totals(&summary.counts));
        }
        let _ = writeln!(out, "  ended     {}", list(&app.ended));
        let _ = writeln!(out, "  waiting   {}", list(&app.waiting));
        let _ = writeln!(out, "  requests  {}, of which {} write", app.requests, app.writes);
        for finding in &app.findings {
            let _ = writeln!(out, "  {} {}", style.paint(Tint::Warn, "!"), printable(&finding.to_string()));
        }
        if let Some(trouble) = &app.trouble {
            let _ = writeln!(out, "  {}   {}", style.paint(Tint::Bad, "trouble"), printable(trouble));
        }
        if unfinished(app) > 0 && app.trouble.is_none() {
            let _ = writeln!(
                out,
                "  {} wait for another attempt: `usher status --app {}` says why and when; `usher serve`, or the next sync, makes it.",
                unfinished(app),
                app.app
            );
        }
        if app.waiting.get(&StatusKind::Pending).is_some_and(|n| *n > 0) {
            out.push_str("  `usher approvals list` shows what waits for a decision.\n");
        }
        let failed =
            [&app.ended, &app.waiting].iter().any(|counts| counts.get(&StatusKind::Failed).is_some_and(|n| *n > 0));
        if failed {
            let _ = writeln!(out, "  `usher history --app {} --status failed` shows why.", app.app);
        }
    }
    if apps.is_empty() {
        out.push_str("There is no app to synchronise.\n");
    }
    out
}

/// What `store verify` found.
pub(crate) fn verified(style: &Style, verified: &Verified) -> String {
    let mut out = String::new();
    let head = &verified.head;
    let _ = writeln!(
        out,
        "{} entries in {} blocks; {} users, {} accounts, {} events\nhead {}",
        head.sequence, head.blocks, head.users, head.accounts, head.events, head.hash
    );
    for problem in &verified.problems {
        let _ = writeln!(out, "{} {}", style.paint(Tint::Bad, "✗"), printable(problem));
    }
    if verified.problems.is_empty() {
        let _ = writeln!(out, "{} the chain and the counters are whole", style.paint(Tint::Good, "✓"));
    }
    out
}
