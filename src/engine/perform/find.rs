//! Finding an account again by what it must bear: filters first, each hit checked, then (where that is worth it) the list.

use crate::connector::capability::FilterProbe;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::lesson::Lesson;
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::decode::Resource;
use crate::scim::listing::{Next, Walk};

/// The most pages that are read to find one account.
const SCAN_PAGES_MAX: u64 = 200;

/// Rows without the value that a proven filter may bring before it is distrusted.
const BESIDE_THE_POINT_MAX: u64 = 2;

/// What an account must bear to be a hit: attribute path and value, the most telling first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(pub Vec<(String, String)>);

impl Marks {
    /// Adds a mark, unless the attribute has one.
    pub fn add(&mut self, path: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty())
            && !self.0.iter().any(|(known, _)| known == path)
        {
            self.0.push((path.to_owned(), value.to_owned()));
        }
    }

    fn borne_by(&self, resource: &Resource) -> bool {
        self.0.iter().any(|(path, value)| resource.has(path, value))
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These accounts, each once, each really bearing a mark; none = nobody bears one, as far as the target lets us see.
    Hits(Vec<Resource>),
    /// The target can't be searched; why, in words.
    Unsearchable(String),
}

/// How hard to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Filters; the list only if no filter can be used.
    Normal,
    /// The list too when the filters find nothing: something must be there.
    Thorough,
}

/// What one filter brought.
pub enum Filtered {
    /// The rows that really bear the value.
    Hits(Vec<Resource>),
    /// The filter can't be used; why, in words.
    Unusable(String),
}

impl Conversation<'_> {
    /// Searches by one attribute. Hits are checked; a filter that brings others, or is refused, is not used again.
    ///
    /// # Errors
    /// A [`Failure`] of endpoint, credential or rate.
    pub async fn search(&mut self, path: &str, value: &str) -> Result<Filtered, Failure> {
        if let Some(FilterProbe::Fails(why)) = self.cx.learned.filters.get(path) {
            return Ok(Filtered::Unusable(format!("the filter on {path} can't be trusted: {why}")));
        }
        let page = match self.filter(path, value).await {
            Ok(page) => page,
            Err(failure) if about_the_request(&failure) => return Ok(self.distrust(path, &failure.detail)),
            Err(failure) => return Err(failure),
        };
        let rows = page.rows;
        let mut hits: Vec<Resource> = Vec::new();
        let mut others = 0_u64;
        for resource in page.resources {
            if !resource.has(path, value) {
                others += 1;
            } else if !hits.iter().any(|hit| hit.id == resource.id) {
                hits.push(resource);
            }
        }
        // Some match the e-mail address too: a row or two beside the point are no lie, where the probe found none.
        let proven = self.cx.learned.filters.get(path) == Some(&FilterProbe::Works);
        if others > if proven { BESIDE_THE_POINT_MAX } else { 0 } {
            return Ok(self.distrust(
                path,
                &format!("{others} of {rows} accounts that came back do not have the value asked for"),
            ));
        }
        if page.total.is_some_and(|total| total > 0) && rows == 0 {
            return Ok(self.distrust(path, "it counts results that it does not show"));
        }
        Ok(Filtered::Hits(hits))
    }

    fn distrust(&mut self, path: &str, why: &str) -> Filtered {
        self.lessons.push(Lesson::Filter(path.to_owned(), FilterProbe::Fails(why.to_owned())));
        Filtered::Unusable(format!("the filter on {path} can't be used: {why}"))
    }

    /// Searches by one mark after another until one is found.
    ///
    /// # Errors
    /// A [`Failure`] of endpoint, credential or rate.
    pub async fn find(&mut self, marks: &Marks, effort: Effort) -> Result<Found, Failure> {
        let mut usable = false;
        let mut reasons = Vec::new();
        for (path, value) in &marks.0 {
            match self.search(path, value).await? {
                // Nobody found proves something only if the filter was proven.
                Filtered::Hits(hits) if hits.is_empty() => {
                    // One on externalId alone only if it found an account by it before: the target may keep none.
                    let matching = self.cx.connector().users.match_on.contains(path);
                    usable |= match self.cx.learned.filters.get(path) {
                        Some(FilterProbe::Works) => true,
                        Some(FilterProbe::HalfProven) => matching,
                        _ => false,
                    };
                }
                Filtered::Hits(hits) => return Ok(Found::Hits(hits)),
                Filtered::Unusable(why) => reasons.push(why),
            }
        }
        if usable && effort == Effort::Normal {
            return Ok(Found::Hits(Vec::new()));
        }
        match self.scan(marks).await? {
            Found::Unsearchable(_) if usable => Ok(Found::Hits(Vec::new())),
            Found::Unsearchable(why) => {
                reasons.push(why);
                Ok(Found::Unsearchable(reasons.join("; ")))
            }
            found => Ok(found),
        }
    }

    /// Reads the list until an account bears a mark.
    ///
    /// # Errors
    /// A [`Failure`] of endpoint, credential or rate.
    pub async fn scan(&mut self, marks: &Marks) -> Result<Found, Failure> {
        let paging = &self.cx.connector().paging;
        if !paging.list {
            return Ok(Found::Unsearchable("the target can't list accounts".to_owned()));
        }
        let count = self.cx.page_size();
        let (mut walk, mut start) = (Walk::new(), 1);
        for _ in 0..SCAN_PAGES_MAX {
            let page = match self.page(start, count).await {
                Ok(page) => page,
                Err(failure) if about_the_request(&failure) => return Ok(Found::Unsearchable(failure.detail)),
                Err(failure) => return Err(failure),
            };
            let mut fresh = Vec::new();
            let next = walk.take(page, count, paging, &mut fresh);
            fresh.retain(|resource| marks.borne_by(resource));
            if !fresh.is_empty() {
                return Ok(Found::Hits(fresh));
            }
            match next {
                Next::Page(at) => start = at,
                Next::Complete => return Ok(Found::Hits(Vec::new())),
                Next::Incomplete(why) => return Ok(Found::Unsearchable(why)),
            }
        }
        Ok(Found::Unsearchable(format!("not found on the first {SCAN_PAGES_MAX} pages of the list")))
    }
}

/// Whether a failed read says something about this request (the filter is not supported, `count` is not liked) rather than about
/// the endpoint.
pub fn about_the_request(failure: &Failure) -> bool {
    match failure.class {
        FailureClass::Refused | FailureClass::Missing | FailureClass::Conflict => failure.status != Some(403),
        // A server that stumbles over a filter says 500; one that is down says 502, 503 or 504.
        FailureClass::Server => failure.status == Some(500),
        _ => false,
    }
}
