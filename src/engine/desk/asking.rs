//! What lies around an event that is asked about: who, whose change, which rule, until when, and who may decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::eyes::Concern;
use crate::access::operator::{FourEyes, Operator};
use crate::clock::Timestamp;
use crate::connector::revision::Revision;
use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::engine::active::{Active, ActiveApp};
use crate::engine::context::{Engine, EngineError};
use crate::engine::pending::{Asking, Because, Pending, RulePlace};
use crate::id::{OperatorId, RevisionNumber};
use crate::provision::event::Event;
use crate::provision::operation::Kind;

/// How many revisions back the rules of an older event are looked for.
const REVISIONS_BACK: usize = 50;

/// The revision that an app's digest is of, and the app as it has it.
type Origin = (RevisionNumber, Arc<ActiveApp>);

/// Answers questions about events; what several of them share is read once.
pub(super) struct Asker<'e> {
    engine: &'e Engine,
    active: Arc<Active>,
    operators: Vec<Operator>,
    four_eyes: FourEyes,
    causes: Vec<(Cause, Because, Vec<OperatorId>)>,
    origins: BTreeMap<Digest, Option<Origin>>,
}

impl Engine {
    pub(super) async fn asker(&self) -> Result<Asker<'_>, EngineError> {
        Ok(Asker {
            engine: self,
            active: self.active().await?,
            operators: self.parts.store.operators().await?,
            four_eyes: self.identity().await?.four_eyes,
            causes: Vec::new(),
            origins: BTreeMap::new(),
        })
    }
}

impl Asker<'_> {
    /// How decisions are checked.
    pub(super) fn four_eyes(&self) -> FourEyes {
        self.four_eyes
    }

    /// Whom a decision about an event concerns.
    pub(super) async fn concern(&mut self, event: &Event) -> Result<Concern, EngineError> {
        let at = self.cause(&event.cause).await?;
        Ok(Concern { requesters: self.causes[at].2.clone(), subject: event.user() })
    }

    /// How many different operators must approve an event.
    pub(super) fn approvers(&self, event: &Event) -> usize {
        let app = self.active.apps.get(event.app());
        app.map_or(1, |app| event.approvers(&app.spec.app.approvals).max(1))
    }

    /// Why too few can approve an event that waits; `None` = enough can.
    pub(super) async fn stuck(&mut self, event: &Event) -> Result<Option<String>, EngineError> {
        let concern = self.concern(event).await?;
        Ok(concern.stuck(&self.operators, self.four_eyes, self.approvers(event)))
    }

    pub(super) async fn waiting(&mut self, event: Event) -> Result<Pending, EngineError> {
        let asking = self.asking(&event).await?;
        Ok(Pending { event, asking })
    }

    pub(super) async fn asking(&mut self, event: &Event) -> Result<Asking, EngineError> {
        let user = self.engine.parts.store.user(event.user()).await?;
        let concern = self.concern(event).await?;
        let because = self.cause(&event.cause).await?;
        let because = self.causes[because].1.clone();
        let approvers = self.approvers(event);
        let origin = self.origin(event).await?;
        let revision = origin.as_ref().map(|(number, _)| *number);
        let named = |operators: Vec<&Operator>| operators.iter().map(|operator| operator.name.clone()).collect();
        Ok(Asking {
            email: user.as_ref().and_then(|user| user.text("email")).map(str::to_owned),
            key: user.map(|user| format!("{}:{}", user.source, user.key)).unwrap_or_default(),
            because,
            rules: origin.map(|(_, app)| places(&app, event)).unwrap_or_default(),
            revision,
            current: revision.is_some() && revision == self.active.revision.as_ref().map(|active| active.number),
            expires: self.expires(event),
            approvers,
            approved: event.approvals().iter().map(|decision| decision.name.clone()).collect(),
            deciders: named(concern.deciders(&self.operators, self.four_eyes)),
            stuck: concern.stuck(&self.operators, self.four_eyes, approvers),
        })
    }

    /// Leavers and adoptions never expire.
    fn expires(&self, event: &Event) -> Option<Timestamp> {
        let app = self.active.apps.get(event.app())?;
        event.may_expire().then(|| event.filed_at.plus(app.spec.app.approvals.expire_after))
    }

    /// Where what is known of a cause stands.
    async fn cause(&mut self, cause: &Cause) -> Result<usize, EngineError> {
        if let Some(known) = self.causes.iter().position(|(known, ..)| known == cause) {
            return Ok(known);
        }
        let requesters = self.engine.parts.store.requesters(cause).await?;
        let by = requesters.iter().map(|id| self.name(*id)).collect();
        let (what, at) = self.told(cause).await?;
        self.causes.push((cause.clone(), Because { what, by, at }, requesters));
        Ok(self.causes.len() - 1)
    }

    fn name(&self, id: OperatorId) -> String {
        let known = self.operators.iter().find(|operator| operator.id == id);
        known.map_or_else(|| id.to_string(), |operator| operator.name.clone())
    }

    async fn told(&self, cause: &Cause) -> Result<(String, Option<Timestamp>), EngineError> {
        let store = &self.engine.parts.store;
        Ok(match cause {
            Cause::Import(id) => match store.import(*id).await? {
                Some(import) => {
                    let base = |file: &String| file.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                    let files: Vec<String> = import.files.iter().map(base).collect();
                    let full = if import.full { "full import" } else { "import" };
                    (format!("{full} {id} of {}", files.join(", ")), Some(import.at))
                }
                None => (format!("import {id}"), None),
            },
            Cause::Operator(_) => ("an operator's act on this user".to_owned(), None),
            Cause::Activation(number) => {
                let revision: Option<Revision> =
                    store.revisions().await?.into_iter().find(|revision| revision.number == *number);
                let comment =
                    revision.as_ref().map(|revision| revision.comment.clone()).filter(|text| !text.is_empty());
                let comment = comment.map(|comment| format!(" ({comment})")).unwrap_or_default();
                (format!("{number} was activated{comment}"), revision.map(|revision| revision.at))
            }
            Cause::Cycle => ("nobody's act: a cycle found it".to_owned(), None),
            Cause::Due => ("nobody's act: the time that a policy names has come".to_owned(), None),
            Cause::Catalogue => ("nobody's act: a refresh found other entitlements at the target".to_owned(), None),
            Cause::Reconcile => {
                ("nobody's act: a reconcile found the target otherwise than it was left".to_owned(), None)
            }
        })
    }

    /// The revision that an event was planned under, with its app: the active one, or one of those before it.
    async fn origin(&mut self, event: &Event) -> Result<Option<Origin>, EngineError> {
        let wanted = event.app_digest;
        if let (Some(revision), Some(app)) = (&self.active.revision, self.active.apps.get(event.app()))
            && app.spec.digest == wanted
        {
            return Ok(Some((revision.number, Arc::clone(app))));
        }
        if let Some(known) = self.origins.get(&wanted) {
            return Ok(known.clone());
        }
        let mut found = None;
        for revision in self.engine.parts.store.revisions().await?.into_iter().take(REVISIONS_BACK) {
            let bundle = self.engine.parts.store.bundle(revision.number).await?;
            let number = revision.number;
            // A revision that an older version accepted and this one does not is passed over.
            let Ok(old) = Active::compile(&bundle, Some(revision)) else { continue };
            if let Some(app) = old.apps.get(event.app()).filter(|app| app.spec.digest == wanted) {
                found = Some((number, Arc::clone(app)));
                break;
            }
        }
        self.origins.insert(wanted, found.clone());
        Ok(found)
    }
}

/// Which rule gives each value that would be sent.
fn places(app: &ActiveApp, event: &Event) -> Vec<RulePlace> {
    let operation = &event.operation;
    if operation.kind.is_leaving() || operation.kind == Kind::Link {
        return Vec::new();
    }
    let at = |line: usize| format!("{}:{line}", app.rules.file());
    let value = |path: &String| {
        let place = app.rules.line_of(path).map(at);
        let own = || (path == "externalId").then(|| "Usher's own".to_owned());
        Some(RulePlace { path: path.clone(), place: place.or_else(own)? })
    };
    let grant = |name: String| Some(RulePlace { path: name, place: app.rules.line_of_entitlements().map(at)? });
    let granted = operation.edges.iter().filter(|edge| edge.add).map(|edge| format!("{} {}", edge.kind, edge.name));
    operation.changes.iter().filter_map(|change| value(&change.path)).chain(granted.filter_map(grant)).collect()
}
