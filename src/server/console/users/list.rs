//! The directory by name: search, and where everybody has an account.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::directory::user::Standing;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::user_list::{ListedAccount, ListedUser, UserList};
use crate::history::sentence;
use crate::id::UserId;
use crate::provision::account::{MuteReason, Presence};
use crate::server::console::activity::links;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::store::user_index::UserQuery;
use crate::text::printable;

/// Users on one page.
pub const ROWS: usize = 50;

/// Query parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Words of name, e-mail, user name or key.
    pub search: String,
    /// A standing.
    pub standing: String,
    /// The cursor.
    pub after: String,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Users {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// What was asked for.
    pub asked: Asked,
    /// What is wrong with that.
    pub wrong: Option<String>,
    /// A page of users.
    pub list: UserList,
}

/// The words for standings.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Suspended => "suspended",
        Standing::Deleted => "deleted",
    }
}

/// A standing as a badge.
pub fn standing_badge(of: Standing) -> Markup {
    let tone = match of {
        Standing::Active => "good",
        Standing::Suspended => "note",
        Standing::Deleted => "plain",
    };
    html! { span .badge .(tone) { (standing(of)) } }
}

const STANDINGS: [Standing; 3] = [Standing::Active, Standing::Suspended, Standing::Deleted];

/// `GET /users`.
///
/// # Errors
/// If the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let mut wrong = None;
    let wanted = STANDINGS.into_iter().find(|one| standing(*one) == asked.standing);
    if wanted.is_none() && !asked.standing.is_empty() {
        wrong = Some(format!("`{}` is no standing; use active, suspended or deleted", asked.standing));
    }
    let after = asked.after.parse::<UserId>().ok();
    let query = UserQuery { search: asked.search.trim().to_owned(), standing: wanted, after, limit: ROWS };
    let answer = asking::ask(&house, &visitor, Command::UsersByName { query }).await?;
    let Answer::UsersByName(list) = answer else { return Err(asking::unexpected(&answer)) };
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Users { viewer, told, asked, wrong, list: *list }))
}

impl Users {
    fn address(&self, standing: &str, after: Option<UserId>) -> String {
        let after = after.map(|after| after.to_string()).unwrap_or_default();
        let search = self.asked.search.trim().to_owned();
        links::with("/users", [("search", search), ("standing", standing.to_owned()), ("after", after)])
    }
}

/// The page.
pub fn page(context: &Users) -> Markup {
    let (asked, found) = (&context.asked, &context.list.page);
    let body = html! {
        h1 { "Users" }
        (words::told(&context.told))
        form .search method="get" action="/users" role="search" {
            label .aside for="search" { "Search users" }
            input #search type="search" name="search" value=(asked.search) placeholder="Name, e-mail, user name or key" autocomplete="off" data-search;
            @if !asked.standing.is_empty() { input type="hidden" name="standing" value=(asked.standing); }
            button .primary type="submit" { "Search" }
        }
        @if let Some(wrong) = &context.wrong { p .reason .bad role="alert" { (wrong) } }
        (tabs(context))
        section id="users" aria-label="Users" data-live {
            @if context.list.users.is_empty() { (nobody(context)) } @else {
                table .stacked .people {
                    thead { tr { th { "Name" } th { "E-mail" } th { "Key" } th { "Works as" } th { "Standing" } th { "Apps" } } }
                    tbody { @for listed in &context.list.users { (row(listed)) } }
                }
            }
        }
        nav .pages aria-label="Pages" {
            @if found.offset > 0 { a rel="prev" href=(context.address(&asked.standing, found.previous)) { "← Previous" } }
            @if found.total > 0 {
                span .hint { (found.offset + 1) "–" (found.offset + context.list.users.len() as u64) " of " (found.total) }
            }
            @if let Some(next) = found.next { a rel="next" href=(context.address(&asked.standing, Some(next))) { "Next →" } }
        }
    };
    layout::page(&context.viewer, Place::Users, "Users", &body)
}

fn tabs(context: &Users) -> Markup {
    let standings = &context.list.page.standings;
    let all: u64 = standings.values().sum();
    let here = context.asked.standing.as_str();
    html! {
        nav .tabs aria-label="Standing" {
            a href=(context.address("", None)) aria-current=[here.is_empty().then_some("page")] { "All " span .count { (all) } }
            @for each in STANDINGS {
                @let word = standing(each);
                a href=(context.address(word, None)) aria-current=[(here == word).then_some("page")] {
                    (word) " " span .count { (standings.get(&each).copied().unwrap_or_default()) }
                }
            }
        }
    }
}

fn nobody(context: &Users) -> Markup {
    let asked = &context.asked;
    html! {
        @if !asked.search.trim().is_empty() {
            p .empty {
                "Nobody" @if !asked.standing.is_empty() { " who is " (asked.standing) } " fits “" (printable(&asked.search)) "”. "
                "All words must occur in a name, e-mail address, user name or key. "
                a href="/users" { "Show everybody" }
            }
        } @else if !asked.standing.is_empty() && asked.after.is_empty() {
            p .empty { "Nobody is " (asked.standing) ". " a href="/users" { "Show everybody" } }
        } @else {
            p .empty { "There is nobody in the directory yet. " a href="/imports" { "Import people" } " from an export of your directory." }
        }
    }
}

fn row(listed: &ListedUser) -> Markup {
    let user = &listed.user;
    let job = [user.text("title"), user.text("department")];
    let job: Vec<&str> = job.into_iter().flatten().collect();
    html! {
        tr {
            th scope="row" { a href=(links::user(user.id)) { (printable(&user.label())) } }
            td data-title="E-mail" { (printable(user.text("email").unwrap_or_default())) }
            td data-title="Key" .soft { (user.source) ":" (printable(&user.key)) }
            td data-title="Works as" { (printable(&job.join(", "))) }
            td data-title="Standing" { (standing_badge(user.effective_standing())) }
            td data-title="Apps" .chips { @for account in shown(&listed.accounts) { (chip(user.id, account)) } }
        }
    }
}

/// Accounts that say something: a pair without an account and without an event does not.
fn shown(accounts: &[ListedAccount]) -> impl Iterator<Item = &ListedAccount> {
    accounts
        .iter()
        .filter(|account| account.presence != Presence::None || account.open.is_some() || account.muted.is_some())
}

fn chip(user: UserId, account: &ListedAccount) -> Markup {
    let presence = sentence::presence(account.presence);
    let (tone, said) = match (account.open, account.muted) {
        (Some(_), _) => ("note", format!("{presence}, something is open")),
        (None, Some(MuteReason::Rejected)) => ("plain", format!("{presence}, the last event was rejected")),
        (None, Some(_)) => ("bad", format!("{presence}, the last event failed or was blocked")),
        (None, None) => (tone(account.presence), presence.to_owned()),
    };
    html! {
        a .chip .(tone) href=(links::pair(user, &account.app)) title=(said) {
            (account.app) span .aside { ": " (said) }
            @if account.open.is_some() { span aria-hidden="true" { " …" } }
            @if tone == "bad" { span aria-hidden="true" { " !" } }
            @if account.presence == Presence::Deactivated { span aria-hidden="true" { " off" } }
        }
    }
}

/// The colour of a presence.
pub fn tone(presence: Presence) -> &'static str {
    match presence {
        Presence::Active => "good",
        Presence::Conflict | Presence::Lost => "bad",
        Presence::Unknown | Presence::DeactivatedThere | Presence::Kept => "note",
        Presence::None | Presence::Deactivated | Presence::Deleted | Presence::Unlinked => "plain",
    }
}
