//! What every page has: the head, the places one can go, who is signed in.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::access::{Actor, Role};
use crate::server::console::assets;
use crate::server::session::Session;

/// The places of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What waits for a decision.
    Approvals,
    /// People, and what they have where.
    Users,
    /// Apps.
    Apps,
    /// What decides who gets what.
    Rules,
    /// Events.
    Activity,
    /// What came into the directory.
    Imports,
    /// Operators and tokens.
    Access,
}

impl Place {
    const ALL: [Self; 7] =
        [Self::Approvals, Self::Users, Self::Apps, Self::Rules, Self::Activity, Self::Imports, Self::Access];

    fn title(self) -> &'static str {
        match self {
            Self::Approvals => "Approvals",
            Self::Users => "Users",
            Self::Apps => "Apps",
            Self::Rules => "Rules",
            Self::Activity => "Activity",
            Self::Imports => "Imports",
            Self::Access => "Access",
        }
    }

    fn address(self) -> &'static str {
        match self {
            Self::Approvals => "/approvals",
            Self::Users => "/users",
            Self::Apps => "/apps",
            Self::Rules => "/rules",
            Self::Activity => "/activity",
            Self::Imports => "/imports",
            Self::Access => "/access",
        }
    }
}

/// Who looks at a page.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The operator's name.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// What forms must carry.
    pub csrf: String,
}

impl Viewer {
    /// From whoever is signed in.
    pub fn of(actor: &Actor, session: &Session) -> Self {
        Self { name: actor.name.clone(), role: actor.role, csrf: session.csrf.clone() }
    }

    /// The hidden field that every form carries.
    pub fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }
}

fn head(title: &str, csrf: Option<&str>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if let Some(csrf) = csrf { meta name="csrf" content=(csrf); }
            title { (title) " · Usher" }
            link rel="icon" type="image/svg+xml" href=(assets::mark());
            link rel="stylesheet" href=(assets::style());
            script src=(assets::script()) defer {}
        }
    }
}

/// A page for somebody who is signed in.
pub fn page(viewer: &Viewer, place: Place, title: &str, body: &Markup) -> Markup {
    framed(viewer, Some(place), title, body)
}

/// The first page, which is in no place.
pub fn first_page(viewer: &Viewer, title: &str, body: &Markup) -> Markup {
    framed(viewer, None, title, body)
}

fn framed(viewer: &Viewer, place: Option<Place>, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, Some(&viewer.csrf)))
            body {
                a .skip href="#main" { "Skip to the content" }
                header .top {
                    a .brand href="/" { img src=(assets::mark()) alt="" width="22" height="22"; "Usher" }
                    nav aria-label="Places" {
                        @for each in Place::ALL {
                            a href=(each.address()) aria-current=[(Some(each) == place).then_some("page")] { (each.title()) }
                        }
                    }
                    form .who method="post" action="/sign-out" {
                        (viewer.token())
                        span { (viewer.name) " · " (viewer.role) }
                        button .quiet type="submit" { "Sign out" }
                    }
                }
                main #main tabindex="-1" { (body) }
            }
        }
    }
}

/// A table that may be wider than the screen: it scrolls by itself, by keyboard too.
pub fn wide(label: &str, table: &Markup) -> Markup {
    html! { div .wide role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// A page for anybody.
pub fn plain(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, None))
            body .plain { main #main { (body) } }
        }
    }
}

/// Whatever has no page.
pub async fn nothing_here() -> Response {
    let body = html! {
        h1 { "There is nothing here" }
        p { "The address may be mistyped, or what it showed is gone. " a href="/" { "Back to the start" } "." }
    };
    (StatusCode::NOT_FOUND, plain("Not found", &body)).into_response()
}
