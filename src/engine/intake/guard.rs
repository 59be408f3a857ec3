//! The import guard (`reliability.md` section 4): what parks a generation until an admin has looked. Pure.

use crate::store::query::Preview;
use crate::text::printable;

/// Below this many users, shares mean little.
pub const SMALL_BELOW: u64 = 40;
/// In a small directory, more than this many parks.
pub const SMALL_COUNT_MAX: u64 = 2;
/// Otherwise more than this many …
pub const COUNT_MAX: u64 = 10;
/// … and more than this share, in per cent, parks;
pub const PERCENT_MAX: u64 = 5;
/// and more than this many whatever the share.
pub const ABSOLUTE_MAX: u64 = 500;

/// Why a generation is parked that shrinks nothing: whoever brought it wants to look first.
pub const LOOK_FIRST: &str = "it is to be looked at before it counts";

/// Whether `count` of `base` users is more than an import may change without being looked at.
pub fn exceeds(count: u64, base: u64) -> bool {
    if base < SMALL_BELOW {
        return count > SMALL_COUNT_MAX;
    }
    (count > COUNT_MAX && count.saturating_mul(100) > base.saturating_mul(PERCENT_MAX)) || count > ABSOLUTE_MAX
}

/// Everything that shrinks, in words, with its count.
fn measures(preview: &Preview) -> Vec<(String, u64)> {
    let leaving = match (preview.missing, preview.left) {
        (missing, 0) => format!("{missing} users are missing"),
        (0, left) => format!("{left} users leave by the source's own state"),
        (missing, left) => format!("{missing} users are missing and {left} leave by the source's own state"),
    };
    let mut measures = vec![(leaving, preview.missing + preview.left)];
    for (name, count) in &preview.losing {
        measures.push((format!("{count} users lose `{}`", printable(name)), *count));
    }
    for (name, count) in &preview.emptied {
        measures.push((format!("`{}` goes empty for {count} users", printable(name)), *count));
    }
    measures
}

/// The largest count of anything that shrinks.
pub fn largest(preview: &Preview) -> u64 {
    measures(preview).into_iter().map(|(_, count)| count).max().unwrap_or(0)
}

/// Why the generation is parked; empty = it is not. `base` is the number of active users of the source before the import, `accepted` the
/// number that `--accept-shrink` expects, `unread` the rows of a full import that hide whom they are about, and whether it is a tree.
pub fn reasons(preview: &Preview, base: u64, accepted: Option<u64>, unread: (u64, bool)) -> Vec<String> {
    let mut reasons: Vec<String> = measures(preview)
        .into_iter()
        .filter(|(_, count)| exceeds(*count, base) && accepted.is_none_or(|accepted| *count > accepted))
        .map(|(what, count)| {
            let percent = (count * 100).checked_div(base).unwrap_or(0);
            let limit = if base < SMALL_BELOW {
                format!("of fewer than {SMALL_BELOW} users at most {SMALL_COUNT_MAX} go unasked")
            } else {
                format!("at most {COUNT_MAX} or {PERCENT_MAX} %, never more than {ABSOLUTE_MAX}, go unasked")
            };
            let expected = accepted.map(|accepted| format!("; {accepted} were expected")).unwrap_or_default();
            format!("{what}, of {base} ({percent} %); {limit}{expected}")
        })
        .collect();
    let (rows, tree) = unread;
    if rows > 0 {
        reasons.extend(hidden(preview, tree, accepted).map(|lost| {
            format!("{rows} rows could not be read and hide whom they are about: what is lost may stand there ({lost})")
        }));
    }
    reasons
}

/// What rows that can't be read may say otherwise: who is there at all, and, in an LDIF `tree`, who is in a group and who manages whom:
/// one entry that is not read takes all its members out of a group, or his reports away from a manager. What was accepted is known.
fn hidden(preview: &Preview, tree: bool, accepted: Option<u64>) -> Option<String> {
    let of_groups = preview.losing.iter().filter(|(name, _)| tree && name.starts_with("group:"));
    let groups = of_groups.map(|(name, count)| (format!("members of `{}`", printable(name)), *count));
    let manager = preview.emptied.get("manager").filter(|_| tree);
    let managers = manager.map(|count| (format!("the manager of {count} users"), *count));
    let missing = (preview.missing > 0).then(|| (format!("{} users are missing", preview.missing), preview.missing));
    let unasked = |(_, count): &(String, u64)| accepted.is_none_or(|accepted| *count > accepted);
    let lost: Vec<String> =
        missing.into_iter().chain(groups).chain(managers).filter(unasked).map(|(what, _)| what).collect();
    (!lost.is_empty()).then(|| lost.join(", "))
}
