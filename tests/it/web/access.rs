//! The place *Access*: who changes whom, what ends sessions, what is shown once, and what viewers see.

use reqwest::StatusCode;
use usher::clock::Span;
use usher::directory::Standing;
use usher::engine::command::Edit;

use super::samples;
use super::site::{PASSWORD, Site};
use crate::engine::house::{Plan, people};

const OTHER: &str = "quite another long passphrase";

async fn said(site: &Site, path: &str, form: &[(&str, &str)]) -> String {
    let answer = site.post(path, form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    site.page(&back).await
}

#[test]
fn names_and_origins_are_text_on_every_page() {
    for (name, page) in samples::access::pages() {
        assert!(!page.contains("<script>alert"), "{name}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{name} shows what it was given");
        assert!(!page.contains(" style="), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_adds_changes_and_disables_operators_and_each_is_a_deed_of_his() {
    let site = Site::signed_in(Plan::default()).await;
    let csrf = site.csrf().await;
    let new = [("csrf", csrf.as_str()), ("name", "kenji"), ("role", "approver"), ("os_account", ""), ("user", "")];
    assert!(said(&site, "/access/operators", &new).await.contains("kenji is approver now"));
    let change = |what: &'static str, role: &'static str| {
        let form = [("csrf", csrf.clone()), ("name", "kenji".into()), ("what", what.into()), ("role", role.into())];
        form.map(|(name, value): (&str, String)| (name, value))
    };
    for (what, role, told) in [
        ("role", "viewer", "kenji is viewer now"),
        ("disable", "", "kenji is disabled"),
        ("enable", "", "kenji is viewer again"),
    ] {
        let form = change(what, role);
        let form: Vec<(&str, &str)> =
            form.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (*name, value.as_str())).collect();
        let page = said(&site, "/access/operators/change", &form).await;
        assert!(page.contains(told), "{told}: {page}");
    }
    let last = [("csrf", csrf.as_str()), ("name", "admin"), ("what", "disable")];
    assert!(said(&site, "/access/operators/change", &last).await.contains("the last admin"));
    let eyes = [("csrf", csrf.as_str()), ("four_eyes", "enforce")];
    assert!(said(&site, "/access/four-eyes", &eyes).await.contains("four eyes: enforce"));
    let deeds = site.page("/access/history?operator=admin").await;
    for deed in [
        "added `kenji` as approver",
        "made `kenji` viewer instead of approver",
        "disabled `kenji` as viewer",
        "enabled `kenji` as viewer",
        "four eyes: enforce instead of record",
        "made a one-time token for the console",
        "set the first password of `admin` with the one-time token",
    ] {
        assert!(deeds.contains(deed), "{deed}: {deeds}");
    }
    let foreign = [("csrf", "another"), ("name", "eve"), ("role", "admin")];
    assert_eq!(site.post("/access/operators", &foreign).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_every_other_session_and_asks_for_the_old_one() {
    let mut site = Site::signed_in(Plan::default()).await;
    let elsewhere = site.cookie.clone();
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    let same = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    site.keep(&answer);
    assert!(same.contains("usher="), "{same}");
    // The sign-in above took the place of the first session: another browser signs in for itself.
    site.cookie = None;
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    site.keep(&answer);
    let other = site.cookie.clone();
    site.cookie = None;
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    site.keep(&answer);
    let csrf = site.csrf().await;
    let wrong = [("csrf", csrf.as_str()), ("current", "wrong wrong wrong"), ("password", OTHER), ("again", OTHER)];
    assert!(said(&site, "/access/you", &wrong).await.contains("not your current password"));
    let right = [("csrf", csrf.as_str()), ("current", PASSWORD), ("password", OTHER), ("again", OTHER)];
    let answer = site.post("/access/you", &right).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    site.keep(&answer);
    assert!(site.page("/access/you").await.contains("Your password is changed"));
    for gone in [elsewhere, other] {
        site.cookie = gone;
        assert_eq!(site.get("/access").await.status(), StatusCode::SEE_OTHER, "an older session");
    }
    let old = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_disabled_or_given_another_role_is_signed_out_at_once() {
    let mut site = Site::signed_in(Plan::default()).await;
    let csrf = site.csrf().await;
    let new = [("csrf", csrf.as_str()), ("name", "kenji"), ("role", "admin")];
    said(&site, "/access/operators", &new).await;
    let password = usher::engine::Command::PasswordSet {
        name: Some("kenji".into()),
        password: usher::access::credential::Typed::new(OTHER),
    };
    site.house.ask(password).await.unwrap();
    let admin = site.cookie.take();
    for (what, role) in [("role", "viewer"), ("disable", "viewer")] {
        let answer = site.post("/sign-in", &[("name", "kenji"), ("password", OTHER)]).await;
        site.keep(&answer);
        site.page("/access").await;
        let kenji = std::mem::replace(&mut site.cookie, admin.clone());
        let form = [("csrf", csrf.as_str()), ("name", "kenji"), ("what", what), ("role", role)];
        said(&site, "/access/operators/change", &form).await;
        site.cookie = kenji;
        assert_eq!(site.get("/access").await.status(), StatusCode::SEE_OTHER, "{what}");
        site.cookie = None;
    }
    let answer = site.post("/sign-in", &[("name", "kenji"), ("password", OTHER)]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_shown_once_works_and_is_revoked() {
    let site = Site::signed_in(Plan::default()).await;
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("name", "nightly"), ("role", "viewer"), ("kind", "service"), ("days", "30")];
    let answer = site.post("/access/tokens", &form).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let shown = answer.text().await.unwrap();
    let secret = shown.split("ush_").nth(1).unwrap().split('<').next().unwrap();
    let secret = format!("ush_{secret}");
    let read = site.client.get(format!("{}/api/v1/apps", site.origin)).bearer_auth(&secret);
    assert_eq!(read.try_clone().unwrap().send().await.unwrap().status(), StatusCode::OK);
    let page = site.page("/access/tokens").await;
    assert!(page.contains("nightly") && !page.contains(&secret), "never again");
    let id = page.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let gone = said(&site, "/access/tokens/revoke", &[("csrf", &csrf), ("id", &id)]).await;
    assert!(gone.contains("is revoked"));
    assert_eq!(read.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_grave_asks_for_the_password_again_and_a_viewer_only_looks() {
    let mut site = Site::signed_in(Plan::default()).await;
    let csrf = site.csrf().await;
    site.house.advance(Span::from_secs(16 * 60));
    for (path, form) in [
        ("/access/four-eyes", vec![("four_eyes", "enforce")]),
        ("/access/operators", vec![("name", "eve"), ("role", "viewer")]),
        ("/access/operators/change", vec![("name", "admin"), ("what", "role"), ("role", "viewer")]),
        ("/access/secrets", vec![("app", "app"), ("secret", "abc")]),
        ("/access/tokens", vec![("name", "x"), ("role", "viewer"), ("kind", "personal"), ("days", "1")]),
    ] {
        let form: Vec<(&str, &str)> = form.into_iter().chain([("csrf", csrf.as_str())]).collect();
        let answer = site.post(path, &form).await;
        let to = answer.headers()["location"].to_str().unwrap();
        assert!(to.starts_with("/sign-in?next=/access") && to.ends_with("name=admin"), "{path}: {to}");
    }
    let page = site.page("/sign-in?next=/access&name=admin").await;
    assert!(page.contains("Prove that it is you"));

    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    site.keep(&answer);
    let csrf = site.csrf().await;
    said(&site, "/access/operators", &[("csrf", &csrf), ("name", "vera"), ("role", "viewer")]).await;
    let password = usher::access::credential::Typed::new(OTHER);
    site.house.ask(usher::engine::Command::PasswordSet { name: Some("vera".into()), password }).await.unwrap();
    site.cookie = None;
    let answer = site.post("/sign-in", &[("name", "vera"), ("password", OTHER)]).await;
    site.keep(&answer);
    let csrf = site.csrf().await;
    for path in ["/access", "/access/tokens", "/access/secrets", "/access/you", "/access/history"] {
        let page = site.page(path).await;
        assert!(!page.contains("Add an operator") && !page.contains("Set role"), "{path}");
    }
    let add = [("csrf", csrf.as_str()), ("name", "eve"), ("role", "admin")];
    assert_eq!(site.post("/access/operators", &add).await.status(), StatusCode::FORBIDDEN);
    let own = [("csrf", csrf.as_str()), ("name", "mine"), ("role", "admin"), ("kind", "personal"), ("days", "1")];
    assert!(said(&site, "/access/tokens", &own).await.contains("a token of yours can't be admin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_says_to_whom() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    site.house.edit("hr:k0", Edit::Stand(Standing::Suspended)).await;
    let page = site.page("/access/history").await;
    let row = page.split("<tr>").find(|row| row.contains("suspended by hand")).unwrap();
    assert!(row.contains("href=\"/users/usr_"), "{row}");
}
