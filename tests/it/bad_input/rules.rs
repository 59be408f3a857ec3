//! Rules that can't be read, never end, or say nonsense.

use crate::workspace::{Manner, Target, Workspace, people};

const GOOD: &str = "fn account(user) {\n    #{ userName: user.email, title: user.title }\n}\n";

/// Five people with accounts by a good rule.
fn provisioned() -> (Target, Workspace) {
    let target = Target::start(&Manner::default());
    let workspace = Workspace::new();
    workspace.app(&target.base_url, "");
    workspace.write("rules/generic.examples.toml", "");
    workspace.write("rules/generic.rhai", GOOD);
    workspace.write("people.csv", &people(1..=5, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    workspace.usher("sync").ends(0);
    assert_eq!(target.active().len(), 5);
    (target, workspace)
}

#[test]
fn a_rule_with_a_syntax_error_is_not_applied_and_the_active_revision_goes_on() {
    let (target, workspace) = provisioned();
    let active = workspace.json("revisions list")["active"].clone();
    workspace.write("rules/generic.rhai", "fn account(user) {\n    #{ userName: user.email, title user.title }\n}\n");
    workspace.usher("apply").ends(1).says(&["rules/generic.rhai:2:", "title"]);
    workspace.usher("rules check").says(&["rules/generic.rhai:2:"]);
    assert_eq!(workspace.json("revisions list")["active"], active);
    workspace.write("changes.csv", &people([2], "Captain"));
    workspace.usher("import changes.csv").ends(0);
    workspace.usher("sync").ends(0);
    let changed = target.sandbox.accounts().into_iter().find(|each| each.user_name == "p2@planet.example").unwrap();
    assert_eq!(changed.body["title"], "Captain", "the active revision still runs");
}

/// A rule that goes wrong for everybody: named, blocked, and nobody loses an account.
fn goes_wrong(rule: &str, words: &[&str]) {
    let (target, workspace) = provisioned();
    workspace.write("rules/generic.rhai", rule);
    let before = target.sandbox.writes();
    let applied = workspace.usher("apply");
    assert!(applied.code == Some(0) || applied.code == Some(3), "{applied}");
    workspace.usher("sync");
    workspace.usher("status").says(words);
    assert_eq!(target.active().len(), 5, "nobody is deprovisioned");
    assert_eq!(target.sandbox.writes(), before, "nothing is written");
    workspace.write("rules/generic.rhai", GOOD);
    workspace.usher("apply").ends(0);
    workspace.usher("sync").ends(0);
    let again = workspace.json("sync");
    assert_eq!(again[0]["requests"], 0, "it is at rest: {again}");
    workspace.usher("store verify").ends(0);
}

#[test]
fn an_endless_rule_is_stopped_and_blocks_without_taking_anything_away() {
    goes_wrong(
        "fn account(user) {\n    let n = 0;\n    loop { n += 1; }\n}\n",
        &["blocked", "more than 50000 operations", "usher rules check"],
    );
}

#[test]
fn a_rule_that_gives_nonsense_blocks_without_taking_anything_away() {
    goes_wrong("fn account(user) {\n    42\n}\n", &["blocked", "must return a map", "it returned a whole number"]);
}

#[test]
fn a_rule_that_fails_says_where_and_takes_nothing_away() {
    goes_wrong("fn account(user) {\n    throw \"no such planet\";\n}\n", &["blocked", "no such planet", "usher apply"]);
}

#[test]
fn a_misspelt_attribute_in_a_rule_is_not_applied() {
    let (target, workspace) = provisioned();
    workspace.write("rules/generic.rhai", "fn account(user) {\n    #{ userName: user.emial }\n}\n");
    workspace.usher("apply").ends(1).says(&["rules/generic.rhai:2:", "`user.emial`", "did you mean `user.email`?"]);
    workspace.usher("sync").ends(0);
    assert_eq!(target.active().len(), 5);
}
