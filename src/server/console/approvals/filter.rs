//! Which part of the queue a page shows: what its address says after the question mark.

use maud::{Markup, html};
use serde::Deserialize;

use crate::engine::pending::Choice;
use crate::engine::queue::{QueueFilter, QueuePage};
use crate::id::{AppName, BatchId};
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;
use crate::server::console::words;
use crate::server::problem::Problem;

/// Events of a page.
pub const LISTED_MAX: usize = 50;

/// As it stands in the address; empty = not restricted.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    /// An app's name.
    #[serde(default)]
    pub app: String,
    /// A kind of operation.
    #[serde(default)]
    pub kind: String,
    /// A finding.
    #[serde(default)]
    pub finding: String,
    /// Part of a name.
    #[serde(default)]
    pub user: String,
    /// Which page, from 1.
    #[serde(default)]
    pub page: Option<usize>,
}

impl Asked {
    /// What to ask the engine for.
    ///
    /// # Errors
    /// 400, with the word that means nothing.
    pub fn filter(&self, batch: Option<BatchId>) -> Result<QueueFilter, Problem> {
        let app = match self.app.as_str() {
            "" => None,
            app => Some(AppName::new(app).map_err(|error| Problem::bad_request(error.to_string()))?),
        };
        let kinds = match self.kind.as_str() {
            "" => Vec::new(),
            word => vec![
                Kind::ALL
                    .into_iter()
                    .find(|kind| kind.word() == word)
                    .ok_or_else(|| Problem::bad_request(format!("`{word}` is no kind of operation")))?,
            ],
        };
        let findings = match self.finding.as_str() {
            "" => Vec::new(),
            word => vec![word.parse::<FindingKind>().map_err(Problem::bad_request)?],
        };
        let choice = Choice { batches: batch.into_iter().collect(), app, kinds, findings, ..Choice::default() };
        Ok(QueueFilter { choice, search: self.user.clone(), page: self.page.unwrap_or(1), limit: LISTED_MAX })
    }

    /// Whether anything is restricted.
    pub fn restricts(&self) -> bool {
        [&self.app, &self.kind, &self.finding, &self.user].iter().any(|text| !text.trim().is_empty())
    }

    /// The address of a page of `path` with the same filter.
    pub fn address(&self, path: &str, page: usize) -> String {
        let number = if page > 1 { page.to_string() } else { String::new() };
        let named = [
            ("app", &self.app),
            ("kind", &self.kind),
            ("finding", &self.finding),
            ("user", &self.user),
            ("page", &number),
        ];
        words::address(path, &named.map(|(name, value)| (name, value.as_str())))
    }

    /// The form that restricts.
    pub fn form(&self, path: &str, page: &QueuePage) -> Markup {
        let apps = page.apps.iter().map(|app| (app.to_string(), app.to_string()));
        let kinds = page.kinds.iter().map(|kind| (kind.word().to_owned(), kind.word().to_owned()));
        let findings = page.findings.iter().map(|finding| (finding.word(), finding.title().to_owned()));
        html! {
            form .filters method="get" action=(path) role="search" aria-label="Restrict what is shown" {
                div {
                    label for="user" { "User" }
                    input #user name="user" type="search" value=(self.user) placeholder="Part of a name" maxlength="100";
                }
                (choice("app", "App", &self.app, &apps.collect::<Vec<_>>()))
                (choice("kind", "Kind", &self.kind, &kinds.collect::<Vec<_>>()))
                (choice("finding", "Finding", &self.finding, &findings.collect::<Vec<_>>()))
                button type="submit" { "Show" }
                @if self.restricts() { a href=(path) { "Show all" } }
            }
        }
    }
}

fn choice(name: &str, title: &str, chosen: &str, offered: &[(String, String)]) -> Markup {
    html! {
        div {
            label for=(name) { (title) }
            select id=(name) name=(name) {
                option value="" { "Any" }
                @for (word, title) in offered { option value=(word) selected[word == chosen] { (title) } }
                @if !chosen.is_empty() && offered.iter().all(|(word, _)| word != chosen) {
                    option value=(chosen) selected { (chosen) " (nothing)" }
                }
            }
        }
    }
}
