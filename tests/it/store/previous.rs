//! Rows as version 1 wrote them, byte for byte: they are read as if they were written today.

use crate::workspace::pause;
use usher::provision::approval::Ruling;
use usher::provision::edge::EdgeState;
use usher::provision::event::{Event, Progress};
use usher::provision::operation::{Change, Kind};
use usher::provision::plan::Verdict;
use usher::provision::{Finding, FindingKind};
use usher::store::Store;
use usher::store::act::Decide;
use usher::store::query::Counts;

use super::world::{app, block_on, decision, file, open, operation, pair, people, planned, provisioned};

/// An event as it was filed, before edges were pushed: an update that waits for an approver.
const FILED: &str = "0102020363726d018bcfe56be874508697761748e7dc0308506572736f6e20310102723113706572736f6e31406578616d706c652e6f72\
    670001057469746c65000100074361707461696e00000002106120726f6c65206772616e7473206974c47ad1fbf9874c31ebbcc22164de\
    0227edb8731b6093eec4db52e48e721f928501150106757064617465018bcfe58b28705f8b392874188e995b030000030000d0acacfef9\
    62d0acacfef962d0acacfef9621a085c45d90d52eb0df2030b631c73d7d79fac2a4ee519b697128a7d2b6af262cd366d79ea5e3ec1cd38\
    ca86db71b8c72ec8ff3804e30bf00bb461dd55506076019ee91c0101026872026b3106";
/// Its state after somebody has approved it.
const STATE: &str = "0101c0dbacfef96200000100018bcfe5680074508697761748e7dc0308617070726f766572000009617320616772656564c0dbacfef962\
    c47ad1fbf9874c31ebbcc22164de0227edb8731b6093eec4db52e48e721f9285c0dbacfef96200020708";
/// The app's counters of that time.
const COUNTS: &str = "01010101020101040100";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// One account, and an update of it that was approved: the same as what wrote the rows above.
async fn approved(store: &dyn Store) -> usher::id::EventId {
    people(store, 1).await;
    provisioned(store, 5, 1).await;
    let account = pair(store, 1).await.account;
    let mut operation = operation(Kind::Update, 1, account.generation);
    operation.changes = vec![Change { path: "title".into(), old: None, new: Some("Captain".into()) }];
    let mut planned = planned(operation, Verdict::Pending);
    planned.findings = vec![Finding::new(FindingKind::ApprovalRequired, "update")];
    let event = file(store, 9, vec![planned]).await.events[0];
    let mut decision = decision(Ruling::Approve, 12);
    decision.comment = "as agreed".into();
    let payload = store.event(event).await.unwrap().unwrap().payload;
    let decided = store.decide(Decide { events: vec![(event, payload)], decision, approvers: 1 }).await.unwrap();
    assert_eq!(decided[0].refused, None);
    event
}

async fn read(store: &dyn Store, id: usher::id::EventId) -> (Event, Counts) {
    (store.event(id).await.unwrap().unwrap(), store.counts(&app()).await.unwrap())
}

/// The rows themselves. The store's own threads may take a moment to let go of them.
fn database(path: &std::path::Path) -> sled::Db {
    for _ in 0..500 {
        match sled::Config::new().path(path).open() {
            Err(sled::Error::Io(held)) if held.to_string().contains("lock") => {
                pause(std::time::Duration::from_millis(20));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("the store was never let go of");
}

#[test]
fn rows_of_version_1_are_read_as_they_are_today() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    let id = block_on(approved(&store));
    let (new, counts) = block_on(read(&store, id));
    drop(store);
    let database = database(&path);
    let row = |last: u8| [[b'e'].as_slice(), &id.0.to_be_bytes(), &[last]].concat();
    let of_counts = [[b'c', 3].as_slice(), b"crm"].concat();
    for (key, old) in [(row(0), FILED), (row(1), STATE), (of_counts, COUNTS)] {
        let old = bytes(old);
        let written = database.insert(key, old.clone()).unwrap().expect("there is such a row today");
        assert!(written[0] > 1 && old[0] == 1, "version {} after {}", written[0], old[0]);
    }
    database.flush().unwrap();
    drop(database);
    let store = open(&path);
    let (old, old_counts) = block_on(read(&store, id));
    assert_eq!(old.operation, new.operation);
    assert_eq!((old.status, old.attempts, old.generation), (new.status, new.attempts, new.generation));
    assert_eq!((old.findings, old.filed_at, old.waiting_since), (new.findings, new.filed_at, new.waiting_since));
    assert_eq!(old.decisions.len(), 1);
    assert_eq!((&old.decisions[0].comment, old.decisions[0].payload), (&new.decisions[0].comment, old.payload));
    assert_eq!(old.progress, Progress::default(), "nothing was pushed for edges then");
    assert_eq!((old_counts.accounts, old_counts.events), (counts.accounts, counts.events));
    assert_eq!(old_counts.edges.get(&EdgeState::Granted), None);
    // What is written next is written as today, and goes on from there.
    let now = super::world::at(20);
    block_on(async {
        assert_eq!(store.begin(vec![id], now).await.unwrap(), vec![id]);
        store.finish(vec![super::world::finished(id, super::world::done("r1"))], now).await.unwrap();
        assert_eq!(store.event(id).await.unwrap().unwrap().attempts, 1);
    });
}

#[test]
fn a_row_of_a_version_that_never_was_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    let id = block_on(approved(&store));
    drop(store);
    let database = sled::Config::new().path(&path).open().unwrap();
    let key = [[b'e'].as_slice(), &id.0.to_be_bytes(), &[0]].concat();
    let mut row = database.get(&key).unwrap().unwrap().to_vec();
    row[0] = 200;
    database.insert(key, row).unwrap();
    database.flush().unwrap();
    drop(database);
    let store = open(&path);
    let refused = block_on(store.event(id)).unwrap_err().to_string();
    assert!(refused.contains("version 200") && refused.contains("newer usher"), "{refused}");
}
