//! What an app can grant, as its last refresh showed it: by kind and part of the name, by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::provision::entitlement::Entitlement;
use crate::server::console::apps::frame::{Frame, Tab};
use crate::server::console::apps::one;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::{layout, words};
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// Entitlements of a page.
const LISTED_MAX: usize = 100;

/// As it stands in the address; empty = not restricted.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    /// `group`, `role`, …
    #[serde(default)]
    pub kind: String,
    /// Part of a name or of an id.
    #[serde(default)]
    pub name: String,
    /// Which page, from 1.
    #[serde(default)]
    pub page: Option<usize>,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Entitlements {
    /// The app, and who looks.
    pub frame: Frame,
    /// What the address asks for.
    pub asked: Asked,
    /// The last refresh; `None` = never.
    pub refreshed: Option<Timestamp>,
    /// Kinds that there are.
    pub kinds: BTreeSet<String>,
    /// This page's.
    pub listed: Vec<Entitlement>,
    /// How many the filter finds.
    pub matching: usize,
    /// How many there are.
    pub total: usize,
}

/// `GET /apps/{app}/entitlements`.
///
/// # Errors
/// 404 if there is no such app.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let frame = one::frame(&house, &visitor, &app).await?;
    let command = Command::Entitlements { app: frame.app.name.clone(), kind: None };
    let answer = asking::ask(&house, &visitor, command).await?;
    let Answer::Entitlements(found) = answer else { return Err(asking::unexpected(&answer)) };
    let kinds = found.entitlements.iter().map(|each| each.key.kind.clone()).collect();
    let (total, search) = (found.entitlements.len(), asked.name.trim().to_lowercase());
    let wanted = |each: &Entitlement| {
        (asked.kind.is_empty() || each.key.kind == asked.kind)
            && (search.is_empty()
                || each.name.to_lowercase().contains(&search)
                || each.key.remote_id.to_lowercase() == search)
    };
    let matching: Vec<Entitlement> = found.entitlements.into_iter().filter(wanted).collect();
    let number = matching.len();
    let mut asked = asked;
    let page = asked.page.unwrap_or(1).clamp(1, number.div_ceil(LISTED_MAX).max(1));
    asked.page = Some(page);
    let listed = matching.into_iter().skip((page - 1) * LISTED_MAX).take(LISTED_MAX).collect();
    let context = Entitlements { frame, asked, refreshed: found.refreshed, kinds, listed, matching: number, total };
    Ok(self::page(&context))
}

/// The page.
pub fn page(context: &Entitlements) -> Markup {
    let (asked, path) = (&context.asked, format!("/apps/{}/entitlements", context.frame.app.name));
    let page = asked.page.unwrap_or(1);
    let pages = context.matching.div_ceil(LISTED_MAX).max(1);
    let address = |page: usize| {
        let number = page.to_string();
        words::address(
            &path,
            &[("kind", asked.kind.as_str()), ("name", asked.name.as_str()), ("page", number.as_str())],
        )
    };
    let body = html! {
        p .hint {
            (context.total) " in the catalogue, "
            @match context.refreshed { Some(at) => { "as they were " (words::moment(at, context.frame.now)) }, None => "never refreshed" }
            ". Rules grant them by name; a name is bound to its id here."
        }
        @if context.total == 0 {
            div .empty {
                p { "Nothing is known of what this app can grant." }
                p { "A refresh reads it. It sends only reads." }
            }
        } @else {
            (filter(context, &path))
            @if context.listed.is_empty() { div .empty { p { "Nothing in the catalogue is called like this." } } }
            @else { (layout::wide("Entitlements", &table(context))) }
            (words::pager((page, pages), &format!("{} found", context.matching), &address))
        }
    };
    context.frame.page(Tab::Entitlements, &body)
}

fn filter(context: &Entitlements, path: &str) -> Markup {
    html! {
        form .filters method="get" action=(path) role="search" aria-label="Restrict what is shown" {
            div { label for="name" { "Name" } input #name name="name" type="search" value=(context.asked.name) placeholder="Part of a name, or an id" maxlength="200"; }
            div {
                label for="kind" { "Kind" }
                select #kind name="kind" {
                    option value="" { "Any" }
                    @for kind in &context.kinds { option value=(kind) selected[*kind == context.asked.kind] { (kind) } }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn table(context: &Entitlements) -> Markup {
    let now = context.frame.now;
    html! {
        table {
            thead { tr { th { "Name" } th { "Kind" } th { "Id at the target" } th { "Made by" } th { "Since" } th { "There" } } }
            tbody { @for each in &context.listed { tr {
                th scope="row" { (each.name) }
                td { (each.key.kind) }
                td { code { (each.key.remote_id) } }
                td { @if each.created { "Usher" } @else { "others" } }
                td .nowrap { (words::moment(each.since, now)) }
                td .nowrap { @match each.gone { Some(at) => span .badge .bad { "gone " (words::age(now, at)) " ago" }, None => span .badge .good { "there" } } }
            } } }
        }
    }
}
