//! Who is in which group: our edges against what the groups show. What others added is counted and stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::connector::groups::MembershipRead;
use crate::directory::change::Cause;
use crate::engine::context::EngineError;
use crate::engine::perform::conversation::Conversation;
use crate::engine::reconcile::compare::{self, Around, Compared};
use crate::engine::reconcile::run::{PAGE, Run};
use crate::id::UserId;
use crate::provision::drift::{APART, DriftKind, DriftLine, Fate};
use crate::provision::entitlement::{Entitlement, EntitlementKey, GROUP};
use crate::scim::decode::Resource;
use crate::store::query::{AccountQuery, PairRow};

/// Groups in which we have nobody and that are read all the same, for what others did to our accounts.
const GROUPS_MAX: usize = 1_000;

impl Run<'_> {
    /// All groups, as the connector says that they show.
    pub(super) async fn groups(&mut self) -> Result<(), EngineError> {
        let groups = &self.app.spec.connector.groups;
        if !groups.exist() || self.catalogue.refreshed.is_none() {
            return Ok(());
        }
        match groups.read {
            MembershipRead::Group => self.one_by_one().await,
            MembershipRead::Filter => self.by_filter().await,
            MembershipRead::User => Ok(()),
            MembershipRead::None => {
                self.tally
                    .note("this kind of target does not show who is in a group: drift there is unknown".to_owned());
                Ok(())
            }
        }
    }

    async fn one_by_one(&mut self) -> Result<(), EngineError> {
        let all = self.catalogue.entitlements.values();
        let there: Vec<Entitlement> =
            all.filter(|each| each.key.kind == GROUP && each.gone.is_none()).cloned().collect();
        let few = there.len() <= GROUPS_MAX;
        if !few {
            self.tally.note("groups in which we have nobody were not read: there are too many".to_owned());
        }
        // A target that shows no members in any group does not show members.
        let (mut shows_members, mut empty) = (false, Vec::new());
        for group in there {
            if self.is_over() {
                return Ok(());
            }
            let ours = self.edges_in(&group.key).await?;
            if !few && ours.is_empty() {
                continue;
            }
            let read = Conversation::new(self.cx()).group(&group.key.remote_id).await;
            let Some(read) = self.heard(read) else { continue };
            self.tally.report.read.groups += 1;
            self.progress("groups", self.tally.report.read.groups);
            match read {
                None => self.group_missing(&group).await?,
                Some(resource) => {
                    self.memory.groups.remove(&group.key);
                    let members: BTreeSet<String> = resource.texts("members").into_iter().map(str::to_owned).collect();
                    shows_members |= !members.is_empty();
                    match members.is_empty() && !ours.is_empty() {
                        true => empty.push(group),
                        false => self.group(&group, &members).await?,
                    }
                }
            }
        }
        for group in empty {
            if shows_members {
                self.group(&group, &BTreeSet::new()).await?;
            } else {
                self.tally.note("no group shows a member: whether ours are in them is unknown".to_owned());
            }
        }
        Ok(())
    }

    /// Who has an edge in a group.
    async fn edges_in(&self, key: &EntitlementKey) -> Result<BTreeSet<UserId>, EngineError> {
        let (mut users, mut after) = (BTreeSet::new(), None);
        loop {
            let page = self.engine.parts.store.members(&self.app.spec.name, key.clone(), after, PAGE).await?;
            users.extend(page.items.iter().map(|(user, _)| *user));
            after = page.next;
            if after.is_none() {
                return Ok(users);
            }
        }
    }

    /// One group and whom it shows.
    async fn group(&mut self, group: &Entitlement, members: &BTreeSet<String>) -> Result<(), EngineError> {
        let ours: Vec<UserId> = self.edges_in(&group.key).await?.into_iter().collect();
        let mut known: BTreeSet<String> = BTreeSet::new();
        for chunk in ours.chunks(PAGE) {
            let mut found = Vec::new();
            for row in self.pairs(chunk.iter().copied().collect()).await?.into_values() {
                known.extend(row.account.remote_id.clone());
                if self.is_under_way(&row) || !row.account.is_ours() {
                    continue;
                }
                let there = row.account.remote_id.as_ref().is_some_and(|id| members.contains(id));
                found.push(self.edge(&row, &group.key, there));
            }
            self.learn(found).await?;
        }
        let others: Vec<String> = members.difference(&known).cloned().collect();
        self.others(group, &others).await
    }

    fn edge(&self, row: &PairRow, key: &EntitlementKey, there: bool) -> Compared {
        let mut compared = Compared::new(row);
        let around = Around { cx: self.cx(), shows: &|_| true, repaired: None };
        if let Some(edge) = row.edges.iter().find(|edge| edge.key == *key) {
            compare::membership(&around, row, edge, there, &mut compared);
        }
        compared
    }

    /// Members that we did not add: our accounts by name, the others by number.
    async fn others(&mut self, group: &Entitlement, ids: &[String]) -> Result<(), EngineError> {
        let (store, name) = (Arc::clone(&self.engine.parts.store), self.app.spec.name.clone());
        let mut strangers = 0;
        for chunk in ids.chunks(PAGE) {
            let owners = store.owners_by_remote_id(&name, chunk.to_vec()).await?;
            strangers += owners.iter().filter(|owner| owner.is_none()).count() as u64;
            for row in self.pairs(owners.into_iter().flatten().collect()).await?.into_values() {
                let line = compare::line(&row, DriftKind::MembershipAdded, Fate::Kept);
                self.tally.line(DriftLine { subject: group.name.clone(), ..line });
            }
        }
        if strangers > 0 {
            let line = DriftLine::new(DriftKind::OthersInGroup, Fate::Kept, &group.name, &group.key.remote_id);
            self.tally.lines(DriftLine { note: format!("{strangers} members"), ..line }, strangers);
        }
        Ok(())
    }

    /// A group answers 404. It counts as gone when it does so twice, apart: then our edges in it are forgotten by the next cycle.
    async fn group_missing(&mut self, group: &Entitlement) -> Result<(), EngineError> {
        let since = self.memory.groups.get(&group.key).copied();
        if since.is_none_or(|since| since.plus(APART) > self.at) {
            self.memory.groups.entry(group.key.clone()).or_insert(self.at);
            let id = &group.key.remote_id;
            self.tally.line(DriftLine::new(DriftKind::GroupMissing, Fate::LookedAtAgain, &group.name, id));
            return Ok(());
        }
        self.memory.groups.remove(&group.key);
        let (store, name) = (&self.engine.parts.store, &self.app.spec.name);
        store.add_entitlement(name, Entitlement { gone: Some(self.at), ..group.clone() }).await?;
        store.open_sweep(name, Cause::Reconcile).await?;
        let line = DriftLine::new(DriftKind::GroupGone, Fate::Noted, &group.name, &group.key.remote_id);
        self.tally.line(DriftLine { note: "our edges in it are forgotten by the next cycle".to_owned(), ..line });
        Ok(())
    }

    /// Where only a filter shows who is in which group: each account that has an edge is asked for.
    async fn by_filter(&mut self) -> Result<(), EngineError> {
        let (store, name) = (Arc::clone(&self.engine.parts.store), self.app.spec.name.clone());
        let proven = Conversation::new(self.cx()).prove_member_filter().await;
        if self.heard(proven).is_none() {
            return Ok(());
        }
        // A target that shows nobody of ours in any group does not show members.
        let (mut shows_members, mut without) = (false, Vec::new());
        let mut after = None;
        loop {
            let query = AccountQuery { app: Some(name.clone()), after, limit: PAGE, ..AccountQuery::default() };
            let page = store.accounts(query).await?;
            let users = page.items.iter().filter(|account| account.is_ours()).map(|account| account.user).collect();
            let mut found = Vec::new();
            for row in self.pairs(users).await?.into_values().filter(|row| !row.edges.is_empty()) {
                if self.is_over() {
                    return Ok(());
                }
                if self.is_under_way(&row) {
                    continue;
                }
                let id = row.account.remote_id.clone().unwrap_or_default();
                let read = Conversation::new(self.cx()).groups_where("members.value", &id).await;
                let Some(list) = self.heard(read) else { continue };
                self.tally.report.read.groups += 1;
                match list.resources.is_empty() {
                    true => without.push(row.user.id),
                    false => found.push(self.edges(&row, list.resources)),
                }
            }
            shows_members |= !found.is_empty();
            self.learn(found).await?;
            self.progress("memberships", self.tally.report.read.groups);
            after = page.next;
            if after.is_none() {
                return self.in_no_group(without, shows_members).await;
            }
        }
    }

    /// Accounts with edges that show in no group.
    async fn in_no_group(&mut self, users: Vec<UserId>, shows_members: bool) -> Result<(), EngineError> {
        if !shows_members && !users.is_empty() {
            self.tally.note("no group shows a member: whether ours are in them is unknown".to_owned());
            return Ok(());
        }
        for chunk in users.chunks(PAGE) {
            let mut found = Vec::new();
            for row in self.pairs(chunk.iter().copied().collect()).await?.into_values() {
                if !self.is_under_way(&row) {
                    found.push(self.edges(&row, Vec::new()));
                }
            }
            self.learn(found).await?;
        }
        Ok(())
    }

    fn edges(&self, row: &PairRow, groups: Vec<Resource>) -> Compared {
        let shown: BTreeSet<String> = groups.into_iter().map(|group| group.id).collect();
        let around = Around { cx: self.cx(), shows: &|_| true, repaired: None::<&BTreeMap<_, _>> };
        let mut compared = Compared::new(row);
        compare::memberships(&around, row, &shown, &|id| self.name_of(id), &mut compared);
        compared
    }
}
