//! Rules, from a mistake to a revision and back.

use usher::access::FourEyes;
use usher::engine::command::Command;
use usher::provision::event::StatusKind;

use super::place::Place;

const WRONG: &str = "fn account(user) {\n    #{ userName: user.emial, title: user.title }\n}\n";
const RIGHT: &str = "fn account(user) {\n    if user.title == \"Ghost\" { throw \"nobody knows\"; }\n    \
                     #{ userName: user.email, displayName: user.display_name, title: \"Chief \" + user.title }\n}\n";

/// What the newest write to `docs` made of titles, after a sync.
async fn titles(place: &Place) -> String {
    place.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
    let events = place.events("docs", StatusKind::Succeeded).await;
    let newest = events.iter().max_by_key(|event| event.id).unwrap();
    let title = newest.operation.changes.iter().find(|change| change.path == "title").unwrap();
    format!("{:?} became {:?}", title.old, title.new)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_written_wrong_then_right_tried_planned_activated_and_rolled_back() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("ada").await;
    browser.goto("/rules").await;
    browser.leave_by("main a[href='/rules/people.rhai']").await;

    browser.fill("#text", WRONG).await;
    browser.leave_by("button[value=write]").await;
    let line = browser.text("#L2.wrong .mistake").await;
    assert!(line.contains("did you mean `user.email`"), "{line}");
    assert_eq!(browser.run("return document.querySelector('#text').value").await, WRONG);

    browser.fill("#text", RIGHT).await;
    browser.leave_by("button[value=write]").await;
    assert_eq!(browser.count(".mistake").await, 0, "{}", browser.text("main").await);

    browser.fill("#user", "p3@example.com").await;
    browser.run("document.querySelector('#app').value = 'docs'").await;
    browser.leave_by("form[action='/rules/try'] button").await;
    let tried = browser.text("table.tried").await;
    assert!(tried.contains("Engineer") && tried.contains("Chief Engineer"), "{tried}");

    browser.goto("/rules/draft").await;
    browser.leave_by("button[value=plan]").await;
    browser.until("form button[value=activate]").await;
    let planned = browser.text("main").await;
    assert!(planned.contains("Chief Engineer") && planned.contains("docs"), "{planned}");
    browser.fill("#comment", "everybody is a chief").await;
    browser.leave_by("button[value=activate]").await;
    browser.until("p.good").await;
    assert!(browser.text("p.good").await.contains("is active"));
    let title = titles(&place).await;
    assert!(title.split("became").nth(1).unwrap().contains("Chief"), "{title}");

    browser.goto("/rules/revisions").await;
    assert!(browser.text("main").await.contains("everybody is a chief"));
    browser.leave_by("main a[href='/rules/revisions/1']").await;
    browser.leave_by("button[value=plan]").await;
    browser.until("button[value=back]").await;
    browser.fill("#comment", "too many chiefs").await;
    browser.leave_by("button[value=back]").await;
    browser.until("p.good").await;
    let title = titles(&place).await;
    assert!(title.split("became").next().unwrap().contains("Chief"), "{title}");
    browser.goto("/rules/people.rhai").await;
    let text = browser.run("return document.querySelector('#text').value").await;
    assert!(text.as_str().unwrap().contains("title: user.title"), "{text}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
