//! Mistakes in the workspace's files.

use crate::workspace::{TOKEN, Workspace, people};

#[test]
fn an_unknown_attribute_in_the_mapping_is_named_with_line_and_column() {
    let workspace = Workspace::new();
    let mapping =
        "[[sources]]\nname = \"hr\"\nkey = \"id\"\n[sources.mapping]\nemail = \"mail\"\ndepartement = \"dept\"\n";
    workspace.write("usher.toml", mapping);
    workspace.write("people.csv", &people(1..=2, "Pilot"));
    workspace.usher("import people.csv").ends(1).says(&[
        "usher.toml:6:1: unknown attribute `departement`",
        "use one of",
        "department,",
    ]);
}

#[test]
fn an_unknown_key_in_an_app_or_a_connector_is_named_with_line_and_column() {
    let workspace = Workspace::new();
    workspace.app("http://127.0.0.1:9/scim/v2", "[limits]\nconcurency = 3\n");
    workspace.usher("apply").ends(1).says(&["apps/app.toml:8:1: unknown field `concurency`", "`concurrency`"]);
    workspace.app("http://127.0.0.1:9/scim/v2", "");
    let connector = "name = \"odd\"\ntitle = \"Odd\"\n[users]\npath = \"/Users\"\nupdat = \"put\"\n";
    workspace.write("connectors/odd.toml", connector);
    workspace.usher("apply").ends(1).says(&["connectors/odd.toml:5:1: unknown field `updat`", "`update`"]);
    workspace.usher("revisions list").ends(0);
    assert_eq!(workspace.json("revisions list")["active"], serde_json::Value::Null, "nothing was activated");
}

#[test]
fn a_token_where_a_reference_belongs_is_refused_and_not_repeated() {
    let workspace = Workspace::new();
    // `usher` looks for the token in everything that is said.
    workspace.app("http://127.0.0.1:9/scim/v2", &format!("credential = \"{TOKEN}\"\n"));
    workspace.usher("apply").ends(1).says(&["apps/app.toml:4:14", "`env:NAME`, `file:PATH` or `sealed`"]);
}

#[test]
fn a_missing_credential_says_which_and_what_to_do_and_holds_back_everything() {
    let workspace = Workspace::new();
    workspace.app("http://127.0.0.1:9/scim/v2", "credential = \"env:PLANET_TOKEN\"\n");
    workspace.write("people.csv", &people(1..=2, "Pilot"));
    workspace.usher("import --full people.csv").ends(0);
    let words = ["the environment variable PLANET_TOKEN is not set; set it to the app's token"];
    workspace.usher("sync").ends(3).says(&words);
    workspace.usher("doctor").ends(3).says(&words);
    workspace.usher("store verify").ends(0);
}
