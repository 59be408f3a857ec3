//! Reading what an app can grant: groups, other resource types, canonical values. What one source can't give is a note; the others go on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::connector::EntitlementSource;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::provision::entitlement::{EntitlementKey, GROUP};
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::decode::{ListPage, Resource};
use crate::scim::discovery;
use crate::scim::listing::{Next, Walk};
use crate::text::printable;

/// The most entitlements of one source.
const ENTITLEMENTS_MAX: usize = 500_000;
/// Longer names are none: nobody types them into a rule.
const NAME_BYTES_MAX: usize = 1024;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogueRead {
    /// Keys and names, in the order of reading. Without a name: it is there, and can't be named.
    pub seen: Vec<(EntitlementKey, String)>,
    /// How each source went.
    pub sources: Vec<SourceRead>,
}

/// How one source went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRead {
    /// `group`, `role`, …
    pub kind: String,
    /// How many were listed.
    pub listed: u64,
    /// Why the list may lack some, in words; `None` = it is complete.
    pub incomplete: Option<String>,
    /// How many have no usable name: rules can't grant them.
    pub nameless: u64,
}

impl CatalogueRead {
    /// Kinds all of whose sources were complete: what was not seen of them is gone.
    pub fn complete_kinds(&self) -> BTreeSet<String> {
        let incomplete = |kind: &str| self.sources.iter().any(|read| read.kind == kind && read.incomplete.is_some());
        self.sources.iter().map(|read| read.kind.clone()).filter(|kind| !incomplete(kind)).collect()
    }
}

/// Reads groups, if the connector has them, and every `[[entitlements]]` source.
///
/// # Errors
/// A [`Failure`] of endpoint, credential or rate, or of the server: nothing was learned then. That the target has no groups, or does
/// not show them, is none.
pub async fn read_catalogue(cx: Context<'_>) -> Result<CatalogueRead, Failure> {
    let mut read = CatalogueRead::default();
    let connector = cx.connector();
    if connector.groups.exist() {
        let groups = &connector.groups;
        read.list(cx, GROUP, groups.path(), "displayName", &groups.list_parameters).await?;
    }
    for source in &connector.entitlements {
        if source.path.is_empty() {
            read.canonical(cx, source).await?;
        } else {
            read.list(cx, &source.kind, &source.path, &source.name, "").await?;
        }
    }
    Ok(read)
}

/// Whether a failed read says that there is nothing to read here, rather than that the target is not well.
fn is_not_there(failure: &Failure) -> bool {
    matches!(failure.status, Some(400 | 403 | 404 | 405 | 410 | 501))
        || (failure.class == FailureClass::NotScim && failure.status.is_some())
}

impl CatalogueRead {
    async fn list(
        &mut self,
        cx: Context<'_>,
        kind: &str,
        path: &str,
        name: &str,
        parameters: &str,
    ) -> Result<(), Failure> {
        let mut talk = Conversation::new(cx);
        let mut source = SourceRead { kind: kind.to_owned(), listed: 0, incomplete: None, nameless: 0 };
        let (mut walk, mut start, count) = (Walk::that_goes_on(), 1, cx.page_size());
        loop {
            let page = match page(&mut talk, path, start, count, parameters).await {
                Ok(page) => page,
                Err(failure) if is_not_there(&failure) => {
                    let what = if start == 1 { "can't be listed" } else { "the list breaks off" };
                    source.incomplete = Some(format!("{path} {what}: {}", failure.detail));
                    break;
                }
                Err(failure) => return Err(failure),
            };
            let mut fresh = Vec::new();
            let next = walk.take(page, count, &cx.connector().paging, &mut fresh);
            for resource in fresh {
                self.take(&mut source, resource, name);
            }
            match next {
                Next::Page(_) if walk.len() >= ENTITLEMENTS_MAX => {
                    source.incomplete = Some(format!("more than {ENTITLEMENTS_MAX}"));
                    break;
                }
                Next::Page(at) => start = at,
                Next::Complete => break,
                Next::Incomplete(why) => {
                    source.incomplete = Some(why);
                    break;
                }
            }
        }
        self.sources.push(source);
        Ok(())
    }

    fn take(&mut self, source: &mut SourceRead, resource: Resource, name: &str) {
        let named = resource.texts(name).first().map(|text| text.trim().to_owned());
        let usable = named.filter(|text| !text.is_empty() && text.len() <= NAME_BYTES_MAX && printable(text) == *text);
        source.listed += 1;
        source.nameless += u64::from(usable.is_none());
        let key = EntitlementKey { kind: source.kind.clone(), remote_id: resource.id };
        self.seen.push((key, usable.unwrap_or_default()));
    }

    /// Canonical values of an attribute; if the target names none, those that the connector allows.
    async fn canonical(&mut self, cx: Context<'_>, source: &EntitlementSource) -> Result<(), Failure> {
        let (schemas, path) = (&cx.connector().discovery.schemas, &source.attribute);
        let mut incomplete = None;
        let mut values = Vec::new();
        if schemas.is_empty() {
            incomplete = Some("the connector says that the target has no /Schemas".to_owned());
        } else {
            match Conversation::new(cx).discover(schemas).await {
                Ok(answer) => match discovery::canonical_values(&answer, path) {
                    Ok(found) => values = found,
                    Err(error) => incomplete = Some(format!("{schemas} can't be read: {error}")),
                },
                Err(failure) if is_not_there(&failure) => {
                    incomplete = Some(format!("{schemas} can't be read: {}", failure.detail));
                }
                Err(failure) => return Err(failure),
            }
        }
        if values.is_empty() {
            let allowed = cx.connector().rule(path).map(|rule| rule.allowed.clone()).unwrap_or_default();
            let or = if allowed.is_empty() { "" } else { "; those that the connector allows are taken" };
            let why = incomplete.unwrap_or_else(|| format!("{schemas} names no canonical values of {path}"));
            incomplete = Some(format!("{why}{or}"));
            values = allowed;
        }
        let listed = values.len() as u64;
        self.sources.push(SourceRead { kind: source.kind.clone(), listed, incomplete, nameless: 0 });
        let key = |value: &String| EntitlementKey { kind: source.kind.clone(), remote_id: value.clone() };
        self.seen.extend(values.iter().map(|value| (key(value), value.clone())));
        Ok(())
    }
}

/// One page. A target that stumbles over `startIndex` and `count` is asked once more without them.
async fn page(
    talk: &mut Conversation<'_>,
    path: &str,
    start: u64,
    count: u32,
    parameters: &str,
) -> Result<ListPage, Failure> {
    match talk.page_of(path, Some((start, count)), parameters).await {
        Err(failure) if start == 1 && matches!(failure.status, Some(400 | 500)) => {
            talk.page_of(path, None, parameters).await.map_err(|_| failure)
        }
        other => other,
    }
}
