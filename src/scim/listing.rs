//! A paged list of all users, groups or other resources (RFC 7644 section 3.4.2.4), page by page, judged for completeness: nothing is concluded from an
//! absence unless totals agree and no id repeats.

use std::collections::HashSet;

use crate::connector::descriptor::Paging;
use crate::digest::Hasher;
use crate::scim::decode::{ListPage, Resource};

/// The most pages that are read: 20,000 pages of 50 are a million accounts.
pub const PAGES_MAX: u64 = 20_000;

/// What to do after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask for the page that starts here (from 1).
    Page(u64),
    /// All were seen.
    Complete,
    /// The list ends, or goes round in circles, before all were seen; the reason in words.
    Incomplete(String),
}

/// Follows a list page by page. Holds eight bytes a resource.
#[derive(Debug, Default)]
pub struct Walk {
    seen: HashSet<u64>,
    rows: u64,
    pages: u64,
    first_total: Option<u64>,
    odd: Option<String>,
    goes_on: bool,
}

impl Walk {
    /// Nothing read so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing read so far; a page with odd rows makes the list incomplete, but does not end it. For what is read to be used as far
    /// as it goes.
    pub fn that_goes_on() -> Self {
        Self { goes_on: true, ..Self::default() }
    }

    /// Takes a page and says how to go on; `fresh` gets the resources that were not seen before. `count` is what was asked for.
    pub fn take(&mut self, page: ListPage, count: u32, paging: &Paging, fresh: &mut Vec<Resource>) -> Next {
        self.pages += 1;
        self.rows += page.rows;
        let nameless = page.rows - page.resources.len() as u64;
        let mut repeated = 0_u64;
        let before = self.seen.len();
        for resource in page.resources {
            if self.seen.insert(short(&resource.id)) {
                fresh.push(resource);
            } else {
                repeated += 1;
            }
        }
        let total = if paging.total_is_right { page.total } else { None };
        self.first_total = self.first_total.or(total);
        if let Some(odd) = self.oddity(nameless, repeated) {
            if !self.goes_on || self.seen.len() == before {
                return Next::Incomplete(odd);
            }
            self.odd.get_or_insert(odd);
        }
        match (self.after(page.rows, page.items_per_page, total, count), self.odd.take()) {
            (Next::Complete, Some(odd)) => Next::Incomplete(odd),
            (next, odd) => {
                self.odd = odd;
                next
            }
        }
    }

    fn oddity(&self, nameless: u64, repeated: u64) -> Option<String> {
        let (rows, ids) = (self.rows, self.seen.len());
        if nameless > 0 {
            Some(format!("{nameless} rows of a page have no id"))
        } else if repeated > 0 {
            Some(format!("{rows} rows, but only {ids} different ids: paging does not work"))
        } else {
            None
        }
    }

    /// How to go on after a page with `rows` rows.
    fn after(&self, rows: u64, items_per_page: Option<u64>, total: Option<u64>, count: u32) -> Next {
        if self.pages >= PAGES_MAX {
            return Next::Incomplete(format!("more than {PAGES_MAX} pages"));
        }
        match total {
            Some(total) if self.rows == total => Next::Complete,
            Some(total) if self.rows > total => {
                Next::Incomplete(format!("{} rows, but the target says it has {total}", self.rows))
            }
            Some(total) if rows == 0 => {
                Next::Incomplete(format!("the target says it has {total}, but lists only {}", self.rows))
            }
            Some(_) => Next::Page(self.rows + 1),
            None if rows == 0 || short_page(rows, items_per_page, count) => Next::Complete,
            None => Next::Page(self.rows + 1),
        }
    }

    /// Whether an id was seen.
    pub fn has(&self, id: &str) -> bool {
        self.seen.contains(&short(id))
    }

    /// How many were seen.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none was seen.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

/// Without a total, a page is the last one only if it is shorter than the page the target says it serves. (A target that cuts
/// `count` in silence serves short pages all along: there the next, empty page ends the list.)
fn short_page(rows: u64, items_per_page: Option<u64>, count: u32) -> bool {
    items_per_page.is_some_and(|size| size > rows && size <= u64::from(count))
}

fn short(id: &str) -> u64 {
    let digest = Hasher::new().text(id).finish();
    u64::from_le_bytes([
        digest.0[0],
        digest.0[1],
        digest.0[2],
        digest.0[3],
        digest.0[4],
        digest.0[5],
        digest.0[6],
        digest.0[7],
    ])
}
