//! What every page about one app has: its name, how it stands, its tabs, and what the visitor may do with it.

use maud::{Markup, html};

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::connector::capability::AppState;
use crate::engine::answer::AppAnswer;
use crate::server::console::apps::state;
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;

/// The pages about one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// How it stands.
    Overview,
    /// What it may do, in words.
    Policies,
    /// What it can grant.
    Entitlements,
    /// Whether the target is as it was left.
    Reconcile,
}

impl Tab {
    const ALL: [Self; 4] = [Self::Overview, Self::Policies, Self::Entitlements, Self::Reconcile];

    fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Policies => "Policies",
            Self::Entitlements => "Entitlements",
            Self::Reconcile => "Reconcile",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Policies => "/policies",
            Self::Entitlements => "/entitlements",
            Self::Reconcile => "/reconcile",
        }
    }
}

/// Who looks at what.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The app.
    pub app: AppAnswer,
    /// The time, for ages.
    pub now: Timestamp,
}

impl Frame {
    /// What people call the app.
    pub fn title(&self) -> &str {
        if self.app.app.title.is_empty() { self.app.name.as_str() } else { &self.app.app.title }
    }

    /// Whether the visitor may change things.
    pub fn administers(&self) -> bool {
        self.viewer.role >= Permission::Administer.needs()
    }

    /// The page of a tab around `body`.
    pub fn page(&self, tab: Tab, body: &Markup) -> Markup {
        let name = &self.app.name;
        let framed = html! {
            p .crumbs { a href="/apps" { "Apps" } }
            div .head {
                h1 { (self.title()) }
                div #app-state data-live { (state::badge(&self.app.state)) }
                span .hint { (self.app.app.connector) " · " (self.app.app.base_url) }
                (self.actions())
            }
            nav .tabs aria-label="About this app" {
                @for each in Tab::ALL { a href=(format!("/apps/{name}{}", each.path())) aria-current=[(each == tab).then_some("page")] { (each.title()) } }
            }
            (words::told(&self.told))
            (body)
        };
        layout::page(&self.viewer, Place::Apps, &format!("{}: {}", self.title(), tab.title()), &framed)
    }

    /// What the visitor may do: anybody tests, admins the rest.
    fn actions(&self) -> Markup {
        let stopped = matches!(
            self.app.state,
            AppState::Paused { .. } | AppState::Disabled { .. } | AppState::Quarantined { .. }
        );
        html! {
            div .actions {
                (self.button("test", "Test connection", "button"))
                @if self.administers() {
                    (self.button("refresh", "Refresh entitlements", "button"))
                    (self.button("reconcile", "Reconcile", "button"))
                    @if stopped { (self.button("resume", "Resume", "primary")) } @else { (self.button("pause", "Pause", "danger")) }
                }
            }
        }
    }

    fn button(&self, action: &str, title: &str, tone: &str) -> Markup {
        html! {
            form method="post" action=(format!("/apps/{}/{action}", self.app.name)) {
                (self.viewer.token())
                button .(tone) type="submit" { (title) }
            }
        }
    }
}
