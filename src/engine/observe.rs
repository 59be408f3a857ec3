//! Observe: fills in what the planner needs to know of the target before it plans creates. Many unknown pairs are answered by one
//! complete paged listing, few by filters that were probed; what was found is kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::clock::{Span, Timestamp};
use crate::connector::capability::{FilterProbe, Learned};
use crate::digest::Hasher;
use crate::engine::active::ActiveApp;
use crate::engine::answer::Progress;
use crate::engine::breaker::{self, Sign};
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::lane::Way;
use crate::engine::perform::observe::Looked;
use crate::engine::perform::{self, Lesson, Listing};
use crate::engine::plan::Judged;
use crate::engine::plan::page::fold_name;
use crate::id::UserId;
use crate::provision::account::Observation;
use crate::provision::desired::Desired;
use crate::provision::diff;
use crate::provision::leaving::Access;
use crate::provision::outcome::{Failure, FailureClass};

/// From this many unknown pairs in a page on, the whole list is read instead of asking for each.
const LISTING_WORTH: usize = 20;
/// Looks in a row that fail because of the endpoint or the credential, after which nothing more is asked in a pass.
const FAILED_MAX: usize = 5;
/// Discovery and filters are looked at again after this long.
const LEARNED_HOLDS: Span = Span::from_days(7);

/// What looking at a page's pairs brought.
#[derive(Debug, Default)]
pub struct Seen {
    /// The pairs, with fresh observations in their accounts.
    pub judged: Vec<Judged>,
    /// Pairs that could not be looked at, and why.
    pub unseen: BTreeMap<UserId, String>,
    /// Absent in the complete list, and not noted yet: whoever files the page notes it.
    pub absent: Vec<(UserId, Timestamp)>,
}

/// The looking side of one planner pass.
pub struct Observer<'a> {
    engine: &'a Engine,
    app: Arc<ActiveApp>,
    way: Result<Way, String>,
    learned: Learned,
    introduced: bool,
    listing: Listed,
    /// The last failure of the endpoint or the credential, unless something was answered since; and how many there were in a row.
    failing: (Option<Failure>, usize),
    /// How often in a row the credential was refused.
    denied: u32,
    /// Why the target could not be introduced: not asked again in this pass.
    shut: Option<String>,
    /// Hash of folded userName → the first user of this pass who wants it.
    names: HashMap<u64, UserId>,
    /// Who was the first to want a name, and who wants it too.
    rivals: BTreeMap<UserId, UserId>,
}

enum Listed {
    NotAsked,
    Complete(Listing),
    Impossible,
}

impl<'a> Observer<'a> {
    /// Prepares looking; sends nothing yet.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn begin(engine: &'a Engine, app: Arc<ActiveApp>) -> Result<Self, EngineError> {
        let record = engine.parts.store.app(&app.spec.name).await?;
        let way = engine.lanes.of(&app.spec.name).way(&app, &*engine.parts.connect);
        Ok(Self {
            engine,
            app,
            way,
            learned: record.learned,
            introduced: false,
            listing: Listed::NotAsked,
            failing: (None, 0),
            denied: 0,
            shut: None,
            names: HashMap::new(),
            rivals: BTreeMap::new(),
        })
    }

    /// Looks up the pairs that would be created or linked and are not known at the target. Pairs that could not be looked at are
    /// named with the reason: nothing is created blindly. What was found is noted in the store; absences that the list shows only if
    /// `note_absences`, because filing writes the same rows again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn look(
        &mut self,
        judged: Vec<Judged>,
        as_of: Timestamp,
        (note_absences, watcher): (bool, &dyn Watcher),
    ) -> Result<Seen, EngineError> {
        let mut wanted: Vec<usize> = (0..judged.len())
            .filter(|index| {
                let pair = &judged[*index];
                pair.desired.is_some() && diff::needs_lookup(&pair.row.account, &pair.access, as_of)
            })
            .collect();
        let mut seen = Seen { judged, ..Seen::default() };
        if wanted.is_empty() {
            return Ok(seen);
        }
        // Begins with another one each time: a few who always fail must not stand before all others.
        let begin = usize::try_from(as_of.as_millis()).unwrap_or_default() % wanted.len();
        wanted.rotate_left(begin);
        if let Err(why) = self.ready(as_of).await? {
            seen.unseen.extend(wanted.iter().map(|index| (seen.judged[*index].row.user.id, why.clone())));
            return Ok(seen);
        }
        if wanted.len() >= LISTING_WORTH && matches!(self.listing, Listed::NotAsked) {
            self.list(watcher).await?;
        }
        let (mut matches, mut lessons) = (Vec::new(), Vec::new());
        for index in wanted {
            let user = seen.judged[index].row.user.id;
            if let Some(failure) = self.gave_up() {
                seen.unseen.insert(user, failure.detail.clone());
                continue;
            }
            let looked = self.look_up(&seen.judged[index]).await;
            let pair = &mut seen.judged[index];
            match looked {
                Ok(looked) => {
                    self.answers();
                    match (&looked.observation, &self.listing) {
                        (Observation::Absent { at }, Listed::Complete(_)) if !note_absences => {
                            seen.absent.push((user, *at));
                        }
                        _ => matches.push((user, looked.observation.clone())),
                    }
                    pair.row.account.observation = looked.observation;
                    lessons.extend(looked.lessons);
                }
                Err(failure) => {
                    seen.unseen.insert(user, failure.detail.clone());
                    self.fails(failure);
                }
            }
        }
        self.learn(&lessons).await?;
        if !matches.is_empty() {
            self.engine.parts.store.note_matches(&self.app.spec.name, matches).await?;
        }
        Ok(seen)
    }

    /// Whether the target can be looked at: it is introduced, and did not fail too often in this pass.
    async fn ready(&mut self, as_of: Timestamp) -> Result<Result<(), String>, EngineError> {
        match (&self.shut, self.gave_up()) {
            (Some(why), _) => Ok(Err(why.clone())),
            (None, Some(failure)) => Ok(Err(failure.detail.clone())),
            (None, None) => self.introduce(as_of).await,
        }
    }

    /// Why nothing more is asked in this pass: what failed so often fails again, and each try may take a time-out.
    fn gave_up(&self) -> Option<&Failure> {
        self.failing.0.as_ref().filter(|_| self.failing.1 >= FAILED_MAX)
    }

    fn fails(&mut self, failure: Failure) {
        match breaker::sign_of(&failure) {
            Sign::Fails => (self.failing, self.denied) = ((Some(failure), self.failing.1 + 1), 0),
            Sign::Denied(weight) => {
                (self.failing, self.denied) = ((Some(failure), self.failing.1 + 1), self.denied + weight);
            }
            Sign::Answers => self.answers(),
            Sign::None => {}
        }
    }

    fn answers(&mut self) {
        (self.failing, self.denied) = ((None, 0), 0);
    }

    /// Why the credential can't be used, if it was refused often enough to say so.
    pub fn denied(&self) -> Option<String> {
        let failure = self.failing.0.as_ref().filter(|_| self.denied >= breaker::CREDENTIAL_MAX)?;
        Some(format!("the credential is refused: {}", failure.detail))
    }

    /// The pages are looked at once more, from the first on.
    pub fn again(&mut self) {
        self.answers();
        self.shut = None;
    }

    async fn look_up(&self, pair: &Judged) -> Result<Looked, Failure> {
        let (user, external_id) = (pair.row.user.id, pair.external_id.as_str());
        let none =
            |why: String| Failure { class: FailureClass::NotEffective, status: None, detail: why, retry_after: None };
        let desired: &Desired = pair.desired.as_ref().ok_or_else(|| none("the rules give no account".to_owned()))?;
        let way = self.way.as_ref().map_err(|why| none(why.clone()))?;
        let cx = self.context(way);
        match &self.listing {
            Listed::Complete(listing) => {
                let observation = listing.observe(cx, user, external_id, desired).await;
                observation.map(|observation| Looked { observation, lessons: Vec::new() })
            }
            Listed::NotAsked | Listed::Impossible => perform::lookup(cx, user, external_id, desired).await,
        }
    }

    fn context<'b>(&'b self, way: &'b Way) -> perform::Context<'b> {
        perform::Context {
            target: &*way.target,
            spec: &self.app.spec,
            learned: &self.learned,
            clock: &*self.engine.parts.clock,
            owners: &self.engine.parts.store,
            throttle: &way.throttle,
            instance: self.engine.instance,
        }
    }

    /// Discovery and filter probes, once per app digest and week.
    async fn introduce(&mut self, as_of: Timestamp) -> Result<Result<(), String>, EngineError> {
        let way = match &self.way {
            Ok(way) => way.clone(),
            Err(why) => return Ok(Err(why.clone())),
        };
        let fresh = self.learned.basis == self.app.spec.digest
            && self.learned.discovered_at.is_some_and(|at| at.plus(LEARNED_HOLDS) > as_of);
        let unproven = self.learned.filters.values().any(|probe| *probe == FilterProbe::HalfProven);
        if self.introduced || (fresh && !unproven) {
            return Ok(Ok(()));
        }
        let mut contact = perform::first_contact(self.context(&way), &*self.engine.parts.entropy).await;
        if let Err(failure) = &contact
            && matches!(breaker::sign_of(failure), Sign::Denied(_))
        {
            // Once may be a mistake of the target's.
            self.fails(failure.clone());
            contact = perform::first_contact(self.context(&way), &*self.engine.parts.entropy).await;
        }
        let lessons = match contact {
            Ok(lessons) => lessons,
            Err(failure) => {
                let why = failure.detail.clone();
                self.fails(failure);
                self.shut = Some(why.clone());
                return Ok(Err(why));
            }
        };
        self.answers();
        self.learn(&lessons).await?;
        self.engine.revive(&self.app.spec.name).await?;
        self.introduced = true;
        Ok(Ok(()))
    }

    async fn learn(&mut self, lessons: &[Lesson]) -> Result<(), EngineError> {
        if let Some(learned) = perform::absorb(&self.learned, self.app.spec.digest, lessons) {
            self.engine.parts.store.learn(&self.app.spec.name, learned.clone()).await?;
            self.learned = learned;
        }
        Ok(())
    }

    async fn list(&mut self, watcher: &dyn Watcher) -> Result<(), EngineError> {
        let Ok(way) = self.way.clone() else { return Ok(()) };
        if !self.app.spec.connector.paging.list {
            self.listing = Listed::Impossible;
            return Ok(());
        }
        let step = format!("reading the list of {}", self.app.spec.name);
        watcher.progress(Progress { step, app: Some(self.app.spec.name.clone()), done: 0, total: 0 });
        self.listing = match perform::listing(self.context(&way)).await {
            Ok(listing) => {
                self.answers();
                if listing.incomplete.is_none() { Listed::Complete(listing) } else { Listed::Impossible }
            }
            Err(failure) => {
                self.fails(failure);
                Listed::Impossible
            }
        };
        Ok(())
    }

    /// Of those who want the same name in this pass, the first one and one of the others.
    pub fn rivals(&self) -> &BTreeMap<UserId, UserId> {
        &self.rivals
    }

    /// Folded userName → who else in the ledger has it, or in this pass wants it.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn owners(&mut self, judged: &[Judged]) -> Result<BTreeMap<String, Vec<UserId>>, EngineError> {
        let mut owners: BTreeMap<String, Vec<UserId>> = BTreeMap::new();
        let entitled = judged.iter().filter(|pair| matches!(pair.access, Access::Entitled(_)));
        let wanting: Vec<(String, UserId, bool)> = entitled
            .filter_map(|pair| {
                let name = pair.desired.as_ref()?.user_name()?;
                let has_it = pair.row.account.is_ours()
                    && pair.row.account.user_name().is_some_and(|old| fold_name(old) == fold_name(name));
                Some((fold_name(name), pair.row.user.id, has_it))
            })
            .collect();
        let asked: Vec<String> =
            wanting.iter().filter(|(_, _, has_it)| !has_it).map(|(name, _, _)| name.clone()).collect();
        if !asked.is_empty() {
            let known = self.engine.parts.store.owners_by_name(&self.app.spec.name, asked.clone()).await?;
            for (name, owner) in asked.into_iter().zip(known) {
                owners.entry(name).or_default().extend(owner);
            }
        }
        for (name, user, _) in wanting {
            let key = Hasher::new().text(&name).finish().short_number();
            let first = *self.names.entry(key).or_insert(user);
            if first != user {
                self.rivals.entry(first).or_insert(user);
            }
            let others = owners.entry(name).or_default();
            others.extend([first, user]);
            others.extend(self.rivals.get(&first));
            others.sort();
            others.dedup();
        }
        Ok(owners)
    }
}
