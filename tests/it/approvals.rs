//! `usher approvals` through the real binary: a team of one, with everything on screen.

use serde_json::json;

use crate::workspace::{Manner, Target, Workspace, people};

/// A workspace in which one person's changed title waits for an approver.
fn waiting(target: &Target, more: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.app(&target.base_url, more);
    workspace.write("people.csv", &people(1..=3, "Engineer"));
    workspace.usher("import people.csv --full").ends(0);
    workspace.usher("apply").ends(0);
    workspace.usher("sync").ends(0);
    workspace.write("changed.csv", &people(2..=2, "Chief"));
    workspace.usher("import changed.csv").ends(0);
    workspace.usher("sync").ends(0);
    workspace
}

fn title(target: &Target) -> usize {
    target.sandbox.accounts().iter().filter(|account| account.body["title"] == "Chief").count()
}

#[test]
fn a_team_of_one_sees_everything_and_decides() {
    let target = Target::start(&Manner::default());
    let workspace = waiting(&target, "[approvals]\nupdate = true\n");
    let list = workspace.usher("approvals list").ends(0);
    list.says(&["title: Engineer → Chief", "rules/", ".rhai:", "changed.csv", "expires in", "may decide"]);
    let pending = workspace.json("approvals list");
    assert_eq!(pending.as_array().unwrap().len(), 1);
    let event = pending[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(pending[0]["asking"]["approvers"], json!(1));
    let shown = workspace.usher(&format!("approvals show {event}")).ends(0);
    shown.says(&["user", "cause", "title: Engineer → Chief", ".rhai:", "may decide", "planned by"]);
    workspace.usher(&format!("approvals approve {event}")).ends(3).says(&["--comment"]);
    let dry = workspace.usher("approvals approve --kind update --dry-run").ends(0);
    dry.says(&["would approve 1 events", "--shown 1:"]);
    assert_eq!(title(&target), 0);
    let token = workspace.json("approvals approve --kind update --dry-run")["shown"].as_str().unwrap().to_owned();
    workspace
        .usher("approvals approve --kind update --shown 1:000000000000 --comment known")
        .ends(1)
        .says(&["no longer what was shown"]);
    workspace.usher(&format!("approvals approve --kind update --shown {token} --comment known")).ends(0);
    workspace.usher("sync").ends(0);
    assert_eq!(title(&target), 1);
    workspace.usher(&format!("history {event}")).ends(0).says(&["(own act): known"]);
    workspace.usher("store verify").ends(0);
}

#[test]
fn a_team_of_one_is_told_how_to_get_on_where_two_must_approve() {
    let target = Target::start(&Manner::default());
    let workspace = waiting(&target, "[approvals]\ntwo = [\"update\"]\n");
    workspace.usher("approvals list").ends(0).says(&["0 of 2 approved", "operators add NAME"]);
    workspace.usher("doctor").ends(3).says(&["asks for two approvers", "approvals.two"]);
    workspace.usher("approvals approve --all --comment mine").ends(0).says(&["1 of 2 approved"]);
    workspace.usher("operators add bea --role approver").ends(0);
    workspace.usher("--as bea approvals approve --all --comment seen").ends(0).says(&["decided"]);
    workspace.usher("sync").ends(0);
    assert_eq!(title(&target), 1);
}

#[test]
fn a_team_of_one_gets_out_of_enforced_four_eyes() {
    let target = Target::start(&Manner::default());
    let workspace = waiting(&target, "[approvals]\nupdate = true\n");
    workspace.usher("operators four-eyes enforce").ends(0);
    workspace.usher("approvals list").ends(0).says(&["four eyes is enforced", "four-eyes record"]);
    workspace.usher("approvals approve --all --comment mine").ends(3).says(&["four eyes"]);
    workspace.usher("doctor").ends(3).says(&["four-eyes record"]);
    workspace.usher("operators four-eyes record").ends(0);
    workspace.usher("approvals approve --all --comment mine").ends(0);
    workspace.usher("operators four-eyes often").ends(2);
    workspace.usher("status --leavers").ends(0).says(&["No leaver"]);
}
