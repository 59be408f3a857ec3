//! One answer as text, whatever it is.

use crate::cli::show::style::Style;
use crate::cli::show::{
    access, approvals, apps, directory, entitlements, events, explain, keys, plan, reconcile, rules,
};
use crate::engine::answer::{Answer, CheckLevel};
use crate::provision::event::StatusKind;
use crate::store::query::ImportState;
use crate::text::printable;

/// The answer for people.
pub(crate) fn answer(style: &Style, answer: &Answer) -> String {
    match answer {
        Answer::Done(sentences) => sentences.lines().map(|line| format!("{}\n", printable(line))).collect(),
        // Nothing of the command line asks for these.
        Answer::Page(_) | Answer::Roles(_) => json(answer).unwrap_or_default().to_string(),
        Answer::Imported(imported) => directory::imported(style, imported),
        Answer::Imports(imports) => directory::imports(style, imports),
        Answer::Users(users) => directory::users(style, users),
        Answer::UsersByName(list) => {
            let users: Vec<_> = list.users.iter().map(|listed| listed.user.clone()).collect();
            directory::users(style, &users)
        }
        Answer::Trends(trends) => events::trends(trends),
        Answer::User(user) => directory::user(style, user),
        Answer::Apps(all) => apps::apps(style, all),
        Answer::App(app) => apps::app(style, app),
        Answer::Tested(tested) => apps::checks(style, &tested.checks),
        Answer::Refreshed(refreshed) => entitlements::refreshed(style, refreshed),
        Answer::Entitlements(answer) => entitlements::entitlements(style, answer),
        Answer::Reconciled(report) => reconcile::reconciled(style, report),
        Answer::Applied(applied) => apps::applied(style, applied),
        Answer::Files { revision, bundle } => apps::files(style, revision, bundle),
        Answer::Revisions { revisions, active } => apps::revisions(style, revisions, *active),
        Answer::Draft(draft) => rules::draft(style, draft.as_deref()),
        Answer::RulesChecked(checked) => rules::checked(style, checked),
        Answer::RulesTried(tried) => rules::tried(style, tried),
        Answer::Plan(file) => plan::plan(style, file),
        Answer::Synced(synced) => apps::synced(style, synced),
        Answer::Approvals(pending) => approvals::approvals(style, pending),
        Answer::Overview(overview) => format!("{} wait for a decision\n", overview.waiting),
        Answer::Queue(page) => approvals::approvals(style, &page.waiting),
        Answer::Decisions(decided) => format!("{} decisions\n", decided.len()),
        Answer::Chosen(chosen) => approvals::chosen(style, chosen),
        Answer::Leavers(leavers) => approvals::leavers(style, leavers),
        Answer::Batch(batch) => approvals::batch(style, batch),
        Answer::Decided(decisions) => approvals::decided(style, decisions),
        Answer::Status(rows) => directory::status(style, rows),
        Answer::History { events, next, newer } => events::history(style, events, (*next, *newer)),
        Answer::Exported { events, .. } => format!("{} events\n", events.len()),
        Answer::Head(head) => events::head(head),
        Answer::Pruned(pruned) => events::pruned(style, pruned),
        Answer::Explained(explained) => explain::explained(style, explained),
        Answer::Event(event) => events::event(style, event),
        Answer::Operators { operators, four_eyes } => apps::operators(style, operators, *four_eyes),
        Answer::OneTime(token) => keys::one_time(style, token),
        Answer::Tokens(tokens) => keys::tokens(style, tokens),
        Answer::Token(token) => keys::token(style, token),
        Answer::Access(answer) => access::access(style, answer),
        Answer::Doctor(checks) => apps::checks(style, checks),
        Answer::Verified(verified) => apps::verified(style, verified),
    }
}

/// The answer for programs: its data alone.
///
/// # Errors
/// Never for answers that came over the socket; a map with keys that are no strings would be one.
pub(crate) fn json(answer: &Answer) -> serde_json::Result<serde_json::Value> {
    let mut tagged = serde_json::to_value(answer)?;
    Ok(tagged.get_mut("data").map_or(serde_json::Value::Null, serde_json::Value::take))
}

/// Whether a person should look although the command was carried out: exit code 3.
pub(crate) fn needs_attention(answer: &Answer) -> bool {
    let bad = |checks: &[crate::engine::answer::Check]| checks.iter().any(|check| check.level == CheckLevel::Bad);
    match answer {
        Answer::Imported(imported) => {
            !imported.problems.is_empty()
                || !matches!(imported.import.state, ImportState::Applied | ImportState::Committed { .. })
        }
        Answer::Tested(tested) => bad(&tested.checks),
        Answer::Refreshed(refreshed) => {
            refreshed.sources.iter().any(|source| source.incomplete.is_some())
                || refreshed.concerns.iter().any(|concern| !entitlements::is_granted(&concern.meaning))
        }
        Answer::Reconciled(report) => report.drift() > 0 || report.trouble.is_some() || report.incomplete.is_some(),
        Answer::Doctor(checks) => bad(checks),
        Answer::RulesChecked(checked) => !checked.passed(),
        Answer::Plan(plan) => plan.apps.iter().any(|app| app.trouble.is_some()),
        Answer::Synced(all) => all.iter().any(|app| {
            let failed = app.ended.get(&StatusKind::Failed).is_some_and(|number| *number > 0);
            failed || app.trouble.is_some() || apps::unfinished(app) > 0
        }),
        Answer::Decided(decisions) => decisions.iter().any(|decision| decision.refused.is_some()),
        Answer::Verified(verified) => !verified.problems.is_empty(),
        _ => false,
    }
}
