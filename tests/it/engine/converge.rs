//! Any sequence of rule changes and of edits by others converges, and never takes away what is not ours: through the whole engine,
//! against targets that behave as connectors say.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};
use usher::clock::Span;
use usher::engine::Command;
use usher::id::AppName;
use usher::provision::edge::EdgeState;
use usher::sandbox::GroupSeed;

use super::house::{House, Plan, people};
use super::tap::Sent;

/// People in the directory; strangers at the target come after them.
const PEOPLE: usize = 4;
const STRANGERS: usize = 2;
/// The groups at the target. Where it computes members, the last one shows whoever holds the roles that the first two give.
const GROUPS: [&str; 4] = ["Makers", "Keepers", "Crew", "Owners"];
const OWNERS: usize = 3;
const APP: &str = "[assign]\nroles = [\"staff\"]\n[reconcile]\ndefault = \"repair\"\nmemberships = \"repair\"\n";
const ACCOUNT: &str = "fn account(user) { #{ userName: user.email, displayName: user.display_name } }\n";

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The rules give each person other groups: one bit a group.
    Rules([u8; PEOPLE]),
    /// Somebody at the target puts somebody into a group.
    PutIn(usize, usize),
    /// Somebody at the target takes somebody out.
    TakeOut(usize, usize),
    /// Somebody at the target writes another value.
    Write(usize, u8),
    Sync,
    Reconcile,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let (group, anybody) = (0..GROUPS.len(), 0..PEOPLE + STRANGERS);
    prop_oneof![
        2 => prop::array::uniform(0_u8..16).prop_map(Step::Rules),
        2 => (group.clone(), anybody.clone()).prop_map(|(group, who)| Step::PutIn(group, who)),
        2 => (group, anybody).prop_map(|(group, who)| Step::TakeOut(group, who)),
        1 => (0..PEOPLE, 0_u8..3).prop_map(|(who, value)| Step::Write(who, value)),
        4 => Just(Step::Sync),
        1 => Just(Step::Reconcile),
        1 => Just(Step::Wait),
    ]
}

/// What somebody writes at the target: never the same twice. What comes back after a repair is reported and not written over again,
/// because a target that does not keep our value looks the same.
fn edit(value: u8) -> String {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    format!("Edit {value}, the {}th", WRITTEN.fetch_add(1, Ordering::Relaxed))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 4..16)
}

/// Each case is a whole house.
fn few() -> ProptestConfig {
    ProptestConfig { cases: 12, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() }
}

fn run<F: Future<Output = Result<(), TestCaseError>>>(case: F) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(case)
}

impl House {
    /// One cycle, everything that was held approved, and what came of that.
    async fn approved(&self) {
        self.sync().await;
        if !self.pending().await.is_empty() {
            self.decide_all(true).await;
            self.sync().await;
        }
    }

    /// What strangers' accounts have, as they were stored; the groups that others put them into show elsewhere.
    fn strangers(&self) -> Vec<Json> {
        let all = self.sandbox.accounts().into_iter().filter(|account| account.third_party);
        all.map(|account| json!([account.id, account.user_name, account.active, account.body])).collect()
    }

    async fn compared(&self) {
        self.ask(Command::Reconcile { app: AppName::new("app").unwrap(), last: false }).await.unwrap();
    }

    /// Reconciles, repairs and approves until it must have come to rest; then nothing is sent.
    async fn settled(&self) -> Result<(), TestCaseError> {
        for _ in 0..3 {
            self.compared().await;
            self.approved().await;
            self.advance(Span::from_secs(900));
        }
        let quiet = self.sync().await;
        prop_assert_eq!((quiet.requests, self.pending().await.len()), (0, 0), "{:?}", quiet);
        prop_assert_eq!(self.engine.store().verify().await.unwrap().problems, Vec::<String>::new());
        Ok(())
    }
}

/// A target with groups, and what is known of it from outside.
struct Groups {
    house: House,
    connector: &'static str,
    computed: bool,
    ids: Vec<String>,
    strangers: Vec<String>,
    wanted: [u8; PEOPLE],
    /// Group and account of what others put there.
    theirs: BTreeSet<(usize, String)>,
    /// Group and account that we added, by the last request about them.
    sent: BTreeSet<(String, String)>,
    untouched: Vec<Json>,
}

fn grants(wanted: [u8; PEOPLE]) -> String {
    let list = |bits: u8| -> String {
        let given = GROUPS.iter().enumerate().filter(|(group, _)| bits & (1 << group) != 0);
        given.map(|(_, name)| format!("grant(\"group\", \"{name}\")")).collect::<Vec<_>>().join(", ")
    };
    let arms: String =
        wanted.iter().enumerate().map(|(who, bits)| format!("\"k{who}\" => [{}], ", list(*bits))).collect();
    format!("{ACCOUNT}fn entitlements(user) {{ switch user.key {{ {arms}_ => [] }} }}")
}

impl Groups {
    async fn build(connector: &'static str) -> Self {
        let computed = connector == "nullplatform";
        let seeds = (0..STRANGERS).map(|n| json!({ "userName": format!("stranger{n}@example.com") })).collect();
        let rules = grants([0; PEOPLE]);
        let house = House::build(Plan { connector, rules: &rules, app: APP, seeds, ..Plan::default() }).await;
        let strangers = house.sandbox.accounts().into_iter().map(|account| account.id).collect();
        let role = |name: &str| BTreeSet::from([name.to_owned()]);
        let ids = GROUPS.iter().enumerate().map(|(number, name)| {
            let mut seed = GroupSeed { display_name: (*name).to_owned(), ..GroupSeed::default() };
            match number {
                0 | 1 if computed => seed.gives = role(name),
                OWNERS if computed => seed.requires = role(GROUPS[0]).union(&role(GROUPS[1])).cloned().collect(),
                _ => {}
            }
            house.sandbox.add_group_like(&seed)
        });
        let ids = ids.collect();
        house.refresh().await;
        house.import(&people(PEOPLE), true).await.unwrap();
        house.approved().await;
        let untouched = house.strangers();
        let (theirs, sent) = (BTreeSet::new(), BTreeSet::new());
        Self { house, connector, computed, ids, strangers, wanted: [0; PEOPLE], theirs, sent, untouched }
    }

    fn who(&self, number: usize) -> String {
        match number.checked_sub(PEOPLE) {
            Some(stranger) => self.strangers[stranger].clone(),
            None => self.house.id_of(&format!("p{number}@example.com")),
        }
    }

    fn assigned(&self, group: usize) -> BTreeSet<String> {
        let groups = self.house.sandbox.groups();
        groups.into_iter().find(|each| each.id == self.ids[group]).unwrap().assigned.into_iter().collect()
    }

    /// Whether the ledger says that we granted it, whatever became of it.
    async fn is_ours(&self, group: usize, who: &str) -> bool {
        let rows = self.house.engine.store().pairs_after(&AppName::new("app").unwrap(), None, 100).await.unwrap();
        let row = rows.into_iter().find(|row| row.account.remote_id.as_deref() == Some(who));
        let edges = row.map(|row| row.edges).unwrap_or_default();
        edges.iter().any(|edge| edge.key.remote_id == self.ids[group] && edge.state != EdgeState::Found)
    }

    async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Rules(wanted) => {
                self.wanted = *wanted;
                let rules = grants(*wanted);
                self.house.apply(&Plan { connector: self.connector, rules: &rules, app: APP, ..Plan::default() }).await;
            }
            // Whom others put where nobody shows can't be told from whom we put there.
            Step::PutIn(OWNERS, _) if self.computed => {}
            Step::PutIn(group, who) => {
                let id = self.who(*who);
                if !self.assigned(*group).contains(&id) && !self.is_ours(*group, &id).await {
                    self.theirs.insert((*group, id.clone()));
                }
                self.house.sandbox.put_into_group(&self.ids[*group], &id);
            }
            Step::TakeOut(group, who) => {
                let id = self.who(*who);
                self.house.sandbox.take_out_of_group(&self.ids[*group], &id);
                self.theirs.remove(&(*group, id));
            }
            Step::Write(who, value) => {
                let id = self.who(*who);
                self.house.sandbox.tamper(&id, |body| {
                    body.insert("displayName".into(), json!(edit(*value)));
                });
            }
            Step::Sync => self.house.approved().await,
            Step::Reconcile => self.house.compared().await,
            Step::Wait => self.house.advance(Span::from_secs(900)),
        }
        self.nothing_of_theirs_is_gone()
    }

    fn nothing_of_theirs_is_gone(&mut self) -> Result<(), TestCaseError> {
        for (group, id) in &self.theirs {
            prop_assert!(self.assigned(*group).contains(id), "{} lost {id}, whom others put there", GROUPS[*group]);
        }
        prop_assert_eq!(self.house.strangers(), self.untouched.clone());
        for sent in self.house.tap.member_changes() {
            for (group, id, adds) in changes(&sent) {
                let known = (group, id);
                if !adds {
                    self.sent.remove(&known);
                } else if self.computed {
                    prop_assert!(!self.sent.contains(&known), "{known:?} is sent again");
                    self.sent.insert(known);
                }
            }
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<(), TestCaseError> {
        self.house.settled().await?;
        self.nothing_of_theirs_is_gone()?;
        let edges = self.house.edges().await;
        for (group, name) in GROUPS.iter().enumerate() {
            let there = self.assigned(group);
            let theirs: BTreeSet<String> =
                self.theirs.iter().filter(|(of, _)| *of == group).map(|(_, id)| id.clone()).collect();
            let wanted = (0..PEOPLE).filter(|who| self.wanted[*who] & (1 << group) != 0);
            let wanted: BTreeSet<String> = wanted.map(|who| self.who(who)).collect();
            let allowed: BTreeSet<String> = theirs.union(&wanted).cloned().collect();
            if self.computed {
                prop_assert!(there.is_subset(&allowed), "{name}: {there:?}, of these {allowed:?}");
                let known = edges.iter().filter(|edge| edge.key.remote_id == self.ids[group]).count();
                prop_assert_eq!(known, wanted.len(), "{}: each is granted, found, or not effective", name);
            } else {
                prop_assert_eq!(there, allowed, "{}", name);
            }
        }
        for who in 0..PEOPLE {
            let id = self.who(who);
            let account = self.house.sandbox.accounts().into_iter().find(|account| account.id == id).unwrap();
            prop_assert_eq!(&account.body["displayName"], &json!(format!("Given{who} Family{who}")));
        }
        Ok(())
    }
}

/// Group, account, and whether it is added.
fn changes(sent: &Sent) -> Vec<(String, String, bool)> {
    let group = sent.path.trim_start_matches("/Groups/").to_owned();
    let operations = sent.body["Operations"].as_array().unwrap();
    let each = operations.iter().flat_map(|operation| {
        let adds = operation["op"] == "add";
        let path = operation["path"].as_str().unwrap();
        let ids: Vec<String> = match operation["value"].as_array() {
            Some(values) => values.iter().map(|value| value["value"].as_str().unwrap().to_owned()).collect(),
            None => vec![path.split('"').nth(1).unwrap().to_owned()],
        };
        ids.into_iter().map(move |id| (id, adds))
    });
    each.map(|(id, adds)| (group.clone(), id, adds)).collect()
}

async fn with_groups(connector: &'static str, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut target = Groups::build(connector).await;
    for step in steps {
        target.take(step).await?;
    }
    target.check().await
}

const NULAB: &str = "[assign]\nroles = [\"staff\"]\n[reconcile]\ndefault = \"repair\"\n";
/// What a rule may say there.
const ROLES: [&str; 3] = ["GUEST", "USER", "ADMIN"];

fn roles(wanted: [u8; PEOPLE]) -> String {
    let arms: String = wanted
        .iter()
        .enumerate()
        .map(|(who, bits)| format!("\"k{who}\" => \"{}\", ", ROLES[usize::from(*bits) % 3]))
        .collect();
    format!(
        "fn account(user) {{ #{{ userName: user.email, displayName: user.display_name, \
         roles: [#{{ primary: true, value: switch user.key {{ {arms}_ => \"GUEST\" }} }}] }} }}"
    )
}

/// Roles are all that Nulab Pass has to grant: what others write over ours is put right, what strangers have stays.
async fn with_roles(steps: &[Step]) -> Result<(), TestCaseError> {
    let connector = "nulab-pass";
    let seed = |n: usize| {
        json!({ "userName": format!("stranger{n}@example.com"), "displayName": "Stranger", "active": true,
                "roles": [{ "primary": true, "value": "ADMIN" }] })
    };
    let seeds = (0..STRANGERS).map(seed).collect();
    let mut wanted = [0; PEOPLE];
    let rules = roles(wanted);
    let house = House::build(Plan { connector, rules: &rules, app: NULAB, seeds, ..Plan::default() }).await;
    house.import(&people(PEOPLE), true).await.unwrap();
    house.approved().await;
    let untouched = house.strangers();
    let mut written = BTreeSet::new();
    for step in steps {
        match step {
            Step::Rules(other) => {
                wanted = *other;
                house.apply(&Plan { connector, rules: &roles(wanted), app: NULAB, ..Plan::default() }).await;
            }
            Step::PutIn(role, who) | Step::TakeOut(role, who) if *who < PEOPLE => {
                let id = house.id_of(&format!("p{who}@example.com"));
                let value = json!([{ "primary": true, "value": ROLES[*role % 3] }]);
                // As with names: what comes back after a repair is reported.
                if written.insert((*who, *role % 3)) {
                    house.sandbox.tamper(&id, |body| drop(body.insert("roles".into(), value)));
                }
            }
            Step::Write(who, value) => {
                let id = house.id_of(&format!("p{who}@example.com"));
                let name = json!(edit(*value));
                house.sandbox.tamper(&id, |body| drop(body.insert("displayName".into(), name)));
            }
            Step::PutIn(..) | Step::TakeOut(..) => {}
            Step::Sync => house.approved().await,
            Step::Reconcile => house.compared().await,
            Step::Wait => house.advance(Span::from_secs(900)),
        }
        prop_assert_eq!(house.strangers(), untouched.clone());
    }
    house.settled().await?;
    prop_assert_eq!(house.strangers(), untouched.clone());
    for who in 0..PEOPLE {
        let id = house.id_of(&format!("p{who}@example.com"));
        let body = house.sandbox.accounts().into_iter().find(|account| account.id == id).unwrap().body;
        prop_assert_eq!(&body["displayName"], &json!(format!("Given{who} Family{who}")));
        prop_assert_eq!(&body["roles"][0]["value"], &json!(ROLES[usize::from(wanted[who]) % 3]), "{}", body);
    }
    Ok(())
}

proptest! {
    #![proptest_config(few())]

    /// Invariants 2 and 5, where groups show whom others put there.
    #[test]
    fn whatever_rules_and_others_change_groups_converge_and_no_edge_of_others_goes(steps in steps()) {
        run(with_groups("generic-scim2", &steps))?;
    }

    /// The same where the target computes who is a member: what does not take effect is never sent again.
    #[test]
    fn whatever_rules_and_others_change_nullplatform_converges_and_nothing_ineffective_is_sent_again(steps in steps()) {
        run(with_groups("nullplatform", &steps))?;
    }

    /// The same where entitlements are an attribute of the account.
    #[test]
    fn whatever_rules_and_others_change_roles_of_nulab_pass_converge_and_strangers_keep_theirs(steps in steps()) {
        run(with_roles(&steps))?;
    }
}
