//! Programs that others wrote read the API's description and send what it allows, and what it does not: whatever comes back must be
//! described, and nothing may be a fault of ours. Over a demo that serves, with a token of each role and with none.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::peer::{demand, installed};

/// How long the demo's walk may take on a busy machine.
const WALK_MAX: Duration = Duration::from_secs(300);
/// Seconds that each role may take.
const ROLE_SECONDS: &str = "50";
/// The same cases every time.
const SEED: &str = "20260301";
/// What is held against every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,unsupported_method,allow_header_conformance,negative_data_rejection";

/// A demo that serves; ended when dropped.
struct Demo {
    origin: String,
    workspace: PathBuf,
    child: Child,
    dir: TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn usher() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    // What the environment says of other workspaces or logs is not what is tested.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("USHER_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command
}

impl Demo {
    fn begin() -> Self {
        let dir = TempDir::new().unwrap();
        let workspace = dir.path().join("tanuki");
        let mut command = usher();
        command.arg("demo").arg("--keep").arg(&workspace).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (found, origins) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let address = line
                    .split_whitespace()
                    .find_map(|word| word.split("/set-up").next().filter(|each| each.len() < word.len()));
                if let Some(origin) = address {
                    // After the start nobody listens any more.
                    let _ = found.send(origin.to_owned());
                }
            }
        });
        let origin = origins.recv_timeout(WALK_MAX).expect("the demo says where it serves");
        Self { origin, workspace, child, dir }
    }

    /// A token of the operator who runs the demo.
    fn token(&self, role: &str, service: bool) -> String {
        let mut command = usher();
        command.args(["tokens", "add", role, "--role", role, "--json", "--workspace"]).arg(&self.workspace);
        if service {
            command.arg("--service");
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{output:?}"));
        answer["secret"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    /// Lets schemathesis loose on it.
    fn is_as_described(&self, role: &str, token: Option<&str>) {
        let program = installed().join("schemathesis/bin/schemathesis");
        demand(
            &program,
            "schemathesis",
            "  python3 -m venv target/peers/schemathesis\n  target/peers/schemathesis/bin/pip install -r tests/peers/schemathesis/requirements.txt",
        );
        let mut command = Command::new(&program);
        command.arg("run").arg(format!("{}/api/v1/openapi.json", self.origin));
        command.args([
            "--checks",
            CHECKS,
            "--seed",
            SEED,
            "--max-time",
            ROLE_SECONDS,
            "--phases",
            "examples,coverage,fuzzing",
        ]);
        command.args([
            "--max-examples",
            "20",
            "--workers",
            "1",
            "--request-timeout",
            "30",
            "--no-color",
            "--warnings",
            "off",
        ]);
        command.args([
            "--suppress-health-check",
            "all",
            "--continue-on-failure",
            "--no-shrink",
            "--generation-database",
            "none",
            // A stream that has no end.
            "--exclude-path",
            "/live",
        ]);
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        // What it leaves behind goes with the demo.
        let output = command.current_dir(self.dir.path()).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "as {role}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        // It must have sent something, or it proves nothing.
        assert!(said.contains("Test cases:"), "as {role}:\n{said}");
    }
}

#[test]
fn schemathesis_finds_nothing_that_is_not_described_whoever_asks() {
    let demo = Demo::begin();
    demo.is_as_described("nobody", None);
    demo.is_as_described("viewer", Some(&demo.token("viewer", true)));
    demo.is_as_described("approver", Some(&demo.token("approver", false)));
    demo.is_as_described("admin", Some(&demo.token("admin", true)));
}
