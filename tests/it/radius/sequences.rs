//! Whatever is planned, pushed, decided, broken off and whichever way the clock jumps: what goes out without an approval stays within
//! the blast radius, an approval is for one payload and used once, and what was released counts no more.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use usher::clock::{Clock, Span, Timestamp};
use usher::directory::Standing;
use usher::id::EventId;
use usher::provision::approval::Ruling;
use usher::provision::entry::Fact;
use usher::provision::event::{Event, StatusKind};
use usher::provision::guard::finding::Class;

use super::at_most;
use super::town::{Town, name};

const APPS: [&str; 2] = ["one", "two"];
const PEOPLE: u64 = 16;
const LIMIT: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Leave(u64),
    Return(u64),
    /// Plan and file one app; nothing is sent.
    Plan(usize),
    Push(usize),
    Sync,
    /// The process ends so many steps into a plan.
    Crash(usize, usize),
    /// Hours, forwards or backwards.
    Clock(i64),
    Decide(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..=PEOPLE).prop_map(Step::Leave),
        2 => (1..=PEOPLE).prop_map(Step::Return),
        4 => (0..APPS.len()).prop_map(Step::Plan),
        3 => (0..APPS.len()).prop_map(Step::Push),
        3 => Just(Step::Sync),
        2 => (0..APPS.len(), 1..120_usize).prop_map(|(app, steps)| Step::Crash(app, steps)),
        3 => prop::sample::select(vec![-400_i64, -30, -5, 1, 5, 13, 23, 25, 300]).prop_map(Step::Clock),
        2 => any::<bool>().prop_map(Step::Decide),
    ]
}

/// What went out without an approval, and when.
#[derive(Default)]
struct Witness {
    seen: BTreeSet<(usize, EventId)>,
    sent: BTreeMap<usize, Vec<Timestamp>>,
    /// As many went out within a day as may.
    full: bool,
    /// Somebody was held by the blast radius.
    held: bool,
    /// Somebody who was held was released and sent.
    released: bool,
}

fn approved(event: &Event) -> bool {
    event.decisions.last().is_some_and(|decision| decision.ruling == Ruling::Approve)
}

impl Witness {
    /// The clock went back: whatever was before now was not after now.
    fn jumped(&mut self, now: Timestamp) {
        self.sent.values_mut().flatten().for_each(|at| *at = (*at).min(now));
    }

    async fn look(&mut self, town: &Town) -> Result<(), TestCaseError> {
        let now = town.clock.now();
        for (app, called) in APPS.iter().enumerate() {
            let leavers = town.leavers(called).await;
            let mut news = false;
            for event in &leavers {
                let ended = event.status.kind() == StatusKind::Succeeded;
                if ended && self.seen.insert((app, event.id)) && !approved(event) {
                    self.sent.entry(app).or_default().push(now);
                    news = true;
                }
                self.held |= event.batch.is_some();
                self.released |= ended && event.batch.is_some() && approved(event);
                of_one_payload(town, event).await?;
            }
            let sent = self.sent.entry(app).or_default();
            let day = sent.iter().filter(|at| **at > now.minus(Span::from_hours(24))).count();
            self.full |= day == LIMIT;
            // A clock that comes back brings days together that seemed apart: then nothing more may go out.
            prop_assert!(!news || day <= LIMIT, "{day} left {called} within a day, unasked");
            // What was released counts no more: nothing but the unasked is in the window.
            let waiting = |event: &&Event| {
                let status = event.status.kind();
                !status.is_final() && status != StatusKind::Pending && !approved(event)
            };
            let open = leavers.iter().filter(waiting).count();
            let window = town.engine.store().window(&name(called), now).await.unwrap();
            let of = |numbers: &BTreeMap<Class, u64>| numbers.get(&Class::Leave).copied().unwrap_or(0);
            let counted = usize::try_from(of(&window.used) - of(&window.reserved)).unwrap();
            prop_assert!(counted <= sent.len() + open, "{counted} count, {} were sent and {open} wait", sent.len());
        }
        Ok(())
    }
}

/// An approval is for exactly what was sent.
async fn of_one_payload(town: &Town, event: &Event) -> Result<(), TestCaseError> {
    let decisions: Vec<_> = event.decisions.iter().filter(|decision| decision.ruling == Ruling::Approve).collect();
    prop_assert!(decisions.len() <= 1, "approved once");
    let Some(approval) = decisions.first() else { return Ok(()) };
    prop_assert_eq!(approval.payload, event.payload);
    for entry in town.engine.store().entries(event.id).await.unwrap() {
        if let Fact::Intent { payload, .. } = entry.fact {
            prop_assert_eq!(payload, approval.payload, "sent for another payload than was approved");
        }
    }
    Ok(())
}

async fn go(town: &mut Town, step: &Step, witness: &mut Witness) {
    match step {
        Step::Leave(person) => drop(town.bring(vec![(*person, Standing::Suspended)]).await),
        Step::Return(person) => drop(town.bring(vec![(*person, Standing::Active)]).await),
        Step::Plan(app) => drop(town.plan(APPS[*app]).await),
        Step::Push(app) => town.push(APPS[*app]).await,
        Step::Sync => drop(town.sync().await),
        Step::Crash(app, steps) => town.crash_while_planning(APPS[*app], *steps).await,
        Step::Decide(approve) => town.decide(*approve).await,
        Step::Clock(hours) if *hours > 0 => town.clock.advance(Span::from_hours(hours.unsigned_abs())),
        Step::Clock(hours) => {
            town.clock.set(town.clock.now().minus(Span::from_hours(hours.unsigned_abs())));
            witness.jumped(town.clock.now());
        }
    }
}

/// At the target: nobody is deactivated more often than there are operations that say so.
async fn the_target_agrees(town: &Town) -> Result<(), TestCaseError> {
    for called in APPS {
        let model = &town.models[&name(called)];
        let sent = model.sent("PATCH") + model.sent("PUT");
        let mut begun = 0;
        let query = usher::store::EventQuery { app: Some(name(called)), limit: 100_000, ..Default::default() };
        for event in town.engine.store().events(query).await.unwrap().items {
            begun += event.attempts as usize;
        }
        prop_assert!(sent <= begun, "{sent} writes in {called}, {begun} attempts");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 120, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_exceeds_the_blast_radius_without_an_approval(steps in prop::collection::vec(step(), 4..28)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(&steps))?;
    }
}

async fn run(steps: &[Step]) -> Result<Witness, TestCaseError> {
    let limit = at_most(LIMIT as u64);
    let apps: Vec<(&str, &str)> = APPS.iter().map(|app| (*app, limit.as_str())).collect();
    let mut town = Town::build(&apps, PEOPLE).await;
    let mut witness = Witness::default();
    for step in steps {
        go(&mut town, step, &mut witness).await;
        witness.look(&town).await?;
    }
    the_target_agrees(&town).await?;
    let verified = town.engine.store().verify().await.unwrap();
    prop_assert_eq!(verified.problems, Vec::<String>::new());
    Ok(witness)
}

/// Properties over sequences in which nothing happens prove nothing.
#[test]
fn the_random_sequences_reach_the_limit_hold_and_release() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut full, mut held, mut released) = (0, 0, 0);
    for _ in 0..60 {
        let steps = prop::collection::vec(step(), 4..28).new_tree(&mut runner).unwrap().current();
        let witness = runtime.block_on(run(&steps)).unwrap_or_else(|error| panic!("{error} after {steps:?}"));
        full += usize::from(witness.full);
        held += usize::from(witness.held);
        released += usize::from(witness.released);
    }
    assert!(full >= 3 && held >= 3 && released >= 3, "at the limit {full}, held {held}, released {released} of 60");
}
