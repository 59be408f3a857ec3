//! The command line over the network: a real `usher serve`, and real commands in a folder that is no workspace.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::cli::{Ran, done, json, usher};
use crate::serve::{House, Running};

const PASSWORD: &str = "a long enough passphrase";

/// Somebody's machine: a folder without a workspace, with a home of its own.
struct Elsewhere {
    house: House,
    _serve: Running,
    origin: String,
    folder: TempDir,
}

impl Elsewhere {
    fn new() -> Self {
        let house = House::new();
        let serve = house.serve();
        let line = serve.line_with("the console and the API answer");
        let origin = line.split("http://").nth(1).unwrap().split('"').next().unwrap();
        let origin = format!("http://{origin}");
        Self { house, _serve: serve, origin, folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = usher(self.folder.path());
        command.env("XDG_CONFIG_HOME", self.folder.path().join("home")).env("USHER_SERVER", &self.origin).args(words);
        command
    }

    fn run(&self, token: Option<&str>, words: &[&str]) -> Ran {
        let mut command = self.command(words);
        if let Some(token) = token {
            command.env("USHER_TOKEN", token);
        }
        command.output().unwrap().into()
    }

    /// A command that reads a line from stdin.
    fn typed(&self, mut command: Command, line: &str) -> Ran {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// A token, issued on the machine itself.
    fn token(&self, words: &[&str]) -> String {
        let words: Vec<&str> = ["tokens", "add"].into_iter().chain(words.iter().copied()).collect();
        json(&self.house.root, &words)["secret"].as_str().unwrap().to_owned()
    }

    /// The name of the operator whose OS account runs the tests, with a password set.
    fn operator(&self) -> String {
        let mut command = usher(&self.house.root);
        command.args(["operators", "password"]);
        let set = self.typed(command, PASSWORD);
        assert_eq!(set.code, Some(0), "{set:#?}");
        json(&self.house.root, &["operators", "list"])["operators"][0]["name"].as_str().unwrap().to_owned()
    }

    /// Signs in.
    fn sign_in(&self) -> Ran {
        let name = self.operator();
        self.typed(self.command(&["sign-in", "--name", &name]), PASSWORD)
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_kind_of_command_works_from_elsewhere_and_only_people_decide() {
    let far = Elsewhere::new();
    let admin = far.token(&["nightly", "--role", "admin", "--service"]);
    let people = "id,email,given_name,family_name,display_name,state\n\
                  3,cy@acme.example,Cy,Cadiz,Cy Cadiz,active\n\
                  ,lost@acme.example,Lo,St,Lo St,active\n";
    std::fs::write(far.folder.path().join("people.csv"), people).unwrap();
    let imported = far.run(Some(&admin), &["import", "people.csv", "--json"]);
    assert_eq!(imported.code, Some(3), "a row could not be read: {imported:#?}");
    let imported: Json = serde_json::from_str(&imported.out).unwrap();
    assert_eq!(imported["import"]["preview"]["added"], 1);
    let problem = imported["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("people.csv:3"), "{problem}");

    let plan = far.run(Some(&admin), &["plan", "--json"]);
    assert_eq!(plan.code, Some(0), "{plan:#?}");
    assert_eq!(serde_json::from_str::<Json>(&plan.out).unwrap()["apps"][0]["summary"]["app"], "nulab");
    let synced = far.run(Some(&admin), &["sync"]);
    assert_eq!(synced.code, Some(0), "{synced:#?}");
    let status = far.run(Some(&admin), &["status"]);
    assert!(status.code == Some(0) && status.out.contains("Cy Cadiz"), "{status:#?}");

    let pending = far.house.wait_until(&["approvals", "list"], |list| !list.as_array().unwrap().is_empty());
    let event = pending[0]["id"].as_str().unwrap();
    let approve = ["approvals", "approve", event, "--comment", "known"];
    let refused = far.run(Some(&admin), &approve);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.err.contains("need a person") && refused.err.contains("approval-needs-a-person"), "{refused:#?}");

    let stranger = far.run(None, &["status"]);
    assert!(stranger.code == Some(1) && stranger.err.contains("usher sign-in --server"), "{stranger:#?}");
    let wrong = far.typed(far.command(&["sign-in", "--name", "nobody"]), PASSWORD);
    assert!(wrong.code == Some(1) && wrong.err.contains("the name or the password is wrong"), "{wrong:#?}");
    let signed_in = far.sign_in();
    assert_eq!(signed_in.code, Some(0), "{signed_in:#?}");
    let kept = far.folder.path().join("home/usher/servers.json");
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    let approved = far.run(None, &approve);
    assert!(approved.code == Some(0) && approved.out.contains("Cy Cadiz"), "{approved:#?}");
    far.house.wait_until(&["status", "--user", "cy@acme.example"], |rows| rows[0]["account"]["presence"] == "active");

    // What waits for the schedule is done by now, or nothing of it moves.
    let open =
        |event: &Json| ["queued", "running", "verifying"].iter().any(|status| event["status"].get(status).is_some());
    far.house.wait_until(&["history"], |history| !history["events"].as_array().unwrap().iter().any(open));
    let history = far.run(None, &["history", "--json"]);
    let there: Json = serde_json::from_str(&history.out).unwrap();
    assert_eq!(there, json(&far.house.root, &["history"]), "the same answer over both doors");
    let left = far.run(None, &["sign-out"]);
    assert_eq!(left.code, Some(0), "{left:#?}");
    assert!(!std::fs::read_to_string(&kept).unwrap().contains("ush_"), "the token is forgotten");
    assert_eq!(far.run(None, &["status"]).code, Some(1));
    let tokens = json(&far.house.root, &["tokens", "list"]);
    assert_eq!(tokens.as_array().unwrap().len(), 1, "and revoked: {tokens}");
}

#[test]
fn what_belongs_to_the_machine_or_would_leak_is_refused_with_a_sentence() {
    let far = Elsewhere::new();
    let token = far.token(&["nightly", "--role", "admin", "--service"]);
    for (words, said) in [
        (vec!["store", "backup", "never.jsonl"], "run it there"),
        (vec!["history", "prune", "--dry-run"], "run it there"),
        (vec!["init"], "run it there"),
        (vec!["serve"], "run it there"),
        (vec!["status", "--as", "root"], "--as is for the owner"),
        (vec!["status", "--server", "http://usher.example.com"], "without TLS"),
        (vec!["status", "--server", "ftp://usher.example.com"], "expected https://"),
        (vec!["status", "--server", "https://127.0.0.1:1"], "could not reach"),
        (vec!["plan", "--draft"], "no workspace"),
        (vec!["status", "--token-file", "/nowhere"], "cannot read /nowhere"),
    ] {
        let ran = far.run(Some(&token), &words);
        assert!(ran.code == Some(1) && ran.err.contains(said), "{words:?}: {ran:#?}");
    }
    let revoked = far.run(Some("ush_unknown"), &["status"]);
    assert!(revoked.code == Some(1) && revoked.err.contains("the token does not count"), "{revoked:#?}");
    std::fs::write(far.folder.path().join("token"), format!("{token}\n")).unwrap();
    let ran = far.run(None, &["apps", "list", "--token-file", "token"]);
    assert!(ran.code == Some(0) && ran.out.contains("nulab"), "{ran:#?}");
}

#[test]
fn files_of_another_machine_are_applied_once_they_were_exported_there() {
    let far = Elsewhere::new();
    assert_eq!(far.sign_in().code, Some(0));
    done(far.folder.path(), &["init", "clone"]);
    let clone = far.folder.path().join("clone");
    std::fs::copy(far.house.root.join("usher.toml"), clone.join("usher.toml")).unwrap();
    std::fs::remove_dir_all(clone.join("store")).unwrap();
    let run = |words: &[&str]| -> Ran { far.command(words).current_dir(&clone).output().unwrap().into() };
    let stale = run(&["apply", "--comment", "from elsewhere"]);
    assert_eq!(stale.code, Some(1), "these files are based on nothing: {stale:#?}");
    assert_eq!(run(&["export"]).code, Some(0));
    let app = clone.join("apps/nulab.toml");
    let text = std::fs::read_to_string(&app).unwrap();
    std::fs::write(&app, text.replace("connector =", "title = \"Renamed\"\nconnector =")).unwrap();
    let planned = run(&["plan", "--draft"]);
    assert_eq!(planned.code, Some(0), "{planned:#?}");
    let applied = run(&["apply", "--comment", "from elsewhere"]);
    assert!(applied.code == Some(0) && applied.out.contains("rev_2"), "{applied:#?}");
    let again = run(&["apply", "--dry-run"]);
    assert_eq!(again.code, Some(0), "the files come from rev_2 now: {again:#?}");
    assert!(!clone.join("store").exists(), "nothing is left in the clone");
}
