//! What an app can grant: a refresh, what it means for the rules, and the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::engine::active::ActiveApp;
use crate::engine::answer::{Answer, Concern, EntitlementsAnswer, Meaning, RefreshAnswer};
use crate::engine::context::{Engine, EngineError};
use crate::engine::cycle::PAGE_PAIRS;
use crate::engine::plan::judge;
use crate::id::AppName;
use crate::provision::entitlement::{Catalogue, CatalogueDiff, Named};
use crate::store::query::PairRow;

/// Users that a concern names.
const SAMPLE: usize = 3;

/// Kind and name → how many users, and some of them.
type Granted = BTreeMap<(String, String), (u64, Vec<String>)>;

impl Engine {
    pub(super) async fn app_refresh(&self, app: &AppName) -> Result<Answer, EngineError> {
        let app = self.active_or_none_yet().await?.app(app)?;
        // A credential that was put right counts at once.
        self.lanes.of(&app.spec.name).forget();
        let refreshed = self.refresh(&app).await?.map_err(|why| {
            EngineError::Invalid(format!("what {} can grant could not be read: {why}", app.spec.name))
        })?;
        let catalogue = self.parts.store.catalogue(&app.spec.name).await?;
        let granted = self.granted(&app).await?;
        let concerns = granted
            .into_iter()
            .map(|((kind, name), (users, sample))| {
                let meaning = meaning(&catalogue, &refreshed.diff, &kind, &name);
                Concern { kind, name, users, sample, meaning }
            })
            .collect();
        let (app, sources, diff) = (app.spec.name.clone(), refreshed.read.sources, refreshed.diff);
        Ok(Answer::Refreshed(Box::new(RefreshAnswer { app, sources, diff, concerns })))
    }

    pub(super) async fn app_entitlements(&self, app: &AppName, kind: Option<&str>) -> Result<Answer, EngineError> {
        let app = self.active_or_none_yet().await?.app(app)?.spec.name.clone();
        let catalogue = self.parts.store.catalogue(&app).await?;
        let kinds: BTreeSet<&str> = catalogue.entitlements.keys().map(|key| key.kind.as_str()).collect();
        if let Some(kind) = kind.filter(|kind| !kinds.is_empty() && !kinds.contains(kind)) {
            let known: Vec<&str> = kinds.into_iter().collect();
            return Err(EngineError::Invalid(format!(
                "{app} has no entitlement of kind `{kind}`; it has {}",
                known.join(", ")
            )));
        }
        let refreshed = catalogue.refreshed;
        let wanted = catalogue.entitlements.into_values().filter(|each| kind.is_none_or(|kind| each.key.kind == kind));
        let mut entitlements: Vec<_> = wanted.collect();
        entitlements
            .sort_by(|a, b| (&a.key.kind, &a.name, &a.key.remote_id).cmp(&(&b.key.kind, &b.name, &b.key.remote_id)));
        Ok(Answer::Entitlements(EntitlementsAnswer { app, refreshed, entitlements }))
    }

    /// What the rules grant now, over everybody who has the app.
    async fn granted(&self, app: &Arc<ActiveApp>) -> Result<Granted, EngineError> {
        let mut granted = Granted::new();
        if !app.rules.grant() {
            return Ok(granted);
        }
        let mut after = None;
        loop {
            let rows = self.parts.store.pairs_after(&app.spec.name, after, PAGE_PAIRS).await?;
            let last = rows.len() < PAGE_PAIRS;
            after = rows.last().map(|row| row.user.id).or(after);
            for (label, kind, name) in self.grants_of(app, rows).await? {
                let (users, sample) = granted.entry((kind, name)).or_default();
                *users += 1;
                if sample.len() < SAMPLE {
                    sample.push(label);
                }
            }
            if last {
                return Ok(granted);
            }
        }
    }

    async fn grants_of(
        &self,
        app: &Arc<ActiveApp>,
        rows: Vec<PairRow>,
    ) -> Result<Vec<(String, String, String)>, EngineError> {
        let (app, instance) = (Arc::clone(app), self.instance);
        let evaluated = tokio::task::spawn_blocking(move || {
            let mut grants = Vec::new();
            for mut row in rows {
                // Settled pairs are evaluated, too: the question is what the rules say, not what is to be done.
                row.account.basis = None;
                let around = (instance, Digest::default());
                let judged = judge(&app.spec, &app.rules, around, row, Cause::Cycle);
                let names: BTreeSet<_> = judged.desired.map(|desired| desired.grants).into_iter().flatten().collect();
                let label = judged.row.user.label();
                grants.extend(names.into_iter().map(|grant| (label.to_string(), grant.kind, grant.name)));
            }
            grants
        });
        evaluated.await.map_err(|error| EngineError::Invalid(format!("evaluating the rules failed: {error}")))
    }
}

/// What a name that the rules grant means now, and whether that is new.
fn meaning(catalogue: &Catalogue, diff: &CatalogueDiff, kind: &str, name: &str) -> Meaning {
    let same = |other: &str| other.to_lowercase() == name.to_lowercase();
    match catalogue.named(kind, name) {
        Named::Ambiguous(_) => Meaning::Ambiguous,
        Named::One(found) => {
            let renamed = diff.renamed.iter().any(|each| each.entitlement.key == found.key);
            let arrived = diff.new.iter().chain(&diff.returned).any(|each| each.key == found.key);
            if renamed || arrived { Meaning::Now } else { Meaning::Same }
        }
        Named::Unknown => {
            let renamed = diff.renamed.iter().find(|each| each.entitlement.key.kind == kind && same(&each.before));
            let gone = catalogue
                .entitlements
                .values()
                .any(|each| each.key.kind == kind && each.gone.is_some() && same(&each.name));
            match renamed {
                Some(renamed) => Meaning::RenamedTo(renamed.entitlement.name.clone()),
                None if gone => Meaning::Gone,
                None => Meaning::Unknown,
            }
        }
    }
}
