//! One pair explained: access, account, attributes with their lines, entitlements, what is in the way, what differs.

use std::fmt::Write;

use crate::cli::show::events::tint;
use crate::cli::show::plan::brief;
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, lines, text};
use crate::cli::show::time;
use crate::engine::explained::{AttributeLine, EntitlementLine, Explained};
use crate::text::printable;

/// One pair, now or at a time.
pub(crate) fn explained(style: &Style, it: &Explained) -> String {
    let mut out = String::new();
    let when = it.at.map_or_else(String::new, |at| format!(" at {}", time::absolute(style, at)));
    let title = format!("{} in {}{when}", printable(&it.label), it.app);
    let _ = writeln!(out, "{}  {}", style.paint(Tint::Strong, &title), printable(&it.account.words));
    for (name, value) in facts(style, it) {
        let _ = writeln!(out, "  {name:<10} {}", printable(value.trim()));
    }
    let sections = [("In the way", &it.in_the_way, "!"), ("Differs", &it.differences, "≠")];
    for (title, sentences, mark) in sections.into_iter().filter(|(_, sentences, _)| !sentences.is_empty()) {
        let _ = writeln!(out, "\n{}", style.paint(Tint::Strong, title));
        for sentence in sentences {
            let _ = writeln!(out, "  {} {}", style.paint(Tint::Warn, mark), printable(sentence));
        }
    }
    if it.at.is_none() && it.in_the_way.is_empty() && it.differences.is_empty() {
        let _ = writeln!(out, "\n{} nothing is in the way, and nothing differs", style.paint(Tint::Good, "✓"));
    }
    attributes(style, it, &mut out);
    entitlements(style, it, &mut out);
    events(style, it, &mut out);
    if !it.unknown.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint(Tint::Strong, "Not known"));
        for sentence in &it.unknown {
            let _ = writeln!(out, "  {}", printable(sentence));
        }
    }
    out
}

fn facts(style: &Style, it: &Explained) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let account = &it.account;
    if account.user_name.is_some() || account.remote_id.is_some() {
        let name = account.user_name.as_deref().unwrap_or_default();
        facts.push(("account", format!("{name} {}", account.remote_id.as_deref().unwrap_or_default())));
    }
    if let Some((event, at)) = account.since {
        facts.push(("since", format!("{}, by {event}", time::absolute(style, at))));
    }
    let verdict = match it.access.entitled {
        Some(true) => "should have it: ",
        Some(false) => "should not have it: ",
        None => "",
    };
    facts.push(("access", format!("{verdict}{}", it.access.words)));
    for grant in &it.access.grants {
        let role = grant.app_role.as_ref().map_or_else(String::new, |role| format!(", as {role}"));
        facts.push(("granted", format!("{}{role} ({})", grant.grant, grant.from)));
    }
    if let Some(role) = &it.access.app_role {
        facts.push(("app role", role.clone()));
    }
    if let Some((revision, since)) = it.revision {
        let since = since.map_or_else(String::new, |since| format!(", active since {}", time::absolute(style, since)));
        facts.push(("revision", format!("{revision}{since}")));
    }
    facts
}

fn attributes(style: &Style, it: &Explained, out: &mut String) {
    if it.attributes.is_empty() {
        return;
    }
    let now = it.at.is_none();
    let titles: &[&str] = if now {
        &["Attribute~", "Should be", "Line!", "Pushed", "By!"]
    } else {
        &["Attribute~", "Pushed", "Line!", "By!"]
    };
    let mut grid = Grid::new(style, titles);
    for line in &it.attributes {
        let shown = |value: &Option<crate::directory::value::Value>| value.as_ref().map(brief).unwrap_or_default();
        let by = line.pushed_by.map_or_else(Vec::new, |(event, at)| vec![event.to_string(), time::relative(style, at)]);
        let rule = text(line.line.as_deref().unwrap_or_default());
        let mut fields = vec![text(&line.path)];
        if now {
            fields.push(lines(desired(line, shown(&line.desired))));
            fields.push(rule);
            let tint = if line.differs { Tint::Warn } else { Tint::Plain };
            fields.push(text(shown(&line.pushed)).tinted(tint));
        } else {
            fields.push(text(shown(&line.pushed)));
            fields.push(rule);
        }
        fields.push(lines(by));
        grid.row(fields);
    }
    out.push('\n');
    out.push_str(&grid.finish());
}

fn desired(line: &AttributeLine, shown: String) -> Vec<String> {
    let mut said = vec![shown];
    if !line.note.is_empty() {
        said.push(format!("({})", line.note));
    }
    said.retain(|line| !line.is_empty());
    said
}

fn entitlements(style: &Style, it: &Explained, out: &mut String) {
    if it.entitlements.is_empty() {
        return;
    }
    let mut grid = Grid::new(style, &["Entitlement~", "Rules", "Line!", "Stands", "By!"]);
    for line in &it.entitlements {
        let EntitlementLine { kind, name, wanted, line: rule, stands, since, differs } = line;
        let rules = match wanted {
            Some(true) => "granted",
            Some(false) => "not granted",
            None => "",
        };
        let by = since.map_or_else(Vec::new, |(event, at)| {
            let event = event.map(|event| event.to_string());
            event.into_iter().chain([time::relative(style, at)]).collect()
        });
        let tint = if *differs { Tint::Warn } else { Tint::Plain };
        grid.row([
            text(format!("{kind} {name}")),
            text(rules),
            text(rule.as_deref().unwrap_or_default()),
            text(stands).tinted(tint),
            lines(by),
        ]);
    }
    out.push('\n');
    out.push_str(&grid.finish());
}

fn events(style: &Style, it: &Explained, out: &mut String) {
    if it.events.is_empty() {
        return;
    }
    let mut grid = Grid::new(style, &["When!", "Event!", "Did!", "State!", "Because of"]);
    for event in &it.events {
        grid.row([
            text(time::absolute(style, event.at)),
            text(event.event.to_string()),
            text(event.kind.word()),
            text(&event.shown).tinted(tint(event.status)),
            text(&event.cause),
        ]);
    }
    out.push('\n');
    out.push_str(&grid.finish());
}
