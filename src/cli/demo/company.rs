//! The demo's surroundings: a workspace with the company's files, and two targets on free ports of this machine, with accounts in
//! them that somebody else made.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::found::found;
use crate::clock::SystemClock;
use crate::config::demo::{NULAB_URL, NULLPLATFORM_URL};
use crate::config::{Workspace, demo_files};
use crate::connector::{Connector, builtin};
use crate::entropy::{Entropy, SystemEntropy};
use crate::id::EventId;
use crate::sandbox::{BASE_PATH, Crowd, GroupSeed, Sandbox, Seed, Settings};
use crate::secret::Secret;
use crate::{config, rules};

/// One target of the demo.
pub(super) struct Target {
    /// The app's name.
    pub(super) app: &'static str,
    /// The target itself: the demo looks into it.
    pub(super) sandbox: Sandbox,
    base_url: String,
    token: Secret,
    serving: JoinHandle<()>,
}

/// Workspace and targets.
pub(super) struct Company {
    /// The workspace.
    pub(super) workspace: Workspace,
    /// Nulab Pass.
    pub(super) nulab: Target,
    /// nullplatform.
    pub(super) nullplatform: Target,
    stop: watch::Sender<bool>,
    left: Mutex<EventId>,
}

impl Company {
    /// Makes the workspace in `root` and starts the targets.
    pub(super) async fn open(root: &Path) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let none = Crowd::default();
        let nulab = Target::start("nulab", "nulab-pass", (nulab_accounts(), none), stopped.clone()).await?;
        let there = (nullplatform_accounts(), nullplatform_groups());
        let nullplatform = Target::start("nullplatform", "nullplatform", there, stopped).await?;
        write_workspace(root, &nulab, &nullplatform)?;
        // No environment: a USHER_STORE that is set is about another workspace.
        let workspace = Workspace::open(root, &|_| None)?;
        found(&workspace).await?;
        Ok(Self { workspace, nulab, nullplatform, stop, left: Mutex::default() })
    }

    /// Stops the targets.
    pub(super) async fn close(self) {
        // A target that has ended by itself listens no more.
        let _ended = self.stop.send(true);
        for target in [self.nulab, self.nullplatform] {
            drop(target.serving.await);
        }
    }

    /// The event that is left for the person at the keyboard.
    pub(super) fn left_to_decide(&self) -> EventId {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves an event for the person at the keyboard.
    pub(super) fn leave(&self, event: EventId) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = event;
    }
}

impl Target {
    async fn start(
        app: &'static str,
        connector: &str,
        (accounts, crowd): (Vec<Json>, Crowd),
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let file = format!("{connector}.toml");
        let Some((_, source)) = builtin().into_iter().find(|(name, _)| *name == file) else {
            bail!("connector `{connector}` does not ship with this build");
        };
        let connector = Connector::parse(Path::new(&file), source)?;
        let mut random = [0u8; 16];
        SystemEntropy.fill(&mut random);
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let token = Secret::new(token);
        let mut settings = Settings::new(Arc::new(SystemClock));
        settings.token = Some(token.clone());
        settings.seed = Seed::Accounts(accounts);
        settings.crowd = crowd;
        let sandbox = Sandbox::new(connector, settings)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("could not listen on 127.0.0.1")?;
        let base_url = format!("http://{}{BASE_PATH}", listener.local_addr().context("could not tell the port")?);
        let serving = sandbox.clone().serve(listener, async move {
            // An error means that the demo is gone: stop too.
            let _gone = stop.wait_for(|stop| *stop).await;
        });
        let serving = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(app, %error, "the demo's target ended");
            }
        });
        Ok(Self { app, sandbox, base_url, token, serving })
    }
}

/// The shipped files, with the targets' addresses; tokens beside them, readable by their owner alone.
fn write_workspace(root: &Path, nulab: &Target, nullplatform: &Target) -> anyhow::Result<()> {
    if root.join("usher.toml").exists() {
        bail!("{} is a workspace already; choose an empty folder", root.display());
    }
    config::init(root, &builtin(), &rules::builtin())?;
    for (path, text) in demo_files() {
        let text = text.replace(NULAB_URL, &nulab.base_url).replace(NULLPLATFORM_URL, &nullplatform.base_url);
        std::fs::write(root.join(path), text).with_context(|| format!("could not write {path}"))?;
    }
    for target in [nulab, nullplatform] {
        let path = root.join(format!("secrets/{}.token", target.app));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("could not write {}", path.display()))?;
        std::io::Write::write_all(&mut file, target.token.expose().as_bytes())
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Accounts that were there before: two are those of people of the company, two are nobody's.
fn nulab_accounts() -> Vec<Json> {
    let account = |user: &str, name: &str, role: &str| {
        json!({ "schemas": [USER], "userName": user, "displayName": name, "active": true,
                "roles": [{ "primary": true, "value": role }] })
    };
    vec![
        account("zofia.brzezicka@tanuki.example", "Zofia B.", "USER"),
        account("willem.drentstra@tanuki.example", "Willem Drentstra", "GUEST"),
        account("backups@tanuki.example", "Backup robot", "USER"),
        account("auditor@elsewhere.example", "Visiting auditor", "GUEST"),
    ]
}

/// One is that of a person of the company, one is nobody's.
fn nullplatform_accounts() -> Vec<Json> {
    let account = |user: &str, given: &str, family: &str| {
        json!({ "schemas": [USER], "userName": user, "displayName": format!("{given} {family}"), "active": true,
                "name": { "givenName": given, "familyName": family },
                "emails": [{ "primary": true, "value": user }] })
    };
    vec![
        account("caleb.thornquist@tanuki.example", "Caleb", "Thornquist"),
        account("deploys@tanuki.example", "Deploy", "Robot"),
    ]
}

/// The group that requires a role which no group gives: who is put into it gets half of what it takes.
pub(super) const OWNERS: &str = "Owners";
/// The group in which the deploy robot was before us.
pub(super) const DEVELOPERS: &str = "Developers";
/// The group of the Tokyo office.
pub(super) const OFFICE: &str = "Office tokyo";

/// Groups that nullplatform computes from roles; the robot is a developer.
fn nullplatform_groups() -> Crowd {
    let group = |name: &str, members: &[&str], gives: &str, requires: &[&str]| GroupSeed {
        display_name: name.to_owned(),
        members: members.iter().map(|&member| member.to_owned()).collect(),
        gives: [gives.to_owned()].into(),
        requires: requires.iter().map(|&role| role.to_owned()).collect(),
        ..GroupSeed::default()
    };
    let groups = vec![
        group(DEVELOPERS, &["deploys@tanuki.example"], "developer", &["developer"]),
        group(OFFICE, &[], "tokyo", &["tokyo"]),
        group(OWNERS, &[], "owner", &["owner", "admin"]),
    ];
    Crowd { groups, ..Crowd::default() }
}
