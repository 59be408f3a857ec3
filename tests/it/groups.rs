//! The catalogue through the real binary, with a real sandbox beside it whose groups change over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::workspace::{TOKEN, Workspace, people};

const RULES: &str = "fn account(user) { #{ userName: user.email } }\n\
    fn entitlements(user) { [grant(\"group\", \"Crew\"), grant(\"group\", \"Pilots\")] }\n";

/// `usher sandbox`, killed when the test is over.
pub(crate) struct Process {
    child: Child,
    pub(crate) base_url: String,
    client: reqwest::Client,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Process {
    pub(crate) fn start(workspace: &Workspace, words: &str) -> Self {
        // Every test installs it; the first one wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        workspace.write("secrets/app.token", TOKEN);
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command.args(["sandbox", "--token-file", "secrets/app.token"]).args(words.split_whitespace());
        command.current_dir(workspace.root()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base_url = line.split('"').nth(1).unwrap_or_else(|| panic!("no URL in `{line}`")).to_owned();
        Self { child, base_url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Json) -> Json {
        let request = self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(TOKEN);
        let request = request.header("Content-Type", "application/scim+json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let text = answer.text().await.unwrap();
        if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() }
    }

    async fn create(&self, name: &str) -> String {
        let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name });
        self.send(Method::POST, "/Groups", group).await["id"].as_str().unwrap().to_owned()
    }

    async fn rename(&self, id: &str, name: &str) {
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "displayName", "value": name }],
        });
        self.send(Method::PATCH, &format!("/Groups/{id}"), patch).await;
    }
}

#[tokio::test]
async fn a_refresh_shows_what_others_changed_at_the_target() {
    let workspace = Workspace::new();
    let target = Process::start(&workspace, "--connector generic-scim2 --seed 4 --groups 2");
    let crew = target.create("Crew").await;
    workspace.write("rules/groups.rhai", RULES);
    workspace.write("people.csv", &people(1..=3, "Engineer"));
    workspace.app(&target.base_url, "[entitlements]\nrefresh = \"0 3 * * *\"\n");
    let app = std::fs::read_to_string(workspace.root().join("apps/app.toml")).unwrap();
    workspace.write("apps/app.toml", &app.replace("generic.rhai", "groups.rhai"));
    workspace.usher("import people.csv --full").ends(0);
    workspace.usher("apps entitlements app").ends(1).says(&["no revision is active yet"]);
    workspace.usher("apply").ends(0);
    // Applying planned, and planning needed the names.
    let listed = workspace.json("apps entitlements app --kind group");
    let names: Vec<&str> =
        listed["entitlements"].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Crew", "Group 1", "Group 2"]);

    let quiet = workspace.usher("apps refresh app").ends(3);
    quiet.says(&[
        "✓ group 3",
        "nothing changed",
        "✓ rules grant group `Crew` to 3 users",
        "✗ rules grant group `Pilots`",
    ]);
    target.rename(&crew, "The Crew").await;
    target.create("Pilots").await;
    target.send(Method::DELETE, &format!("/Groups/{}", id_of(&listed, "Group 2")), Json::Null).await;
    let changed = workspace.usher("apps refresh app").ends(3);
    changed.says(&[
        "new 1, renamed 1, gone 1",
        "new group Pilots",
        &format!("renamed group The Crew ({crew}), before: Crew"),
        "gone group Group 2",
        "`Crew` to 3 users (Given1 Family1, Given2 Family2, Given3 Family3), but it is called `The Crew` now",
        "`Pilots` to 3 users",
    ]);
    target.rename(&crew, "Crew").await;
    let twin = target.create("Pilots").await;
    let refreshed = workspace.json("apps refresh app");
    assert_eq!(refreshed["diff"]["ambiguous"][0]["name"], "Pilots");
    let meanings: Vec<&Json> = refreshed["concerns"].as_array().unwrap().iter().map(|each| &each["meaning"]).collect();
    assert_eq!(meanings, ["now", "ambiguous"]);
    target.send(Method::DELETE, &format!("/Groups/{twin}"), Json::Null).await;
    workspace.usher("apps refresh app").ends(0).says(&["gone 1"]);
    workspace.usher("apps entitlements app").ends(0).says(&["Pilots", "gone", "Refreshed"]);
    workspace.usher("store verify").ends(0);
    workspace.keeps_no_secret();
}

fn id_of(listed: &Json, name: &str) -> String {
    let found = listed["entitlements"].as_array().unwrap().iter().find(|each| each["name"] == name).unwrap();
    found["key"]["remote_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_target_without_groups_or_without_sense_is_told_in_words() {
    let workspace = Workspace::new();
    // The connector says that there are groups; the target has none.
    let target = Process::start(&workspace, "--connector nulab-pass");
    workspace.app(&target.base_url, "");
    workspace.usher("apply").ends(0);
    workspace
        .usher("apps refresh app")
        .ends(3)
        .says(&["! group 0, perhaps not all: /Groups can't be listed", "nothing changed"]);
    workspace.usher("apps entitlements app").ends(0).says(&["app has nothing to grant"]);
    workspace.write("secrets/app.token", "another");
    let refused = workspace.usher("apps refresh app").ends(1);
    refused.says(&["what app can grant could not be read", "401"]);
    workspace.usher("apps refresh nobody").ends(1).says(&["there is no app `nobody`"]);
}

#[tokio::test]
async fn what_an_app_can_grant_is_a_table_with_what_became_of_each() {
    let workspace = Workspace::new();
    let target = Process::start(&workspace, "--connector generic-scim2");
    let crew = target.create("Crew").await;
    let old = target.create("Night Watch").await;
    workspace.write("rules/groups.rhai", RULES);
    workspace.write("people.csv", &people(1..=2, "Engineer"));
    workspace.app(&target.base_url, "[entitlements]\ncreate_missing = true\n");
    let app = std::fs::read_to_string(workspace.root().join("apps/app.toml")).unwrap();
    workspace.write("apps/app.toml", &app.replace("generic.rhai", "groups.rhai"));
    workspace.usher("import people.csv --full").ends(0);
    workspace.usher("apply").ends(0);
    workspace.usher("sync").ends(0);
    target.send(Method::DELETE, &format!("/Groups/{old}"), Json::Null).await;
    workspace.usher("apps refresh app");
    let table = workspace.usher("apps entitlements app").ends(0);
    let line =
        |name: &str| table.out.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{table}")).to_owned();
    assert!(line("Kind").contains("Name") && line("Kind").contains("Since"), "{table}");
    assert!(
        line("Crew").contains("group") && line("Crew").contains(&crew) && !line("Crew").contains("by us"),
        "{table}"
    );
    assert!(line("Pilots").contains("created by us"), "{table}");
    assert!(line("Night Watch").contains("gone"), "{table}");
    assert!(table.out.contains("Refreshed"), "{table}");
    let only = workspace.usher("apps entitlements app --kind group").ends(0);
    assert_eq!(only.out.lines().count(), table.out.lines().count());
    workspace.usher("apps entitlements app --kind licence").ends(1).says(&["it has group"]);
    let listed = workspace.json("apps entitlements app");
    let made = listed["entitlements"].as_array().unwrap().iter().find(|each| each["name"] == "Pilots").unwrap();
    assert_eq!(made["created"], true);
}
