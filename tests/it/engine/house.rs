//! A whole house for one test: everything but the command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use usher::access::{Actor, FourEyes, Operator, Role};
use usher::clock::{Clock, ManualClock, Span, Timestamp};
use usher::connector::{AppSpec, Bundle, Connector};
use usher::directory::source::{Missing, Source, SourceTarget};
use usher::engine::answer::{DecisionAnswer, PlanFile, SyncAnswer};
use usher::engine::command::{Edit, UserRef};
use usher::engine::context::Unwatched;
use usher::engine::pending::Choice;
use usher::engine::{Answer, Command, Connect, Engine, EngineError, Parts};
use usher::entropy::SeededEntropy;
use usher::id::{AppName, InstanceId, OperatorId, SourceName};
use usher::provision::event::{Event, StatusKind};
use usher::sandbox::{Sandbox, Settings};
use usher::scim::{HttpTarget, Target};
use usher::secret::Secret;
use usher::store::Store;
use usher::store::act::Identity;
use usher::store::memory::MemoryStore;

use super::gate::{Gate, Guarded};
use super::tap::{Tap, Tapped};

pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);
const TOKEN: &str = "house-token";

/// Connects to the sandbox; what the engine sends passes the tap, and the gate if there is one.
struct Key {
    tap: Arc<Tap>,
    gate: Option<Arc<Gate>>,
}

fn directly(app: &AppSpec) -> Result<Arc<dyn Target>, String> {
    Ok(Arc::new(HttpTarget::new(app, Secret::new(TOKEN)).map_err(|error| error.to_string())?))
}

impl Connect for Key {
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String> {
        let target = directly(app)?;
        let target = match &self.gate {
            Some(gate) => Arc::new(Guarded { gate: Arc::clone(gate), target }),
            None => target,
        };
        Ok(Arc::new(Tapped { tap: Arc::clone(&self.tap), target }))
    }

    fn mark(&self, _: &AppSpec) -> usher::digest::Digest {
        self.gate.as_ref().map(|gate| gate.mark()).unwrap_or_default()
    }
}

/// Everything one test needs.
pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sandbox: Sandbox,
    /// What the engine sends, and what happens to it on the way.
    pub(crate) tap: Arc<Tap>,
    pub(crate) actor: Actor,
    pub(crate) base_url: String,
    dir: tempfile::TempDir,
}

/// What differs between tests.
pub(crate) struct Plan<'a> {
    pub(crate) connector: &'a str,
    /// What is different in the connector's file.
    pub(crate) quirks: &'a [(&'a str, &'a str)],
    pub(crate) rules: &'a str,
    pub(crate) app: &'a str,
    pub(crate) seeds: Vec<serde_json::Value>,
    pub(crate) four_eyes: FourEyes,
    /// What all requests pass.
    pub(crate) gate: Option<Arc<Gate>>,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            connector: "generic-scim2",
            quirks: &[],
            rules: "fn account(user) { #{ userName: user.email, name: #{ givenName: user.given_name, familyName: user.family_name }, \
                    displayName: user.display_name, title: user.title } }",
            app: "[assign]\nroles = [\"staff\"]\n",
            seeds: Vec::new(),
            four_eyes: FourEyes::Record,
            gate: None,
        }
    }
}

fn quirky(text: &str, plan: &Plan<'_>) -> String {
    plan.quirks.iter().fold(text.to_owned(), |text, (usual, quirk)| {
        assert!(text.contains(usual), "the connector does not say `{usual}`");
        text.replacen(usual, quirk, 1)
    })
}

impl House {
    pub(crate) async fn build(plan: Plan<'_>) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let text = usher::connector::builtin()
            .into_iter()
            .find(|(file, _)| file.trim_end_matches(".toml") == plan.connector)
            .unwrap()
            .1;
        let connector = Connector::parse(&PathBuf::from("connector.toml"), &quirky(text, &plan)).unwrap();
        let mut settings = Settings::new(clock.clone() as Arc<dyn Clock>);
        settings.token = Some(Secret::new(TOKEN));
        settings.seed = usher::sandbox::Seed::Accounts(plan.seeds.clone());
        let sandbox = Sandbox::new(connector, settings).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}{}", listener.local_addr().unwrap(), usher::sandbox::BASE_PATH);
        let serving = sandbox.clone();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let entropy = Arc::new(SeededEntropy::new(7));
        let instance = InstanceId::mint(NOON, &*entropy);
        store.found(Identity { instance, created_at: NOON, four_eyes: plan.four_eyes }).await.unwrap();
        let operator = OperatorId::mint(NOON, &*entropy);
        let admin = Operator {
            id: operator,
            name: "admin".into(),
            role: Role::Admin,
            os_account: Some("tester".into()),
            user: None,
            disabled: false,
            since: NOON,
        };
        store.put_operator(admin, operator, NOON).await.unwrap();
        let tap = Arc::new(Tap::default());
        let connect = Arc::new(Key { tap: Arc::clone(&tap), gate: plan.gate.clone() });
        let parts = Parts { store, clock: clock.clone(), entropy, connect };
        let engine = Engine::open(parts).await.unwrap();
        let actor = engine.actor("tester", None).await.unwrap();
        let house = Self { engine, clock, sandbox, tap, actor, base_url, dir: tempfile::tempdir().unwrap() };
        house.apply(&plan).await;
        house
    }

    /// Applies `plan`'s app and rules as the next revision.
    pub(crate) async fn apply(&self, plan: &Plan<'_>) {
        let bundle = self.bundle(plan);
        let base = self.engine.store().active_revision().await.unwrap().map(|revision| revision.number);
        self.ask(Command::Apply { bundle, base, comment: "test".into(), dry_run: false }).await.unwrap();
    }

    pub(crate) fn bundle(&self, plan: &Plan<'_>) -> Bundle {
        let mut files = BTreeMap::new();
        for (file, text) in usher::connector::builtin() {
            let own = file.trim_end_matches(".toml") == plan.connector;
            let text = if own { quirky(text, plan) } else { text.to_owned() };
            files.insert(format!("connectors/{file}"), text);
        }
        let (top, tables) = match plan.app.find('[') {
            Some(at) => plan.app.split_at(at),
            None => (plan.app, ""),
        };
        let head = format!(
            "connector = \"{}\"\nbase_url = \"{}\"\ncredential = \"env:UNUSED\"\nrules = \"rules.rhai\"\n",
            plan.connector, self.base_url
        );
        files.insert("apps/app.toml".into(), format!("{head}{top}{tables}"));
        files.insert("rules/rules.rhai".into(), plan.rules.to_owned());
        Bundle { files }
    }

    pub(crate) async fn ask(&self, command: Command) -> Result<Answer, EngineError> {
        self.engine.answer(&self.actor, command, &Unwatched).await
    }

    /// Imports CSV text whose columns are called like the attributes.
    pub(crate) async fn import(&self, csv: &str, full: bool) -> Result<Answer, EngineError> {
        let file = self.dir.path().join("people.csv");
        std::fs::write(&file, csv).unwrap();
        let source = source(csv.lines().next().unwrap());
        self.ask(Command::Import { source, files: vec![file], full, accept_shrink: None, park: false, within: None })
            .await
    }

    pub(crate) async fn sync(&self) -> SyncAnswer {
        match self.ask(Command::Sync { app: None, plan: None, workspace: None }).await.unwrap() {
            Answer::Synced(mut answers) => answers.remove(0),
            other => panic!("expected a sync, got {other:?}"),
        }
    }

    pub(crate) async fn plan(&self) -> PlanFile {
        match self.ask(Command::Plan { app: None, user: None, draft: None }).await.unwrap() {
            Answer::Plan(plan) => plan,
            other => panic!("expected a plan, got {other:?}"),
        }
    }

    pub(crate) async fn edit(&self, user: &str, edit: Edit) {
        self.ask(Command::UserEdit { user: UserRef(user.into()), edit }).await.unwrap();
    }

    pub(crate) async fn pending(&self) -> Vec<Event> {
        match self.ask(Command::Approvals { app: None, limit: 1_000 }).await.unwrap() {
            Answer::Approvals(waiting) => waiting.into_iter().map(|waiting| waiting.event).collect(),
            other => panic!("expected approvals, got {other:?}"),
        }
    }

    pub(crate) async fn decide_all(&self, approve: bool) {
        let events: Vec<_> = self.pending().await.iter().map(|event| event.id).collect();
        let answers = self.decide(Choice::of(events), approve).await;
        assert!(answers.iter().all(|answer| answer.refused.is_none()), "{answers:?}");
    }

    /// Decides as the first admin, with a comment.
    pub(super) async fn decide(&self, choice: Choice, approve: bool) -> Vec<DecisionAnswer> {
        self.decide_as(&self.actor, choice, approve, "looked at").await.unwrap()
    }

    pub(super) async fn decide_as(
        &self,
        actor: &Actor,
        choice: Choice,
        approve: bool,
        comment: &str,
    ) -> Result<Vec<DecisionAnswer>, EngineError> {
        let command = Command::Decide { choice, shown: None, approve, comment: comment.into(), dry_run: false };
        match self.engine.answer(actor, command, &Unwatched).await? {
            Answer::Decided(answers) => Ok(answers),
            other => panic!("expected decisions, got {other:?}"),
        }
    }

    pub(crate) async fn ended(&self, status: StatusKind) -> u64 {
        let counts = self.engine.store().counts(&AppName::new("app").unwrap()).await.unwrap();
        counts.events.get(&status).copied().unwrap_or(0)
    }

    /// Reads what the app can grant.
    pub(crate) async fn refresh(&self) {
        self.ask(Command::Refresh { app: AppName::new("app").unwrap() }).await.unwrap();
    }

    /// One request past Usher: what somebody else does at the target.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let active = self.engine.active().await.unwrap();
        let target = directly(&active.apps[&AppName::new("app").unwrap()].spec).unwrap();
        let method = match method {
            "GET" => usher::scim::target::Method::Get,
            "POST" => usher::scim::target::Method::Post,
            _ => usher::scim::target::Method::Patch,
        };
        let body = body.map(|body| serde_json::to_vec(&body).unwrap());
        let (path, timeout) = (path.to_owned(), std::time::Duration::from_secs(10));
        let request =
            usher::scim::target::Request { method, path, body, if_match: None, timeout, answer_max_bytes: 1 << 20 };
        let answer = target.send(request).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, span: Span) {
        self.clock.advance(span);
    }

    /// userName → active, of every account at the target.
    pub(crate) fn accounts(&self) -> BTreeMap<String, bool> {
        self.sandbox.accounts().into_iter().map(|account| (account.user_name, account.active)).collect()
    }
}

/// `number` people as CSV.
pub(crate) fn people(number: usize) -> String {
    let mut csv = String::from("key,email,given_name,family_name,display_name,title,roles\n");
    for n in 0..number {
        csv.push_str(&format!("k{n},p{n}@example.com,Given{n},Family{n},Given{n} Family{n},Title{n},staff\n"));
    }
    csv
}

/// The source `hr` of files whose columns are called as attributes are.
pub(crate) fn source(columns: &str) -> Source {
    let columns = columns.split(',').filter(|column| *column != "key");
    let mapping = columns.map(|column| (SourceTarget::parse(column).unwrap(), vec![column.to_owned()])).collect();
    Source {
        name: SourceName::new("hr").unwrap(),
        key: "key".into(),
        mapping,
        separator: ';',
        missing: Missing::Suspend,
        group_members: Vec::new(),
        multi_valued: Default::default(),
        group_name: "cn".into(),
        states: Source::default_states(),
    }
}
