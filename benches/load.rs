//! A history of a given length, admitted, filed, begun and finished through the real acts, durably, in pages of 500; and what waits for an
//! approver after it.

use std::collections::BTreeMap;

use usher::access::{Operator, Role};
use usher::clock::{Span, Timestamp};
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::entropy::SystemEntropy;
use usher::id::{AppName, EventId, ImportId, OperatorId, PlanId, UserId};
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::outcome::{Done, Exchange, Failure, FailureClass, Outcome};
use usher::provision::plan::{Fold, PlanPage, PlanSummary, Planned, Verdict};
use usher::store::Store;
use usher::store::act::{Cursor, Finish};

use crate::house::House;

const PAGE: usize = 500;
/// One in so many users has a change that waits for an approver.
const WAITING: usize = 20;

/// Loads `events` about the first `users` users of the directory; one in 30,000 was caused by the operator `rare`, and one user in 20 has a
/// change that waits.
pub(crate) async fn history(house: &House, users: usize, events: usize) {
    let store = house.engine.store();
    let mut known = Vec::with_capacity(users);
    while known.len() < users {
        let page = store.users(known.last().copied(), 5_000).await.unwrap();
        known.extend(page.items.into_iter().map(|user| user.id));
    }
    let rare = Operator {
        id: OperatorId::mint(Timestamp::from_millis(1), &SystemEntropy),
        name: "rare".into(),
        role: Role::Admin,
        os_account: None,
        user: None,
        disabled: false,
        since: Timestamp::from_millis(1),
    };
    store.put_operator(rare.clone(), rare.id, rare.since).await.unwrap();
    load(house, &known, events, rare.id).await;
}

/// What the events are about: most are updates of one app that succeed; some things are rare.
fn shape(number: usize) -> (&'static str, Kind, bool) {
    let app = match number % 1_000 {
        0 => "rare",
        1..=99 => "mid",
        _ => "bench",
    };
    let kind = match number {
        number if number.is_multiple_of(50_021) => Kind::Delete,
        number if number.is_multiple_of(211) => Kind::Deactivate,
        _ => Kind::Update,
    };
    (app, kind, number.is_multiple_of(9_973))
}

async fn load(house: &House, users: &[UserId], events: usize, rare: OperatorId) {
    let store = house.engine.store();
    let import = store.imports(1).await.unwrap()[0].id;
    let began = house.engine.clock().now().plus(Span::from_secs(60));
    let mut generations: BTreeMap<(&'static str, UserId), u64> = BTreeMap::new();
    let mut number = 0;
    for page in 0..events.div_ceil(PAGE) {
        let as_of = began.plus(Span::from_secs(page as u64 * 60));
        let mut by_app: BTreeMap<&'static str, Vec<Planned>> = BTreeMap::new();
        let mut failing = Vec::new();
        for _ in 0..PAGE.min(events - page * PAGE) {
            number += 1;
            let (app, kind, fails) = shape(number);
            let user = users[number % users.len()];
            let generation = generations.entry((app, user)).or_default();
            let planned = planned(app, user, kind, *generation, cause(number, import, rare));
            *generation += 2;
            failing.push(((app, user), fails));
            by_app.entry(app).or_default().push(planned);
        }
        let failing: BTreeMap<_, _> = failing.into_iter().collect();
        for (app, operations) in by_app {
            file_and_finish(&**store, app, operations, as_of, &failing).await;
        }
    }
    let as_of = began.plus(Span::from_secs(events.div_ceil(PAGE) as u64 * 60));
    for some in users.iter().step_by(WAITING).collect::<Vec<_>>().chunks(PAGE) {
        let waiting = some.iter().map(|user| {
            let generation = generations.get(&("bench", **user)).copied().unwrap_or_default();
            let change = planned("bench", **user, Kind::Update, generation, Cause::Import(import));
            Planned { verdict: Verdict::Pending, ..change }
        });
        file(&**store, "bench", waiting.collect(), as_of).await;
    }
}

fn cause(number: usize, import: ImportId, rare: OperatorId) -> Cause {
    match number {
        number if number.is_multiple_of(31_013) => Cause::Operator(rare),
        number if number.is_multiple_of(3) => Cause::Cycle,
        _ => Cause::Import(import),
    }
}

async fn file_and_finish(
    store: &dyn Store,
    app: &'static str,
    operations: Vec<Planned>,
    as_of: Timestamp,
    failing: &BTreeMap<(&'static str, UserId), bool>,
) {
    let users: Vec<UserId> = operations.iter().map(|planned| planned.operation.user).collect();
    let filed = file(store, app, operations, as_of).await;
    let begun = store.begin(filed.clone(), as_of.plus_millis(5)).await.unwrap();
    assert_eq!(begun.len(), users.len());
    let outcomes = filed.into_iter().zip(users).map(|(event, user)| finished(event, failing[&(app, user)]));
    store.finish(outcomes.collect(), as_of.plus_millis(40)).await.unwrap();
}

/// One plan of a page, admitted and filed.
async fn file(store: &dyn Store, app: &str, operations: Vec<Planned>, as_of: Timestamp) -> Vec<EventId> {
    let users = operations.iter().map(|planned| planned.operation.user).collect();
    let page = PlanPage { users, operations, ..PlanPage::default() };
    let mut fold = Fold::default();
    fold.page(&page);
    let (counts, digest) = fold.finish();
    let summary = PlanSummary {
        id: PlanId::mint(as_of, &SystemEntropy),
        app: AppName::new(app).unwrap(),
        app_digest: Digest::of("app"),
        as_of,
        counts,
        findings: Vec::new(),
        held: BTreeMap::new(),
        digest,
    };
    store.admit(summary.clone()).await.unwrap();
    let filed = store.file(&summary, page, Cursor::default()).await.unwrap();
    assert_eq!(filed.stale, Vec::new(), "nothing moved");
    filed.events
}

fn planned(app: &str, user: UserId, kind: Kind, generation: u64, cause: Cause) -> Planned {
    let value = format!("Title {generation}");
    let operation = Operation {
        kind,
        app: AppName::new(app).unwrap(),
        user,
        label: format!("Person {}", user.0.simple()),
        remote_id: Some(user.0.hyphenated().to_string()),
        user_name: format!("person.{}@example.com", user.0.simple()),
        external_id: None,
        changes: vec![Change { path: "title".into(), old: None, new: Some(value.into()) }],
        edges: Vec::new(),
        released: Vec::new(),
        origin: None,
        generation,
        reason: "assigned to everyone".into(),
    };
    Planned {
        payload: operation.payload_digest("http://127.0.0.1:9", Digest::default(), &[]),
        basis: Digest::of(&generation),
        findings: Vec::new(),
        cause,
        operation: operation.into(),
        verdict: Verdict::Queued,
    }
}

fn finished(event: EventId, fails: bool) -> Finish {
    let body = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[{\"op\":\"replace\",\"path\":\"title\",\"value\":\"Title\"}]}";
    let exchange = Exchange {
        method: "PATCH".into(),
        path: "/Users/0f0c1c9e-6c1f-4a57-9b0e-2c7d5a3b8e11".into(),
        status: Some(if fails { 400 } else { 200 }),
        millis: 12,
        request: body.into(),
        answer: format!("{body}{body}"),
    };
    let outcome = if fails {
        let detail = "the value is not allowed".to_owned();
        Outcome::Failed(Failure { class: FailureClass::Refused, status: Some(400), detail, retry_after: None })
    } else {
        Outcome::Succeeded(Done {
            remote_id: None,
            found: BTreeMap::new(),
            found_active: true,
            replaced: None,
            note: String::new(),
        })
    };
    Finish { event, outcome, exchanges: vec![exchange] }
}
