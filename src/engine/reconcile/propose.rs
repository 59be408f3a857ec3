//! Accounts that are not ours and match somebody who should have one: looked at, remembered as observations, proposed by the planner.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::connector::app::OnExisting;
use crate::engine::context::EngineError;
use crate::engine::perform::Context;
use crate::engine::perform::meaning::{covers, value_at};
use crate::engine::perform::observe::{marks_of, observation};
use crate::engine::perform::whole_list::key;
use crate::engine::plan::Judged;
use crate::engine::reconcile::compare;
use crate::engine::reconcile::run::{PAGE, Run};
use crate::id::UserId;
use crate::provision::account::{Observation, Presence};
use crate::provision::drift::{Correction, DriftKind, DriftLine, Fate};
use crate::provision::leaving::Access;
use crate::scim::decode::Resource;
use crate::scim::encode::shape;

/// More than a few of one name are ambiguous, however many there are.
const HITS_MAX: usize = 5;

/// Users who should have an account and have none of ours: digests of what it would bear, and what was met.
#[derive(Default)]
pub(super) struct Seekers {
    by_mark: HashMap<u64, Vec<UserId>>,
    met: BTreeMap<UserId, Vec<(String, String)>>,
}

impl Seekers {
    fn add(&mut self, cx: Context<'_>, judged: &Judged) {
        let Some(desired) = judged.desired.as_ref().filter(|_| matches!(judged.access, Access::Entitled(_))) else {
            return;
        };
        for (path, value) in marks_of(cx, &judged.external_id, desired).0 {
            self.by_mark.entry(key(&path, &value)).or_default().push(judged.row.user.id);
        }
    }

    /// Whether an account that is not ours matches somebody.
    pub(super) fn meets(&mut self, cx: Context<'_>, row: &Resource) -> bool {
        let mut somebody = false;
        for path in cx.connector().users.match_on.iter().map(String::as_str).chain(["externalId"]) {
            for text in row.texts(path) {
                for user in self.by_mark.get(&key(path, text)).into_iter().flatten() {
                    somebody = true;
                    let met = self.met.entry(*user).or_default();
                    let hit = (path.to_owned(), row.id.clone());
                    if met.len() < 2 * HITS_MAX && !met.contains(&hit) {
                        met.push(hit);
                    }
                }
            }
        }
        somebody
    }
}

impl Run<'_> {
    /// Everybody who should have an account and has none of ours.
    pub(super) async fn seekers(&mut self) -> Result<Seekers, EngineError> {
        let mut seekers = Seekers::default();
        if !self.app.spec.connector.paging.list {
            return Ok(seekers);
        }
        let mut after = None;
        loop {
            let rows = self.engine.parts.store.pairs_after(&self.app.spec.name, after, PAGE).await?;
            let last = rows.len() < PAGE;
            after = rows.last().map(|row| row.user.id).or(after);
            let none = |presence| matches!(presence, Presence::None | Presence::Deleted | Presence::Lost);
            for row in rows.into_iter().filter(|row| none(row.account.presence)) {
                let judged = self.judge(row).await?;
                seekers.add(self.cx(), &judged);
            }
            if last {
                return Ok(seekers);
            }
        }
    }

    /// Looks at what the seekers met, and remembers it.
    pub(super) async fn propose(&mut self, seekers: Seekers) -> Result<(), EngineError> {
        let users: Vec<UserId> = seekers.met.keys().copied().collect();
        for chunk in users.chunks(PAGE) {
            let (mut matches, mut marks) = (Vec::new(), Vec::new());
            for (user, row) in self.pairs(chunk.iter().copied().collect::<BTreeSet<_>>()).await? {
                if self.is_under_way(&row) || row.account.is_ours() || self.is_over() {
                    continue;
                }
                let judged = self.judge(row).await?;
                let Some(observed) = self.observe(&judged, &seekers.met[&user]).await? else { continue };
                let known = &judged.row.account.observation;
                if !same(known, &observed) {
                    marks.push(Correction::new(user, judged.row.account.generation));
                }
                self.say(&judged, &observed);
                matches.push((user, observed));
            }
            let (store, name) = (Arc::clone(&self.engine.parts.store), &self.app.spec.name);
            store.note_matches(name, matches).await?;
            if !marks.is_empty() {
                store.correct(name, marks, self.engine.parts.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Reads by their ids what a user met: lists show less than accounts have.
    async fn observe(&mut self, judged: &Judged, met: &[(String, String)]) -> Result<Option<Observation>, EngineError> {
        let Some(desired) = &judged.desired else { return Ok(None) };
        let marks = marks_of(self.cx(), &judged.external_id, desired);
        for (path, value) in &marks.0 {
            let mut hits = Vec::new();
            for (_, id) in met.iter().filter(|(by, _)| by == path).take(HITS_MAX) {
                let Some(read) = self.get(id).await else { return Ok(None) };
                hits.extend(read.filter(|resource| resource.has(path, value)));
            }
            if !hits.is_empty() {
                let observed = observation(self.cx(), judged.row.user.id, path, &hits).await;
                return Ok(self.heard(observed));
            }
        }
        Ok(None)
    }

    fn say(&mut self, judged: &Judged, observed: &Observation) {
        let proposed = match self.app.spec.app.on_existing {
            OnExisting::Skip => Fate::Reported,
            OnExisting::Hold | OnExisting::Adopt => Fate::Proposed,
        };
        let (kind, fate, remote_id, note) = match observed {
            Observation::ThirdParty { remote_id, values, .. } => match self.differing(judged, values) {
                differing if differing.is_empty() => {
                    (DriftKind::AdoptionExact, proposed, remote_id.clone(), String::new())
                }
                differing => (DriftKind::AdoptionDiffering, proposed, remote_id.clone(), differing.join(", ")),
            },
            Observation::Ours { remote_id, .. } => {
                let note = "bears the externalId that we gave".to_owned();
                (DriftKind::AdoptionExact, Fate::Proposed, remote_id.clone(), note)
            }
            Observation::Ambiguous { remote_ids, .. } => {
                (DriftKind::AdoptionAmbiguous, Fate::Reported, remote_ids.join(", "), String::new())
            }
            Observation::OwnedByOther { remote_id, owner, .. } => {
                (DriftKind::OwnedByOther, Fate::Held, remote_id.clone(), format!("belongs to {owner}"))
            }
            Observation::Unknown | Observation::Absent { .. } => return,
        };
        self.tally.line(DriftLine { remote_id, note, ..compare::line(&judged.row, kind, fate) });
    }

    /// Attributes of an account that are not as the rules want them.
    fn differing(&self, judged: &Judged, values: &BTreeMap<String, crate::directory::value::Value>) -> Vec<String> {
        let resource = Resource { values: values.clone(), ..Resource::default() };
        let connector = &self.app.spec.connector;
        let wanted = judged.desired.iter().flat_map(|desired| &desired.attributes);
        let ours = wanted.filter(|(path, wanted)| {
            let rule = connector.rule(path);
            !wanted.create_only && !wanted.deferred && !rule.is_some_and(|rule| rule.read_only || rule.create_only)
        });
        ours.filter_map(|(path, wanted)| {
            let (actual, value) = (value_at(&resource, path)?, wanted.value.as_ref()?);
            (!covers(&actual, &shape(connector, path, value))).then(|| path.clone())
        })
        .collect()
    }
}

/// The same, whenever it was seen.
fn same(a: &Observation, b: &Observation) -> bool {
    use Observation::{Ambiguous, Ours, OwnedByOther, ThirdParty};
    match (a, b) {
        (Ours { remote_id: a, .. }, Ours { remote_id: b, .. }) => a == b,
        (ThirdParty { remote_id: a, values: x, .. }, ThirdParty { remote_id: b, values: y, .. }) => a == b && x == y,
        (OwnedByOther { remote_id: a, owner: x, .. }, OwnedByOther { remote_id: b, owner: y, .. }) => a == b && x == y,
        (Ambiguous { remote_ids: a, .. }, Ambiguous { remote_ids: b, .. }) => a == b,
        _ => false,
    }
}
