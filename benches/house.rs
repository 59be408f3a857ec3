//! What both engine benches share: a store on disk, a directory of people, one app with thirteen attributes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use usher::access::{Actor, FourEyes, Operator, Role};
use usher::clock::{Clock, SystemClock};
use usher::connector::{AppSpec, Bundle};
use usher::directory::source::{Missing, Source, SourceTarget};
use usher::engine::context::Unwatched;
use usher::engine::{Answer, Command, Connect, Engine, Parts};
use usher::entropy::SystemEntropy;
use usher::id::{InstanceId, OperatorId, SourceName};
use usher::scim::{HttpTarget, Target};
use usher::secret::Secret;
use usher::store::Store;
use usher::store::act::Identity;
use usher::store::sled::{SledSettings, SledStore};

/// See `mimalloc` in Cargo.toml.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Thirteen attributes, as an admin would write them.
const RULES: &str = r#"
fn account(user) {
    #{
        userName: user.email,
        displayName: user.display_name ?? `${user.given_name} ${user.family_name}`,
        name: #{ givenName: user.given_name, familyName: user.family_name },
        title: user.title,
        userType: if user.has_role("contractor") { "Contractor" } else { "Employee" },
        preferredLanguage: create_only(user.preferred_language),
        locale: user.locale ?? "en-US",
        timezone: create_only(switch user.country {
            "United States" => "America/New_York",
            "Netherlands" => "Europe/Amsterdam",
            _ => "Asia/Tokyo",
        }),
        emails: [#{ value: lower(user.email), type: "work", primary: true }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ department: user.department },
    }
}
"#;

struct Key;

impl Connect for Key {
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String> {
        Ok(Arc::new(HttpTarget::new(app, Secret::new("bench")).map_err(|error| error.to_string())?))
    }
}

/// An engine on sled.
pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) actor: Actor,
}

impl House {
    /// A fresh store in `dir` with the app applied.
    pub(crate) async fn build(dir: &Path, base_url: &str, concurrency: usize) -> Self {
        let settings = SledSettings { create: true, ..SledSettings::default() };
        let path = dir.join("store");
        let store = tokio::task::spawn_blocking(move || SledStore::open(&path, &settings)).await.unwrap().unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let now = clock.now();
        let instance = InstanceId::mint(now, &*entropy);
        store.found(Identity { instance, created_at: now, four_eyes: FourEyes::Record }).await.unwrap();
        let id = OperatorId::mint(now, &*entropy);
        let operator = Operator {
            id,
            name: "bench".into(),
            role: Role::Admin,
            os_account: Some("bench".into()),
            user: None,
            disabled: false,
            since: now,
        };
        store.put_operator(operator, id, now).await.unwrap();
        let engine = Engine::open(Parts { store, clock, entropy, connect: Arc::new(Key) }).await.unwrap();
        let actor = engine.actor("bench", None).await.unwrap();
        let house = Self { engine, actor };
        house.apply(base_url, concurrency).await;
        house
    }

    async fn apply(&self, base_url: &str, concurrency: usize) {
        let app = format!(
            "connector = \"generic-scim2\"\nbase_url = \"{base_url}\"\ncredential = \"env:UNUSED\"\nrules = \"bench.rhai\"\n\
             [assign]\neveryone = true\n[limits]\nconcurrency = {concurrency}\n"
        );
        let mut files = BTreeMap::new();
        for (file, text) in usher::connector::builtin() {
            files.insert(format!("connectors/{file}"), text.to_owned());
        }
        files.insert("apps/bench.toml".into(), app);
        files.insert("rules/bench.rhai".into(), RULES.into());
        let bundle = Bundle { files };
        self.ask(Command::Apply { bundle, base: None, comment: "bench".into(), dry_run: false }).await;
    }

    /// Imports `number` people.
    pub(crate) async fn import(&self, dir: &Path, number: usize) {
        let mut csv = String::from(
            "key,email,given_name,family_name,display_name,title,department,country,preferred_language,locale\n",
        );
        for n in 0..number {
            csv.push_str(&format!(
                "k{n},person.{n}@example.com,Given{n},Family{n},Given{n} Family{n},Title {},Dept {},Netherlands,nl,nl-NL\n",
                n % 50,
                n % 20
            ));
        }
        let file = dir.join("people.csv");
        std::fs::write(&file, &csv).unwrap();
        let columns = csv.lines().next().unwrap().split(',').filter(|column| *column != "key");
        let source = Source {
            name: SourceName::new("hr").unwrap(),
            key: "key".into(),
            mapping: columns.map(|column| (SourceTarget::parse(column).unwrap(), vec![column.to_owned()])).collect(),
            separator: ';',
            multi_valued: Default::default(),
            missing: Missing::Suspend,
            group_members: Vec::new(),
            group_name: "cn".into(),
            states: Source::default_states(),
        };
        self.ask(Command::Import {
            source,
            files: vec![file],
            full: true,
            accept_shrink: None,
            park: false,
            within: None,
        })
        .await;
    }

    pub(crate) async fn ask(&self, command: Command) -> Answer {
        self.engine.answer(&self.actor, command, &Unwatched).await.unwrap()
    }
}
