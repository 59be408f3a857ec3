//! The parts of this place.

use maud::{Markup, html};

use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Operators, and four eyes.
    Operators,
    /// Tokens.
    Tokens,
    /// Secrets of apps.
    Secrets,
    /// The viewer's own password.
    You,
    /// What operators did.
    History,
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Operators, "Operators", "/access"),
        (Self::Tokens, "Tokens", "/access/tokens"),
        (Self::Secrets, "Secrets of apps", "/access/secrets"),
        (Self::You, "You", "/access/you"),
        (Self::History, "What was done", "/access/history"),
    ];
}

/// A page of this place: its head, what was just done, then the body.
pub fn page(viewer: &Viewer, tab: Tab, told: &[String], body: &Markup) -> Markup {
    let title = Tab::ALL.iter().find(|(each, ..)| *each == tab).map_or("Access", |(_, title, _)| title);
    let whole = html! {
        div .access {
            h1 { "Access" }
            nav .tabs aria-label="Parts of access" {
                @for (each, title, address) in Tab::ALL {
                    a href=(address) aria-current=[(each == tab).then_some("page")] { (title) }
                }
            }
            (words::told(told))
            (body)
        }
    };
    layout::page(viewer, Place::Access, title, &whole)
}
