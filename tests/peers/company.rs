//! Planet Express as a workspace, and `usher` driven as its admin would: the real binary, one process a command.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::peer::Peer;
use crate::tap::{Sent, Tap};
use crate::traits::Traits;

/// Where the LDIF files are, if the variable does not say.
const FOLDER: &str = "../shared/data/planetexpress";

const USHER_TOML: &str = r#"
four_eyes = "record"

[[sources]]
name = "ldap"
key = "uid"
group_members = ["member"]
group_name = "cn"
multi_valued = ["emails", "custom.jobs"]

[sources.mapping]
username = "cn"
given_name = "givenName"
family_name = "sn"
display_name = "displayName"
email = "mail"
emails = "mail"
title = "title"
department = "ou"
"custom.jobs" = "employeeType"

[[roles]]
name = "staff"
when = 'user.email != ()'
"#;

const RULES: &str = r#"
fn account(user) {
    #{
        userName: user.username,
        externalId: user.external_id,
        name: #{ formatted: user.username, givenName: user.given_name, familyName: user.family_name },
        displayName: user.display_name ?? `${user.given_name} ${user.family_name}`,
        title: user.title ?? first(user.custom.jobs),
        USER_TYPE
        emails: addresses(user),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ department: user.department },
    }
}

fn first(values) {
    if values == () || values.is_empty() { () } else { values[0] }
}

fn addresses(user) {
    let all = [];
    for address in user.emails {
        let main = address == user.email;
        all.push(ADDRESS);
    }
    all
}
"#;

/// The rules, giving only what the server takes.
fn rules(traits: &Traits) -> String {
    let (user_type, address) = match traits.rich {
        true => (
            r#"userType: if user.in_group("ship_crew") { "Crew" } else if user.in_group("admin_staff") { "Office" } else { () },"#,
            r#"#{ value: address, type: if main { "work" } else { "other" }, primary: main }"#,
        ),
        false => ("", "#{ value: address }"),
    };
    RULES.replace("USER_TYPE", user_type).replace("ADDRESS", address)
}

/// The folder with the LDIF files.
///
/// # Panics
/// If it is not there: these tests have no other input.
fn planet_express() -> PathBuf {
    let said = std::env::var_os("USHER_PLANETEXPRESS").map(PathBuf::from);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(said.unwrap_or_else(|| FOLDER.into()));
    assert!(
        folder.is_dir(),
        "there is no Planet Express at {}.\nSet USHER_PLANETEXPRESS to the folder with its LDIF files (10_people_*.ldif, 30_groups_*.ldif).",
        folder.display()
    );
    folder
}

/// A workspace with one app, `peer`, whose server is tapped.
pub(crate) struct Company {
    /// The server.
    pub(crate) peer: Peer,
    tap: Tap,
    /// The workspace in `acme`, the HR export in `export`.
    dir: TempDir,
}

impl Company {
    /// Makes the workspace; nothing is imported or applied yet.
    pub(crate) async fn found(peer: Peer) -> Self {
        let rules = rules(&peer.traits);
        let company = Self::with(peer, USHER_TOML, &rules, "[assign]\nroles = [\"staff\"]\n").await;
        for file in fs::read_dir(planet_express()).unwrap().map(Result::unwrap) {
            if file.path().extension().is_some_and(|ending| ending == "ldif") {
                fs::copy(file.path(), company.export().join(file.file_name())).unwrap();
            }
        }
        company
    }

    /// Makes a workspace of these files, with an empty export. `app` follows the first lines of the app's file.
    pub(crate) async fn with(peer: Peer, usher: &str, rules: &str, app: &str) -> Self {
        let tap = Tap::on(&peer.base_url).await;
        let company = Self { tap, dir: TempDir::new().unwrap(), peer };
        fs::create_dir(company.export()).unwrap();
        let root = company.root();
        company.run(&["init", root.to_str().unwrap()]);
        let app = format!(
            "connector = \"{}\"\nbase_url = \"{}\"\ncredential = \"file:secrets/peer.token\"\nrules = \"crew.rhai\"\n\n{app}",
            company.peer.connector, company.tap.base_url
        );
        let connector = format!("connectors/{}.toml", company.peer.connector);
        for (path, text) in [
            ("usher.toml", usher),
            ("apps/peer.toml", &app),
            (&connector, &company.peer.connector_text()),
            ("rules/crew.rhai", rules),
            ("secrets/peer.token", company.peer.token),
        ] {
            fs::write(root.join(path), text).unwrap();
        }
        company
    }

    /// Founds it, applies the files, imports everybody and syncs once.
    pub(crate) async fn provisioned(peer: Peer) -> Self {
        let company = Self::found(peer).await;
        company.usher(&["apply"]);
        company.import();
        company.sync();
        company
    }

    /// Writes other rules; they are not applied yet.
    pub(crate) fn put_rules(&self, rules: &str) {
        fs::write(self.root().join("rules/crew.rhai"), rules).unwrap();
    }

    /// Where the export is.
    pub(crate) fn export(&self) -> PathBuf {
        self.dir.path().join("export")
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("acme")
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        // What the environment says of other workspaces or logs is not what is tested.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("USHER_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        command.env("USHER_LISTEN", "127.0.0.1:0");
        command.current_dir(self.dir.path()).args(words).output().unwrap()
    }

    /// Runs `usher WORDS --json` in the workspace; gives its answer. It must end with 0: done, nothing for a person to look at.
    #[track_caller]
    pub(crate) fn usher(&self, words: &[&str]) -> Json {
        self.usher_ends(words, 0)
    }

    /// The same, with another exit code.
    #[track_caller]
    pub(crate) fn usher_ends(&self, words: &[&str], code: i32) -> Json {
        let root = self.root();
        let output = self.run(&[words, &["--json", "--workspace", root.to_str().unwrap()]].concat());
        let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "usher {}\n{said}\n{errors}", words.join(" "));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("usher {}: {error}\n{said}", words.join(" ")))
    }

    /// Runs `usher WORDS` in the workspace; it must refuse.
    #[track_caller]
    pub(crate) fn usher_refuses(&self, words: &[&str]) {
        let root = self.root();
        let output = self.run(&[words, &["--workspace", root.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(1), "usher {}\n{output:?}", words.join(" "));
    }

    /// Imports the whole export; it must be applied at once.
    #[track_caller]
    pub(crate) fn import(&self) {
        let answer = self.import_ends(0);
        assert_eq!(answer["import"]["state"], "applied", "{answer:#}");
        assert_eq!(answer["problems"], Json::Array(Vec::new()), "{answer:#}");
    }

    /// Imports the whole export; `usher` must end with this exit code.
    #[track_caller]
    pub(crate) fn import_ends(&self, code: i32) -> Json {
        let mut files: Vec<PathBuf> = fs::read_dir(self.export()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut words = vec!["import", "--full"];
        words.extend(
            files
                .iter()
                .filter(|file| file.extension().is_some_and(|ending| ending == "ldif" || ending == "csv"))
                .map(|file| file.to_str().unwrap()),
        );
        self.usher_ends(&words, code)
    }

    /// Syncs; gives what it said of the app. What it says it sent is what went over the wire.
    #[track_caller]
    pub(crate) fn sync(&self) -> (Json, Vec<Sent>) {
        self.tap.take();
        let answer = self.usher(&["sync"]);
        let sent = self.tap.take();
        let answer = answer[0].clone();
        assert_eq!(answer["trouble"], Json::Null, "{answer:#}");
        assert_eq!(answer["requests"], sent.len(), "{answer:#}\n{sent:#?}");
        assert_eq!(answer["writes"], sent.iter().filter(|sent| sent.writes()).count(), "{answer:#}\n{sent:#?}");
        (answer, sent)
    }

    /// Syncs; gives the requests that write.
    #[track_caller]
    pub(crate) fn sync_writes(&self) -> Vec<Sent> {
        self.sync().1.into_iter().filter(Sent::writes).collect()
    }

    /// A sync, which must send nothing at all.
    #[track_caller]
    pub(crate) fn sync_is_quiet(&self) {
        let (answer, sent) = self.sync();
        assert!(sent.is_empty(), "a sync with nothing to do sent\n{sent:#?}\n{answer:#}");
    }

    /// What was sent since the last look.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.tap.take()
    }

    /// Edits a file of the export.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self.export().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {file}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Puts a file of the export back as it was at first.
    pub(crate) fn restore(&self, file: &str) {
        fs::copy(planet_express().join(file), self.export().join(file)).unwrap();
    }

    /// Takes files out of the export; they are kept aside.
    pub(crate) fn take_out(&self, files: &[&str]) {
        let export = self.export();
        files.iter().for_each(|file| fs::rename(export.join(file), export.join(format!("{file}.out"))).unwrap());
    }

    /// Puts them back.
    pub(crate) fn put_back(&self, files: &[&str]) {
        let export = self.export();
        files.iter().for_each(|file| fs::rename(export.join(format!("{file}.out")), export.join(file)).unwrap());
    }

    /// What ops see of a user's account.
    #[track_caller]
    pub(crate) fn shown(&self, uid: &str) -> String {
        let rows = self.usher(&["status", "--user", uid]);
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows:#}");
        rows[0]["shown"].as_str().unwrap().to_owned()
    }

    /// The ids at the server of all accounts of ours, by userName, as the ledger has them.
    #[track_caller]
    pub(crate) fn remote_ids(&self) -> BTreeMap<String, String> {
        let rows = self.usher(&["status", "--app", "peer", "--limit", "10000"]);
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let account =
            |row: &Json| Some((text(&row["account"]["pushed"]["userName"])?, text(&row["account"]["remote_id"])?));
        rows.as_array().unwrap().iter().filter_map(account).collect()
    }

    /// The account's id at the server, as the ledger has it.
    #[track_caller]
    pub(crate) fn remote_id(&self, uid: &str) -> String {
        let rows = self.usher(&["status", "--user", uid]);
        rows[0]["account"]["remote_id"].as_str().unwrap_or_else(|| panic!("{rows:#}")).to_owned()
    }
}
