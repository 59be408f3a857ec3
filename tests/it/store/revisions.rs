//! Revisions, activation, sweeps.

use usher::connector::capability::{AppState, Learned};
use usher::connector::revision::Bundle;
use usher::directory::change::Cause;
use usher::store::Store;
use usher::store::act::StoreError;
use usher::store::query::Sweep;

use super::world::{app, at, contract, operator};

contract! {
    a_bundle_is_stored_once_and_read_back_whole;
    a_revision_is_activated_only_over_its_parent;
    an_app_keeps_state_and_what_it_taught;
}

fn bundle(text: &str) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.files.insert("apps/crm.toml".into(), text.into());
    bundle.files.insert("rules/long.rhai".into(), "// ü long\n".repeat(20_000));
    bundle
}

async fn a_bundle_is_stored_once_and_read_back_whole(store: &dyn Store) {
    let first = store.put_revision(bundle("a"), operator(), "first".into(), at(1)).await.unwrap();
    let again = store.put_revision(bundle("a"), operator(), "again".into(), at(2)).await.unwrap();
    let second = store.put_revision(bundle("b"), operator(), "second".into(), at(3)).await.unwrap();
    assert_eq!((first.number.0, &again, second.number.0), (1, &first, 2));
    assert_eq!(store.bundle(first.number).await.unwrap(), bundle("a"));
    assert_eq!(store.bundle(second.number).await.unwrap(), bundle("b"));
    let numbers: Vec<u64> = store.revisions().await.unwrap().iter().map(|revision| revision.number.0).collect();
    assert_eq!(numbers, [2, 1]);
}

async fn a_revision_is_activated_only_over_its_parent(store: &dyn Store) {
    let first = store.put_revision(bundle("a"), operator(), String::new(), at(1)).await.unwrap();
    assert_eq!(store.active_revision().await.unwrap(), None);
    store.activate(first.number, None, vec![app()], operator(), at(2)).await.unwrap();
    assert_eq!(store.active_revision().await.unwrap(), Some(first.clone()));
    let sweep = Sweep { after: None, cause: Cause::Activation(first.number) };
    assert_eq!(store.app(&app()).await.unwrap().sweep, Some(sweep));
    let second = store.put_revision(bundle("b"), operator(), String::new(), at(3)).await.unwrap();
    assert_eq!(second.parent, Some(first.number));
    let stale = store.activate(second.number, None, vec![app()], operator(), at(4)).await;
    assert!(matches!(stale, Err(StoreError::Stale(_))));
    store.activate(second.number, Some(first.number), vec![], operator(), at(5)).await.unwrap();
    store.activate(first.number, Some(second.number), vec![], operator(), at(6)).await.unwrap();
    assert!(format!("{:?}", store.entries_after(0, 100).await.unwrap()).contains("rolled back to"));
}

async fn an_app_keeps_state_and_what_it_taught(store: &dyn Store) {
    let paused = AppState::Paused { by: "ops".into(), at: at(1) };
    store.set_app(&app(), paused.clone(), "paused by ops".into(), at(1)).await.unwrap();
    let learned = Learned { patch_supported: Some(true), ..Learned::default() };
    store.learn(&app(), learned.clone()).await.unwrap();
    store.open_sweep(&app(), Cause::Cycle).await.unwrap();
    let record = store.app(&app()).await.unwrap();
    assert_eq!((record.state, record.learned, record.sweep.is_some()), (paused, learned, true));
}
