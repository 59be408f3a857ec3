//! A workspace in a temporary folder, driven through the real binary, and a sandbox that outlives it: for tests of what people see.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use usher::clock::SystemClock;
use usher::connector::{Connector, builtin};
use usher::sandbox::{BASE_PATH, Faults, Sandbox, Settings};
use usher::secret::Secret;

/// The token of every [`Target`]: no output may ever have it.
pub(crate) const TOKEN: &str = "canary-6b1f0e9d4c2a";
/// The columns of [`person`].
pub(crate) const COLUMNS: &str = "employee_number,email,given_name,family_name,title,department,state\n";

/// A SCIM target on a port of its own, in this process: what it has is looked into directly.
pub(crate) struct Target {
    pub(crate) sandbox: Sandbox,
    pub(crate) base_url: String,
    runtime: Option<tokio::runtime::Runtime>,
}

/// How a target differs from a plain one.
#[derive(Default)]
pub(crate) struct Manner {
    pub(crate) drop_external_id: bool,
    pub(crate) latency: Duration,
}

impl Target {
    pub(crate) fn start(manner: &Manner) -> Self {
        let (_, text) = builtin().into_iter().find(|(file, _)| *file == "generic-scim2.toml").unwrap();
        let connector = Connector::parse(&PathBuf::from("generic-scim2.toml"), text).unwrap();
        let mut settings = Settings::new(Arc::new(SystemClock));
        settings.token = Some(Secret::new(TOKEN));
        settings.drop_external_id = manner.drop_external_id;
        settings.latency = manner.latency;
        let sandbox = Sandbox::new(connector, settings).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base_url = format!("http://{}{BASE_PATH}", listener.local_addr().unwrap());
        let serving = sandbox.clone();
        runtime.spawn(async move { serving.serve(listener, std::future::pending()).await });
        Self { sandbox, base_url, runtime: Some(runtime) }
    }

    /// Other faults from now on; none: it is well again.
    pub(crate) fn faults(&self, texts: &[&str]) {
        self.sandbox.set_faults(Faults::parse(texts).unwrap());
    }

    /// userNames of the active accounts, sorted.
    pub(crate) fn active(&self) -> Vec<String> {
        let accounts = self.sandbox.accounts().into_iter();
        let mut names: Vec<String> = accounts.filter(|each| each.active).map(|each| each.user_name).collect();
        names.sort();
        names
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets another process run for a moment: it can only be looked at again, or hit a little later. Nothing is ever concluded from
/// the time that passed.
pub(crate) fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

/// One row of a CSV export.
pub(crate) fn person(number: u32, title: &str) -> String {
    format!("{number},p{number}@planet.example,Given{number},Family{number},{title},Crew,active\n")
}

/// A CSV export of everybody in `numbers`.
pub(crate) fn people(numbers: impl IntoIterator<Item = u32>, title: &str) -> String {
    let rows: String = numbers.into_iter().map(|number| person(number, title)).collect();
    format!("{COLUMNS}{rows}")
}

/// A workspace that `usher init` made, with a source `hr` as [`COLUMNS`] says.
pub(crate) struct Workspace {
    dir: tempfile::TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let workspace = Self { dir: tempfile::Builder::new().prefix("usher-it-").tempdir().unwrap() };
        let made = Command::new(env!("CARGO_BIN_EXE_usher")).arg("init").arg(workspace.root()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mapping = COLUMNS.trim().split(',').map(|column| format!("{column} = \"{column}\"\n"));
        let mapping: String = mapping.collect();
        let source = format!("[[sources]]\nname = \"hr\"\nkey = \"employee_number\"\n[sources.mapping]\n{mapping}");
        workspace.write("usher.toml", &source);
        workspace
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("w")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.root().join(path), text).unwrap();
    }

    /// An app called `app` for everybody; `more` is TOML: keys first, then tables.
    pub(crate) fn app(&self, base_url: &str, more: &str) {
        self.write("secrets/app.token", TOKEN);
        let (keys, tables) = more.split_at(more.find('[').unwrap_or(more.len()));
        let credential = if keys.contains("credential") {
            String::new()
        } else {
            "credential = \"file:secrets/app.token\"\n".into()
        };
        self.write(
            "apps/app.toml",
            &format!(
                "connector = \"generic-scim2\"\nbase_url = \"{base_url}\"\n{credential}rules = \"generic.rhai\"\n{keys}\
                 [assign]\neveryone = true\n{tables}"
            ),
        );
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        // No terminal, no colours, no environment of whoever runs the tests.
        command.arg("--workspace").arg(self.root()).args(words.split_whitespace()).current_dir(self.root());
        command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; its words are separated by spaces.
    pub(crate) fn usher(&self, words: &str) -> Ran {
        Ran::of(words, self.command(words).output().unwrap())
    }

    /// Runs a command whose files may not grow beyond so many blocks of 512 bytes.
    pub(crate) fn usher_limited(&self, blocks: u32, words: &str) -> Ran {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --workspace \"$1\" {words}");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_usher")).arg(self.root()).current_dir(self.root());
        command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        Ran::of(words, command.output().unwrap())
    }

    /// Starts a command and leaves it running; nobody reads what it says.
    pub(crate) fn start(&self, words: &str) -> Child {
        self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// No file of the store has the token.
    #[track_caller]
    pub(crate) fn keeps_no_secret(&self) {
        let mut folders = vec![self.root().join("store")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    let bytes = std::fs::read(&path).unwrap();
                    let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
                    assert!(!found, "the token is in {}", path.display());
                }
            }
        }
    }

    /// Runs a command that answers in JSON.
    pub(crate) fn json(&self, words: &str) -> serde_json::Value {
        let ran = self.usher(&format!("{words} --json"));
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"))
    }
}

/// A command that came to its end.
pub(crate) struct Ran {
    words: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { words, code, out, err } = self;
        write!(f, "`usher {words}` ended with {code:?}\n--- stdout\n{out}\n--- stderr\n{err}")
    }
}

impl Ran {
    fn of(words: &str, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        let all = format!("{out}\n{err}");
        assert!(!all.contains(TOKEN), "the token is in the output of `usher {words}`:\n{all}");
        assert!(!all.contains("panicked"), "`usher {words}` panicked:\n{all}");
        Self { words: words.to_owned(), code: output.status.code(), out, err }
    }

    /// It ended with `code`.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "expected {code}: {self}");
        self
    }

    /// All of these words are in what it said, on stdout or stderr; line breaks and spaces count as one space.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let flat = format!("{} {}", self.out, self.err).split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "expected `{word}`: {self}");
        }
        self
    }
}
