//! One user: what happened, and having it tried again. And people that come as a file.

use usher::access::FourEyes;
use usher::clock::Span;
use usher::engine::command::Command;
use usher::provision::event::StatusKind;

use super::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_opens_to_each_attempt_with_what_was_sent_and_answered() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("vera").await;
    browser.goto("/users").await;
    browser.fill("input[name=search]", "chiyo").await;
    browser.leave_by("form.search button[type=submit]").await;
    assert!(browser.text("main").await.contains("Chiyo Mori"));
    let other = place.events("docs", StatusKind::Succeeded).await.pop().unwrap();
    browser.goto(&format!("/users/{}", other.operation.user)).await;
    let line = format!("details[id='{}']", other.id);
    browser.click(&format!("{line} > summary")).await;
    assert!(browser.text(&line).await.contains("the whole story"));
    browser.leave_by(&format!("{line} a[href='/activity/{}']", other.id)).await;
    browser.click("details.exchange > summary").await;
    let exchange = browser.text("details.exchange").await;
    for seen in ["POST", "/Users", "201", "userName"] {
        assert!(exchange.contains(seen), "{seen}: {exchange}");
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_says_why_and_is_tried_again() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("ada").await;
    let blocked = place.events("docs", StatusKind::Refused).await.remove(0);
    browser.goto("/activity?status=trouble&app=docs").await;
    let line = format!("details[id='{}']", blocked.id);
    browser.click(&format!("{line} > summary")).await;
    browser.leave_by(&format!("{line} a[href='/activity/{}']", blocked.id)).await;
    let why = browser.text("main").await;
    for seen in ["nobody knows what a ghost should have", "people.rhai", "Blocked"] {
        assert!(why.contains(seen), "{seen}: {why}");
    }
    browser.leave_by(&format!("form[action='/activity/{}/retry'] button", blocked.id)).await;
    assert!(browser.text(".told").await.contains("planned again"), "{}", browser.text(".told").await);
    place.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
    let again = place.events("docs", StatusKind::Refused).await;
    assert!(again.iter().any(|event| event.id > blocked.id && event.operation.user == blocked.operation.user));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_bad_rows_is_looked_at_and_applied() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("ada").await;
    // Imports are told apart by their time.
    place.advance(Span::from_secs(1));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("joiners.csv");
    std::fs::write(
        &file,
        "key,email,given_name,family_name,display_name,title,roles\n\
         k20,p20@example.com,Given,Family,Ines Brandt,Engineer,staff\n\
         ,p21@example.com,Given,Family,Nobody's Key,Engineer,staff\n\
         k22,p22@example.com,Given\n",
    )
    .unwrap();
    browser.goto("/imports").await;
    browser.choose("#files", &file).await;
    browser.leave_by("form.upload button[type=submit]").await;
    let shown = browser.text("main").await;
    for seen in ["joiners.csv", "Nothing of it counts yet", "Rows that could not be read", "Ines Brandt"] {
        assert!(shown.contains(seen), "{seen}: {shown}");
    }
    browser.leave_by("button[value=apply]").await;
    let shown = browser.text("main").await;
    assert!(!shown.contains("Nothing of it counts yet"), "{shown}");
    browser.goto("/users?search=ines").await;
    assert!(browser.text("main").await.contains("Ines Brandt"));
    place.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
    let pending = place.events("chat", StatusKind::Pending).await;
    assert!(pending.iter().any(|event| event.operation.user_name == "p20@example.com"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
