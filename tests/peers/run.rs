//! The town is provisioned into servers that others wrote, among users, groups and members of third parties.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value as Json;

use crate::company::Company;
use crate::peer::{Peer, start_canaille, start_scim2_server, start_scimmy, start_scimmy_paged};
use crate::tap::Sent;
use crate::third::ThirdParty;
use crate::town::{Person, Town, USHER_TOML};

/// A town and its server, on which third parties have users, groups of their own, and members in the groups that the rules name.
struct Run {
    town: Town,
    third: ThirdParty,
    company: Company,
}

impl Run {
    async fn begin(peer: Peer, town: Town, app: &str) -> Self {
        let mut groups = town.groups();
        groups.extend((0..4).map(|number| format!("Elsewhere {number}")));
        let third = ThirdParty::seed(&peer, 30, &groups).await;
        let rules = town.rules(&peer.traits);
        let company = Company::with(peer, USHER_TOML, &rules, &format!("[assign]\neveryone = true\n{app}")).await;
        fs::write(company.export().join("people.csv"), town.csv()).unwrap();
        company.usher(&["apply"]);
        company.import();
        Self { town, third, company }
    }

    /// What a group shows as the members that are ours.
    async fn members(&self) -> BTreeSet<String> {
        let (mut members, ids) = (BTreeSet::new(), self.company.remote_ids());
        for number in self.town.people.keys() {
            let name = Person::user_name(*number);
            members.insert(self.company.peer.member(&ids[&name], &name));
        }
        members
    }
}

/// The most members of one request: what the connectors say by default.
const CHUNK: usize = 100;

impl Run {
    /// Group id → name, of the groups that the rules can name.
    fn names(&self) -> BTreeMap<&str, &str> {
        self.third.groups.iter().map(|(name, id)| (id.as_str(), name.as_str())).collect()
    }

    /// Group → userNames of the town's people who are in it at the server, `beside` (group, userName) left out.
    async fn shown(&self, beside: &BTreeSet<(String, String)>) -> BTreeMap<String, BTreeSet<String>> {
        let peer = &self.company.peer;
        let (mut people, ids) = (BTreeMap::new(), self.company.remote_ids());
        for number in self.town.people.keys() {
            let name = Person::user_name(*number);
            people.insert(peer.member(&ids[&name], &name), name);
        }
        let mut shown = BTreeMap::new();
        for (name, id) in &self.third.groups {
            let group = peer.get(&format!("/Groups/{id}")).await;
            let listed = group["members"].as_array().into_iter().flatten();
            let members: Vec<&str> = listed.map(|member| member["value"].as_str().unwrap()).collect();
            assert_eq!(members.iter().collect::<BTreeSet<_>>().len(), members.len(), "{name} has somebody twice");
            let ours: BTreeSet<String> = members
                .iter()
                .filter_map(|member| people.get(*member))
                .filter(|person| !beside.contains(&(name.clone(), (*person).clone())))
                .cloned()
                .collect();
            if !ours.is_empty() {
                shown.insert(name.clone(), ours);
            }
        }
        shown
    }

    /// Says that the people of the town are in the groups that the rules give, and in no other but those `beside`.
    async fn edges_are_right(&self, beside: &BTreeSet<(String, String)>) {
        let (shown, wanted) = (self.shown(beside).await, self.town.edges());
        assert_eq!(shown.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (group, members) in wanted {
            assert_eq!(shown[&group], members, "{group}");
        }
    }

    /// Approves whatever waits, syncs until nothing does, and gives the requests that write.
    fn settle(&self) -> Vec<Sent> {
        let mut writes = self.company.sync_writes();
        loop {
            let waiting = self.company.usher(&["approvals", "list"]);
            let batches: BTreeSet<&str> =
                waiting.as_array().unwrap().iter().filter_map(|e| e["batch"].as_str()).collect();
            let alone = waiting.as_array().unwrap().iter().filter(|event| event["batch"] == Json::Null);
            let alone: Vec<&str> = alone.map(|event| event["id"].as_str().unwrap()).collect();
            if batches.is_empty() && alone.is_empty() {
                return writes;
            }
            for batch in batches {
                self.company.usher(&["approvals", "approve", "--batch", batch, "--comment", "as planned"]);
            }
            for id in alone {
                self.company.usher(&["approvals", "approve", id, "--comment", "as planned"]);
            }
            writes.extend(self.company.sync_writes());
        }
    }

    /// Writes the export anew and imports it; what is missing is accepted.
    fn import(&self) {
        fs::write(self.company.export().join("people.csv"), self.town.csv()).unwrap();
        self.company.import();
    }

    /// Says that members went out in no more requests than chunks need, `adds` and `removes` in all.
    fn chunks_are_few(&self, writes: &[Sent], adds: &BTreeMap<String, usize>, removes: &BTreeMap<String, usize>) {
        let sent: Vec<&Sent> = writes.iter().filter(|sent| sent.changes_members()).collect();
        let chunks =
            |counts: &BTreeMap<String, usize>| counts.values().map(|count| count.div_ceil(CHUNK)).sum::<usize>();
        assert!(sent.len() <= chunks(adds) + chunks(removes), "{} member requests", sent.len());
        let names = self.names();
        let mut added: BTreeMap<String, usize> = BTreeMap::new();
        for sent in &sent {
            let id = sent.path.rsplit_once('/').unwrap().1;
            *added.entry(names[id].to_owned()).or_default() += sent.members().0;
        }
        added.retain(|_, count| *count > 0);
        assert_eq!(&added, adds);
    }
}

/// How many edges of each group `now` has that `before` had not.
fn more(
    now: &BTreeMap<String, BTreeSet<String>>,
    before: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, usize> {
    let none = BTreeSet::new();
    let counts = now
        .iter()
        .map(|(group, members)| (group.clone(), members.difference(before.get(group).unwrap_or(&none)).count()));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// 500 people, 40 groups, 6,000 edges: they arrive, move, leave, a rule goes away, and the target is reconciled.
async fn the_town_lives(peer: Peer) {
    let mut run = Run::begin(peer, Town::new(500, 40), "\n[leaving]\nrevoke_on_leave = true\n").await;
    let none = BTreeSet::new();
    let before = run.third.picture(&run.company.peer, |_, _| false).await;
    run.company.usher(&["apps", "refresh", "peer"]);
    let writes = run.settle();
    run.edges_are_right(&none).await;
    let wanted = run.town.edges();
    run.chunks_are_few(&writes, &more(&wanted, &BTreeMap::new()), &BTreeMap::new());
    let ours = run.members().await;
    ThirdParty::is_as_it_was(&before, &run.third.picture(&run.company.peer, |_, member| ours.contains(member)).await);
    run.company.sync_is_quiet();

    // A third party puts one of ours into a group of its own, and into one that the rules could give but do not give him.
    let person = run.town.people[&0].clone();
    let team = (0..30).find(|team| !person.teams.contains(team)).unwrap();
    let beside: BTreeSet<(String, String)> =
        ["Elsewhere 0".to_owned(), format!("Team {team}")].map(|group| (group, Person::user_name(0))).into();
    for (group, _) in &beside {
        let id = run.company.remote_id("0");
        run.company.peer.seed_members(&run.third.groups[group], &[id]).await;
    }

    // Some move, some leave, and the departments' rule goes away.
    let was = run.town.edges();
    for (number, person) in run.town.people.iter_mut().filter(|(number, _)| *number % 20 == 0) {
        person.department = (person.department + 1) % 9;
        person.teams = person.teams.iter().map(|team| (team + number / 20 % 3) % 30).collect();
    }
    run.import();
    let writes = run.settle();
    let now = run.town.edges();
    run.chunks_are_few(&writes, &more(&now, &was), &more(&was, &now));
    run.edges_are_right(&beside).await;

    let was = now;
    run.town.left = (7..500).step_by(50).collect();
    run.import();
    let writes = run.settle();
    let now = run.town.edges();
    run.chunks_are_few(&writes, &BTreeMap::new(), &more(&was, &now));
    run.edges_are_right(&beside).await;
    let ids = run.company.remote_ids();
    for number in &run.town.left {
        let account = run.company.peer.get(&format!("/Users/{}", ids[&Person::user_name(*number)])).await;
        assert_eq!(account["active"], false, "{number}");
    }

    run.town.departments = false;
    run.company.put_rules(&run.town.rules(&run.company.peer.traits));
    run.company.usher(&["apply"]);
    let was = now;
    let writes = run.settle();
    let now = run.town.edges();
    run.chunks_are_few(&writes, &more(&now, &was), &more(&was, &now));
    run.edges_are_right(&beside).await;
    run.company.sync_is_quiet();

    run.company.usher(&["reconcile", "peer"]);
    run.company.sync_is_quiet();
    run.edges_are_right(&beside).await;
    let person = Person::user_name(0);
    let zero = run.company.peer.member(&run.company.remote_id("0"), &person);
    let names = run.names();
    let theirs = |group: &str, member: &str| {
        let put_by_others = member == zero && beside.contains(&(names[group].to_owned(), person.clone()));
        ours.contains(member) && !put_by_others
    };
    let now = run.third.picture(&run.company.peer, theirs).await;
    let touched: BTreeSet<&String> = before.keys().filter(|path| before[*path] != now[*path]).collect();
    let expected: BTreeSet<String> =
        beside.iter().map(|(group, _)| format!("/Groups/{}", run.third.groups[group])).collect();
    assert_eq!(touched, expected.iter().collect(), "only what the third party itself added");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_town_lives_at_scim2_server() {
    the_town_lives(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_town_lives_at_scimmy() {
    the_town_lives(start_scimmy_paged()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_town_lives_at_canaille() {
    the_town_lives(start_canaille()).await;
}

async fn the_town_arrives(peer: Peer) {
    let run = Run::begin(peer, Town::new(40, 30), "").await;
    let before = run.third.picture(&run.company.peer, |_, _| false).await;
    assert_eq!(before.len(), 30 + 34);
    run.company.sync();
    assert_eq!(run.company.peer.count().await, 70);
    let ours = run.members().await;
    assert_eq!(ours.len(), 40);
    let now = run.third.picture(&run.company.peer, |_, member| ours.contains(member)).await;
    ThirdParty::is_as_it_was(&before, &now);
    run.company.sync_is_quiet();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_town_arrives_at_scim2_server() {
    the_town_arrives(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_town_arrives_at_scimmy() {
    the_town_arrives(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_town_arrives_at_canaille() {
    the_town_arrives(start_canaille()).await;
}
