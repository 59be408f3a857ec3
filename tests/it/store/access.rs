//! What proves operators, what they did, and secrets of apps.

use usher::access::credential::{PasswordHash, SealedSecret, SignIn, Token, TokenKind, Way};
use usher::access::{Operator, Role};
use usher::digest::Digest;
use usher::id::{OperatorId, TokenId};
use usher::page::Page;
use usher::provision::entry::Entry;
use usher::store::Store;
use usher::store::act::StoreError;
use usher::store::deeds::DeedQuery;
use usher::store::keyring::{Admitted, OpenVisitor};

use super::world::{app, at, contract};

contract! {
    a_changed_password_takes_personal_tokens_with_it;
    who_is_disabled_or_may_less_loses_the_tokens_that_had_more;
    a_one_time_token_counts_once_and_both_ends_are_deeds;
    somebody_from_a_provider_is_found_by_issuer_and_subject_alone;
    the_role_follows_the_provider_and_nobody_without_one_comes_in;
    a_sealed_secret_is_kept_replaced_and_dropped_with_a_deed_each;
    deeds_are_told_by_operator_time_and_page;
}

fn somebody(number: u128, name: &str, role: Role) -> Operator {
    let id = OperatorId::of_number(number);
    Operator { id, name: name.into(), role, os_account: None, user: None, disabled: false, since: at(1) }
}

fn token(number: u128, of: &Operator, kind: TokenKind, role: Role) -> Token {
    Token {
        id: TokenId::of_number(number),
        operator: of.id,
        name: format!("token {number}"),
        kind,
        role,
        digest: Digest::of(&number),
        issued_at: at(1),
        expires_at: at(1_000),
    }
}

async fn all_deeds(store: &dyn Store) -> Vec<Entry> {
    store.deeds(DeedQuery { limit: 100, ..DeedQuery::default() }).await.unwrap().items
}

async fn said(store: &dyn Store, words: &str) -> bool {
    format!("{:?}", all_deeds(store).await).contains(words)
}

async fn names(store: &dyn Store) -> Vec<String> {
    store.tokens().await.unwrap().into_iter().map(|token| token.name).collect()
}

async fn a_changed_password_takes_personal_tokens_with_it(store: &dyn Store) {
    let ada = somebody(1, "ada", Role::Admin);
    store.put_operator(ada.clone(), ada.id, at(1)).await.unwrap();
    for (number, kind) in [(1, TokenKind::Personal), (2, TokenKind::Service)] {
        store.put_token(token(number, &ada, kind, Role::Viewer), ada.id, at(2)).await.unwrap();
    }
    let hash = |phc: &str| PasswordHash { phc: phc.into(), set_at: at(3) };
    store.put_password(ada.id, hash("one"), ada.id, at(3)).await.unwrap();
    assert_eq!(names(store).await.len(), 2, "the first password takes nothing");
    store.put_password(ada.id, hash("two"), ada.id, at(4)).await.unwrap();
    assert_eq!(names(store).await, ["token 2"]);
    assert!(said(store, "set the password of `ada`; one token of his is revoked with it").await);
}

async fn who_is_disabled_or_may_less_loses_the_tokens_that_had_more(store: &dyn Store) {
    let (ada, kenji) = (somebody(1, "ada", Role::Admin), somebody(2, "kenji", Role::Admin));
    for one in [&ada, &kenji] {
        store.put_operator(one.clone(), ada.id, at(1)).await.unwrap();
    }
    for (number, role) in [(1, Role::Admin), (2, Role::Viewer)] {
        store.put_token(token(number, &kenji, TokenKind::Service, role), kenji.id, at(2)).await.unwrap();
    }
    store.put_operator(Operator { role: Role::Viewer, ..kenji.clone() }, ada.id, at(3)).await.unwrap();
    assert_eq!(names(store).await, ["token 2"]);
    assert!(said(store, "made `kenji` viewer instead of admin; one token of his is revoked with it").await);
    store.put_operator(Operator { role: Role::Viewer, disabled: true, ..kenji }, ada.id, at(4)).await.unwrap();
    assert_eq!(names(store).await.len(), 0);
}

async fn a_one_time_token_counts_once_and_both_ends_are_deeds(store: &dyn Store) {
    let ada = somebody(1, "ada", Role::Admin);
    store.put_operator(ada.clone(), ada.id, at(1)).await.unwrap();
    store.put_bootstrap(Digest::of(&1), ada.id, at(2)).await.unwrap();
    let hash = PasswordHash { phc: "one".into(), set_at: at(3) };
    store.use_bootstrap(Digest::of(&1), ada.id, hash.clone(), at(3)).await.unwrap();
    let again = store.use_bootstrap(Digest::of(&1), ada.id, hash, at(4)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    assert!(said(store, "made a one-time token for the console").await);
    assert!(said(store, "set the first password of `ada` with the one-time token").await);
}

fn visitor(subject: &str, name: &str, role: Option<Role>) -> OpenVisitor {
    let id = OperatorId::of_number(u128::from(subject.as_bytes()[0]));
    OpenVisitor { issuer: "https://id.example".into(), subject: subject.into(), name: name.into(), role, id }
}

async fn somebody_from_a_provider_is_found_by_issuer_and_subject_alone(store: &dyn Store) {
    let ada = somebody(1, "ada", Role::Admin);
    store.put_operator(ada.clone(), ada.id, at(1)).await.unwrap();
    let taken = store.admit_open(visitor("x", "ada", Some(Role::Viewer)), at(2)).await.unwrap();
    assert_eq!(taken, Admitted::NameTaken("ada".into()), "never merged with a local operator of that name");
    let Admitted::Welcome(first) = store.admit_open(visitor("x", "xavier", Some(Role::Viewer)), at(3)).await.unwrap()
    else {
        panic!("expected him to be let in")
    };
    let renamed = store.admit_open(visitor("x", "somebody else", Some(Role::Viewer)), at(4)).await.unwrap();
    assert_eq!(renamed, Admitted::Welcome(first.clone()), "the same person, under the name he had");
    let elsewhere = OpenVisitor { issuer: "https://other.example".into(), ..visitor("x", "xavier", Some(Role::Admin)) };
    assert_eq!(store.admit_open(elsewhere, at(5)).await.unwrap(), Admitted::NameTaken("xavier".into()));
    assert_eq!(store.sign_ins().await.unwrap()[&first.id], SignIn { at: at(4), way: Way::OpenId });
    store.put_operator(Operator { disabled: true, ..first }, ada.id, at(6)).await.unwrap();
    let again = store.admit_open(visitor("x", "xavier", Some(Role::Admin)), at(7)).await.unwrap();
    assert_eq!(again, Admitted::Disabled);
}

async fn the_role_follows_the_provider_and_nobody_without_one_comes_in(store: &dyn Store) {
    assert_eq!(store.admit_open(visitor("y", "yuki", None), at(1)).await.unwrap(), Admitted::NoRole(None));
    assert!(store.operators().await.unwrap().is_empty());
    let Admitted::Welcome(yuki) = store.admit_open(visitor("y", "yuki", Some(Role::Admin)), at(2)).await.unwrap()
    else {
        panic!("expected her to be let in")
    };
    store.put_token(token(1, &yuki, TokenKind::Service, Role::Admin), yuki.id, at(3)).await.unwrap();
    let less = store.admit_open(visitor("y", "yuki", Some(Role::Approver)), at(4)).await.unwrap();
    assert_eq!(less, Admitted::Welcome(Operator { role: Role::Approver, ..yuki.clone() }));
    assert_eq!(names(store).await.len(), 0);
    assert!(said(store, "made `yuki` approver instead of admin, as the OpenID provider says").await);
    store.put_token(token(2, &yuki, TokenKind::Personal, Role::Viewer), yuki.id, at(5)).await.unwrap();
    assert_eq!(store.admit_open(visitor("y", "yuki", None), at(6)).await.unwrap(), Admitted::NoRole(Some(yuki.id)));
    assert_eq!(names(store).await.len(), 0, "without a role there is nothing left to act with");
}

async fn a_sealed_secret_is_kept_replaced_and_dropped_with_a_deed_each(store: &dyn Store) {
    let by = OperatorId::of_number(1);
    let secret = |sealed: &[u8], at| SealedSecret {
        app: app(),
        origin: "https://app.example".into(),
        sealed: sealed.to_vec(),
        by,
        at,
    };
    store.put_secret(secret(b"one", at(1))).await.unwrap();
    store.put_secret(secret(b"two", at(2))).await.unwrap();
    assert_eq!(store.secrets().await.unwrap(), [secret(b"two", at(2))]);
    let gone = store.drop_secret(&app(), "moved".into(), by, at(3)).await.unwrap();
    assert_eq!(gone, Some(secret(b"two", at(2))));
    assert_eq!(store.drop_secret(&app(), "again".into(), by, at(4)).await.unwrap(), None);
    let deeds = all_deeds(store).await;
    assert_eq!(deeds.len(), 3);
    assert!(deeds.iter().all(|deed| deed.app == Some(app()) && deed.fact.deed_of() == Some(by)));
    assert!(said(store, ": moved").await);
}

async fn deeds_are_told_by_operator_time_and_page(store: &dyn Store) {
    let (ada, kenji) = (OperatorId::of_number(1), OperatorId::of_number(2));
    for second in 1..=20_u8 {
        let by = if second % 4 == 0 { kenji } else { ada };
        store.put_bootstrap(Digest::of(&second), by, at(u64::from(second))).await.unwrap();
    }
    let query = DeedQuery { operator: Some(kenji), limit: 3, ..DeedQuery::default() };
    let Page { items, next } = store.deeds(query.clone()).await.unwrap();
    let times = |items: &[Entry]| items.iter().map(|entry| entry.at).collect::<Vec<_>>();
    assert_eq!(times(&items), [at(20), at(16), at(12)]);
    let rest = store.deeds(DeedQuery { before: next, ..query }).await.unwrap();
    assert_eq!((times(&rest.items), rest.next), (vec![at(8), at(4)], None));
    let between = DeedQuery { since: Some(at(5)), until: Some(at(7)), limit: 10, ..DeedQuery::default() };
    assert_eq!(times(&store.deeds(between).await.unwrap().items), [at(6), at(5)]);
}
