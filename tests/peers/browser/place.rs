//! A workspace with something to decide in it: creates that wait, adoptions in a batch, a rule that fails, an app in quarantine. Served on a
//! free port; its clock is turned by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use usher::access::{Actor, FourEyes, Operator, Role};
use usher::clock::{Clock, ManualClock, Span, Timestamp};
use usher::connector::{AppSpec, Bundle, Connector};
use usher::directory::source::{Missing, Source, SourceTarget};
use usher::engine::answer::Answer;
use usher::engine::command::Command;
use usher::engine::context::Unwatched;
use usher::engine::{Connect, Engine, Parts};
use usher::entropy::{SeededEntropy, SystemEntropy};
use usher::id::{AppName, EventId, InstanceId, OperatorId, SourceName};
use usher::provision::event::{Event, StatusKind};
use usher::sandbox::{BASE_PATH, Sandbox, Seed, Settings as SandboxSettings};
use usher::scim::{HttpTarget, Target};
use usher::secret::Secret;
use usher::server::{House, Net, Settings, SignInSettings, web};
use usher::store::Store;
use usher::store::act::Identity;
use usher::store::memory::MemoryStore;

use super::driver::Browser;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);
const TOKEN: &str = "sandbox-token";
const COLUMNS: &str = "key,email,given_name,family_name,display_name,title,roles";
const RULES: &str = r#"
fn account(user) {
    if user.title == "Ghost" { throw "nobody knows what a ghost should have"; }
    #{ userName: user.email, displayName: user.display_name, title: user.title }
}
"#;

/// Which app is served with which token and policy, and who is in it already.
const APPS: [(&str, &str, &str); 3] = [
    ("chat", TOKEN, "[approvals]\ncreate = true\n"),
    ("docs", TOKEN, ""),
    // The credential is refused: it ends in quarantine.
    ("mail", "another-token", ""),
];

struct Keys(BTreeMap<&'static str, &'static str>);

impl Connect for Keys {
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String> {
        let token = self.0.get(app.name.as_str()).copied().unwrap_or(TOKEN);
        Ok(Arc::new(HttpTarget::new(app, Secret::new(token)).map_err(|error| error.to_string())?))
    }

    fn mark(&self, _: &AppSpec) -> usher::digest::Digest {
        usher::digest::Digest::default()
    }
}

/// The workspace, served.
pub(crate) struct Place {
    pub(crate) engine: Arc<Engine>,
    pub(crate) origin: String,
    clock: Arc<ManualClock>,
    actor: Actor,
    dir: tempfile::TempDir,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Place {
    /// With everything that can wait waiting.
    pub(crate) async fn open(four_eyes: FourEyes) -> Self {
        let place = Self::found(four_eyes).await;
        place.import(&people()).await;
        for _ in 0..3 {
            place.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
        }
        let active = place.engine.active().await.unwrap();
        assert!(!place.engine.probe(&active.apps[&AppName::new("mail").unwrap()]).await.unwrap());
        place
    }

    async fn found(four_eyes: FourEyes) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let seeded = SeededEntropy::new(11);
        let instance = InstanceId::mint(NOON, &seeded);
        store.found(Identity { instance, created_at: NOON, four_eyes }).await.unwrap();
        let id = OperatorId::mint(NOON, &seeded);
        let (name, os_account) = ("ada".to_owned(), Some("tester".to_owned()));
        let admin = Operator { id, name, role: Role::Admin, os_account, user: None, disabled: false, since: NOON };
        store.put_operator(admin, id, NOON).await.unwrap();
        let connect = Arc::new(Keys(APPS.iter().map(|(app, token, _)| (*app, *token)).collect()));
        // Sessions must not be guessable from the store's ids: real chance.
        let parts = Parts { store, clock: clock.clone(), entropy: Arc::new(SystemEntropy), connect };
        let engine = Engine::open(parts).await.unwrap();
        let actor = engine.actor("tester", None).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen: SocketAddr = listener.local_addr().unwrap();
        let origin = format!("http://{listen}");
        let settings = Settings {
            listen,
            origin: origin.clone(),
            sources: vec![source()],
            net: Net::default(),
            sign_in: SignInSettings::default(),
        };
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(web::serve(House::new(Arc::clone(&engine), settings), listener, stopped));
        let dir = tempfile::tempdir().unwrap();
        let place = Self { engine, origin, clock, actor, dir, _stop: stop };
        place
            .ask(Command::Apply {
                bundle: bundle(&place.clock).await,
                base: None,
                comment: "first".into(),
                dry_run: false,
            })
            .await;
        for (name, role) in [("ada", None), ("mira", Some(Role::Approver)), ("vera", Some(Role::Viewer))] {
            if let Some(role) = role {
                place.ask(Command::OperatorAdd { name: name.into(), role, os_account: None, user: None }).await;
            }
            let password = usher::access::credential::Typed::new(PASSWORD);
            place.ask(Command::PasswordSet { name: Some(name.into()), password }).await;
        }
        place
    }

    pub(crate) async fn ask(&self, command: Command) -> Answer {
        self.engine.answer(&self.actor, command, &Unwatched).await.unwrap()
    }

    pub(crate) async fn import(&self, csv: &str) {
        let file = self.dir.path().join("people.csv");
        std::fs::write(&file, csv).unwrap();
        let import = Command::Import {
            source: source(),
            files: vec![file],
            full: false,
            accept_shrink: None,
            park: false,
            within: None,
        };
        self.ask(import).await;
    }

    pub(crate) fn advance(&self, span: Span) {
        self.clock.advance(span);
    }

    /// Events in a status.
    pub(crate) async fn events(&self, app: &str, status: StatusKind) -> Vec<Event> {
        let app = Some(AppName::new(app).unwrap());
        let query = usher::store::EventQuery { app, statuses: vec![status], limit: 100, ..Default::default() };
        self.engine.store().events(query).await.unwrap().items
    }

    pub(crate) async fn event(&self, id: EventId) -> Event {
        self.engine.store().event(id).await.unwrap().unwrap()
    }

    /// A browser in which somebody has signed in through the page.
    pub(crate) async fn signed_in(&self, name: &str) -> Browser {
        let browser = Browser::open(&self.origin).await;
        browser.goto("/sign-in").await;
        sign_in(&browser, name).await;
        browser
    }
}

/// Fills in the page.
pub(crate) async fn sign_in(browser: &Browser, name: &str) {
    browser.fill("#name", name).await;
    browser.fill("#password", PASSWORD).await;
    browser.leave_by("button[type=submit]").await;
}

fn people() -> String {
    let mut csv = format!("{COLUMNS}\n");
    for (n, name) in ["Ben Okafor", "Chiyo Mori", "Dario Weiss", "Eun Park", "Femke <b>Hoogland</b>", "Gus O'Neil"]
        .iter()
        .enumerate()
    {
        csv.push_str(&format!("k{n},p{n}@example.com,Given,Family,{name},Engineer,staff\n"));
    }
    csv.push_str("k9,p9@example.com,Given,Family,Hana Ghost,Ghost,staff\n");
    csv
}

/// The files, with a sandbox for each app.
async fn bundle(clock: &Arc<ManualClock>) -> Bundle {
    let mut files = BTreeMap::new();
    for (file, text) in usher::connector::builtin() {
        files.insert(format!("connectors/{file}"), text.to_owned());
    }
    files.insert("rules/people.rhai".to_owned(), RULES.to_owned());
    for (app, _, policy) in APPS {
        let text = &files["connectors/generic-scim2.toml"];
        let connector = Connector::parse(std::path::Path::new("connector.toml"), text).unwrap();
        let mut settings = SandboxSettings::new(clock.clone() as Arc<dyn Clock>);
        settings.token = Some(Secret::new(TOKEN));
        let there =
            |n: usize| json!({ "userName": format!("p{n}@example.com"), "displayName": "Somebody", "active": true });
        settings.seed = Seed::Accounts(if app == "docs" { (0..3).map(there).collect() } else { Vec::new() });
        let sandbox = Sandbox::new(connector, settings).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}{BASE_PATH}", listener.local_addr().unwrap());
        tokio::spawn(async move { sandbox.serve(listener, std::future::pending()).await });
        let head = "connector = \"generic-scim2\"\ncredential = \"env:UNUSED\"\nrules = \"people.rhai\"";
        let file = format!(
            "{head}\ntitle = \"The {app}\"\nbase_url = \"{base_url}\"\n[assign]\nroles = [\"staff\"]\n{policy}"
        );
        files.insert(format!("apps/{app}.toml"), file);
    }
    Bundle { files }
}

fn source() -> Source {
    let columns = COLUMNS.split(',').filter(|column| *column != "key");
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
