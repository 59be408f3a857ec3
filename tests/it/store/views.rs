//! The directory by name, and what is counted as it ends.

use usher::directory::Standing;
use usher::directory::change::UserEdit;
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;
use usher::provision::outcome::{FailureClass, Outcome};
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::user_index::{UserPage, UserQuery};

use super::world::{app, at, contract, done, failure, file_one, operator, people, push, user};

contract! {
    people_are_found_by_all_words_in_pages_by_name;
    who_changed_is_found_as_he_is_now;
    what_ends_is_counted_in_its_hour;
}

async fn list(store: &dyn Store, search: &str, after: Option<u64>) -> UserPage {
    let query = UserQuery { search: search.into(), after: after.map(user), limit: 4, ..UserQuery::default() };
    store.users_by_name(query).await.unwrap()
}

async fn people_are_found_by_all_words_in_pages_by_name(store: &dyn Store) {
    assert_eq!(list(store, "", None).await, UserPage::default(), "an empty directory");
    people(store, 10).await;
    let first = list(store, "", None).await;
    assert_eq!((first.total, first.offset, first.users.len(), first.previous), (10, 0, 4, None));
    let mut seen = first.users.clone();
    let mut cursor = first.next;
    let mut before = Vec::new();
    while let Some(after) = cursor {
        let query = UserQuery { after: Some(after), limit: 4, ..UserQuery::default() };
        let page = store.users_by_name(query).await.unwrap();
        assert_eq!(page.offset, seen.len() as u64);
        before.push(page.previous);
        seen.extend(page.users);
        cursor = page.next;
    }
    assert_eq!(before, [None, Some(first.users[3])], "a page knows where the one before it begins");
    let mut all = seen.clone();
    all.sort();
    all.dedup();
    assert_eq!((seen.len(), all.len()), (10, 10), "everybody once");
    let one = list(store, &format!("  {} ", super::world::email(3).to_uppercase()), None).await;
    assert_eq!((one.users, one.total), (vec![user(3)], 1));
    assert_eq!(list(store, "nobody here", None).await.total, 0);
}

async fn who_changed_is_found_as_he_is_now(store: &dyn Store) {
    people(store, 3).await;
    assert_eq!(list(store, "renamed", None).await.total, 0);
    assert_eq!(store.not_active().await.unwrap().len(), 0);
    let name = UserEdit::Override { attribute: "display_name".into(), value: Some("Renamed Person".into()) };
    store.change_user(user(2), name, Vec::new(), operator(), at(7)).await.unwrap();
    store.change_user(user(3), UserEdit::Stand(Standing::Suspended), Vec::new(), operator(), at(8)).await.unwrap();
    let page = list(store, "person RENAMED", None).await;
    assert_eq!(page.users, [user(2)]);
    assert_eq!(list(store, "", None).await.standings.get(&Standing::Suspended), Some(&1));
    let away: Vec<_> = store.not_active().await.unwrap().iter().map(|user| user.id).collect();
    assert_eq!(away, [user(3)]);
    let query = UserQuery { standing: Some(Standing::Suspended), limit: 9, ..UserQuery::default() };
    assert_eq!(store.users_by_name(query).await.unwrap().users, [user(3)]);
}

async fn what_ends_is_counted_in_its_hour(store: &dyn Store) {
    const HOUR: u64 = 3_600;
    people(store, 4).await;
    let first = file_one(store, 10, Kind::Create, 1, Verdict::Queued).await;
    push(store, 20, first, done("r1")).await;
    let second = file_one(store, 30, Kind::Create, 2, Verdict::Queued).await;
    push(store, 2 * HOUR, second, Outcome::Failed(failure(FailureClass::Refused))).await;
    file_one(store, 2 * HOUR + 5, Kind::Create, 3, Verdict::Refused).await;
    file_one(store, 2 * HOUR + 6, Kind::Create, 4, Verdict::Pending).await;
    let trends = store.trends(at(0), at(2 * HOUR + 60 * 20)).await.unwrap();
    let ended: Vec<_> = trends.hours.iter().map(|hour| (hour.app.clone(), hour.ended.clone())).collect();
    let one = |status| std::collections::BTreeMap::from([(status, 1)]);
    let mut later = one(StatusKind::Failed);
    later.insert(StatusKind::Refused, 1);
    assert_eq!(ended, [(app(), one(StatusKind::Succeeded)), (app(), later)]);
    assert_eq!(trends.hours[1].from.millis_since(trends.hours[0].from), 2 * HOUR * 1_000);
    assert_eq!((&trends.queues[0].people[..], trends.queues[0].more), (&[0, 0, 1, 0, 0, 0][..], 0));
    let later = store.trends(at(2 * HOUR), at(2 * HOUR)).await.unwrap();
    assert_eq!(later.hours.len(), 1, "from the hour that was asked for");
    // Five weeks later the old hours are forgotten.
    let long = 36 * 24 * HOUR;
    let last = file_one(store, long, Kind::Create, 1, Verdict::Refused).await;
    assert!(last.0 > 0);
    assert_eq!(store.trends(at(0), at(long)).await.unwrap().hours.len(), 1);
}
