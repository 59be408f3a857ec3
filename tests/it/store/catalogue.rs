//! The catalogue of entitlements: what a refresh changes, and what it never concludes.

use std::collections::BTreeSet;

use usher::directory::change::Cause;
use usher::id::AppName;
use usher::provision::entitlement::{CatalogueDiff, Entitlement, EntitlementKey, Named};
use usher::store::Store;

use super::world::{app, at, contract};

contract! {
    the_first_refresh_brings_everything_and_opens_a_sweep;
    a_refresh_that_finds_the_same_changes_nothing;
    a_rename_changes_the_name_alone;
    what_a_complete_listing_lacks_is_gone_and_may_return;
    an_incomplete_listing_takes_nothing_away;
    a_name_that_several_have_is_ambiguous_until_one_is_renamed;
    what_has_no_name_keeps_the_one_it_had;
    what_we_created_stays_ours;
    one_app_never_sees_what_another_has;
    thousands_of_groups_fit_into_one_act;
}

fn key(kind: &str, id: &str) -> EntitlementKey {
    EntitlementKey { kind: kind.into(), remote_id: id.into() }
}

fn groups(named: &[(&str, &str)]) -> Vec<(EntitlementKey, String)> {
    named.iter().map(|(id, name)| (key("group", id), (*name).to_owned())).collect()
}

fn complete() -> BTreeSet<String> {
    BTreeSet::from(["group".to_owned()])
}

async fn put(store: &dyn Store, named: &[(&str, &str)], seconds: u64) -> CatalogueDiff {
    store.put_catalogue(&app(), groups(named), complete(), at(seconds)).await.unwrap()
}

fn names(entitlements: &[Entitlement]) -> Vec<&str> {
    entitlements.iter().map(|each| each.name.as_str()).collect()
}

async fn facts(store: &dyn Store) -> usize {
    let entries = store.entries_after(0, 1_000).await.unwrap();
    entries.iter().filter(|entry| format!("{:?}", entry.fact).starts_with("Catalogue")).count()
}

async fn the_first_refresh_brings_everything_and_opens_a_sweep(store: &dyn Store) {
    assert_eq!(store.refreshed(&app()).await.unwrap(), None);
    assert_eq!(store.catalogue(&app()).await.unwrap(), Default::default());
    let diff = put(store, &[("1", "Sales"), ("2", "Support")], 10).await;
    assert_eq!((names(&diff.new), diff.words().as_str()), (vec!["Sales", "Support"], "new 2"));
    let catalogue = store.catalogue(&app()).await.unwrap();
    assert_eq!((catalogue.refreshed, catalogue.changed), (Some(at(10)), Some(at(10))));
    assert_eq!(store.refreshed(&app()).await.unwrap(), Some(at(10)));
    let sales = Entitlement { key: key("group", "1"), name: "Sales".into(), created: false, since: at(10), gone: None };
    assert_eq!(catalogue.named("group", "sales"), Named::One(&sales));
    assert_eq!(store.app(&app()).await.unwrap().sweep.unwrap().cause, Cause::Catalogue);
    assert_eq!(facts(store).await, 1);
}

async fn a_refresh_that_finds_the_same_changes_nothing(store: &dyn Store) {
    put(store, &[("1", "Sales")], 10).await;
    let diff = put(store, &[("1", "Sales"), ("1", "Sales")], 20).await;
    assert!(diff.is_empty() && diff.words().is_empty(), "{diff:?}");
    let catalogue = store.catalogue(&app()).await.unwrap();
    assert_eq!((catalogue.refreshed, catalogue.changed), (Some(at(20)), Some(at(10))));
    assert_eq!((catalogue.entitlements[&key("group", "1")].since, facts(store).await), (at(10), 1));
}

async fn a_rename_changes_the_name_alone(store: &dyn Store) {
    put(store, &[("1", "Sales")], 10).await;
    let diff = put(store, &[("1", "Revenue")], 20).await;
    assert_eq!((diff.renamed.len(), diff.renamed[0].before.as_str(), diff.words().as_str()), (1, "Sales", "renamed 1"));
    let catalogue = store.catalogue(&app()).await.unwrap();
    let group = &catalogue.entitlements[&key("group", "1")];
    assert_eq!((group.name.as_str(), group.since, catalogue.changed), ("Revenue", at(10), Some(at(20))));
    assert_eq!(catalogue.named("group", "Sales"), Named::Unknown);
}

async fn what_a_complete_listing_lacks_is_gone_and_may_return(store: &dyn Store) {
    put(store, &[("1", "Sales"), ("2", "Support")], 10).await;
    let diff = put(store, &[("2", "Support")], 20).await;
    assert_eq!((names(&diff.gone), diff.words().as_str()), (vec!["Sales"], "gone 1"));
    let catalogue = store.catalogue(&app()).await.unwrap();
    assert_eq!(catalogue.entitlements[&key("group", "1")].gone, Some(at(20)));
    assert_eq!(catalogue.named("group", "Sales"), Named::Unknown);
    assert!(put(store, &[("2", "Support")], 30).await.is_empty(), "it is gone once");
    let diff = put(store, &[("1", "Sales"), ("2", "Support")], 40).await;
    assert_eq!((names(&diff.returned), diff.words().as_str()), (vec!["Sales"], "returned 1"));
    let group = store.catalogue(&app()).await.unwrap().entitlements[&key("group", "1")].clone();
    assert_eq!((group.gone, group.since), (None, at(10)));
}

async fn an_incomplete_listing_takes_nothing_away(store: &dyn Store) {
    let role = (key("role", "r"), "Auditor".to_owned());
    let mut seen = groups(&[("1", "Sales"), ("2", "Support")]);
    seen.push(role);
    store.put_catalogue(&app(), seen, complete(), at(10)).await.unwrap();
    let cut = store.put_catalogue(&app(), groups(&[("3", "Legal")]), BTreeSet::new(), at(20)).await.unwrap();
    assert_eq!((names(&cut.new), cut.gone.len()), (vec!["Legal"], 0));
    // The groups are complete, the roles were not listed: only groups can be gone.
    let diff = put(store, &[("3", "Legal")], 30).await;
    assert_eq!(names(&diff.gone), ["Sales", "Support"]);
    assert_eq!(store.catalogue(&app()).await.unwrap().entitlements[&key("role", "r")].gone, None);
}

async fn a_name_that_several_have_is_ambiguous_until_one_is_renamed(store: &dyn Store) {
    put(store, &[("1", "Sales")], 10).await;
    let diff = put(store, &[("1", "Sales"), ("2", "Sales")], 20).await;
    assert_eq!((diff.ambiguous.len(), diff.ambiguous[0].remote_ids.as_slice()), (1, &["1".into(), "2".into()][..]));
    assert_eq!(diff.words(), "new 1, ambiguous 1");
    let catalogue = store.catalogue(&app()).await.unwrap();
    assert!(matches!(catalogue.named("group", "Sales"), Named::Ambiguous(hits) if hits.len() == 2));
    let still = put(store, &[("1", "Sales"), ("2", "Sales")], 30).await;
    assert!(still.is_empty() && still.ambiguous.len() == 1, "{still:?}");
    let diff = put(store, &[("1", "Sales"), ("2", "Sales EMEA")], 40).await;
    assert!(diff.ambiguous.is_empty() && diff.renamed.len() == 1, "{diff:?}");
}

async fn what_has_no_name_keeps_the_one_it_had(store: &dyn Store) {
    put(store, &[("1", "Sales")], 10).await;
    let diff = put(store, &[("1", ""), ("2", "")], 20).await;
    assert!(diff.is_empty(), "{diff:?}");
    let catalogue = store.catalogue(&app()).await.unwrap();
    assert_eq!((catalogue.entitlements.len(), catalogue.named("group", "Sales") != Named::Unknown), (1, true));
}

async fn what_we_created_stays_ours(store: &dyn Store) {
    let ours = Entitlement { key: key("group", "9"), name: "Made".into(), created: true, since: at(5), gone: None };
    store.add_entitlement(&app(), ours.clone()).await.unwrap();
    let catalogue = store.catalogue(&app()).await.unwrap();
    assert_eq!((catalogue.refreshed, catalogue.changed), (None, Some(at(5))));
    assert!(put(store, &[("9", "Made")], 10).await.is_empty());
    put(store, &[("9", "Made, renamed there")], 20).await;
    let found = store.catalogue(&app()).await.unwrap().entitlements[&key("group", "9")].clone();
    assert_eq!((found.created, found.since, found.name.as_str()), (true, at(5), "Made, renamed there"));
}

async fn one_app_never_sees_what_another_has(store: &dyn Store) {
    // A name that begins like the other, and ids that would run into each other.
    let longer = AppName::new("crm2").unwrap();
    put(store, &[("1", "Sales")], 10).await;
    store.put_catalogue(&longer, groups(&[("11", "Other")]), complete(), at(10)).await.unwrap();
    assert!(put(store, &[("1", "Sales")], 20).await.is_empty());
    assert_eq!(store.catalogue(&longer).await.unwrap().entitlements.len(), 1);
}

async fn thousands_of_groups_fit_into_one_act(store: &dyn Store) {
    let many = |from: usize| (from..3_000).map(|n| (key("group", &format!("id-{n}")), format!("Group {n}"))).collect();
    let diff = store.put_catalogue(&app(), many(0), complete(), at(10)).await.unwrap();
    assert_eq!(diff.new.len(), 3_000);
    let diff = store.put_catalogue(&app(), many(10), complete(), at(20)).await.unwrap();
    assert_eq!((diff.words().as_str(), diff.gone.len()), ("gone 10", 10));
    assert_eq!(store.catalogue(&app()).await.unwrap().entitlements.len(), 3_000);
}
