//! Users over the console: found, explained, provisioned, changed.

use reqwest::StatusCode;
use usher::access::Role;
use usher::access::credential::Typed;
use usher::clock::Span;
use usher::directory::Standing;
use usher::engine::Command;
use usher::engine::command::UserRef;
use usher::id::{AppName, UserId};
use usher::provision::account::Presence;
use usher::provision::event::StatusKind;

use super::samples;
use super::site::{PASSWORD, Site, with_something_pending};
use crate::engine::house::{Plan, people};

pub(crate) async fn id_of(site: &Site, named: &str) -> UserId {
    site.house.engine.find_user(&UserRef(named.into())).await.unwrap().id
}

/// Somebody else who may do less signs in.
pub(crate) async fn signed_in_as(site: &mut Site, role: Role) {
    let add = Command::OperatorAdd { name: "vera".into(), role, os_account: None, user: None };
    site.house.ask(add).await.unwrap();
    let set = Command::PasswordSet { name: Some("vera".into()), password: Typed::new(PASSWORD) };
    site.house.ask(set).await.unwrap();
    let answer = site.post("/sign-in", &[("name", "vera"), ("password", PASSWORD)]).await;
    site.keep(&answer);
}

async fn presence(site: &Site, user: UserId) -> Presence {
    let app = AppName::new("app").unwrap();
    site.house.engine.store().pairs(&app, vec![user]).await.unwrap()[0].account.presence
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_any_part_of_what_they_are_called() {
    let site = Site::signed_in(Plan::default()).await;
    assert!(site.page("/users").await.contains("nobody in the directory yet"));
    site.house.import(&people(120), true).await.unwrap();
    let first = site.page("/users").await;
    assert!(first.contains("1–50 of 120") && first.contains("Next →") && !first.contains("Previous"));
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let second = site.page(&next).await;
    assert!(second.contains("51–100 of 120"), "{second}");
    let previous = second.split("rel=\"prev\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(site.page(previous).await.contains("1–50 of 120"));
    for (search, found) in [("FAMILY119", 1), ("p11%20given", 11), ("k7", 11), ("p8%40example.com", 1), ("Title7", 0)] {
        let page = site.page(&format!("/users?search={search}")).await;
        match found {
            0 => assert!(page.contains("Nobody") && page.contains("Show everybody"), "{search}: {page}"),
            number => assert!(page.contains(&format!("of {number}</span>")), "{search}: {page}"),
        }
    }
    site.house.edit("k7", usher::engine::command::Edit::Stand(Standing::Suspended)).await;
    let suspended = site.page("/users?standing=suspended").await;
    assert!(suspended.contains("Given7 Family7") && suspended.contains("1–1 of 1"), "a change is seen at once");
    site.house.import("key,email,display_name\nnew,new@example.com,Zoe New\n", false).await.unwrap();
    assert!(site.page("/users?search=zoe").await.contains("new@example.com"), "and so is who came");
    assert!(site.page("/users?standing=elsewhere").await.contains("is no standing"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_user_is_shown_across_all_apps_with_his_timeline() {
    let site = with_something_pending().await;
    let page = site.page("/users/hr:k1").await;
    for seen in
        ["one@example.com", "No account · create pending", "id=\"evt_1\"", "the whole story", "staff", "Boss", "decide"]
    {
        assert!(page.contains(seen), "{seen} is not on the page");
    }
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"));
    assert_eq!(site.get("/users/hr:nobody").await.status(), StatusCode::NOT_FOUND);
    site.house.decide_all(true).await;
    site.house.sync().await;
    let page = site.page("/users/k1").await;
    assert!(page.contains("Provisioned") && page.contains("POST /Users"), "attempts with requests");
    assert!(page.contains("<pre") && page.contains("&quot;userName&quot;"), "what was sent");
    assert!(page.contains("approved</span> by <b>admin</b>"), "who decided");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_has_pages() {
    let site = Site::signed_in(Plan::default()).await;
    for title in 0..20 {
        let csv = format!("key,email,title,roles\nk1,one@example.com,Title {title},staff\n");
        site.house.import(&csv, false).await.unwrap();
        site.house.sync().await;
    }
    let newest = site.page("/users/k1").await;
    assert!(newest.contains("id=\"evt_20\"") && !newest.contains("id=\"evt_5\""));
    let user = id_of(&site, "k1").await;
    let older = site.page(&format!("/users/{user}?before=evt_6")).await;
    assert!(older.contains("id=\"evt_5\"") && older.contains("id=\"evt_1\"") && !older.contains("id=\"evt_6\""));
    assert!(older.contains("?after=evt_5#timeline"));
    let newer = site.page(&format!("/users/{user}?after=evt_5")).await;
    assert!(
        newer.contains("id=\"evt_6\"") && newer.contains("id=\"evt_20\"") && newer.contains("?before=evt_6#timeline")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_explained_with_the_line_of_each_value() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    site.house.sync().await;
    let page = site.page("/users/k0/apps/app").await;
    for seen in
        ["should have it", "role staff", "rules/rules.rhai:1", "p0@example.com", "Nothing is in the way", "evt_1"]
    {
        assert!(page.contains(seen), "{seen} is not on the page");
    }
    let before = site.page("/users/k0/apps/app?at=2020-01-01").await;
    assert!(before.contains("As it stood at"), "{before}");
    assert!(site.page("/users/k0/apps/app?at=yesterday").await.contains("is no time"));
    assert_eq!(site.get("/users/k0/apps/nowhere").await.status(), StatusCode::NOT_FOUND);
}

/// The plan that the page's button would carry out.
fn shown_plan(page: &str) -> String {
    let quoted = page.split("name=\"plan\" value=\"").nth(1).expect("a plan").split('"').next().unwrap();
    quoted.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provision_now_shows_what_it_does_and_then_does_exactly_that() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(2), true).await.unwrap();
    let (csrf, user) = (site.csrf().await, id_of(&site, "k1").await);
    let path = format!("/users/{user}/provision");
    let dry = site.page(&path).await;
    assert!(dry.contains("Carry out 1 operation") && dry.contains("p1@example.com") && !dry.contains("p0@example.com"));
    assert_eq!((site.house.accounts().len(), site.house.ended(StatusKind::Succeeded).await), (0, 0), "a dry run");
    let plan = shown_plan(&dry);
    let foreign = site.post(&path, &[("csrf", "guessed"), ("plan", &plan)]).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let other = format!("/users/{}/provision", id_of(&site, "k0").await);
    let of_another = site.post(&other, &[("csrf", &csrf), ("plan", &plan)]).await;
    assert_eq!(of_another.status(), StatusCode::BAD_REQUEST);
    assert_eq!(site.post(&path, &[("csrf", &csrf), ("plan", &plan)]).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(site.house.accounts().keys().collect::<Vec<_>>(), ["p1@example.com"], "nobody else");
    let after = site.page(&path).await;
    assert!(after.contains("app: 1 succeeded") && after.contains("There is nothing to do now"), "{after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_out_of_date_does_nothing_and_is_shown_anew() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    let (csrf, user) = (site.csrf().await, id_of(&site, "k0").await);
    let path = format!("/users/{user}/provision");
    let plan = shown_plan(&site.page(&path).await);
    site.house.import("key,email,title,roles\nk0,p0@example.com,Another,staff\n", false).await.unwrap();
    site.post(&path, &[("csrf", &csrf), ("plan", &plan)]).await;
    assert!(site.house.accounts().is_empty());
    let anew = site.page(&path).await;
    assert!(anew.contains("out of date") && anew.contains("Another") && anew.contains("Carry out 1 operation"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disassociating_says_what_it_means_before_it_forgets_the_account() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    site.house.sync().await;
    let (csrf, user) = (site.csrf().await, id_of(&site, "k0").await);
    let pair = format!("/users/{user}/apps/app");
    assert!(site.page(&pair).await.contains(&format!("{pair}/disassociate")));
    let asked = site.page(&format!("{pair}/disassociate")).await;
    assert!(
        asked.contains("Nothing is sent") && asked.contains("p0@example.com") && asked.contains("Leave it as it is")
    );
    assert_eq!(presence(&site, user).await, Presence::Active, "asking does nothing");
    site.house.tap.take();
    let answer = site.post(&format!("{pair}/disassociate"), &[("csrf", &csrf)]).await;
    assert_eq!(answer.headers()["location"], *pair);
    assert_eq!((presence(&site, user).await, site.house.tap.take().len()), (Presence::Unlinked, 0));
    let page = site.page(&pair).await;
    assert!(page.contains("no longer Usher") && !page.contains(&format!("{pair}/disassociate")), "{page}");
    assert!(site.page(&format!("{pair}/rematch")).await.contains("looks for the account"));
    site.post(&format!("{pair}/rematch"), &[("csrf", &csrf)]).await;
    assert_eq!(presence(&site, user).await, Presence::None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rematch_asks_for_the_password_once_more_when_the_last_time_was_long_ago() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    site.house.sync().await;
    let (csrf, user) = (site.csrf().await, id_of(&site, "k0").await);
    site.house.advance(Span::from_secs(16 * 60));
    let answer = site.post(&format!("/users/{user}/apps/app/rematch"), &[("csrf", &csrf)]).await;
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("/sign-in?next=/users/"), "{location}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_suspended_restored_assigned_and_overridden_by_forms() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    let (csrf, user) = (site.csrf().await, id_of(&site, "k0").await);
    let path = format!("/users/{user}");
    let edit = async |fields: &[(&str, &str)]| {
        let mut form = vec![("csrf", csrf.as_str())];
        form.extend(fields);
        let answer = site.post(&format!("{path}/edit"), &form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        site.page(&path).await
    };
    let page = edit(&[("act", "suspend")]).await;
    assert!(page.contains("now suspended") && page.contains("An operator says"), "{page}");
    assert!(!edit(&[("act", "restore")]).await.contains("An operator says"));
    let page = edit(&[("act", "set"), ("attribute", "title"), ("value", "Chief <Officer>")]).await;
    assert!(page.contains("Chief &lt;Officer&gt;") && page.contains("set by hand; the source says Title0"), "{page}");
    assert!(!edit(&[("act", "lift"), ("attribute", "title")]).await.contains("set by hand"));
    let page = edit(&[("act", "set"), ("attribute", "roles"), ("value", "x")]).await;
    assert!(page.contains("`roles` can't be overridden"), "{page}");
    assert!(edit(&[("act", "assign"), ("app", "app")]).await.contains("assigned directly"));
    assert!(!edit(&[("act", "unassign"), ("app", "app")]).await.contains("app</a> assigned directly"));
    let unknown = site.post(&format!("{path}/edit"), &[("csrf", &csrf), ("act", "promote")]).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_everything_and_no_action_that_is_not_his() {
    let mut site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    site.house.sync().await;
    signed_in_as(&mut site, Role::Viewer).await;
    let (csrf, user) = (site.csrf().await, id_of(&site, "k0").await);
    let (path, pair) = (format!("/users/{user}"), format!("/users/{user}/apps/app"));
    for page in [site.page(&path).await, site.page(&pair).await] {
        assert!(page.contains("Given0 Family0") && page.contains("evt_1"));
        for action in ["Provision now", "Change this user", "Rematch", "Disassociate", "/edit"] {
            assert!(!page.contains(action), "{action} is shown to a viewer");
        }
    }
    for forbidden in [format!("{path}/provision"), format!("{pair}/disassociate"), format!("{pair}/rematch")] {
        assert_eq!(site.get(&forbidden).await.status(), StatusCode::FORBIDDEN, "{forbidden}");
        assert_eq!(site.post(&forbidden, &[("csrf", &csrf), ("plan", "{}")]).await.status(), StatusCode::FORBIDDEN);
    }
    let edit = site.post(&format!("{path}/edit"), &[("csrf", &csrf), ("act", "suspend")]).await;
    assert_eq!(edit.status(), StatusCode::FORBIDDEN);
    let standing = site.house.engine.find_user(&UserRef("k0".into())).await.unwrap().effective_standing();
    assert_eq!(standing, Standing::Active);
}

#[test]
fn pages_about_people_and_events_escape_whatever_they_are_called() {
    let pages: Vec<_> = samples::users::pages().into_iter().chain(samples::activity::pages()).collect();
    assert!(pages.len() > 20);
    for (name, page) in pages {
        assert!(!page.contains("<script>alert"), "{name}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{name} shows none of the values");
        assert!(!page.contains(" style=") && !page.contains(" onclick="), "{name} has something inline");
        let posts = page.matches("method=\"post\"").count();
        assert_eq!(
            page.matches("name=\"csrf\" value=\"form_token\"").count(),
            posts,
            "{name}: each form has its token"
        );
    }
}
