//! *Did you mean …?* for names that do not exist.

/// The candidate nearest to `name`, compared without case and `_`; `None` if none is near.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(name);
    let allowed = (plain.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&plain, &self::plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

fn plain(name: &str) -> Vec<char> {
    // Names in a script of 64 KiB may be long; nobody mistypes more than this.
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).take(64).collect()
}

/// Letters to add, drop, change or swap with their neighbour.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.iter().enumerate() {
        let mut row = vec![line + 1];
        for (column, to) in right.iter().enumerate() {
            let changed = above[column] + usize::from(from != to);
            let mut least = changed.min(above[column + 1] + 1).min(row[column] + 1);
            if line > 0 && column > 0 && *from == right[column - 1] && left[line - 1] == *to {
                least = least.min(before[column - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}
