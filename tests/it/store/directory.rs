//! Users, edits, operators.

use usher::access::operator::{FourEyes, Operator, Role};
use usher::directory::change::UserEdit;
use usher::directory::user::Standing;
use usher::entropy::SeededEntropy;
use usher::id::{InstanceId, OperatorId};
use usher::store::Store;
use usher::store::act::{Identity, StoreError};
use usher::store::query::Urgency;

use super::world::{all_is_well, app, at, bring, contract, email, key, operator, pair, people, row, source, user};

contract! {
    a_store_belongs_to_one_installation;
    operator_names_are_unique;
    users_are_found_by_id_key_mail_and_page;
    an_edit_marks_the_pair_and_says_so_without_values;
    a_suspension_is_a_leaver_and_stays_one;
    a_changed_manager_marks_his_reports;
    a_pair_shows_its_manager;
}

async fn a_store_belongs_to_one_installation(store: &dyn Store) {
    let identity = |seed| Identity {
        instance: InstanceId::mint(at(0), &SeededEntropy::new(seed)),
        created_at: at(0),
        four_eyes: FourEyes::Record,
    };
    assert_eq!(store.identity().await.unwrap(), None);
    store.found(identity(1)).await.unwrap();
    let head = store.head().await.unwrap();
    store.found(identity(1)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), head);
    assert!(matches!(store.found(identity(2)).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.identity().await.unwrap(), Some(identity(1)));
}

async fn operator_names_are_unique(store: &dyn Store) {
    let named = |seed, name: &str| Operator {
        id: OperatorId::mint(at(0), &SeededEntropy::new(seed)),
        name: name.into(),
        role: Role::Admin,
        os_account: None,
        user: None,
        disabled: false,
        since: at(0),
    };
    store.put_operator(named(1, "root"), operator(), at(1)).await.unwrap();
    store.put_operator(named(2, "ops"), operator(), at(1)).await.unwrap();
    let taken = store.put_operator(named(3, "root"), operator(), at(1)).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))));
    let names: Vec<String> = store.operators().await.unwrap().into_iter().map(|operator| operator.name).collect();
    assert_eq!(names, ["ops", "root"]);
}

async fn users_are_found_by_id_key_mail_and_page(store: &dyn Store) {
    people(store, 7).await;
    assert_eq!(store.user(user(3)).await.unwrap().unwrap().key, key(3));
    let found = store.users_by_key(&source(), vec![key(5), "nobody".into(), key(1)]).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|user| user.map(|user| user.id)).collect();
    assert_eq!(ids, [Some(user(5)), None, Some(user(1))]);
    assert_eq!(store.find_users(&email(2).to_uppercase()).await.unwrap()[0].id, user(2));
    assert_eq!(store.find_users(&key(6)).await.unwrap()[0].id, user(6));
    let first = store.users(None, 5).await.unwrap();
    let second = store.users(first.next, 5).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (5, 2, None));
    assert_eq!(store.head().await.unwrap().users, 7);
}

async fn an_edit_marks_the_pair_and_says_so_without_values(store: &dyn Store) {
    people(store, 1).await;
    let edit = UserEdit::Override { attribute: "email".into(), value: Some("new@example.org".into()) };
    let changed = store.change_user(user(1), edit.clone(), vec![app()], operator(), at(9)).await.unwrap();
    assert_eq!(changed.text("email"), Some("new@example.org"));
    assert_eq!(store.find_users("new@example.org").await.unwrap().len(), 1);
    assert!(store.find_users(&email(1)).await.unwrap().is_empty());
    let marks = store.dirty(&app(), 10).await.unwrap();
    assert_eq!((marks.len(), marks[0].urgency, marks[0].at), (1, Urgency::Normal, at(9)));
    let entries = store.entries_after(0, 100).await.unwrap();
    assert!(!format!("{entries:?}").contains("new@example.org"));
    let head = store.head().await.unwrap();
    store.change_user(user(1), edit, vec![app()], operator(), at(10)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), head, "the same edit again changes nothing");
}

async fn a_suspension_is_a_leaver_and_stays_one(store: &dyn Store) {
    people(store, 2).await;
    let edit = |standing| UserEdit::Stand(standing);
    store.change_user(user(2), edit(Standing::Suspended), vec![app()], operator(), at(9)).await.unwrap();
    let title = UserEdit::Override { attribute: "title".into(), value: Some("x".into()) };
    store.change_user(user(1), title.clone(), vec![app()], operator(), at(10)).await.unwrap();
    store.change_user(user(2), title, vec![app()], operator(), at(11)).await.unwrap();
    let marks = store.dirty(&app(), 10).await.unwrap();
    let order: Vec<_> = marks.iter().map(|mark| (mark.user, mark.urgency)).collect();
    assert_eq!(order, [(user(2), Urgency::Leaver), (user(1), Urgency::Normal)]);
    assert_eq!(store.counts(&app()).await.unwrap().dirty, 2);
    all_is_well(store).await;
}

async fn a_changed_manager_marks_his_reports(store: &dyn Store) {
    bring(store, 1, vec![row(1, None), row(2, Some(1)), row(3, Some(1)), row(4, None)]).await;
    super::filing::clear_marks(store, 4, 2).await;
    let edit = UserEdit::Override { attribute: "display_name".into(), value: Some("Boss".into()) };
    store.change_user(user(1), edit, vec![app()], operator(), at(9)).await.unwrap();
    let marked: Vec<_> = store.dirty(&app(), 10).await.unwrap().into_iter().map(|mark| mark.user).collect();
    assert_eq!(marked, [user(1), user(2), user(3)]);
}

async fn a_pair_shows_its_manager(store: &dyn Store) {
    bring(store, 1, vec![row(1, None), row(2, Some(1))]).await;
    let manager = pair(store, 2).await.manager.unwrap();
    assert_eq!((manager.user, manager.label.as_str(), manager.remote_id), (user(1), "Person 1", None));
    super::world::provisioned(store, 5, 1).await;
    assert_eq!(pair(store, 2).await.manager.unwrap().remote_id, Some("r1".into()));
    assert_eq!(store.pairs_after(&app(), None, 10).await.unwrap().len(), 2);
    assert_eq!(store.pairs_after(&app(), Some(user(1)), 10).await.unwrap(), vec![pair(store, 2).await]);
}
