//! Lists: filter, paging and projection (RFC 7644 section 3.4.2).

use serde::Serialize;
use serde_json::Value as Json;

use crate::connector::descriptor::Paging;
use crate::sandbox::refusal::Refusal;

/// Schema of list answers.
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What a query string asks for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Query {
    /// `filter`.
    pub(super) filter: Option<String>,
    /// `startIndex`, from 1.
    pub(super) start_index: Option<i64>,
    /// `count`.
    pub(super) count: Option<i64>,
    /// `attributes`, comma-separated.
    pub(super) attributes: Option<String>,
    /// `excludedAttributes`, comma-separated.
    pub(super) excluded_attributes: Option<String>,
}

/// Which part of a result a page shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// From 1.
    pub(super) start: usize,
    /// At most this many.
    pub(super) count: usize,
}

impl Query {
    /// Reads a query string.
    pub(super) fn parse(uri: &axum::http::Uri) -> Result<Self, Refusal> {
        axum::extract::Query::try_from_uri(uri)
            .map(|query| query.0)
            .map_err(|error| Refusal::bad("invalidValue", format!("the query is not understood: {error}")))
    }

    /// The page asked for; `count` is cut to `page_size_max` and is `page_size` if it is absent.
    pub(super) fn window(&self, page_size: u32, page_size_max: u32) -> Window {
        let start = usize::try_from(self.start_index.unwrap_or(1)).unwrap_or(1).max(1);
        let count = match self.count {
            Some(count) => u32::try_from(count.max(0)).unwrap_or(u32::MAX),
            None => page_size,
        };
        Window { start, count: count.min(page_size_max) as usize }
    }

    /// The page that a target with this paging gives.
    ///
    /// # Errors
    /// If there is a `count`, and the target stumbles over it.
    pub(super) fn page(&self, paging: &Paging) -> Result<Window, Refusal> {
        match (paging.count, self.count) {
            (true, _) => Ok(self.window(paging.page_size, paging.page_size_max)),
            (false, None) => Ok(self.window(paging.page_size_max, paging.page_size_max)),
            (false, Some(_)) => Err(Refusal::status(500, "this target can't count")),
        }
    }

    /// Whether an attribute is not asked for.
    pub(super) fn excludes(&self, name: &str) -> bool {
        let has = |list: &str| list.split(',').any(|each| each.trim().eq_ignore_ascii_case(name));
        match (&self.attributes, &self.excluded_attributes) {
            (Some(wanted), _) => !has(wanted),
            (None, Some(unwanted)) => has(unwanted),
            (None, None) => false,
        }
    }

    /// `resource` with only the attributes asked for.
    pub(super) fn project(&self, resource: &impl Serialize) -> Json {
        // Resources are JSON objects with text keys.
        let mut json = serde_json::to_value(resource).expect("resources serialise");
        let Some(object) = json.as_object_mut() else { return json };
        let names = |text: &str| -> Vec<String> { text.split(',').map(|name| name.trim().to_lowercase()).collect() };
        let top = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
        if let Some(wanted) = &self.attributes {
            let wanted: Vec<String> = names(wanted).iter().map(top).collect();
            object.retain(|key, _| key == "schemas" || key == "id" || wanted.contains(&key.to_lowercase()));
        } else if let Some(unwanted) = &self.excluded_attributes {
            let unwanted = names(unwanted);
            object.retain(|key, _| key == "schemas" || key == "id" || !unwanted.contains(&key.to_lowercase()));
        }
        json
    }
}

/// A list answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    schemas: [&'static str; 1],
    total_results: usize,
    start_index: usize,
    items_per_page: usize,
    #[serde(rename = "Resources")]
    resources: Vec<Json>,
}

impl Page {
    /// The page that `window` shows of `total` results.
    pub(super) fn new(total: usize, window: Window, resources: Vec<Json>) -> Self {
        Self {
            schemas: [LIST],
            total_results: total,
            start_index: window.start,
            items_per_page: resources.len(),
            resources,
        }
    }
}
