//! The town is provisioned into servers that others wrote, among users, groups and members of third parties.

use std::collections::BTreeSet;
use std::fs;

use crate::company::Company;
use crate::peer::{Peer, start_canaille, start_scim2_server, start_scimmy};
use crate::third::ThirdParty;
use crate::town::{Person, Town, USHER_TOML};

/// A town and its server, on which third parties have users, groups of their own, and members in the groups that the rules name.
struct Run {
    town: Town,
    third: ThirdParty,
    company: Company,
}

impl Run {
    async fn begin(peer: Peer, town: Town) -> Self {
        let mut groups = town.groups();
        groups.extend((0..4).map(|number| format!("Elsewhere {number}")));
        let third = ThirdParty::seed(&peer, 30, &groups).await;
        let rules = town.rules(&peer.traits);
        let company = Company::with(peer, USHER_TOML, &rules, "[assign]\neveryone = true\n").await;
        fs::write(company.export().join("people.csv"), town.csv()).unwrap();
        company.usher(&["apply"]);
        company.import();
        Self { town, third, company }
    }

    /// What a group shows as the members that are ours.
    async fn members(&self) -> BTreeSet<String> {
        let mut members = BTreeSet::new();
        for number in self.town.people.keys() {
            let id = self.company.remote_id(&number.to_string());
            members.insert(self.company.peer.member(&id, &Person::user_name(*number)));
        }
        members
    }
}

async fn the_town_arrives(peer: Peer) {
    let run = Run::begin(peer, Town::new(40, 30)).await;
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
