//! Apps over a real socket: tested, paused, reconciled, refreshed; by whom it may be.

use reqwest::StatusCode;

use super::site::Site;
use crate::engine::house::{Plan, people};

async fn settled() -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(3), true).await.unwrap();
    site.house.sync().await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_tested_paused_and_resumed_from_its_page() {
    let site = settled().await;
    let csrf = site.csrf().await;
    let press = |action: &str| {
        let (path, csrf) = (format!("/apps/app/{action}"), csrf.clone());
        let site = &site;
        async move { site.post(&path, &[("csrf", &csrf)]).await }
    };
    let tested = press("test").await;
    assert_eq!(tested.status(), StatusCode::OK);
    let tested = tested.text().await.unwrap();
    assert!(tested.contains("The connection works") && tested.contains("filter on userName"), "{tested}");
    assert_eq!(press("pause").await.status(), StatusCode::SEE_OTHER);
    let paused = site.page("/apps/app").await;
    assert!(
        paused.contains("Paused")
            && paused.contains("by admin")
            && paused.contains("is paused: nothing is sent; leavers are planned"),
        "{paused}"
    );
    assert!(site.page("/").await.contains("is paused: nothing is sent"));
    assert_eq!(press("resume").await.status(), StatusCode::SEE_OTHER);
    assert!(site.page("/apps/app").await.contains("app is live"));
    assert!(site.page("/").await.contains("All is well"));
    let foreign = site.post("/apps/app/pause", &[("csrf", "guessed")]).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(site.get("/apps/nothing").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_leaves_its_report_on_the_page_of_the_app() {
    let site = settled().await;
    assert!(site.page("/apps/app/reconcile").await.contains("never reconciled"));
    let (_, found) = site.house.call("GET", "/Users", None).await;
    let id = found["Resources"][0]["id"].as_str().unwrap();
    let edit = serde_json::json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "title", "value": "<script>alert(1)</script>" }] });
    site.house.call("PATCH", &format!("/Users/{id}"), Some(edit)).await;
    let csrf = site.csrf().await;
    let answer = site.post("/apps/app/reconcile", &[("csrf", &csrf)]).await;
    assert_eq!(answer.headers()["location"], "/apps/app/reconcile");
    let page = site.page("/apps/app/reconcile").await;
    assert!(page.contains("values that were changed at the target") && page.contains("&lt;script&gt;"), "{page}");
    assert!(!page.contains("<script>alert"));
    assert!(site.page("/apps").await.contains("1 found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_is_refreshed_and_found_by_name_and_page() {
    let site = settled().await;
    assert!(site.page("/apps/app/entitlements").await.contains("never refreshed"));
    for number in 0..130 {
        let group = serde_json::json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": format!("Group {number}") });
        assert_eq!(site.house.call("POST", "/Groups", Some(group)).await.0, 201);
    }
    let csrf = site.csrf().await;
    let answer = site.post("/apps/app/refresh", &[("csrf", &csrf)]).await;
    assert_eq!(answer.headers()["location"], "/apps/app/entitlements");
    let page = site.page("/apps/app/entitlements").await;
    assert!(
        page.contains("Refreshed: new 130") && page.contains("Page 1 of 2") && page.contains("130 in the catalogue"),
        "{page}"
    );
    let one = site.page("/apps/app/entitlements?name=group%20129&kind=group").await;
    assert!(one.contains("Group 129") && !one.contains("Group 12<"), "{one}");
    assert!(site.page("/apps/app/entitlements?page=99").await.contains("Page 2 of 2"));
}
