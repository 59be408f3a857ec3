//! Users whom an app refuses for the same reason: one thing to put right, not one for each of them. Pure.

use std::collections::BTreeMap;

use crate::directory::value::Value;
use crate::provision::event::{Event, Status};
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::provision::operation::Operation;
use crate::provision::outcome::Failure;

/// Answers that are about one user (`reliability.md` section 4).
const REFUSALS: [u16; 5] = [400, 403, 409, 413, 422];
/// From this many users on it is one reason, not a coincidence.
const ALIKE_MIN: usize = 2;
/// Users who are named.
const NAMED_MAX: usize = 3;
/// The longest reason that is shown, in characters.
const REASON_MAX: usize = 300;

/// One finding for each reason for which several users were refused, most users first. It is about the app: it never counts for the
/// breaker, and holds nothing.
pub fn alike(events: &[Event]) -> Vec<Finding> {
    let mut reasons: BTreeMap<String, BTreeMap<crate::id::UserId, &str>> = BTreeMap::new();
    for event in events {
        if let Some(failure) = refusal(event) {
            let users = reasons.entry(reason(failure, &event.operation)).or_default();
            users.insert(event.user(), &event.operation.label);
        }
    }
    let mut alike: Vec<_> = reasons.into_iter().filter(|(_, users)| users.len() >= ALIKE_MIN).collect();
    alike.sort_by_key(|(_, users)| std::cmp::Reverse(users.len()));
    let finding = |(reason, users): (String, BTreeMap<_, &str>)| {
        let named: Vec<&str> = users.values().take(NAMED_MAX).copied().collect();
        let more = if users.len() > named.len() { ", …" } else { "" };
        let detail = format!("{} users ({}{more}): {reason}", users.len(), named.join(", "));
        Finding::new(FindingKind::SameRefusal, detail)
    };
    alike.into_iter().map(finding).collect()
}

/// What the target said of this user, if it refused him: for good, or for now where it is tried again, as a leaver is.
fn refusal(event: &Event) -> Option<&Failure> {
    let failure = match &event.status {
        Status::Failed { failure } | Status::Queued { last: Some(failure), .. } => failure,
        _ => return None,
    };
    failure.status.filter(|status| REFUSALS.contains(status) && !failure.class.retries())?;
    Some(failure)
}

/// The target's words without what is of this user alone: his values, and whatever looks like an id or a number.
fn reason(failure: &Failure, operation: &Operation) -> String {
    let mut own = vec![operation.user_name.clone(), operation.label.clone()];
    own.extend(operation.remote_id.clone());
    own.extend(operation.external_id.clone());
    for change in &operation.changes {
        change.old.iter().chain(&change.new).for_each(|value| texts(value, &mut own));
    }
    own.retain(|text| text.chars().count() > 2);
    own.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let mut words = failure.detail.clone();
    for text in own {
        words = words.replace(&text, "…");
    }
    let plain: Vec<&str> = words.split_whitespace().map(|word| if is_of_one(word) { "…" } else { word }).collect();
    plain.join(" ").chars().take(REASON_MAX).collect()
}

fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Text(text) => into.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(parts) => parts.values().for_each(|part| texts(part, into)),
        Value::Integer(_) | Value::Boolean(_) => {}
    }
}

/// An address, an id, a long number: a status is none of these.
fn is_of_one(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    bare.contains('@') || digits > 3 || (bare.len() >= 32 && bare.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
}
