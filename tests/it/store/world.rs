//! What the cases start from: stores, users, pages of a plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use usher::clock::{Span, Timestamp};
use usher::digest::Digest;
use usher::directory::change::{Cause, SourceRow, StagedRow};
use usher::directory::value::Value;
use usher::entropy::SeededEntropy;
use usher::id::{AppName, BatchId, EventId, ImportId, OperatorId, PlanId, SourceName, UserId};
use usher::provision::approval::{Decision, Ruling};
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::outcome::{Done, Exchange, Failure, FailureClass, Outcome};
use usher::provision::plan::{Fold, PlanPage, PlanSummary, Planned, Verdict};
use usher::store::act::{Cursor, Filed, Finish, Store, StoreError};
use usher::store::memory::MemoryStore;
use usher::store::query::{Import, ImportState, PairRow, Preview};
use usher::store::sled::{SledSettings, SledStore};

/// Runs one case on memory and on sled, and checks the aftermath.
macro_rules! contract {
    ($($case:ident;)*) => {
        mod memory {
            $(#[test] fn $case() {
                crate::store::world::on_memory(|store| Box::pin(super::$case(store)));
            })*
        }
        mod sled {
            $(#[test] fn $case() {
                crate::store::world::on_sled(|store| Box::pin(super::$case(store)));
            })*
        }
    };
}
pub(super) use contract;

type Case<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(super) fn block_on<T>(case: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case)
}

pub(super) fn on_memory(case: impl for<'a> FnOnce(&'a dyn Store) -> Case<'a>) {
    let store = MemoryStore::new();
    block_on(async {
        case(&store).await;
        all_is_well(&store).await;
    });
}

pub(super) fn on_sled(case: impl for<'a> FnOnce(&'a dyn Store) -> Case<'a>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    block_on(async {
        case(&store).await;
        all_is_well(&store).await;
    });
    drop(store);
    let store = open(&path);
    block_on(all_is_well(&store));
}

/// Small files: tests open many.
pub(super) fn settings() -> SledSettings {
    SledSettings {
        create: true,
        command: "a test".into(),
        // So small that acts read rows from the journal, from the tree, and from both.
        journal_bytes_max: 4_096,
        free_bytes_min: 1,
        ballast_bytes: 4_096,
        ..Default::default()
    }
}

/// Opens a store. Another test may be starting a process just now, which has our files, and so the lock of a store that was dropped,
/// until it runs its own program.
pub(super) fn open(path: &Path) -> SledStore {
    for _ in 0..500 {
        match SledStore::open(path, &settings()) {
            Err(StoreError::InUse(_)) => crate::workspace::pause(Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays in use", path.display())
}

pub(super) async fn all_is_well(store: &dyn Store) {
    let verified = store.verify().await.unwrap();
    assert_eq!(verified.problems, Vec::<String>::new());
}

// --- small values -----------------------------------------------------------------------------------------------------

/// Seconds after a fixed start.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus(Span::from_secs(seconds))
}

pub(super) fn app() -> AppName {
    AppName::new("crm").unwrap()
}

pub(super) fn source() -> SourceName {
    SourceName::new("hr").unwrap()
}

pub(super) fn user(number: u64) -> UserId {
    UserId::mint(at(number), &SeededEntropy::new(number))
}

pub(super) fn operator() -> OperatorId {
    OperatorId::mint(at(0), &SeededEntropy::new(1))
}

pub(super) fn import_id(number: u64) -> ImportId {
    ImportId::mint(at(number), &SeededEntropy::new(number))
}

pub(super) fn batch_id(number: u64) -> BatchId {
    BatchId::mint(at(number), &SeededEntropy::new(number))
}

pub(super) fn key(number: u64) -> String {
    format!("k{number}")
}

pub(super) fn email(number: u64) -> String {
    format!("person{number}@example.org")
}

// --- the directory ------------------------------------------------------------------------------------------------------

pub(super) fn import(number: u64) -> Import {
    Import {
        id: import_id(number),
        source: source(),
        full: false,
        files: vec!["people.csv".into()],
        operator: operator(),
        at: at(number),
        state: ImportState::Staging,
        rows: 0,
        staged: 0,
        preview: Preview::default(),
    }
}

pub(super) fn row(number: u64, manager: Option<u64>) -> StagedRow {
    let attributes = [("email", email(number)), ("display_name", format!("Person {number}"))];
    StagedRow {
        user: user(number),
        row: SourceRow {
            key: key(number),
            attributes: attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Some(Value::from(value))))
                .collect(),
            manager: manager.map(|manager| Some(key(manager))),
            ..SourceRow::default()
        },
    }
}

/// Brings rows in as generation `number`, all the way, marking pairs of [`app`].
pub(super) async fn bring(store: &dyn Store, number: u64, rows: Vec<StagedRow>) {
    let id = import_id(number);
    store.open_import(import(number)).await.unwrap();
    store.stage_import(id, 0, rows).await.unwrap();
    store.close_import(id, Preview::default(), Vec::new(), at(number)).await.unwrap();
    while !store.apply_import(id, vec![app()], 100, at(number)).await.unwrap() {}
}

/// Users 1 to `count` in the directory, their marks of [`app`] taken away.
pub(super) async fn people(store: &dyn Store, count: u64) {
    bring(store, 1, (1..=count).map(|number| row(number, None)).collect()).await;
    let page = PlanPage { users: (1..=count).map(user).collect(), ..PlanPage::default() };
    store.file(&summary(1, 1, &page), page, Cursor::default()).await.unwrap();
}

// --- plans --------------------------------------------------------------------------------------------------------------

pub(super) fn operation(kind: Kind, number: u64, generation: u64) -> Operation {
    let changes = match kind {
        Kind::Create | Kind::Update | Kind::Rename => {
            vec![Change { path: "userName".into(), old: None, new: Some(email(number).into()) }]
        }
        _ => Vec::new(),
    };
    Operation {
        kind,
        app: app(),
        user: user(number),
        label: format!("Person {number}"),
        remote_id: (kind != Kind::Create).then(|| format!("r{number}")),
        user_name: email(number),
        external_id: None,
        changes,
        edges: Vec::new(),
        released: Vec::new(),
        origin: None,
        generation,
        reason: "a role grants it".into(),
    }
}

pub(super) fn planned(operation: Operation, verdict: Verdict) -> Planned {
    Planned {
        payload: operation.payload_digest("https://crm.example.org", Digest::default(), &[]),
        basis: Digest::of(&operation.reason),
        findings: Vec::new(),
        cause: Cause::Cycle,
        operation: operation.into(),
        verdict,
    }
}

pub(super) fn page(operations: Vec<Planned>) -> PlanPage {
    let users = operations.iter().map(|planned| planned.operation.user).collect();
    PlanPage { operations, users, ..PlanPage::default() }
}

/// Plan `number` at second `seconds`, over one page.
pub(super) fn summary(number: u64, seconds: u64, page: &PlanPage) -> PlanSummary {
    let mut fold = Fold::default();
    fold.page(page);
    let (counts, digest) = fold.finish();
    PlanSummary {
        id: PlanId::mint(at(seconds), &SeededEntropy::new(number)),
        app: app(),
        app_digest: Digest::of("app"),
        as_of: at(seconds),
        counts,
        findings: Vec::new(),
        held: BTreeMap::new(),
        digest,
    }
}

/// Admits and files one page at second `seconds`.
pub(super) async fn file(store: &dyn Store, seconds: u64, operations: Vec<Planned>) -> Filed {
    let page = page(operations);
    // No two plans have the same id, also those of one second.
    let number = seconds * 1_000 + store.head().await.unwrap().sequence;
    let summary = summary(number, seconds, &page);
    store.admit(summary.clone()).await.unwrap();
    store.file(&summary, page, Cursor::default()).await.unwrap()
}

/// Files one operation that must not be stale.
pub(super) async fn file_one(store: &dyn Store, seconds: u64, kind: Kind, number: u64, verdict: Verdict) -> EventId {
    let generation = pair(store, number).await.account.generation;
    let filed = file(store, seconds, vec![planned(operation(kind, number, generation), verdict)]).await;
    assert_eq!(filed.stale, Vec::new());
    filed.events[0]
}

pub(super) async fn pair(store: &dyn Store, number: u64) -> PairRow {
    store.pairs(&app(), vec![user(number)]).await.unwrap().remove(0)
}

// --- pushing ------------------------------------------------------------------------------------------------------------

pub(super) fn done(remote_id: &str) -> Outcome {
    Outcome::Succeeded(Done {
        remote_id: Some(remote_id.into()),
        found: BTreeMap::new(),
        found_active: true,
        replaced: None,
        note: String::new(),
    })
}

pub(super) fn failure(class: FailureClass) -> Failure {
    Failure { class, status: Some(400), detail: "the target said no".into(), retry_after: None }
}

pub(super) fn finished(event: EventId, outcome: Outcome) -> Finish {
    let exchange = Exchange {
        method: "POST".into(),
        path: "/Users".into(),
        status: Some(201),
        millis: 3,
        request: "{}".into(),
        answer: "{}".into(),
    };
    Finish { event, outcome, exchanges: vec![exchange] }
}

/// Begins and finishes one event.
pub(super) async fn push(store: &dyn Store, seconds: u64, event: EventId, outcome: Outcome) {
    assert_eq!(store.begin(vec![event], at(seconds)).await.unwrap(), vec![event]);
    store.finish(vec![finished(event, outcome)], at(seconds)).await.unwrap();
}

/// User `number` has an active account `r<number>`.
pub(super) async fn provisioned(store: &dyn Store, seconds: u64, number: u64) -> EventId {
    let event = file_one(store, seconds, Kind::Create, number, Verdict::Queued).await;
    push(store, seconds, event, done(&format!("r{number}"))).await;
    event
}

pub(super) fn decision(ruling: Ruling, seconds: u64) -> Decision {
    Decision {
        ruling,
        operator: operator(),
        name: "approver".into(),
        claimed: false,
        own: false,
        comment: String::new(),
        at: at(seconds),
        payload: Digest::default(),
    }
}
