//! Users, their pairs, and imports.

use std::fmt::Write;

use crate::cli::show::events;
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Field, Grid, lines, text};
use crate::cli::show::time;
use crate::directory::user::{Standing, User};
use crate::engine::answer::{ImportAnswer, StatusRow, UserAnswer};
use crate::import::PROBLEMS_MAX;
use crate::provision::account::Presence;
use crate::provision::edge::{Edge, EdgeState};
use crate::store::query::{Import, ImportState, Preview};
use crate::text::printable;

/// Problems and samples that are listed.
const LISTED_MAX: usize = 20;

fn standing(user: &User) -> Field {
    let (word, tint) = match user.effective_standing() {
        Standing::Active => ("active", Tint::Good),
        Standing::Suspended => ("suspended", Tint::Warn),
        Standing::Deleted => ("deleted", Tint::Faint),
    };
    let by_hand = if user.manual.standing.is_some() { " (by hand)" } else { "" };
    text(format!("{word}{by_hand}")).tinted(tint)
}

/// A list of users.
pub(crate) fn users(style: &Style, users: &[User]) -> String {
    if users.is_empty() {
        return "No user is there that fits; `usher users list` shows all, `usher import` brings some in.\n".to_owned();
    }
    let mut grid = Grid::new(style, &["Key!", "User~", "E-mail~", "Department", "State!", "Changed!"]);
    for user in users {
        grid.row([
            text(format!("{}:{}", user.source, user.key)),
            text(user.label()),
            text(user.text("email").unwrap_or_default()),
            text(user.text("department").unwrap_or_default()),
            standing(user),
            text(time::relative(style, user.changed_at)),
        ]);
    }
    grid.finish()
}

/// One user with everything that is known.
pub(crate) fn user(style: &Style, answer: &UserAnswer) -> String {
    let user = &answer.user;
    let mut out = String::new();
    let _ = writeln!(out, "{}", style.paint(Tint::Strong, &printable(&user.label())));
    let mut grid = Grid::new(style, &["Attribute!", "Value", "From!"]);
    grid.row([text("id"), text(user.id.to_string()), text("")]);
    grid.row([text("key"), text(format!("{}:{}", user.source, user.key)), text("source")]);
    grid.row([text("state"), standing(user), text(if user.manual.standing.is_some() { "operator" } else { "source" })]);
    for (name, value) in &user.attributes {
        if !user.manual.attributes.contains_key(name) {
            grid.row([text(name), text(value.to_string()), text("source")]);
        }
    }
    for (name, value) in &user.manual.attributes {
        let shown = value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
        let source = user.attributes.get(name).map_or_else(|| "(none)".to_owned(), ToString::to_string);
        grid.row([text(name), text(shown), text(format!("operator (source says {source})"))]);
    }
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    for (name, value) in [("roles", answer.roles.join(", ")), ("groups", groups.join(", "))] {
        if !value.is_empty() {
            grid.row([text(name), text(value), text("")]);
        }
    }
    if let Some(manager) = &user.manager {
        grid.row([text("manager"), text(manager), text("source")]);
    }
    for (app, role) in &user.app_roles {
        grid.row([text(format!("app_role.{app}")), text(role), text("source")]);
    }
    for (app, assignment) in &user.direct {
        grid.row([text(format!("assigned {app}")), text(assignment.words()), text("operator")]);
    }
    out.push_str(&grid.finish());
    out.push('\n');
    out.push_str(&status(style, &answer.accounts));
    out
}

/// Pairs: presence plus the newest open event.
pub(crate) fn status(style: &Style, rows: &[StatusRow]) -> String {
    if rows.is_empty() {
        return "No account yet; `usher plan` shows what would be made.\n".to_owned();
    }
    let mut grid = Grid::new(style, &["User~", "App!", "Account~", "State~", "Since!", "Reason, and what to do"]);
    for row in rows {
        let since = row.event.as_ref().map(|event| time::relative(style, event.changed_at)).unwrap_or_default();
        grid.row([
            text(&row.label),
            text(row.account.app.as_str()),
            text(row.account.user_name().unwrap_or_default()),
            text(&row.shown).tinted(tint(row)),
            text(since),
            text(&row.reason),
        ]);
    }
    let mut out = grid.finish();
    let escalated =
        |row: &&StatusRow| row.event.as_ref().is_some_and(|event| event.is_waiting() && event.escalated.is_some());
    let escalated = rows.iter().filter(escalated).count();
    if escalated > 0 {
        let said = format!("{escalated} escalated: nobody decided in time; `usher approvals list` shows them");
        let _ = writeln!(out, "{}", style.paint(Tint::Bad, &said));
    }
    out.push_str(&entitlements(style, rows));
    out
}

/// The entitlements of one account each; of many accounts only those that need a look.
fn entitlements(style: &Style, rows: &[StatusRow]) -> String {
    let one = rows.iter().all(|row| row.account.user == rows[0].account.user);
    let wanted = |edge: &&Edge| one || !edge.effective || edge.state == EdgeState::Unknown;
    if !rows.iter().any(|row| row.edges.iter().any(|edge| wanted(&edge))) {
        return String::new();
    }
    let mut grid = Grid::new(style, &["User~", "App!", "Entitlement~", "State", "Since!"]);
    for row in rows {
        for edge in row.edges.iter().filter(wanted) {
            let tint = match edge.state {
                EdgeState::Granted | EdgeState::Found if edge.effective => Tint::Good,
                EdgeState::Granted | EdgeState::Found => Tint::Bad,
                EdgeState::Adding | EdgeState::Removing => Tint::Faint,
                EdgeState::Unknown => Tint::Warn,
            };
            grid.row([
                text(&row.label),
                text(row.account.app.as_str()),
                text(format!("{} {}", edge.key.kind, edge.name)),
                text(edge.shown()).tinted(tint),
                text(time::relative(style, edge.since)),
            ]);
        }
    }
    format!("\n{}", grid.finish())
}

fn tint(row: &StatusRow) -> Tint {
    if let Some(event) = &row.event {
        let tint = events::tint(event.status.kind());
        if matches!(tint, Tint::Bad | Tint::Warn) {
            return tint;
        }
    }
    match row.account.presence {
        Presence::Active => Tint::Good,
        Presence::Conflict | Presence::Lost => Tint::Bad,
        Presence::Unknown => Tint::Warn,
        Presence::None | Presence::Deactivated | Presence::Deleted | Presence::Kept | Presence::Unlinked => Tint::Faint,
        Presence::DeactivatedThere => Tint::Warn,
    }
}

/// Generations, newest first.
pub(crate) fn imports(style: &Style, imports: &[Import]) -> String {
    if imports.is_empty() {
        return "Nothing was imported yet; `usher import FILE` does it.\n".to_owned();
    }
    let mut grid = Grid::new(style, &["Import!", "State~", "Of which, when, and what it does"]);
    for import in imports {
        let full = if import.full { " (full)" } else { "" };
        let of = format!("{}{full}, {}: {}", import.source, time::relative(style, import.at), file_names(import));
        let does = format!("{} rows: {}", import.rows, numbers(&import.preview));
        grid.row([text(import.id.to_string()), state(import), lines([of, does])]);
    }
    grid.finish()
}

/// How many users it concerns, and how.
fn numbers(preview: &Preview) -> String {
    preview.words().unwrap_or_else(|| "nothing changed".to_owned())
}

/// File names without their folders.
fn file_names(import: &Import) -> String {
    let name = |file: &String| std::path::Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
    import.files.iter().map(|file| name(file).unwrap_or_else(|| file.clone())).collect::<Vec<_>>().join(", ")
}

fn state(import: &Import) -> Field {
    match &import.state {
        ImportState::Staging => text("staging"),
        ImportState::Parked { .. } => text("parked").tinted(Tint::Warn),
        ImportState::Committed { applied } => text(format!("committed, {applied} applied")),
        ImportState::Applied => text("applied").tinted(Tint::Good),
        ImportState::Dropped => text("dropped").tinted(Tint::Faint),
    }
}

/// What an import did.
pub(crate) fn imported(style: &Style, answer: &ImportAnswer) -> String {
    let import = &answer.import;
    let preview = &import.preview;
    let mut out = String::new();
    let (mark, said) = match &import.state {
        ImportState::Applied => (style.paint(Tint::Good, "✓"), "imported".to_owned()),
        ImportState::Committed { applied } => {
            (style.paint(Tint::Good, "✓"), format!("committed, {applied} applied so far"))
        }
        ImportState::Parked { .. } => (style.paint(Tint::Warn, "!"), "parked: nothing was changed".to_owned()),
        ImportState::Staging => (style.paint(Tint::Bad, "✗"), "not finished".to_owned()),
        ImportState::Dropped => (style.paint(Tint::Bad, "✗"), "dropped: nothing was changed".to_owned()),
    };
    let _ = writeln!(out, "{mark} {} rows of source {} {said} ({})", import.rows, import.source, import.id);
    let _ = writeln!(out, "  {}", numbers(preview));
    for (what, number) in &preview.losing {
        let _ = writeln!(out, "  {number} lose {}", printable(what));
    }
    for (what, number) in &preview.emptied {
        let _ = writeln!(out, "  {} goes empty for {number}", printable(what));
    }
    for finding in preview.findings.iter().chain(&answer.notes) {
        let _ = writeln!(out, "  {} {}", style.paint(Tint::Warn, "!"), printable(finding));
    }
    if !preview.missing_sample.is_empty() {
        let more = preview.missing.saturating_sub(preview.missing_sample.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(out, "  missing: {}{more}", printable(&preview.missing_sample.join(", ")));
    }
    if let ImportState::Parked { reasons } = &import.state {
        for reason in reasons {
            let _ = writeln!(out, "  {} {}", style.paint(Tint::Warn, "parked:"), printable(reason));
        }
        let _ = writeln!(
            out,
            "  Apply it with `usher imports apply {0}`, or drop it with `usher imports drop {0}`.",
            import.id
        );
    }
    if !answer.problems.is_empty() {
        let _ = writeln!(
            out,
            "\n{}",
            style.paint(Tint::Bad, &format!("Rows that were not read ({}):", answer.remarks.problem_count))
        );
        for problem in answer.problems.iter().take(LISTED_MAX) {
            let _ = writeln!(out, "  {}", printable(problem));
        }
        if answer.problems.len() > LISTED_MAX {
            let more = answer.remarks.problem_count.saturating_sub(LISTED_MAX as u64);
            let _ = writeln!(out, "  … and {more} more (--json lists up to {PROBLEMS_MAX} of them)");
        }
    }
    out
}
