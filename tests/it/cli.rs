//! The command line as a program: help, exit codes, JSON, and everything that needs no target.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The binary in a folder, with nothing of this process's environment that it listens to.
pub(crate) fn usher(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.current_dir(dir);
    for name in [
        "USHER_WORKSPACE",
        "USHER_STORE",
        "USHER_LOG",
        "RUST_LOG",
        "NO_COLOR",
        "COLUMNS",
        "USHER_SERVER",
        "USHER_TOKEN",
    ] {
        command.env_remove(name);
    }
    // Any free port: many workspaces are served side by side.
    command.env("USHER_LISTEN", "127.0.0.1:0");
    command
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn run(dir: &Path, words: &[&str]) -> Ran {
    usher(dir).args(words).output().unwrap().into()
}

/// Runs a command that must end with 0.
pub(crate) fn done(dir: &Path, words: &[&str]) -> String {
    let ran = run(dir, words);
    assert_eq!(ran.code, Some(0), "usher {}: {ran:#?}", words.join(" "));
    ran.out
}

/// The JSON of a command that must end with 0.
pub(crate) fn json(dir: &Path, words: &[&str]) -> Json {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&done(dir, &words)).unwrap()
}

/// A new workspace.
fn workspace() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("acme");
    done(folder.path(), &["init", "acme"]);
    (folder, root)
}

const PEOPLE: &str = "employee_number,email,given_name,family_name,display_name,department,title,country,manager,state\n\
    1,ann@acme.example,Ann,Arbor,Ann Arbor,Sales,Clerk,Japan,,active\n\
    2,bo@acme.example,Bo,Bergen,Bo Bergen,Sales,Clerk,Japan,1,active\n\
    3,cy@acme.example,Cy,Cadiz,Cy Cadiz,Ops,Engineer,Japan,1,active\n";

fn peopled() -> (TempDir, PathBuf) {
    let (folder, root) = workspace();
    std::fs::write(root.join("people.csv"), PEOPLE).unwrap();
    done(&root, &["import", "--full", "people.csv"]);
    (folder, root)
}

/// The names under `Commands:` of a help text.
fn subcommands(help: &str) -> Vec<String> {
    let Some((_, rest)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    rest.lines()
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_teaches_itself_with_an_example() {
    let here = tempfile::tempdir().unwrap();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(path) = open.pop() {
        let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
        words.push("--help");
        let help = done(here.path(), &words);
        assert!(help.contains("usher "), "{path:?} names no command line:\n{help}");
        assert!(path.is_empty() || help.contains("Example"), "{path:?} has no example:\n{help}");
        open.extend(subcommands(&help).into_iter().map(|name| [path.clone(), vec![name]].concat()));
        seen.push(path.join(" "));
    }
    for command in [
        "demo",
        "init",
        "serve",
        "import",
        "imports drop",
        "users set",
        "assign",
        "unassign",
        "apps test",
        "apply",
        "export",
        "revisions rollback",
        "plan",
        "sync",
        "approvals reject",
        "status",
        "history",
        "retry",
        "rematch",
        "disassociate",
        "rules check",
        "operators add",
        "sandbox",
        "store exercise",
        "doctor",
    ] {
        assert!(seen.iter().any(|path| path == command), "`{command}` is missing: {seen:?}");
    }
}

#[test]
fn what_is_not_understood_ends_with_2() {
    let here = tempfile::tempdir().unwrap();
    for words in [
        &["--nonsense"][..],
        &["fly"],
        &["plan", "--sideways"],
        &["history", "--status", "sad"],
        &["approvals", "approve", "seventeen"],
        &["apps", "show", "Not A Name"],
        &["import"],
    ] {
        let ran = run(here.path(), words);
        assert_eq!(ran.code, Some(2), "{words:?}: {ran:#?}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{words:?}: {ran:#?}");
    }
    let ran = run(here.path(), &["history", "--status", "sad"]);
    assert!(ran.err.contains("there is no status `sad`") && ran.err.contains("pending"), "{}", ran.err);
}

#[test]
fn without_a_workspace_the_error_says_how_to_make_one() {
    let here = tempfile::tempdir().unwrap();
    let ran = run(here.path(), &["status"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("usher init"), "{}", ran.err);
}

#[test]
fn init_writes_a_workspace_and_overwrites_nothing() {
    let (folder, root) = workspace();
    for file in ["usher.toml", "connectors/nulab-pass.toml", "rules/nulab-pass.rhai", "store/sled"] {
        assert!(root.join(file).exists(), "{file} is missing");
    }
    std::fs::write(root.join("usher.toml"), "# mine\n").unwrap();
    let again = run(folder.path(), &["init", "acme"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("exists already"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(root.join("usher.toml")).unwrap(), "# mine\n");
}

#[test]
fn init_makes_only_the_store_in_a_copy_of_a_workspace_without_one() {
    let (folder, root) = workspace();
    std::fs::remove_dir_all(root.join("store")).unwrap();
    let lost = run(&root, &["status"]);
    assert_eq!(lost.code, Some(1));
    assert!(lost.err.contains("usher init"), "{}", lost.err);
    std::fs::remove_dir_all(root.join("store")).unwrap();
    done(folder.path(), &["init", "acme"]);
    done(&root, &["status"]);
}

#[test]
fn whoever_ran_init_is_the_first_admin() {
    let (_folder, root) = workspace();
    let operators = json(&root, &["operators", "list"]);
    assert_eq!(operators["four_eyes"], "record");
    assert_eq!(operators["operators"][0]["role"], "admin");
    assert_eq!(operators["operators"][0]["name"], operators["operators"][0]["os_account"]);
}

#[test]
fn every_list_is_json_for_programs() {
    let (_folder, root) = peopled();
    let users = json(&root, &["users", "list"]);
    assert_eq!(users.as_array().unwrap().len(), 3);
    let imports = json(&root, &["imports", "list"]);
    let id = imports[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(json(&root, &["imports", "show", &id])["import"]["rows"], 3);
    assert_eq!(json(&root, &["users", "show", "bo@acme.example"])["user"]["key"], "2");
    for words in [
        &["apps", "list"][..],
        &["revisions", "list"],
        &["approvals", "list"],
        &["status"],
        &["history"],
        &["history", "--since", "2h", "--status", "failed,refused"],
        &["operators", "list"],
        &["store", "verify"],
        &["rules", "check"],
    ] {
        let value = json(&root, words);
        assert!(value.is_array() || value.is_object(), "{words:?} gave {value}");
    }
}

#[test]
fn a_change_by_hand_is_shown_as_such_and_can_be_lifted() {
    let (_folder, root) = peopled();
    done(&root, &["users", "set", "1", "title=Lead", "custom.badge:=17"]);
    let shown = done(&root, &["users", "show", "hr:1"]);
    assert!(shown.contains("operator (source says Clerk)") && shown.contains("Lead"), "{shown}");
    done(&root, &["users", "set", "1", "--lift", "title"]);
    assert!(!done(&root, &["users", "show", "1"]).contains("Lead"));
    done(&root, &["users", "suspend", "2"]);
    let listed = done(&root, &["users", "list"]);
    assert!(listed.contains("suspended (by hand)"), "{listed}");
    done(&root, &["users", "restore", "2"]);
    assert!(!done(&root, &["users", "list"]).contains("suspended"));
    let wrong = run(&root, &["users", "set", "1", "title"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("attribute=value"), "{}", wrong.err);
    for (setting, says) in [("title:=[\"a\",\"b\"]", "`title` is one text"), ("emails:={}", "`emails` is a list")] {
        let wrong = run(&root, &["users", "set", "1", "department=Ops", setting]);
        assert!(wrong.code == Some(1) && wrong.err.contains(says), "{wrong:#?}");
    }
    assert!(!done(&root, &["users", "show", "1"]).contains("Ops"), "all of it, or nothing");
    done(&root, &["users", "set", "1", "employee_number:=17", "emails=two@acme.example"]);
    let attributes = &json(&root, &["users", "show", "1"])["user"]["manual"]["attributes"];
    assert_eq!(attributes["employee_number"], "17");
    assert_eq!(attributes["emails"], serde_json::json!(["two@acme.example"]));
    let nobody = run(&root, &["users", "show", "nobody@acme.example"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.err.contains("nobody@acme.example"), "{}", nobody.err);
}

#[test]
fn rows_that_cannot_be_read_are_named_and_the_exit_code_says_so() {
    let (_folder, root) = workspace();
    let rows = format!("{PEOPLE}4,dee@acme.example,Dee,Dover,Dee Dover,Ops,Engineer,Japan,1,sleeping\n");
    std::fs::write(root.join("people.csv"), rows).unwrap();
    let ran = run(&root, &["import", "people.csv"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.out.contains("people.csv:5") && ran.out.contains("sleeping"), "{}", ran.out);
    assert_eq!(json(&root, &["users", "list"]).as_array().unwrap().len(), 3, "the other rows are read");
}

#[test]
fn a_shrunken_full_import_is_parked_until_somebody_decides() {
    let (_folder, root) = peopled();
    let head: String = PEOPLE.lines().take(2).map(|line| format!("{line}\n")).collect();
    let mut rows = PEOPLE.to_owned();
    for number in 4..8 {
        rows.push_str(&format!("{number},p{number}@acme.example,P,N{number},P N{number},Ops,Clerk,Japan,1,active\n"));
    }
    std::fs::write(root.join("people.csv"), rows).unwrap();
    done(&root, &["import", "--full", "people.csv"]);
    std::fs::write(root.join("people.csv"), head).unwrap();
    let parked = run(&root, &["import", "--full", "people.csv"]);
    assert_eq!(parked.code, Some(3), "{parked:#?}");
    assert!(parked.out.contains("parked") && parked.out.contains("usher imports apply imp_"), "{}", parked.out);
    let id = json(&root, &["imports", "list"])[0]["id"].as_str().unwrap().to_owned();
    done(&root, &["imports", "drop", &id]);
    let standing = json(&root, &["users", "list"]);
    assert!(standing.as_array().unwrap().iter().all(|user| user["standing"] == "active"), "{standing}");
}

#[test]
fn names_cannot_drive_the_terminal() {
    let (_folder, root) = workspace();
    let rows = "employee_number,email,display_name\n1,ann@acme.example,\"\u{1b}[31mAnn\u{202e}\u{7}\"\n";
    std::fs::write(root.join("people.csv"), rows).unwrap();
    let imported = run(&root, &["import", "people.csv"]);
    let listed = run(&root, &["users", "list"]);
    let shown = run(&root, &["users", "show", "1"]);
    for text in [imported.out, imported.err, listed.out, shown.out] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
    }
}

#[test]
fn piped_output_has_no_colour_and_fits_a_hundred_columns() {
    let (_folder, root) = peopled();
    for words in [&["users", "list"][..], &["imports", "list"], &["users", "show", "1"], &["doctor"]] {
        let ran = run(&root, words);
        assert!(!ran.out.contains('\u{1b}'), "{words:?}");
        let widest = ran.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(words == ["doctor"] || widest <= 100, "{words:?} is {widest} wide:\n{}", ran.out);
    }
}

#[test]
fn a_backup_is_restored_into_a_workspace_without_a_store() {
    let (folder, root) = peopled();
    let backup = folder.path().join("backup");
    done(&root, &["store", "backup", backup.to_str().unwrap()]);
    let refused = run(&root, &["store", "restore", backup.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(root.join("usher.toml"), other.join("usher.toml")).unwrap();
    let verified = json(&other, &["store", "restore", backup.to_str().unwrap()]);
    assert_eq!(verified["problems"], serde_json::json!([]));
    assert_eq!(json(&other, &["users", "list"]), json(&root, &["users", "list"]));
}

#[test]
fn a_revision_is_refused_when_another_is_active_than_the_files_come_from() {
    let (_folder, root) = workspace();
    done(&root, &["apply", "--comment", "first"]);
    let rules = root.join("rules/generic.rhai");
    let source = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("// second\n{source}")).unwrap();
    done(&root, &["apply", "--comment", "second"]);
    done(&root, &["revisions", "rollback", "1", "--comment", "the second was wrong"]);
    std::fs::write(&rules, format!("// third\n{source}")).unwrap();
    let stale = run(&root, &["apply"]);
    assert_eq!(stale.code, Some(1), "{stale:#?}");
    assert!(stale.err.contains("export"), "{}", stale.err);
    let exported = done(&root, &["export"]);
    assert!(exported.contains("rules/generic.rhai"), "{exported}");
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), source);
    std::fs::write(&rules, format!("// third\n{source}")).unwrap();
    done(&root, &["apply", "--comment", "third"]);
}

#[test]
fn a_failing_example_is_shown_with_what_differs() {
    let (_folder, root) = workspace();
    let passed = done(&root, &["rules", "check"]);
    assert!(passed.contains("come out as they should"), "{passed}");
    let examples = root.join("rules/generic.examples.toml");
    let wrong = "[[example]]\nname = \"a name is a name\"\n[example.user]\nemail = \"ann@acme.example\"\n[example.account]\nuserName = \"bo@acme.example\"\n";
    std::fs::write(examples, wrong).unwrap();
    let failed = run(&root, &["rules", "check"]);
    assert_eq!(failed.code, Some(3), "{failed:#?}");
    assert!(
        failed.out.contains("a name is a name") && failed.out.contains("expected bo@acme.example"),
        "{}",
        failed.out
    );
}

#[test]
fn acting_as_somebody_else_is_recorded_as_claimed_and_needs_an_operator() {
    let (_folder, root) = peopled();
    let nobody = run(&root, &["users", "suspend", "1", "--as", "nobody"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.err.contains("no operator `nobody`"), "{}", nobody.err);
    done(&root, &["operators", "add", "eve", "--role", "viewer"]);
    done(&root, &["users", "list", "--as", "eve"]);
    let denied = run(&root, &["users", "suspend", "1", "--as", "eve"]);
    assert_eq!(denied.code, Some(1));
    assert!(denied.err.contains("viewer"), "{}", denied.err);
}

#[test]
fn the_doctor_finds_what_must_be_put_right() {
    let (_folder, root) = workspace();
    let well = run(&root, &["doctor"]);
    assert!(well.out.contains("disk") && well.out.contains("clock"), "{}", well.out);
    let app = "connector = \"generic-scim2\"\nbase_url = \"http://127.0.0.1:9/scim\"\ncredential = \"file:secrets/none\"\nrules = \"generic.rhai\"\n";
    std::fs::write(root.join("apps/lost.toml"), app).unwrap();
    let ill = run(&root, &["doctor"]);
    assert_eq!(ill.code, Some(3), "{ill:#?}");
    assert!(ill.out.contains("credential of lost") && ill.out.contains("secrets/none"), "{}", ill.out);
}
