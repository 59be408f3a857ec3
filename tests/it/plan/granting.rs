//! Granting: which edges the rules add and take back, and never what is not ours.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use usher::provision::FindingKind;
use usher::provision::desired::GrantedEntitlement;
use usher::provision::edge::{self, Edge, EdgeState, EdgeStep};
use usher::provision::entitlement::{Catalogue, Entitlement, EntitlementKey};
use usher::provision::granting::{Granting, Resolved, resolve};

use super::world::{AS_OF, World};

fn key(id: &str) -> EntitlementKey {
    EntitlementKey { kind: "group".into(), remote_id: id.into() }
}

fn catalogue(groups: &[(&str, &str)]) -> Catalogue {
    let each = |(id, name): &(&str, &str)| {
        let entitlement = Entitlement { key: key(id), name: (*name).into(), created: false, since: AS_OF, gone: None };
        (key(id), entitlement)
    };
    Catalogue { entitlements: groups.iter().map(each).collect(), refreshed: Some(AS_OF), ..Catalogue::default() }
}

fn edge(id: &str, name: &str, state: EdgeState) -> Edge {
    Edge { key: key(id), name: name.into(), state, event: None, since: AS_OF, effective: true }
}

fn grant(name: &str) -> GrantedEntitlement {
    GrantedEntitlement { kind: "group".into(), name: name.into() }
}

fn resolved(app: &str, catalogue: &Catalogue, edges: &[Edge], names: &[&str]) -> Resolved {
    let world = World::new(app);
    let grants: Vec<_> = names.iter().map(|name| grant(name)).collect();
    resolve(Granting { app: &world.spec, catalogue, edges, grants: Some(&grants) })
}

fn words(resolved: &Resolved) -> Vec<String> {
    resolved.changes.iter().map(usher::provision::edge::EdgeChange::words).collect()
}

fn said(resolved: &Resolved) -> Vec<FindingKind> {
    resolved.findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn what_is_granted_is_added_once_and_what_is_not_is_taken_back_if_it_is_ours() {
    let there = catalogue(&[("a", "A"), ("b", "B"), ("c", "C")]);
    let edges = [edge("a", "A", EdgeState::Granted), edge("b", "B", EdgeState::Found)];
    assert_eq!(words(&resolved("", &there, &edges, &["A", "b", "C"])), ["add to group “C”"]);
    let fewer = resolved("", &there, &edges, &[]);
    assert_eq!(words(&fewer), ["remove from group “A”"]);
    assert_eq!(fewer.forgotten, [key("b")]);
    let ineffective = [Edge { effective: false, ..edge("a", "A", EdgeState::Granted) }];
    assert_eq!(resolved("", &there, &ineffective, &["A"]), Resolved::default(), "never sent again");
}

#[test]
fn a_name_that_means_nothing_certain_changes_nothing() {
    let two = catalogue(&[("a", "A"), ("b", "A")]);
    let granted = [edge("a", "A", EdgeState::Granted)];
    let ambiguous = resolved("", &two, &granted, &["A"]);
    assert_eq!((words(&ambiguous).len(), said(&ambiguous)), (0, vec![FindingKind::AmbiguousEntitlement]));
    let renamed = resolved("", &catalogue(&[("a", "Alpha")]), &granted, &["A"]);
    assert_eq!((words(&renamed).len(), said(&renamed)), (0, vec![FindingKind::UnknownEntitlement]));
    assert!(renamed.findings[0].detail.contains("it is called “Alpha” there now"), "{renamed:?}");
    let unknown = resolved("", &catalogue(&[]), &[], &["A"]);
    assert_eq!(unknown.findings[0].detail, "no group “A” at the target");
    let created = resolved("[entitlements]\ncreate_missing = true", &catalogue(&[]), &[], &["A"]);
    assert_eq!((words(&created), created.findings), (vec!["add to group “A”".to_owned()], Vec::new()));
    let mut gone = catalogue(&[("a", "A")]);
    gone.entitlements.get_mut(&key("a")).unwrap().gone = Some(AS_OF);
    let lost = resolved("", &gone, &granted, &[]);
    assert_eq!((words(&lost).len(), said(&lost)), (0, vec![FindingKind::EntitlementGone]));
    assert_eq!(lost.forgotten, [key("a")]);
}

#[test]
fn a_fault_or_a_switch_leaves_edges_alone() {
    let there = catalogue(&[("a", "A"), ("b", "B")]);
    let edges = [edge("a", "A", EdgeState::Granted)];
    let world = World::new("");
    let none = resolve(Granting { app: &world.spec, catalogue: &there, edges: &edges, grants: None });
    assert_eq!(none, Resolved::default());
    let off = resolved("[entitlements]\nmemberships = false", &there, &edges, &["B"]);
    assert_eq!((words(&off).len(), said(&off)), (0, vec![FindingKind::MembershipsOff]));
    let role = [GrantedEntitlement { kind: "role".into(), name: "ADMIN".into() }];
    let role = resolve(Granting { app: &world.spec, catalogue: &there, edges: &[], grants: Some(&role) });
    assert_eq!((words(&role).len(), said(&role)), (0, vec![FindingKind::NotGrantable]));
}

#[test]
fn the_table_of_edges_never_takes_away_what_was_found() {
    use EdgeState::{Adding, Found, Granted, Removing, Unknown};
    let states = [None, Some(Adding), Some(Granted), Some(Found), Some(Removing), Some(Unknown)];
    let steps = [
        (
            EdgeStep::Planned { add: true },
            vec![(None, Some(Adding)), (Some(Adding), Some(Adding)), (Some(Unknown), Some(Unknown))],
        ),
        (
            EdgeStep::Planned { add: false },
            vec![(Some(Granted), Some(Removing)), (Some(Removing), Some(Removing)), (Some(Unknown), Some(Unknown))],
        ),
        (
            EdgeStep::PutBack,
            vec![(Some(Adding), None), (Some(Removing), Some(Granted)), (Some(Unknown), Some(Unknown))],
        ),
        (EdgeStep::Added, vec![(Some(Adding), Some(Granted)), (Some(Unknown), Some(Granted))]),
        (EdgeStep::Seen, vec![(Some(Adding), Some(Found)), (Some(Unknown), Some(Granted))]),
        (EdgeStep::Removed, vec![(Some(Removing), None), (Some(Unknown), None)]),
        (
            EdgeStep::Lost,
            vec![(Some(Adding), Some(Unknown)), (Some(Removing), Some(Unknown)), (Some(Unknown), Some(Unknown))],
        ),
        (EdgeStep::NotSent { add: true }, vec![(Some(Adding), Some(Adding)), (Some(Unknown), Some(Adding))]),
        (EdgeStep::NotSent { add: false }, vec![(Some(Removing), Some(Removing)), (Some(Unknown), Some(Removing))]),
        (EdgeStep::Refused { add: true }, vec![(Some(Adding), None), (Some(Unknown), None)]),
        (EdgeStep::Refused { add: false }, vec![(Some(Removing), Some(Granted)), (Some(Unknown), Some(Granted))]),
    ];
    for (step, legal) in steps {
        for from in states {
            let expected = legal.iter().find(|(start, _)| *start == from).map(|(_, end)| *end);
            assert_eq!(edge::step(from, step).ok(), expected, "{from:?} {step:?}");
        }
    }
}

/// What happens in the world.
#[derive(Debug, Clone)]
enum Happens {
    /// The rules grant these groups from now on.
    Rules(BTreeSet<usize>),
    /// Somebody else puts the account into a group.
    Joins(usize),
    /// Somebody else takes it out.
    Leaves(usize),
    /// A cycle.
    Sync,
}

const NAMES: [&str; 4] = ["A", "B", "C", "D"];

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        prop::collection::btree_set(0..4_usize, 0..4).prop_map(Happens::Rules),
        (0..4_usize).prop_map(Happens::Joins),
        (0..4_usize).prop_map(Happens::Leaves),
        Just(Happens::Sync),
        Just(Happens::Sync),
    ]
}

/// One account at a target that is in process: who put it into which group.
#[derive(Default)]
struct Target {
    /// Group → whether it was us.
    members: BTreeMap<String, bool>,
    ledger: Vec<Edge>,
}

impl Target {
    /// What the pusher does: looked at first, then the delta.
    fn sync(&mut self, world: &World, there: &Catalogue, wanted: &BTreeSet<usize>) -> Result<(), TestCaseError> {
        let grants: Vec<_> = wanted.iter().map(|index| grant(NAMES[*index])).collect();
        let plan = |ledger: &[Edge]| {
            resolve(Granting { app: &world.spec, catalogue: there, edges: ledger, grants: Some(&grants) })
        };
        let todo = plan(&self.ledger);
        self.ledger.retain(|edge| !todo.forgotten.contains(&edge.key));
        for change in todo.changes {
            let id = change.remote_id.clone();
            let known = self.ledger.iter().find(|edge| edge.key == change.key()).map(|edge| edge.state);
            let planned = edge::step(known, EdgeStep::Planned { add: change.add }).unwrap();
            let step = match (change.add, self.members.contains_key(&id)) {
                (true, true) => EdgeStep::Seen,
                (true, false) => EdgeStep::Added,
                (false, _) => EdgeStep::Removed,
            };
            if change.add {
                self.members.entry(id.clone()).or_insert(true);
            } else {
                prop_assert_ne!(self.members.remove(&id), Some(false), "it was not ours: {}", id);
            }
            self.ledger.retain(|edge| edge.key != change.key());
            if let Some(state) = edge::step(planned, step).unwrap() {
                self.ledger.push(edge(&id, &change.name, state));
            }
        }
        prop_assert_eq!(plan(&self.ledger), Resolved::default(), "nothing is left to plan");
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_rules_and_others_do_it_converges_and_only_ours_is_taken_back(
        story in prop::collection::vec(happens(), 1..40),
    ) {
        let world = World::new("");
        let there = catalogue(&[("A", "A"), ("B", "B"), ("C", "C"), ("D", "D")]);
        let (mut target, mut wanted) = (Target::default(), BTreeSet::new());
        for what in story {
            match what {
                Happens::Rules(now) => wanted = now,
                Happens::Joins(index) => drop(target.members.entry(NAMES[index].into()).or_insert(false)),
                // What others take away of ours stays in the ledger until a reconciliation; what they take of theirs is theirs.
                Happens::Leaves(index) => {
                    let ours = target.ledger.iter().any(|edge| edge.name == NAMES[index] && edge.state == EdgeState::Granted);
                    if !ours {
                        target.members.remove(NAMES[index]);
                    }
                }
                Happens::Sync => {
                    let before: BTreeSet<String> =
                        target.members.iter().filter(|(_, ours)| !**ours).map(|(id, _)| id.clone()).collect();
                    target.sync(&world, &there, &wanted)?;
                    prop_assert!(before.iter().all(|id| target.members.contains_key(id)), "theirs stays");
                    let ledger: BTreeSet<&str> = target.ledger.iter().map(|edge| edge.name.as_str()).collect();
                    let names: BTreeSet<&str> = wanted.iter().map(|index| NAMES[*index]).collect();
                    prop_assert_eq!(ledger, names);
                    for edge in target.ledger.iter().filter(|edge| edge.state == EdgeState::Granted) {
                        prop_assert_eq!(target.members.get(&edge.key.remote_id), Some(&true));
                    }
                }
            }
        }
    }
}
