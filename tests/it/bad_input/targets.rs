//! Targets that are away, lie, or break off: said in words, nothing made twice, and all is well once they are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::workspace::{Manner, Ran, Target, Workspace, people};

/// How long a slow machine may take for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Six people of whom the first three have accounts; then the target goes wrong, two change and the others come.
struct Trouble {
    target: Target,
    workspace: Workspace,
}

impl Trouble {
    fn begin(faults: &[&str]) -> Self {
        let target = Target::start(&Manner::default());
        let workspace = Workspace::new();
        workspace.app(&target.base_url, "");
        workspace.write("people.csv", &people(1..=3, "Pilot"));
        workspace.usher("import --full people.csv").ends(0);
        workspace.usher("sync").ends(0);
        assert_eq!(target.active().len(), 3);
        target.faults(faults);
        workspace.write("changes.csv", &people([1, 2, 4, 5, 6], "Captain"));
        workspace.usher("import changes.csv").ends(0);
        Self { target, workspace }
    }

    /// What the sync and the pages that people look at say.
    fn says(&self, words: &[&str]) {
        self.pages(&["sync -vvv", "status", "apps show app", "plan"]).says(words);
    }

    fn pages(&self, pages: &[&str]) -> Ran {
        let mut said = self.workspace.usher(pages[0]);
        for page in &pages[1..] {
            said.out.push_str(&self.workspace.usher(page).out);
        }
        said
    }

    /// The target is well again: an operator says so, and all comes out as it should.
    fn ends_well(self) {
        self.target.faults(&[]);
        let began = Instant::now();
        loop {
            // Who was lost and found again is linked, not made again.
            let state = self.workspace.json("apps show app")["state"].to_string();
            if state.contains("quarantined") {
                self.workspace.usher("apps resume app").ends(0);
            }
            let open = self.workspace.json("history --status queued,verifying,failed --limit 500");
            let events = open["events"].as_array().unwrap().iter();
            for event in events {
                // One that was replaced by a newer one says so; both are fine.
                self.workspace.usher(&format!("retry {}", event["id"].as_str().unwrap()));
            }
            self.workspace.usher("sync");
            let synced = self.workspace.json("sync");
            if self.is_well() && synced[0]["requests"] == 0 && synced[0]["trouble"].is_null() {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{synced:#}\n{}", self.pages(&["status", "plan", "history"]));
        }
        self.workspace.usher("store verify").ends(0);
        self.workspace.keeps_no_secret();
    }

    fn is_well(&self) -> bool {
        let accounts = self.target.sandbox.accounts();
        let names: BTreeSet<&str> = accounts.iter().map(|each| each.user_name.as_str()).collect();
        assert_eq!(names.len(), accounts.len(), "something was made twice");
        let title = |name: &str| if name.starts_with("p3@") { "Pilot" } else { "Captain" };
        accounts.len() == 6 && accounts.iter().all(|each| each.active && each.body["title"] == title(&each.user_name))
    }
}

fn strikes(faults: &[&str], words: &[&str]) {
    let trouble = Trouble::begin(faults);
    trouble.says(words);
    trouble.ends_well();
}

#[test]
fn html_with_200_is_no_answer() {
    strikes(&["html-200:1"], &["200"]);
}

#[test]
fn a_401_quarantines_at_once_and_says_so() {
    let trouble = Trouble::begin(&["401:1"]);
    let before = trouble.target.sandbox.requests();
    trouble.says(&["401", "quarantine", "credential"]);
    let asked = trouble.target.sandbox.requests() - before;
    assert!(asked < 40, "{asked} requests with a credential that is refused");
    trouble.ends_well();
}

#[test]
fn a_404_on_everything_takes_nothing_away() {
    strikes(&["404:1"], &["404"]);
}

#[test]
fn a_409_on_every_create_is_said_and_ends_well() {
    strikes(&["409:1:POST"], &["409"]);
}

#[test]
fn a_500_is_tried_again() {
    strikes(&["500:1"], &["500"]);
}

#[test]
fn a_truncated_body_makes_nothing_twice() {
    strikes(&["truncated-body:1"], &[]);
}

#[test]
fn a_503_after_the_account_was_made_makes_nothing_twice() {
    strikes(&["503-after-commit:1"], &[]);
}

#[test]
fn a_connection_that_drops_after_the_account_was_made_makes_nothing_twice() {
    strikes(&["drop-after-commit:1"], &[]);
}

#[test]
fn an_unreachable_target_is_named_and_nothing_is_lost() {
    let workspace = Workspace::new();
    // Nobody listens on port 9 of this machine.
    workspace.app("http://127.0.0.1:9/scim/v2", "");
    workspace.write("people.csv", &people(1..=3, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    workspace.usher("sync").ends(3).says(&[
        "3 users could not be looked up",
        "could not connect",
        "Connection refused",
    ]);
    workspace.usher("plan").ends(0).says(&[
        "Skipped (3)",
        "could not connect",
        "nothing is created blindly",
        "nothing at once",
    ]);
    for command in ["history --app apq", "status --app apq", "approvals list --app apq"] {
        workspace.usher(command).ends(1).says(&["there is no app `apq`; the active revision has app"]);
    }
    workspace.usher("apps test app").ends(3).says(&["could not connect", "check that the target is up"]);
    let target = Target::start(&Manner::default());
    workspace.app(&target.base_url, "");
    workspace.usher("apply").ends(0);
    let began = Instant::now();
    while target.active().len() < 3 {
        // Whoever could not be looked up is looked up again by itself.
        workspace.usher("sync");
        assert!(began.elapsed() < PATIENCE, "{}", workspace.usher("status"));
    }
}
