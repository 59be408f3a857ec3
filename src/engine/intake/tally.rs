//! The preview of an import, added up row by row. Pure.

use std::collections::{BTreeMap, HashMap};

use crate::directory::change::SourceRow;
use crate::directory::user::{Standing, User};
use crate::engine::intake::compare::{Difference, Kind, changes};
use crate::id::SourceName;
use crate::store::query::Preview;
use crate::text::printable;

/// Missing users that a preview names.
const MISSING_SHOWN_MAX: usize = 20;
/// Findings that a preview spells out.
const FINDINGS_MAX: usize = 50;

/// The preview so far.
#[derive(Debug, Default)]
pub struct Tally {
    preview: Preview,
    hidden: u64,
    emails: HashMap<String, String>,
    touched: BTreeMap<String, u64>,
}

impl Tally {
    /// A known user changes.
    pub fn change(&mut self, user: &User, difference: &Difference) {
        for change in changes(Some(user), &difference.row) {
            *self.touched.entry(change.path).or_default() += 1;
        }
        match difference.kind {
            Kind::Changed => self.preview.changed += 1,
            Kind::Returned => self.preview.returned += 1,
            Kind::Left => self.preview.left += 1,
        }
        for name in &difference.lost {
            *self.preview.losing.entry(name.clone()).or_default() += 1;
        }
        for name in &difference.emptied {
            *self.preview.emptied.entry(name.clone()).or_default() += 1;
        }
    }

    /// A new key. `others` are users with its e-mail, tombstones included: a finding, never a merge.
    pub fn add(&mut self, source: &SourceName, row: &SourceRow, others: &[User]) {
        self.preview.added += 1;
        let Some(email) = email(row) else { return };
        if let Some(other) = others.iter().find(|other| has_email(other, &email)) {
            let stands = match other.effective_standing() {
                Standing::Active => "",
                Standing::Suspended => ", suspended",
                Standing::Deleted => ", deleted",
            };
            let if_one = if other.source == *source {
                "correct the key in the source".to_owned()
            } else {
                format!(
                    "let one source bring him (people of a source that was renamed stay with its old name, {})",
                    other.source
                )
            };
            self.find(format!(
                "the new `{source}:{}` has the e-mail {} of `{}:{}` ({}{stands}); they stay two people: if it is one, {if_one}",
                printable(&row.key),
                printable(&email),
                other.source,
                printable(&other.key),
                printable(&other.label()),
            ));
        } else if let Some(key) = self.emails.get(&email) {
            let key = printable(key);
            self.find(format!(
                "the new keys `{key}` and `{}` have the same e-mail {}",
                printable(&row.key),
                printable(&email)
            ));
        }
        self.emails.insert(email, row.key.clone());
    }

    /// A user is missing from a full import and changes because of it.
    pub fn miss(&mut self, user: &User) {
        self.preview.missing += 1;
        if self.preview.missing_sample.len() < MISSING_SHOWN_MAX {
            self.preview.missing_sample.push(format!("{} ({})", printable(&user.label()), printable(&user.key)));
        }
    }

    fn find(&mut self, finding: String) {
        if self.preview.findings.len() < FINDINGS_MAX {
            self.preview.findings.push(finding);
        } else {
            self.hidden += 1;
        }
    }

    /// The preview so far.
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// The whole preview, and how many known users change in each attribute.
    pub fn finish(mut self) -> (Preview, BTreeMap<String, u64>) {
        if self.hidden > 0 {
            self.preview.findings.push(format!("and {} more findings of this kind", self.hidden));
        }
        (self.preview, self.touched)
    }
}

/// The e-mail of a row, folded for comparing.
pub fn email(row: &SourceRow) -> Option<String> {
    row.attributes.get("email")?.as_ref()?.as_text().filter(|email| !email.is_empty()).map(str::to_lowercase)
}

fn has_email(user: &User, email: &str) -> bool {
    user.text("email").is_some_and(|known| known.to_lowercase() == email)
}
