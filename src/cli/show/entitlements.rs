//! What an app can grant, and what a refresh changed.

use std::fmt::Write;

use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, text};
use crate::cli::show::time;
use crate::engine::answer::{Concern, EntitlementsAnswer, Meaning, RefreshAnswer};
use crate::provision::entitlement::{CatalogueDiff, Entitlement};
use crate::text::printable;

/// Lines of one kind of change; the rest is a number.
const LINES_MAX: usize = 20;

/// Whether a name can be granted.
pub(crate) fn is_granted(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Same | Meaning::Now)
}

/// What a refresh found.
pub(crate) fn refreshed(style: &Style, answer: &RefreshAnswer) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", style.paint(Tint::Strong, answer.app.as_str()));
    if answer.sources.is_empty() {
        out.push_str("  The connector says that there is nothing to grant.\n");
    }
    for source in &answer.sources {
        let mark = style.paint(Tint::Good, "✓");
        match &source.incomplete {
            None => drop(writeln!(out, "  {mark} {} {}", printable(&source.kind), source.listed)),
            Some(why) => {
                let mark = style.paint(Tint::Warn, "!");
                let _ = writeln!(
                    out,
                    "  {mark} {} {}, perhaps not all: {}",
                    printable(&source.kind),
                    source.listed,
                    printable(why)
                );
            }
        }
        if source.nameless > 0 {
            let _ = writeln!(out, "    {} without a usable name: rules can't grant them", source.nameless);
        }
    }
    changes(&mut out, style, &answer.diff);
    for concern in &answer.concerns {
        let mark =
            if is_granted(&concern.meaning) { style.paint(Tint::Good, "✓") } else { style.paint(Tint::Bad, "✗") };
        let _ = writeln!(out, "  {mark} {}", printable(&sentence(concern)));
    }
    out
}

fn changes(out: &mut String, style: &Style, diff: &CatalogueDiff) {
    let words = diff.words();
    let _ = writeln!(out, "  {}", if words.is_empty() { "nothing changed" } else { &words });
    let name = |each: &Entitlement| format!("{} {} ({})", each.key.kind, each.name, each.key.remote_id);
    let mut list = |word: &str, tint: Tint, lines: Vec<String>| {
        for line in lines.iter().take(LINES_MAX) {
            let _ = writeln!(out, "    {} {}", style.paint(tint, word), printable(line));
        }
        if lines.len() > LINES_MAX {
            let _ = writeln!(out, "    and {} more", lines.len() - LINES_MAX);
        }
    };
    list("new", Tint::Good, diff.new.iter().map(name).collect());
    let renamed = diff.renamed.iter().map(|each| format!("{}, before: {}", name(&each.entitlement), each.before));
    list("renamed", Tint::Warn, renamed.collect());
    list("gone", Tint::Bad, diff.gone.iter().map(name).collect());
    list("returned", Tint::Good, diff.returned.iter().map(name).collect());
    let several =
        diff.ambiguous.iter().map(|each| format!("{} {}: {}", each.kind, each.name, each.remote_ids.join(", ")));
    list("ambiguous", Tint::Warn, several.collect());
}

fn sentence(concern: &Concern) -> String {
    let more = if concern.users > concern.sample.len() as u64 { ", …" } else { "" };
    let users = if concern.users == 1 { "1 user" } else { &format!("{} users", concern.users) };
    let who = format!("{users} ({}{more})", concern.sample.join(", "));
    let what = format!("rules grant {} `{}` to {who}", concern.kind, concern.name);
    match &concern.meaning {
        Meaning::Same => what,
        Meaning::Now => format!("{what}: found by this refresh"),
        Meaning::Unknown => format!("{what}, but the target has none of that name"),
        Meaning::Gone => format!("{what}, but it is gone at the target"),
        Meaning::RenamedTo(name) => {
            format!("{what}, but it is called `{name}` now: change the rule, or its name there")
        }
        Meaning::Ambiguous => format!("{what}, but several have that name: rename all but one at the target"),
    }
}

/// The catalogue.
pub(crate) fn entitlements(style: &Style, answer: &EntitlementsAnswer) -> String {
    let Some(refreshed) = answer.refreshed else {
        return format!("What {} can grant was never read; `usher apps refresh {}` does.\n", answer.app, answer.app);
    };
    let mut grid = Grid::new(style, &["Kind!", "Name~", "Id", "Since!", ""]);
    for each in &answer.entitlements {
        let gone = each.gone.map(|at| format!("gone {}", time::relative(style, at)));
        let (note, tint) = match gone {
            Some(gone) => (gone, Tint::Bad),
            None if each.created => ("created by us".to_owned(), Tint::Faint),
            None => (String::new(), Tint::Plain),
        };
        grid.row([
            text(&each.key.kind),
            text(&each.name),
            text(&each.key.remote_id),
            text(time::relative(style, each.since)),
            text(note).tinted(tint),
        ]);
    }
    let mut out = if grid.is_empty() { format!("{} has nothing to grant.\n", answer.app) } else { grid.finish() };
    let _ = writeln!(out, "Refreshed {}", time::both(style, refreshed));
    out
}
