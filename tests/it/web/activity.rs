//! Activity over the console: events by every filter, their stories, charts, leavers.

use reqwest::StatusCode;
use usher::access::Role;
use usher::clock::Span;
use usher::directory::Standing;
use usher::engine::command::Edit;
use usher::provision::event::StatusKind;
use usher::scim::target::Method;

use super::site::{PASSWORD, Site, with_something_pending};
use super::users::signed_in_as;
use crate::engine::house::{Plan, people};
use crate::engine::tap::Mishap;

/// Three people, of whom the target refuses one.
async fn with_a_failure() -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.tap.next(Method::Post, "/Users", Mishap::Instead(400, None));
    site.house.import(&people(3), true).await.unwrap();
    site.house.sync().await;
    assert_eq!(site.house.ended(StatusKind::Failed).await, 1);
    site
}

/// Time passes, and whoever was signed in signs in again.
async fn later(site: &mut Site, span: Span) {
    site.house.advance(span);
    site.cookie = None;
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    site.keep(&answer);
}

/// Events of a page, in their order.
async fn listed(site: &Site, query: &str) -> Vec<String> {
    let page = site.page(&format!("/activity{query}")).await;
    let lines = page.split("class=\"line\" id=\"").skip(1);
    lines.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_filtered_by_user_app_status_kind_operator_and_time() {
    let mut site = with_a_failure().await;
    assert_eq!(listed(&site, "").await, ["evt_3", "evt_2", "evt_1"]);
    let failed = listed(&site, "?status=failed").await;
    assert_eq!(failed.len(), 1);
    assert_eq!(listed(&site, "?status=trouble").await, failed);
    assert_eq!(listed(&site, "?status=open").await.len(), 0);
    assert_eq!(listed(&site, "?user=p1%40example.com").await.len(), 1);
    assert_eq!(listed(&site, "?user=p1%40example.com&status=open").await.len(), 0);
    assert_eq!(listed(&site, "?app=app&kind=create&operator=admin").await.len(), 3);
    assert_eq!(listed(&site, "?kind=delete").await.len(), 0);
    later(&mut site, Span::from_hours(3)).await;
    site.house.import("key,email,title,roles\nk1,p1@example.com,New,staff\n", false).await.unwrap();
    site.house.sync().await;
    let newest = listed(&site, "").await[0].clone();
    assert_eq!(listed(&site, "?since=1h").await, std::slice::from_ref(&newest));
    assert!(!listed(&site, "?until=2026-03-01T13:00").await.contains(&newest));
    assert_eq!(listed(&site, "?since=2026-03-01&until=2026-03-02").await.len(), 4);
    let none = site.page("/activity?kind=delete").await;
    assert!(none.contains("No event fits") && none.contains("Show all events"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_can_not_be_understood_is_explained_on_the_page() {
    let site = with_a_failure().await;
    for (query, said) in [
        ("?status=lost", "`lost` is no status"),
        ("?kind=<script>", "`&lt;script&gt;` is no kind of operation"),
        ("?since=tuesday", "`tuesday` is no time"),
        ("?app=No+App", "`No App` is no app"),
        ("?user=nobody", "no user is called `nobody`"),
        ("?operator=nobody", "there is no operator `nobody`"),
        ("?before=x", "is not"),
        ("?since=1h&until=2h", "the first time must be the earlier one"),
    ] {
        let page = site.page(&format!("/activity{query}")).await;
        assert!(page.contains(said) && page.contains("role=\"alert\""), "{query}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_lead_to_older_events_and_back_and_only_the_first_is_live() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(70), true).await.unwrap();
    site.house.sync().await;
    let newest = site.page("/activity?kind=create").await;
    assert!(newest.contains("id=\"evt_70\"") && newest.contains("id=\"evt_41\"") && !newest.contains("id=\"evt_40\""));
    assert!(newest.contains("id=\"events\"") && newest.contains("data-live"));
    assert!(newest.contains("/activity?kind=create&amp;before=evt_41"), "the filter stays");
    let older = site.page("/activity?kind=create&before=evt_41").await;
    assert!(older.contains("id=\"evt_40\"") && !older.contains("data-live"));
    assert!(older.contains("after=evt_40") && older.contains("before=evt_11"));
    assert_eq!(listed(&site, "?after=evt_40").await.first().unwrap(), "evt_70");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_has_its_whole_story_and_is_tried_again_from_it() {
    let mut site = with_a_failure().await;
    let failed = listed(&site, "?status=failed").await.remove(0);
    let page = site.page(&format!("/activity/{failed}")).await;
    for seen in [
        "Failed",
        "What to do",
        "POST /Users",
        "400",
        "not now",
        "by admin",
        "rev_1",
        "pln_",
        "rules/rules.rhai:1",
        "Retry",
    ] {
        assert!(page.contains(seen), "{seen} is not on the page: {page}");
    }
    signed_in_as(&mut site, Role::Viewer).await;
    let csrf = site.csrf().await;
    let retry = format!("/activity/{failed}/retry");
    assert_eq!(site.post(&retry, &[("csrf", "guessed")]).await.status(), StatusCode::FORBIDDEN);
    let away = site.post(&retry, &[("csrf", &csrf), ("back", "//evil.example")]).await;
    assert_eq!(away.headers()["location"], *format!("/activity/{failed}"), "nobody is sent elsewhere");
    assert!(site.page(&format!("/activity/{failed}")).await.contains("planned again"));
    site.house.sync().await;
    assert_eq!(site.house.accounts().len(), 3, "it went through");
    let answer = site.post(&retry, &[("csrf", &csrf), ("back", "/activity?status=failed")]).await;
    assert_eq!(answer.headers()["location"], "/activity?status=failed");
    let page = site.page("/activity?status=failed").await;
    assert!(page.contains("is not the pair's last event"), "what can't be done is said: {page}");
    assert_eq!(site.get("/activity/evt_999").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.get("/activity/nonsense").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_decision_leads_there_and_names_are_escaped() {
    let site = with_something_pending().await;
    let page = site.page("/activity/evt_1").await;
    assert!(page.contains("Pending") && page.contains("/approvals#title-evt_1") && page.contains("May decide"));
    for path in ["/activity", "/activity/evt_1", "/users", "/users/k1", "/users/k1/apps/app", "/users/k1/provision"] {
        let page = site.page(path).await;
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script>alert"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_count_what_ended_by_hour_and_show_how_old_what_waits_is() {
    let mut site = with_a_failure().await;
    let page = site.page("/activity/charts").await;
    assert!(page.contains("succeeded 2") && page.contains("failed or blocked 1") && page.contains("Nothing waits"));
    assert!(page.contains("aria-label=\"Events by the hour in which they ended: 2 succeeded, 1 failed or blocked"));
    assert!(page.contains("status=trouble"), "failures lead to their events");
    later(&mut site, Span::from_hours(2)).await;
    let page = site.page("/activity/charts").await;
    assert!(page.contains("<tr><th scope=\"row\"><time datetime=\"2026-03-01T12:00:00.000Z\">12:00</time></th><td class=\"number\">2</td>"), "{page}");
    later(&mut site, Span::from_hours(30)).await;
    assert!(site.page("/activity/charts").await.contains("None did"));
    let mut pending = with_something_pending().await;
    later(&mut pending, Span::from_hours(2)).await;
    let page = pending.page("/activity/charts").await;
    assert!(
        page.contains("1 to 6 h</th><td class=\"number\">0</td><td class=\"number\"><a href=\"/approvals\">1</a>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leavers_who_still_have_an_account_are_shown_until_it_is_gone() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(3), true).await.unwrap();
    site.house.sync().await;
    assert!(site.page("/activity/leavers").await.contains("Nobody."));
    site.house.edit("k1", Edit::Stand(Standing::Suspended)).await;
    let page = site.page("/activity/leavers").await;
    assert!(
        page.contains("Given1 Family1") && page.contains("/users/hr%3Ak1") && page.contains("not planned yet"),
        "{page}"
    );
    site.house.sync().await;
    assert!(site.page("/activity/leavers").await.contains("Nobody."));
}
