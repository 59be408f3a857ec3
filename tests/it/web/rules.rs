//! Rules over the console: written as a draft, checked, tried, planned, activated, rolled back, exported.

use reqwest::StatusCode;
use usher::access::Role;
use usher::access::credential::Typed;
use usher::clock::Span;
use usher::engine::{Answer, Command};

use super::samples;
use super::site::{PASSWORD, Site};
use crate::engine::house::{Plan, people};

const RIGHT: &str = "fn account(user) {\n    #{\n        userName: user.email,\n        displayName: user.display_name,\n        title: \"The \" + user.title\n    }\n}\n";
const WRONG: &str = "fn account(user) {\n    #{ userName: user.emial }\n}\n";

/// Three people with accounts.
async fn with_three() -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(3), true).await.unwrap();
    site.house.sync().await;
    site
}

/// Signs somebody else in.
pub(crate) async fn sign_in_as(site: &mut Site, name: &str, role: Role) {
    let add = Command::OperatorAdd { name: name.into(), role, os_account: None, user: None };
    site.house.ask(add).await.unwrap();
    let set = Command::PasswordSet { name: Some(name.into()), password: Typed::new(PASSWORD) };
    site.house.ask(set).await.unwrap();
    let answer = site.post("/sign-in", &[("name", name), ("password", PASSWORD)]).await;
    site.keep(&answer);
}

async fn write(site: &Site, file: &str, text: &str) -> reqwest::Response {
    let csrf = site.csrf().await;
    site.post(&format!("/rules/{file}"), &[("csrf", &csrf), ("what", "write"), ("text", text)]).await
}

/// The page of the work, once it has ended.
async fn ended(site: &Site) -> String {
    for _ in 0..10_000 {
        let answer = site.get("/rules/plan").await;
        assert_eq!(answer.status(), StatusCode::OK);
        if !answer.headers().contains_key("refresh") {
            return answer.text().await.unwrap();
        }
    }
    panic!("the work never ends");
}

/// What a hidden field of a form says.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    page.split(&field).nth(1).unwrap_or_else(|| panic!("no {name}")).split('"').next().unwrap().to_owned()
}

async fn activate(site: &Site, comment: &str) -> reqwest::Response {
    let (csrf, seen) = (site.csrf().await, hidden(&site.page("/rules/draft").await, "seen"));
    site.post("/rules/plan", &[("csrf", &csrf), ("what", "activate"), ("seen", &seen), ("comment", comment)]).await
}

async fn active(site: &Site) -> u64 {
    site.house.engine.store().active_revision().await.unwrap().unwrap().number.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_is_shown_in_its_line_and_nothing_runs_on_a_draft() {
    let site = with_three().await;
    assert!(site.page("/rules").await.contains("rules/rules.rhai"));
    assert_eq!(write(&site, "rules.rhai", WRONG).await.status(), StatusCode::SEE_OTHER);
    let page = site.page("/rules/rules.rhai").await;
    assert!(page.contains("did you mean `user.email`"), "{page}");
    let line = page.split("<li class=\"wrong\" id=\"L2\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(line.contains("class=\"mistake\""), "{line}");
    assert!(site.page("/rules").await.contains("1 mistake"));
    let tried = site.page("/rules/try?app=app&user=p0%40example.com").await;
    assert!(tried.contains("rules/rules.rhai:2:"), "{tried}");
    assert_eq!(site.house.sync().await.writes, 0, "what runs is the active revision");
    let csrf = site.csrf().await;
    site.post("/rules/plan", &[("csrf", &csrf), ("what", "plan")]).await;
    let page = ended(&site).await;
    assert!(page.contains("Not done; nothing was changed") && page.contains("rules/rules.rhai:2:"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_tried_planned_activated_and_gone_back_from() {
    let site = with_three().await;
    write(&site, "rules.rhai", RIGHT).await;
    let tried = site.page("/rules/try?app=app&user=p0%40example.com").await;
    for seen in ["Title0", "The Title0", "rules.rhai:5", "update"] {
        assert!(tried.contains(seen), "{seen}: {tried}");
    }
    let csrf = site.csrf().await;
    assert_eq!(site.post("/rules/plan", &[("csrf", &csrf), ("what", "plan")]).await.status(), StatusCode::SEE_OTHER);
    let planned = ended(&site).await;
    assert!(planned.contains("Plan of your draft") && planned.contains("The Title2"), "{planned}");
    assert_eq!(active(&site).await, 1);
    let seen = hidden(&planned, "seen");
    let form = [("csrf", csrf.as_str()), ("what", "activate"), ("seen", &seen), ("comment", "titles <b>")];
    site.post("/rules/plan", &form).await;
    let done = ended(&site).await;
    assert!(done.contains("rev_2 is active"), "{done}");
    assert_eq!(active(&site).await, 2);
    let list = site.page("/rules/revisions").await;
    assert!(list.contains("titles &lt;b&gt;") && list.contains("admin"), "{list}");
    assert_eq!(site.get("/rules/draft").await.headers()["location"], "/rules", "the draft is a revision now");
    assert_eq!(site.house.sync().await.writes, 3);

    let first = site.page("/rules/revisions/1?with=2").await;
    assert!(first.contains("Plan going back to rev_1") && first.contains("class=\"gone\""), "{first}");
    site.post("/rules/revisions/1", &[("csrf", &csrf), ("what", "plan")]).await;
    let planned = ended(&site).await;
    assert!(planned.contains("Go back to rev_1"), "{planned}");
    assert_eq!(hidden(&planned, "over"), "2");
    let back = |over: &'static str| {
        [("csrf", csrf.clone()), ("what", "back".into()), ("over", over.into()), ("comment", "wrong".into())]
    };
    let stale = back("1");
    let stale: Vec<(&str, &str)> = stale.iter().map(|(name, value)| (*name, value.as_str())).collect();
    site.post("/rules/revisions/1", &stale).await;
    assert!(ended(&site).await.contains("was rev_1 when you looked"));
    assert_eq!(active(&site).await, 2);
    let form = back("2");
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    site.post("/rules/revisions/1", &form).await;
    assert!(ended(&site).await.contains("rev_1 is active"));
    assert_eq!(active(&site).await, 1);
    site.house.sync().await;
    assert_eq!(site.house.accounts().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_whose_examples_fail_is_not_activated() {
    let site = with_three().await;
    let examples = "[[example]]\nname = \"titles are bare\"\n[example.user]\nemail = \"a@example.com\"\ntitle = \"Boss\"\n\
                    [example.account]\nuserName = \"a@example.com\"\ntitle = \"Boss\"\n";
    write(&site, "rules.rhai", RIGHT).await;
    write(&site, "rules.examples.toml", examples).await;
    let page = site.page("/rules/draft").await;
    for seen in ["titles are bare", "The example says", "The Boss", "can&#39;t be activated"] {
        let plain = seen.replace("&#39;", "'");
        assert!(page.contains(seen) || page.contains(&plain), "{seen}: {page}");
    }
    let csrf = site.csrf().await;
    let draft = site.house.ask(Command::Draft).await.unwrap();
    let Answer::Draft(Some(draft)) = draft else { panic!("expected a draft") };
    let seen = draft.digest.to_string();
    site.post("/rules/plan", &[("csrf", &csrf), ("what", "activate"), ("seen", &seen), ("comment", "x")]).await;
    let page = ended(&site).await;
    assert!(page.contains("Not done") && page.contains("expected Boss, got The Boss"), "{page}");
    assert_eq!(active(&site).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_was_overtaken_shows_what_moved_and_is_brought_forward_by_hand() {
    let site = with_three().await;
    write(&site, "rules.rhai", RIGHT).await;
    let other = Plan { app: "title = \"Moved\"\n[assign]\nroles = [\"staff\"]\n", ..Plan::default() };
    let seen = hidden(&site.page("/rules/draft").await, "seen");
    site.house.apply(&other).await;
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("what", "activate"), ("seen", &seen), ("comment", "x")];
    let answer = site.post("/rules/plan", &form).await;
    assert_eq!(answer.headers()["location"], "/rules/draft");
    let page = site.page("/rules/draft").await;
    for seen in ["Nothing was activated", "rev_2 is active by now", "apps/app.toml", "Moved"] {
        assert!(page.contains(seen), "{seen}: {page}");
    }
    assert_eq!(active(&site).await, 2);
    site.post("/rules/draft", &[("csrf", &csrf), ("what", "rebase")]).await;
    let page = site.page("/rules/draft").await;
    assert!(page.contains("based on rev_2 now") && !page.contains("is active by now"), "{page}");
    let answer = activate(&site, " ").await;
    assert_eq!(answer.headers()["location"], "/rules/draft", "why is asked for");
    activate(&site, "both").await;
    // A revision now, also if nobody looks at the work.
    let gone = async {
        while site.get("/rules/draft").await.status() == StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone).await.unwrap();
    assert_eq!(active(&site).await, 3);
    assert!(ended(&site).await.contains("rev_3 is active"));
    let Answer::Files { bundle, .. } = site.house.ask(Command::Export).await.unwrap() else { panic!("no files") };
    assert!(bundle.files["apps/app.toml"].contains("Moved") && bundle.files["rules/rules.rhai"].contains("The "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_tabs_write_is_not_lost() {
    let site = with_three().await;
    let page = site.page("/rules/rules.rhai").await;
    let (csrf, over) = (site.csrf().await, hidden(&page, "over"));
    let tab =
        |text: &'static str| [("what", "write"), ("over", over.as_str()), ("text", text), ("csrf", csrf.as_str())];
    assert_eq!(site.post("/rules/rules.rhai", &tab(RIGHT)).await.status(), StatusCode::SEE_OTHER);
    let second = site.post("/rules/rules.rhai", &tab(WRONG)).await;
    assert_eq!(second.status(), StatusCode::CONFLICT);
    let page = second.text().await.unwrap();
    assert!(page.contains("was written elsewhere") && page.contains("user.emial"), "{page}");
    let Answer::Draft(Some(draft)) = site.house.ask(Command::Draft).await.unwrap() else { panic!("no draft") };
    assert_eq!(draft.draft.bundle.files["rules/rules.rhai"], RIGHT);
    let windows = RIGHT.replace('\n', "\r\n");
    write(&site, "rules.rhai", &windows).await;
    let Answer::Draft(Some(draft)) = site.house.ask(Command::Draft).await.unwrap() else { panic!("no draft") };
    assert_eq!(draft.draft.bundle.files["rules/rules.rhai"], RIGHT, "lines end as on our systems");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_forms_write_nothing_and_viewers_only_look() {
    let mut site = with_three().await;
    let form = [("csrf", "guessed"), ("what", "write"), ("text", RIGHT)];
    assert_eq!(site.post("/rules/rules.rhai", &form).await.status(), StatusCode::FORBIDDEN);
    for (path, what) in [("/rules/draft", "drop"), ("/rules/plan", "plan"), ("/rules/revisions/1", "back")] {
        let form = [("csrf", "guessed"), ("what", what)];
        assert_eq!(site.post(path, &form).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(site.house.ask(Command::Draft).await.unwrap(), Answer::Draft(None));
    sign_in_as(&mut site, "watcher", Role::Viewer).await;
    for path in ["/rules", "/rules/rules.rhai", "/rules/revisions", "/rules/revisions/1", "/rules/try?app=app&user=k0"]
    {
        let page = site.page(path).await;
        assert!(!page.contains("<textarea") && !page.contains("value=\"activate\""), "{path}");
    }
    assert_eq!(write(&site, "rules.rhai", RIGHT).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(site.get("/rules/draft").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(site.get("/rules/nothing.rhai").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activating_asks_for_the_password_once_more_and_so_does_planning_for_another_target() {
    let site = with_three().await;
    write(&site, "rules.rhai", RIGHT).await;
    site.house.advance(Span::from_secs(16 * 60));
    let answer = activate(&site, "late").await;
    assert_eq!(answer.headers()["location"], "/sign-in?next=/rules/draft&name=admin");
    let csrf = site.csrf().await;
    site.post("/rules/plan", &[("csrf", &csrf), ("what", "plan")]).await;
    assert!(ended(&site).await.contains("Plan of your draft"), "the targets are those that we know");
    let Answer::Files { bundle, .. } = site.house.ask(Command::Export).await.unwrap() else { panic!("no files") };
    let base = bundle.files["apps/app.toml"].lines().find(|line| line.starts_with("base_url")).unwrap().to_owned();
    let elsewhere = bundle.files["apps/app.toml"].replace(&base, "base_url = \"https://evil.example/scim\"");
    write(&site, "apps/app.toml", &elsewhere).await;
    site.post("/rules/plan", &[("csrf", &csrf), ("what", "plan")]).await;
    let answer = site.get("/rules/plan").await;
    assert_eq!(
        answer.headers()["location"],
        "/sign-in?next=/rules/draft&name=admin",
        "its credential would go elsewhere"
    );
    let tried = site.get("/rules/try?app=app&user=k0").await;
    assert!(tried.headers()["location"].to_str().unwrap().starts_with("/sign-in?next=/rules/try"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_downloaded_one_by_one_or_all_at_once() {
    let site = with_three().await;
    let one = site.get("/rules/export/rules/rules.rhai").await;
    assert_eq!(one.headers()["content-disposition"], "attachment; filename=\"rules.rhai\"");
    assert!(one.text().await.unwrap().contains("fn account(user)"));
    let all = site.get("/rules/export").await;
    assert_eq!(all.headers()["content-disposition"], "attachment; filename=\"rev_1.tar\"");
    let bytes = all.bytes().await.unwrap();
    let names: Vec<String> = bytes
        .chunks(512)
        .filter(|block| block.get(257..262) == Some(b"ustar"))
        .map(|block| String::from_utf8_lossy(&block[..100]).trim_end_matches('\0').to_owned())
        .collect();
    assert!(names.contains(&"apps/app.toml".to_owned()) && names.contains(&"rules/rules.rhai".to_owned()), "{names:?}");
    assert_eq!(site.get("/rules/export/../../etc/passwd").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.get("/rules/export?revision=9").await.status(), StatusCode::NOT_FOUND);
}

#[test]
fn what_people_and_targets_say_is_text_on_every_page_of_rules_and_imports() {
    let pages = samples::rules::pages().into_iter().chain(samples::imports::pages());
    for (name, page) in pages {
        assert!(page.contains("&lt;script&gt;alert(1)"), "{name} shows nothing that could do harm");
        assert!(!page.contains("<script>alert") && !page.contains("\"'&"), "{name}: {page}");
    }
}
