//! What rematch and disassociate mean, before anybody does it.

use std::sync::Arc;

use axum::extract::{Path, State};
use maud::{Markup, html};

use crate::history::sentence;
use crate::id::AppName;
use crate::provision::account::Account;
use crate::provision::edge::Edge;
use crate::server::console::activity::links;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::users::person;
use crate::server::house::House;
use crate::server::permit::{Administer, Decide, Visitor};
use crate::server::problem::Problem;
use crate::store::query::AccountQuery;
use crate::text::printable;

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Look the pair up again and allow it to be linked.
    Rematch,
    /// Forget the account without touching it.
    Disassociate,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// Who looks.
    pub viewer: Viewer,
    /// What people call the user.
    pub label: String,
    /// As the ledger has it.
    pub account: Account,
    /// Its entitlements.
    pub edges: Vec<Edge>,
    /// What is about to be done.
    pub deed: Deed,
}

async fn context<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    (user, app): (String, String),
    deed: Deed,
) -> Result<Markup, Trouble> {
    let user = person::named(house, user).await?;
    let app: AppName = asking::part("app", &app)?;
    let store = house.engine.store();
    let failed = |error| Trouble::from(crate::engine::EngineError::from(error));
    let query = AccountQuery { app: Some(app.clone()), user: Some(user.id), limit: 1, ..AccountQuery::default() };
    let account = store.accounts(query).await.map_err(failed)?.items.pop();
    let none =
        || Problem::not_found(format!("{} has nothing in {app} that could be changed", printable(&user.label())));
    let account = account.ok_or_else(none)?;
    let edges = store.edges(&app, user.id).await.map_err(failed)?;
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    Ok(page(&Confirm { viewer, label: user.label(), account, edges, deed }))
}

/// `GET /users/{user}/apps/{app}/disassociate`.
///
/// # Errors
/// If there is no such account, or the store fails.
pub async fn disassociate(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(pair): Path<(String, String)>,
) -> Result<Markup, Trouble> {
    context(&house, &visitor, pair, Deed::Disassociate).await
}

/// `GET /users/{user}/apps/{app}/rematch`.
///
/// # Errors
/// If there is no such account, or the store fails.
pub async fn rematch(
    State(house): State<Arc<House>>,
    visitor: Visitor<Decide>,
    Path(pair): Path<(String, String)>,
) -> Result<Markup, Trouble> {
    context(&house, &visitor, pair, Deed::Rematch).await
}

/// The page.
pub fn page(context: &Confirm) -> Markup {
    let account = &context.account;
    let label = printable(&context.label);
    let back = links::pair(account.user, &account.app);
    let (title, word, act) = match context.deed {
        Deed::Rematch => (format!("Match {label} in {} again?", account.app), "Match again", "rematch"),
        Deed::Disassociate => (format!("Disassociate {label} in {}?", account.app), "Disassociate", "disassociate"),
    };
    let body = html! {
        nav .crumbs aria-label="Above" {
            a href="/users" { "Users" } " / " a href=(links::user(account.user)) { (label) } " / " a href=(back) { (account.app) }
        }
        div .confirm {
            h1 { (title) }
            dl .facts {
                dt { "Account" } dd { (printable(account.user_name().unwrap_or("none"))) " " code { (printable(account.remote_id.as_deref().unwrap_or_default())) } }
                dt { "Stands" } dd { (sentence::presence(account.presence)) }
                dt { "Entitlements" } dd { (context.edges.len()) }
            }
            h2 { "What it means" }
            @match context.deed {
                Deed::Disassociate => (meant_by_disassociate(account)),
                Deed::Rematch => (meant_by_rematch(account)),
            }
            form .acts method="post" action=(format!("{back}/{act}")) {
                (context.viewer.token())
                button .danger[context.deed == Deed::Disassociate] .primary[context.deed == Deed::Rematch] type="submit" { (word) }
                a href=(back) { "Leave it as it is" }
            }
        }
    };
    layout::page(&context.viewer, Place::Users, &title, &body)
}

fn meant_by_disassociate(account: &Account) -> Markup {
    html! {
        ul {
            li { "The account at " (account.app) " stays exactly as it is, active if it is active now. Nothing is sent." }
            li { "Usher forgets that it is its own: the ledger's entry, what was pushed and its entitlements." }
            li { "Nothing is planned for it any more, whatever the rules say, until somebody matches it again." }
            li { "If this user leaves, the account is not deactivated; he appears under " a href="/activity/leavers" { "leavers still active" } "." }
        }
    }
}

fn meant_by_rematch(account: &Account) -> Markup {
    html! {
        ul {
            li { "The next cycle looks for the account at " (account.app) " again, as for a new user." }
            li { "What it finds and nobody gave us may be linked, as the app's policy says: held for an approval, if nothing else is set." }
            li { "If nothing is found, one is created, if the rules still want it." }
            li { "An event that waits for this account now is superseded; what failed or was rejected is asked again." }
        }
    }
}
