//! Cursor paging: every list has a limit and says where to go on.

use serde::{Deserialize, Serialize};

/// One page of a list and the cursor of the next one; no cursor means the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T, C = String> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass this to get the following page.
    pub next: Option<C>,
}

impl<T, C> Default for Page<T, C> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}
