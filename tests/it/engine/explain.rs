//! `usher explain`, exports, heads and the archive, in process.

use usher::clock::Span;
use usher::engine::command::{Edit, UserRef};
use usher::engine::desk::status::HistoryFilter;
use usher::engine::explained::Explained;
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::account::Presence;
use usher::provision::entry::Fact;
use usher::provision::event::StatusKind;

use super::house::{House, NOON, Plan, people};

const RULES: &str = "fn account(user) {\n    #{\n        userName: user.email,\n        name: #{\n            givenName: user.given_name,\n\
                     familyName: user.family_name,\n        },\n        displayName: user.display_name,\n        title: user.title,\n    }\n}\n\
                     fn entitlements(user) {\n    let wanted = [];\n    if user.title != () {\n        wanted.push(grant(\"group\", \"Crew\"));\n    }\n    wanted\n}\n";

fn app() -> AppName {
    AppName::new("app").unwrap()
}

async fn explain(house: &House, at: Option<usher::clock::Timestamp>) -> Explained {
    let command = Command::Explain { user: UserRef("k0".into()), app: app(), at };
    match house.ask(command).await.unwrap() {
        Answer::Explained(explained) => *explained,
        other => panic!("expected an explanation, got {other:?}"),
    }
}

fn line<'a>(explained: &'a Explained, path: &str) -> &'a usher::engine::explained::AttributeLine {
    explained.attributes.iter().find(|line| line.path == path).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_is_explained_by_its_line_and_the_event_that_pushed_it() {
    let plan = Plan { rules: RULES, ..Plan::default() };
    let house = House::build(plan).await;
    house.import(&people(2), true).await.unwrap();
    let before = explain(&house, None).await;
    assert_eq!((before.account.presence, before.access.entitled), (Presence::None, Some(true)));
    assert!(before.in_the_way.iter().any(|words| words.contains("waits to be planned")), "{before:?}");
    assert!(line(&before, "userName").differs);

    house.sync().await;
    let now = explain(&house, None).await;
    assert_eq!(now.account.presence, Presence::Active);
    assert_eq!(now.access.grants[0].grant, "role staff");
    assert!(now.access.grants[0].from.contains("the source hr"), "{:?}", now.access);
    for (path, at) in [("userName", 3), ("name.givenName", 5), ("displayName", 8), ("title", 9)] {
        let line = line(&now, path);
        assert_eq!(line.line.as_deref(), Some(format!("rules/rules.rhai:{at}").as_str()), "{path}");
        assert_eq!((&line.desired, line.differs), (&line.pushed, false), "{path}");
        assert_eq!(line.pushed_by.unwrap().0.0, now.events.last().unwrap().event.0, "{path}");
    }
    let crew = &now.entitlements[0];
    assert_eq!(
        (crew.name.as_str(), crew.wanted, crew.line.as_deref()),
        ("Crew", Some(true), Some("rules/rules.rhai:15"))
    );
    assert!(crew.differs, "the target has no such group");
    assert!(now.events[0].cause.contains("by admin"), "{:?}", now.events);
    assert!(now.revision.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stood_then_is_told_from_the_history_alone() {
    let house = House::build(Plan::default()).await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    house.advance(Span::from_hours(1));
    let an_hour_later = house.engine.clock().now();
    house.advance(Span::from_hours(1));
    house.import(&people(1).replace("Title0", "Chief"), true).await.unwrap();
    house.sync().await;
    house.advance(Span::from_hours(1));
    let two_hours_later = house.engine.clock().now();
    house.advance(Span::from_hours(1));
    house.edit("k0", Edit::Stand(usher::directory::user::Standing::Suspended)).await;
    house.sync().await;

    let earlier = explain(&house, Some(NOON.plus_millis(-1))).await;
    assert_eq!((earlier.account.presence, earlier.attributes.len()), (Presence::None, 0));
    let first = explain(&house, Some(an_hour_later)).await;
    assert_eq!(first.account.presence, Presence::Active);
    assert_eq!(line(&first, "title").pushed.as_ref().unwrap().as_text(), Some("Title0"));
    assert!(first.unknown[0].contains("no earlier values"), "{:?}", first.unknown);
    assert!(first.revision.is_some());
    let second = explain(&house, Some(two_hours_later)).await;
    assert_eq!(line(&second, "title").pushed.as_ref().unwrap().as_text(), Some("Chief"));
    assert_ne!(line(&second, "title").pushed_by, line(&second, "userName").pushed_by);
    let now = explain(&house, None).await;
    assert_eq!((now.account.presence, now.access.entitled), (Presence::Deactivated, Some(false)));
    assert!(now.in_the_way.iter().any(|words| words.contains("by hand")), "{:?}", now.in_the_way);
    let last = explain(&house, Some(house.engine.clock().now())).await;
    assert_eq!(last.account.presence, Presence::Deactivated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_keeps_everything_that_led_to_it_and_came_of_it() {
    let house =
        House::build(Plan { app: "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n", ..Plan::default() })
            .await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    house.decide_all(true).await;
    house.sync().await;
    let filter = HistoryFilter { limit: 10, operator: Some("admin".into()), ..HistoryFilter::default() };
    let command = Command::HistoryPage { user: None, filter, full: true };
    let Answer::Exported { events, .. } = house.ask(command).await.unwrap() else { panic!("expected a page") };
    let [exported] = events.as_slice() else { panic!("{events:?}") };
    assert!(exported.cause.starts_with("import imp_"), "{}", exported.cause);
    assert_eq!(exported.caused_by.as_deref(), Some("admin"));
    let event = &exported.event;
    assert_eq!(event.status.kind(), StatusKind::Succeeded);
    assert!(event.operation.changes.iter().all(|change| change.old.is_none() && change.new.is_some()));
    assert_eq!((event.decisions.len(), event.decisions[0].comment.as_str()), (1, "looked at"));
    let facts: Vec<&Fact> = exported.entries.iter().map(|entry| &entry.fact).collect();
    let Fact::Filed { plan, plan_digest, revision, payload, .. } = facts[0] else { panic!("{facts:?}") };
    assert_eq!((plan, payload), (&event.plan, &event.payload));
    assert_ne!(*plan_digest, usher::digest::Digest::default());
    assert_eq!(revision.map(|revision| revision.0), Some(1));
    let exchanges = facts.iter().find_map(|fact| match fact {
        Fact::Attempted { exchanges, .. } => Some(exchanges),
        _ => None,
    });
    let exchange = &exchanges.unwrap()[0];
    assert_eq!((exchange.method.as_str(), exchange.path.as_str(), exchange.status), ("POST", "/Users", Some(201)));
    assert!(exchange.request.contains("p0@example.com") && exchange.answer.contains("\"id\""), "{exchange:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_events_go_to_the_archive_line_by_line_and_the_heads_still_fit() {
    let house = House::build(Plan::default()).await;
    let dir = tempfile::tempdir().unwrap();
    let (archive, heads) = (dir.path().join("archive"), dir.path().join("heads.jsonl"));
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    assert!(house.engine.keep_head(&heads, false).await.unwrap(), "the first line");
    assert!(!house.engine.keep_head(&heads, false).await.unwrap(), "one a day");
    assert!(!house.engine.keep_head(&heads, true).await.unwrap(), "nothing happened since");
    house.advance(Span::from_days(401));
    house.import(&people(3).replace("Title0", "Chief"), true).await.unwrap();
    house.sync().await;
    assert!(house.engine.keep_head(&heads, false).await.unwrap());

    let ask = |dry_run| Command::HistoryPrune { keep: Span::from_days(400), archive: archive.clone(), dry_run };
    let Answer::Pruned(would) = house.ask(ask(true)).await.unwrap() else { panic!() };
    assert_eq!((would.events, archive.exists()), (3, false));
    let Answer::Pruned(did) = house.ask(ask(false)).await.unwrap() else { panic!() };
    assert_eq!((did.events, did.entries), (3, would.entries));
    let text = std::fs::read_to_string(&did.files[0]).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["archived"]["event"]["operation"]["user_name"], "p0@example.com");
    assert_eq!(lines[0]["archived"]["entries"].as_array().unwrap().len(), 4);
    assert!(lines[3]["head"]["hash"].as_str().unwrap().len() == 64);
    let Answer::Pruned(again) = house.ask(ask(false)).await.unwrap() else { panic!() };
    assert_eq!(again.events, 0);

    let kept = usher::engine::heads::read(&heads).unwrap();
    assert_eq!(kept.len(), 2);
    let Answer::Verified(checked) = house.ask(Command::HeadsCheck { heads: kept.clone() }).await.unwrap() else {
        panic!()
    };
    assert_eq!(checked.problems, Vec::<String>::new());
    let mut forged = kept;
    forged[0].hash = forged[1].hash.clone();
    let Answer::Verified(checked) = house.ask(Command::HeadsCheck { heads: forged }).await.unwrap() else { panic!() };
    assert_eq!(checked.problems.len(), 1);
    assert_eq!(house.engine.store().verify().await.unwrap().problems, Vec::<String>::new());
    // What stood before the archive begins is not made up.
    let then = explain(&house, Some(NOON.plus(Span::from_days(1)))).await;
    assert_eq!(then.account.presence, Presence::None);
    assert!(then.unknown.iter().any(|words| words.contains("archived")), "{:?}", then.unknown);
    assert_eq!(explain(&house, None).await.differences, Vec::<String>::new());
}
