//! One complete list of a target's accounts, folded into a compact index: how many users are looked up at once.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::digest::Hasher;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::find::about_the_request;
use crate::engine::perform::observe::{marks_of, observation, unsearchable};
use crate::id::UserId;
use crate::provision::account::Observation;
use crate::provision::desired::Desired;
use crate::provision::outcome::Failure;
use crate::scim::decode::{Resource, fold};
use crate::scim::listing::{Next, Walk};

/// The most accounts that are indexed, about 200 bytes each.
const ACCOUNTS_MAX: usize = 2_000_000;

/// Who is there: ids by matching value. Holds no other attributes.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Digest of (attribute, folded value) → ids.
    index: HashMap<u64, Vec<String>>,
    /// Accounts seen.
    pub accounts: usize,
    /// When the list was begun.
    pub at: Timestamp,
    /// Why absence proves nothing; `None` = the list is complete.
    pub incomplete: Option<String>,
}

/// Reads the whole list. An incomplete one is returned as such: what it shows is there, what it does not show is not known.
///
/// # Errors
/// A [`Failure`] if the target can't be reached, or can't list at all.
pub async fn listing(cx: Context<'_>) -> Result<Listing, Failure> {
    let paging = &cx.connector().paging;
    if !paging.list {
        return Err(unsearchable("the connector says that the target can't list accounts"));
    }
    let mut talk = Conversation::new(cx);
    let mut listing = Listing { index: HashMap::new(), accounts: 0, at: cx.clock.now(), incomplete: None };
    let count = cx.page_size();
    let (mut walk, mut start) = (Walk::new(), 1);
    loop {
        let page = match talk.page(start, count).await {
            Ok(page) => page,
            Err(failure) if about_the_request(&failure) => return Err(unsearchable(&failure.detail)),
            Err(failure) => return Err(failure),
        };
        let mut fresh = Vec::new();
        let next = walk.take(page, count, paging, &mut fresh);
        for resource in &fresh {
            listing.add(cx, resource);
        }
        match next {
            Next::Page(_) if walk.len() >= ACCOUNTS_MAX => {
                listing.incomplete = Some(format!("more than {ACCOUNTS_MAX} accounts"));
                return Ok(listing);
            }
            Next::Page(at) => start = at,
            Next::Complete => return Ok(listing),
            Next::Incomplete(why) => {
                listing.incomplete = Some(why);
                return Ok(listing);
            }
        }
    }
}

impl Listing {
    fn add(&mut self, cx: Context<'_>, resource: &Resource) {
        self.accounts += 1;
        let users = &cx.connector().users;
        for path in users.match_on.iter().map(String::as_str).chain(["externalId"]) {
            for text in resource.texts(path) {
                let ids = self.index.entry(key(path, text)).or_default();
                if !ids.contains(&resource.id) {
                    ids.push(resource.id.clone());
                }
            }
        }
    }

    /// What the list says about `user`. A hit is read by its id (lists show less than accounts have) and must really bear the
    /// value.
    ///
    /// # Errors
    /// A [`Failure`] if the target can't be reached, or if the list is incomplete and does not show the user.
    pub async fn observe(
        &self,
        cx: Context<'_>,
        user: UserId,
        external_id: &str,
        desired: &Desired,
    ) -> Result<Observation, Failure> {
        for (path, value) in &marks_of(cx, external_id, desired).0 {
            let Some(ids) = self.index.get(&key(path, value)) else { continue };
            let mut talk = Conversation::new(cx);
            let mut hits = Vec::new();
            // More than a few of one name are ambiguous, however many there are.
            for id in ids.iter().take(5) {
                if let Some(resource) = talk.get(id).await?
                    && resource.has(path, value)
                {
                    hits.push(resource);
                }
            }
            if !hits.is_empty() {
                return observation(cx, user, path, &hits).await;
            }
        }
        match &self.incomplete {
            None => Ok(Observation::Absent { at: self.at }),
            Some(why) => Err(unsearchable(why)),
        }
    }
}

/// What an attribute and its value are indexed by: without case, except for externalId.
pub fn key(path: &str, value: &str) -> u64 {
    let folded = if path == "externalId" { value.to_owned() } else { fold(value) };
    let digest = Hasher::new().text(path).text(&folded).finish().0;
    u64::from_le_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]])
}
