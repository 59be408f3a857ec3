//! A town for the blast radius: the real engine on the store in memory, apps that keep accounts without sockets, a clock that may jump,
//! and a process that may end at any moment.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use usher::access::{Actor, FourEyes, Operator, Role};
use usher::clock::{Clock, ManualClock, Span, Timestamp};
use usher::connector::capability::AppState;
use usher::connector::{AppSpec, Bundle};
use usher::directory::change::{SourceRow, StagedRow};
use usher::directory::{Standing, Value};
use usher::engine::context::Unwatched;
use usher::engine::cycle::Scope;
use usher::engine::pending::Choice;
use usher::engine::{Answer, Command, Connect, Engine, Parts};
use usher::entropy::SeededEntropy;
use usher::id::{AppName, ImportId, InstanceId, OperatorId, SourceName, UserId};
use usher::provision::event::{Event, StatusKind};
use usher::provision::plan::PlanSummary;
use usher::scim::Target;
use usher::store::Store;
use usher::store::act::Identity;
use usher::store::memory::MemoryStore;
use usher::store::query::{EventQuery, Import, ImportState, Preview};

use crate::scim::model::{Habits, Model};

pub(super) const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);

pub(super) const RULES: &str =
    "fn account(user) { #{ userName: user.email, displayName: user.display_name, title: user.title } }";

struct Ways(BTreeMap<AppName, Arc<Model>>);

impl Connect for Ways {
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String> {
        Ok(Arc::clone(&self.0[&app.name]) as Arc<dyn Target>)
    }
}

pub(super) fn name(app: &str) -> AppName {
    AppName::new(app).unwrap()
}

pub(super) struct Town {
    pub(super) engine: Arc<Engine>,
    pub(super) actor: Actor,
    pub(super) clock: Arc<ManualClock>,
    pub(super) models: BTreeMap<AppName, Arc<Model>>,
    store: Arc<MemoryStore>,
    /// Rises with every process and import: no two mint the same ids.
    minted: u64,
}

/// A bundle with these apps; everybody has each.
pub(super) fn bundle(apps: &[(&str, &str)], rules: &str) -> Bundle {
    let mut files: BTreeMap<String, String> = usher::connector::builtin()
        .into_iter()
        .map(|(file, text)| (format!("connectors/{file}"), text.to_owned()))
        .collect();
    for (app, rest) in apps {
        let head = format!(
            "connector = \"generic-scim2\"\nbase_url = \"http://127.0.0.1:9/{app}\"\ncredential = \"env:UNUSED\"\nrules = \"rules.rhai\"\n"
        );
        files.insert(format!("apps/{app}.toml"), format!("{head}\n[assign]\neveryone = true\n{rest}"));
    }
    files.insert("rules/rules.rhai".to_owned(), rules.to_owned());
    Bundle { files }
}

impl Town {
    /// Everybody has an account in each app.
    pub(super) async fn build(apps: &[(&str, &str)], people: u64) -> Self {
        let mut town = Self::empty(apps, RULES).await;
        town.bring((1..=people).map(|number| (number, Standing::Active)).collect()).await;
        town.sync().await;
        // What the first cycle did is a day old.
        town.clock.advance(Span::from_hours(26));
        town
    }

    pub(super) async fn empty(apps: &[(&str, &str)], rules: &str) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let entropy = SeededEntropy::new(1);
        let store = Arc::new(MemoryStore::new());
        let instance = InstanceId::mint(NOON, &entropy);
        store.found(Identity { instance, created_at: NOON, four_eyes: FourEyes::Record }).await.unwrap();
        let id = OperatorId::mint(NOON, &entropy);
        let admin = Operator {
            id,
            name: "admin".into(),
            role: Role::Admin,
            os_account: Some("tester".into()),
            user: None,
            disabled: false,
            since: NOON,
        };
        store.put_operator(admin, id, NOON).await.unwrap();
        let models: BTreeMap<AppName, Arc<Model>> =
            apps.iter().map(|(app, _)| (name(app), Arc::new(Model::new(Habits::default())))).collect();
        let engine = open(&store, &clock, &models, 2).await;
        let actor = engine.actor("tester", None).await.unwrap();
        let town = Self { engine, actor, clock, models, store, minted: 3 };
        town.apply(bundle(apps, rules)).await;
        town
    }

    pub(super) async fn apply(&self, bundle: Bundle) {
        let base = self.engine.store().active_revision().await.unwrap().map(|revision| revision.number);
        self.ask(Command::Apply { bundle, base, comment: "test".into(), dry_run: false }).await;
    }

    pub(super) async fn ask(&self, command: Command) -> Answer {
        self.engine.answer(&self.actor, command, &Unwatched).await.unwrap()
    }

    /// An import of these rows, applied.
    pub(super) async fn bring(&mut self, people: Vec<(u64, Standing)>) -> ImportId {
        let row = |(number, standing): (u64, Standing)| {
            let text = |text: String| Some(Value::from(text));
            let attributes = BTreeMap::from([
                ("email".to_owned(), text(format!("p{number}@example.com"))),
                ("display_name".to_owned(), text(format!("Person {number}"))),
                ("title".to_owned(), text(format!("Title {number}"))),
            ]);
            SourceRow { key: format!("k{number}"), attributes, standing: Some(standing), ..SourceRow::default() }
        };
        self.bring_rows(people.into_iter().map(row).collect(), Preview::default()).await
    }

    pub(super) async fn bring_rows(&mut self, rows: Vec<SourceRow>, preview: Preview) -> ImportId {
        let (id, now) = self.stage(rows).await;
        let store = self.engine.store();
        store.close_import(id, preview, Vec::new(), now).await.unwrap();
        let apps: Vec<AppName> = self.models.keys().cloned().collect();
        while !store.apply_import(id, apps.clone(), 1_000, now).await.unwrap() {}
        id
    }

    /// A generation that waits for a person.
    pub(super) async fn park(&mut self, reasons: &[&str]) {
        let (id, now) = self.stage(Vec::new()).await;
        let reasons = reasons.iter().map(ToString::to_string).collect();
        self.engine.store().close_import(id, Preview::default(), reasons, now).await.unwrap();
    }

    async fn stage(&mut self, rows: Vec<SourceRow>) -> (ImportId, Timestamp) {
        self.minted += 1;
        let (now, entropy) = (self.clock.now(), SeededEntropy::new(self.minted));
        let id = ImportId::mint(now, &entropy);
        let import = Import {
            id,
            source: SourceName::new("hr").unwrap(),
            full: false,
            files: Vec::new(),
            operator: self.actor.operator,
            at: now,
            state: ImportState::Staging,
            rows: rows.len() as u64,
            staged: 0,
            preview: Preview::default(),
        };
        let rows: Vec<StagedRow> =
            rows.into_iter().map(|row| StagedRow { user: UserId::mint(now, &entropy), row }).collect();
        let store = self.engine.store();
        store.open_import(import).await.unwrap();
        for (index, part) in rows.chunks(1_000).enumerate() {
            store.stage_import(id, index as u64 * 1_000, part.to_vec()).await.unwrap();
        }
        (id, now)
    }

    pub(super) async fn sync(&self) -> Vec<usher::engine::answer::SyncAnswer> {
        match self.ask(Command::Sync { app: None, plan: None, workspace: None }).await {
            Answer::Synced(answers) => answers,
            other => panic!("expected a sync, got {other:?}"),
        }
    }

    /// Plans and files; nothing is sent.
    pub(super) async fn plan(&self, app: &str) -> PlanSummary {
        self.pause(app, true).await;
        let active = self.engine.active().await.unwrap().app(&name(app)).unwrap();
        let done = self.engine.plan_and_push(&active, Scope::All, None, &Unwatched).await.unwrap();
        self.pause(app, false).await;
        done.0
    }

    pub(super) async fn push(&self, app: &str) {
        let active = self.engine.active().await.unwrap().app(&name(app)).unwrap();
        while self.engine.push(&active, &|| false).await.unwrap().attempts > 0 {}
    }

    async fn pause(&self, app: &str, pause: bool) {
        let at = self.clock.now();
        let state = if pause { AppState::Paused { by: "test".into(), at } } else { AppState::Live };
        self.engine.store().set_app(&name(app), state, "for the test".into(), at).await.unwrap();
    }

    /// Plans and pushes one app, and the process ends after `steps` steps of that, if it comes so far. A new one opens what is on disk.
    pub(super) async fn crash_while_planning(&mut self, app: &str, steps: usize) {
        let active = self.engine.active().await.unwrap().app(&name(app)).unwrap();
        {
            let work = pin!(self.engine.plan_and_push(&active, Scope::All, None, &Unwatched));
            for_steps(work, steps).await;
        }
        self.minted += 1;
        self.store = Arc::new(self.store.crash());
        self.engine = open(&self.store, &self.clock, &self.models, self.minted).await;
    }

    /// All deactivations of an app.
    pub(super) async fn leavers(&self, app: &str) -> Vec<Event> {
        let kind = Some(usher::provision::Kind::Deactivate);
        let query = EventQuery { app: Some(name(app)), kind, limit: 100_000, ..EventQuery::default() };
        self.engine.store().events(query).await.unwrap().items
    }

    pub(super) async fn count(&self, app: &str, status: StatusKind) -> u64 {
        self.engine.store().counts(&name(app)).await.unwrap().events.get(&status).copied().unwrap_or(0)
    }

    /// Decides all that is pending, batches included.
    pub(super) async fn decide(&self, approve: bool) {
        let pending = self.ask(Command::Approvals { app: None, limit: 100_000 }).await;
        let Answer::Approvals(pending) = pending else { panic!("{pending:?}") };
        if pending.is_empty() {
            return;
        }
        let choice = Choice::of(pending.iter().map(|waiting| waiting.event.id).collect());
        let comment = "looked at".into();
        self.ask(Command::Decide { choice, shown: None, approve, comment, dry_run: false }).await;
    }
}

async fn open(
    store: &Arc<MemoryStore>,
    clock: &Arc<ManualClock>,
    models: &BTreeMap<AppName, Arc<Model>>,
    seed: u64,
) -> Arc<Engine> {
    let parts = Parts {
        store: Arc::clone(store) as Arc<dyn Store>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: Arc::new(SeededEntropy::new(seed)),
        connect: Arc::new(Ways(models.clone())),
    };
    Engine::open(parts).await.unwrap()
}

/// Lets `work` go on for a number of steps, or to its end.
async fn for_steps<T>(mut work: Pin<&mut impl Future<Output = T>>, steps: usize) {
    let mut left = steps;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        work.as_mut().poll(cx).map(drop)
    })
    .await;
}
