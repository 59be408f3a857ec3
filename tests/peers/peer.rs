//! Starts SCIM servers that others wrote, each as a child process on a free port, and speaks to them over bare HTTP.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::traits::Traits;

/// The bearer token that every server is started with.
pub(crate) const TOKEN: &str = "peer-token";
/// How long a server may take to start: a busy two-core machine needs a few seconds.
const START_MAX: Duration = Duration::from_secs(60);
/// How often another port is tried when one was taken between choosing and binding it.
const PORT_TRIES: usize = 5;

/// A running server; killed when dropped.
pub(crate) struct Peer {
    /// Where its SCIM endpoints are, without a trailing slash.
    pub(crate) base_url: String,
    /// The bearer token it demands.
    pub(crate) token: &'static str,
    /// The connector that describes it, below `tests/peers/connectors`.
    pub(crate) connector: &'static str,
    /// How it departs from what the others do.
    pub(crate) traits: Traits,
    client: reqwest::Client,
    child: Child,
    /// What it was started with and what it printed: removed when all went well.
    files: Vec<PathBuf>,
    /// What it keeps on disk; goes with it.
    _disk: Option<TempDir>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            // Files left behind are in nobody's way.
            self.files.iter().for_each(|file| drop(fs::remove_file(file)));
        }
    }
}

/// A name for files of one peer that no other peer has, in this process or another.
fn unique() -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::SeqCst))
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where `.ci/run` installs the servers.
pub(crate) fn installed() -> PathBuf {
    repository().join("target/peers")
}

#[track_caller]
pub(crate) fn demand(path: &Path, what: &str, how: &str) {
    assert!(path.exists(), "{what} is not installed: {} is missing.\nRun `.ci/run peers`, or:\n{how}", path.display());
}

/// Starts PyPI's scim2-server.
pub(crate) fn start_scim2_server() -> Peer {
    let program = installed().join("venv/bin/scim2-server");
    demand(
        &program,
        "scim2-server",
        "  python3 -m venv target/peers/venv\n  target/peers/venv/bin/pip install -r tests/peers/scim2-server/requirements.txt",
    );
    for _ in 0..PORT_TRIES {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(&program);
        command.args(["--port", &port.to_string(), "--bearer-token", TOKEN]);
        // It can't choose a port itself, so another process may be faster than it is.
        if let Some(peer) = start(command, "scim2-server", "Serving SCIM on ") {
            return peer;
        }
    }
    panic!("scim2-server did not start on any of {PORT_TRIES} ports; see its logs in {}", installed().display());
}

/// Starts PyPI's canaille over an empty database of its own.
pub(crate) fn start_canaille() -> Peer {
    canaille(None)
}

/// The same as an OpenID provider: with people, groups, and a client whom it sends people back to `redirect`.
pub(crate) fn start_canaille_for(redirect: &str) -> Peer {
    canaille(Some(redirect))
}

fn canaille(redirect: Option<&str>) -> Peer {
    let python = installed().join("canaille/bin/python");
    demand(
        &installed().join("canaille/bin/canaille"),
        "canaille",
        "  python3 -m venv target/peers/canaille\n  target/peers/canaille/bin/pip install -r tests/peers/canaille/requirements.txt",
    );
    let disk = TempDir::new().unwrap();
    let mut command = Command::new(python);
    command.arg(repository().join("tests/peers/canaille/server.py")).env("TOKEN", TOKEN).env("FOLDER", disk.path());
    // What the environment says of another canaille is not meant for this one.
    command.env_remove("CANAILLE_CONFIG").env_remove("CANAILLE_ENV").current_dir(disk.path());
    if let Some(redirect) = redirect {
        command.env("REDIRECT", redirect);
    }
    let peer = start(command, "canaille", "listening on ");
    let mut peer = peer.unwrap_or_else(|| panic!("canaille did not start; see its log in {}", installed().display()));
    peer._disk = Some(disk);
    peer
}

/// Starts npm's scimmy with scimmy-routers on express.
pub(crate) fn start_scimmy() -> Peer {
    scimmy("scimmy", "")
}

/// The same, with lists that are paged: as they come with Express 5, nobody ever sees more than 20 groups.
pub(crate) fn start_scimmy_paged() -> Peer {
    scimmy("scimmy-paged", "pinned")
}

fn scimmy(name: &'static str, paging: &str) -> Peer {
    let folder = installed().join("scimmy");
    demand(
        &folder.join("node_modules/scimmy-routers"),
        "scimmy",
        "  mkdir -p target/peers/scimmy\n  cp tests/peers/scimmy/package*.json target/peers/scimmy/\n  (cd target/peers/scimmy && npm ci)",
    );
    // Beside its modules, which is where Node looks for them.
    let script = folder.join(format!("server-{}.mjs", unique()));
    fs::copy(repository().join("tests/peers/scimmy/server.mjs"), &script).unwrap();
    let mut command = Command::new("node");
    command.arg(&script).env("TOKEN", TOKEN).env("PORT", "0").env("PAGING", paging);
    let peer = start(command, name, "listening on ");
    let mut peer = peer.unwrap_or_else(|| panic!("scimmy did not start; see its log in {}", installed().display()));
    peer.files.push(script);
    peer
}

/// Starts `command` and waits until it prints `ready` and its base URL. `None` if it ends before that.
fn start(mut command: Command, name: &'static str, ready: &str) -> Option<Peer> {
    // Every test installs it; the first one wins.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let log = installed().join(format!("{name}-{}.log", unique()));
    let errors = File::create(&log).unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (lines, printed) = mpsc::channel();
    // Reads on for as long as the server lives, so that it never waits for a full pipe.
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // After the start nobody listens any more.
            let _ = lines.send(line);
        }
    });
    loop {
        match printed.recv_timeout(START_MAX) {
            Ok(line) => {
                if let Some(base_url) = line.strip_prefix(ready) {
                    let client = reqwest::Client::builder().no_proxy().build().unwrap();
                    let base_url = base_url.trim().trim_end_matches('/').to_owned();
                    let (traits, files) = (Traits::of(name), vec![log]);
                    return Some(Peer {
                        base_url,
                        token: TOKEN,
                        connector: name,
                        traits,
                        client,
                        child,
                        files,
                        _disk: None,
                    });
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let _ = child.wait();
                return None;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{name} said nothing for {} s; see {}", START_MAX.as_secs(), log.display());
            }
        }
    }
}

impl Peer {
    /// Text of the connector that describes this server.
    pub(crate) fn connector_text(&self) -> String {
        let file = repository().join(format!("tests/peers/connectors/{}.toml", self.connector));
        fs::read_to_string(file).unwrap()
    }

    /// Sends a request with the token; gives status and body as bytes.
    pub(crate) async fn send(&self, method: reqwest::Method, path: &str, body: Option<&Json>) -> (u16, Vec<u8>) {
        let mut request = self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(self.token);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    /// GET, as bytes: to see that an account was left as it was.
    pub(crate) async fn raw(&self, path: &str) -> Vec<u8> {
        let (status, body) = self.send(reqwest::Method::GET, path, None).await;
        assert_eq!(status, 200, "GET {path}: {}", String::from_utf8_lossy(&body));
        body
    }

    /// GET, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Json {
        serde_json::from_slice(&self.raw(path).await).unwrap()
    }

    /// POST to `path` as some third party would; gives the id.
    async fn create(&self, path: &str, resource: &Json) -> String {
        let (status, body) = self.send(reqwest::Method::POST, path, Some(resource)).await;
        assert_eq!(status, 201, "POST {path}: {}", String::from_utf8_lossy(&body));
        let created: Json = serde_json::from_slice(&body).unwrap();
        created["id"].as_str().unwrap().to_owned()
    }

    /// Makes a user as some third party would, in the form that this server takes; gives the id.
    pub(crate) async fn seed(&self, user: &Json) -> String {
        self.create("/Users", &self.traits.fit(user)).await
    }

    /// Makes a group with these users (by id) in it as some third party would; gives the id.
    pub(crate) async fn seed_group(&self, name: &str, members: &[String]) -> String {
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
        let members: Vec<Json> =
            members.iter().map(|id| json!({ "value": id, "$ref": format!("{}/Users/{id}", self.base_url) })).collect();
        self.create("/Groups", &json!({ "schemas": schemas, "displayName": name, "members": members })).await
    }

    /// Puts users into a group as some third party would.
    pub(crate) async fn seed_members(&self, group: &str, members: &[String]) {
        let members: Vec<Json> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "add", "path": "members", "value": members }],
        });
        let (status, answer) = self.send(reqwest::Method::PATCH, &format!("/Groups/{group}"), Some(&body)).await;
        assert!(matches!(status, 200 | 204), "PATCH /Groups/{group}: {}", String::from_utf8_lossy(&answer));
    }

    /// What a group shows as the `value` of a member.
    pub(crate) fn member(&self, id: &str, user_name: &str) -> String {
        if self.traits.members_by_name { user_name.to_owned() } else { id.to_owned() }
    }

    /// The users whom a search for this userName brings; where there is no search, those of the list whose userName is exactly this.
    pub(crate) async fn users_called(&self, user_name: &str) -> Vec<Json> {
        let filter: String =
            format!("userName eq \"{user_name}\"").bytes().map(|byte| format!("%{byte:02X}")).collect();
        let list = self.get(&format!("/Users?filter={filter}")).await;
        let mut found = list["Resources"].as_array().cloned().unwrap_or_default();
        if !self.traits.filters {
            found.retain(|user| user["userName"] == user_name);
        }
        found
    }

    /// How many users there are (`totalResults` of the list).
    pub(crate) async fn count(&self) -> u64 {
        self.get("/Users").await["totalResults"].as_u64().unwrap()
    }
}
