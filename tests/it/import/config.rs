//! usher.toml and the workspace: what is read, and every mistake with its line.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use usher::access::operator::FourEyes;
use usher::config::{self, Config, Conflict, Holder, Lock, LockError, Workspace, WorkspaceError};
use usher::connector::CredentialRef;
use usher::directory::RoleDefinition;
use usher::directory::source::{Missing, SourceTarget};

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("usher.toml"), text, &|_| None).map_err(|error| error.to_string())
}

fn no_env(_: &str) -> Option<String> {
    None
}

fn made() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    config::init(folder.path(), &[("generic-scim2.toml", "name = 1")], &[("generic-scim2", "fn x() {}")]).unwrap();
    let workspace = Workspace::open(folder.path(), &no_env).unwrap();
    (folder, workspace)
}

#[test]
fn the_file_that_init_writes_is_understood() {
    let (_folder, workspace) = made();
    assert_eq!(workspace.config.four_eyes, FourEyes::Record);
    let hr = workspace.source(None).unwrap();
    assert_eq!((hr.name.as_str(), hr.key.as_str(), hr.missing), ("hr", "employee_number", Missing::Suspend));
    assert_eq!(hr.mapping[&SourceTarget::Manager], ["manager"]);
    let bundle = workspace.load_bundle().unwrap();
    let paths: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["connectors/generic-scim2.toml", "roles.toml", "rules/generic-scim2.rhai"]);
}

#[test]
fn the_sample_app_is_an_app() {
    let text = include_str!("../../../src/config/template/app.toml");
    usher::connector::App::parse(Path::new("apps/example.toml"), text).unwrap();
}

#[test]
fn the_demo_apps_are_apps_once_their_base_url_is_filled_in() {
    for (path, text) in config::demo_files().iter().filter(|(path, _)| path.starts_with("apps/")) {
        let filled = text
            .replace(config::demo::NULAB_URL, "http://127.0.0.1:8081/scim")
            .replace(config::demo::NULLPLATFORM_URL, "http://127.0.0.1:8082/scim");
        usher::connector::App::parse(Path::new(path), &filled).unwrap();
    }
}

#[test]
fn init_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("apps")).unwrap();
    std::fs::write(folder.path().join("apps/example.toml.disabled"), "mine").unwrap();
    let error = config::init(folder.path(), &[], &[]).unwrap_err();
    assert!(
        matches!(&error, WorkspaceError::Exists { path } if path.ends_with("apps/example.toml.disabled")),
        "{error}"
    );
    assert!(!folder.path().join("usher.toml").exists());
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    let source = "[[sources]]\nname = \"hr\"\nkey = \"id\"\n";
    let cases = [
        ("stor = \"x\"", "usher.toml:1:1: unknown field `stor`"),
        ("four_eyes = \"maybe\"", "usher.toml:1:13: unknown variant `maybe`"),
        ("[[sources]]\nname = \"Hr\"\nkey = \"id\"", "usher.toml:2:8: `Hr` is not a name"),
        (&format!("{source}[sources.mapping]\ndepartement = \"d\""), "usher.toml:5:1: unknown attribute `departement`"),
        (
            &format!("{source}[sources.mapping]\n\"custom.h\" = [\"a\", \"userPassword\"]"),
            "usher.toml:5:14: `userPassword`",
        ),
        (&format!("{source}[sources.mapping]\ntitle = []"), "usher.toml:5:9: `title` is mapped to no column"),
        (
            &format!("{source}[sources.mapping]\ntitle = 3"),
            "usher.toml:5:9: invalid type: integer `3`, expected a column name",
        ),
        (&format!("{source}separator = \"ab\""), "usher.toml:4:13: `ab` is no separator"),
        (
            &format!("{source}multi_valued = [\"custom.x\"]"),
            "usher.toml:4:17: `custom.x` is multi-valued but not mapped",
        ),
        (&format!("{source}{source}"), "usher.toml:5:8: the source `hr` is defined twice"),
        ("[[roles]]\nname = \"a\"\nwhen = \"\"", "usher.toml:1:1: a role needs"),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}\n  gave     {error}\n  expected {expected}");
    }
}

#[test]
fn the_environment_overlays_the_store() {
    let env = |name: &str| (name == "USHER_STORE").then(|| "/var/lib/usher".to_owned());
    let config = Config::parse(Path::new("usher.toml"), "store = \"s\"", &env).unwrap();
    assert_eq!(config.store, Path::new("/var/lib/usher"));
    assert_eq!(parse("").unwrap().store, Path::new("store"));
}

#[test]
fn a_workspace_is_found_from_below_and_a_missing_one_is_said() {
    let (folder, workspace) = made();
    assert_eq!(Workspace::find(&folder.path().join("apps")).unwrap(), workspace.root);
    let elsewhere = tempfile::tempdir().unwrap();
    let error = Workspace::find(elsewhere.path()).unwrap_err();
    assert!(error.to_string().contains("usher init"), "{error}");
}

#[test]
fn an_unknown_source_is_named_with_those_there_are() {
    let (_folder, workspace) = made();
    let error = workspace.source(Some("ldap")).unwrap_err().to_string();
    assert_eq!(error, "no source `ldap` in usher.toml; it has hr");
}

#[test]
fn an_export_writes_what_changed_and_deletes_nothing() {
    let (folder, workspace) = made();
    let mut bundle = workspace.load_bundle().unwrap();
    bundle.files.remove("rules/generic-scim2.rhai");
    bundle.files.insert("apps/new.toml".to_owned(), "x = 1".to_owned());
    let role = RoleDefinition { name: "sales \"x\"".to_owned(), when: "user.department == \"Sales\"".to_owned() };
    bundle.set_roles(std::slice::from_ref(&role));
    let written = workspace.write_bundle(&bundle).unwrap();
    assert_eq!(written.written, ["apps/new.toml"]);
    assert_eq!(written.unchanged, 1);
    assert_eq!(written.extra, ["rules/generic-scim2.rhai"]);
    assert_eq!(written.roles, Some(Conflict::Replaced));
    let again = Workspace::open(folder.path(), &no_env).unwrap();
    assert_eq!(again.config.roles, [role]);
    assert_eq!(again.config.sources, workspace.config.sources);
    let second = again.write_bundle(&bundle).unwrap();
    assert_eq!((second.written.len(), second.unchanged, second.roles), (0, 2, None));
}

#[test]
fn a_bundle_cannot_write_outside_the_workspace() {
    let (folder, workspace) = made();
    for path in ["../x.toml", "apps/../../x.toml", "/etc/x.toml", "apps/x.sh", "secrets/x.toml", "usher.toml"] {
        let mut bundle = workspace.load_bundle().unwrap();
        bundle.files.insert(path.to_owned(), "x".to_owned());
        let error = workspace.write_bundle(&bundle).unwrap_err();
        assert!(matches!(error, WorkspaceError::ForeignPath { .. }), "{path}: {error}");
    }
    assert!(folder.path().join("usher.toml").exists());
}

#[test]
fn credentials_are_read_by_reference_and_never_shown() {
    let (folder, workspace) = made();
    let file = folder.path().join("secrets/t.token");
    let read = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        workspace.credential(&CredentialRef::File("secrets/t.token".to_owned()), &no_env)
    };
    let good = read("s3cret-token\n", 0o600).unwrap();
    assert_eq!(good.secret.expose(), "s3cret-token");
    assert!(good.warnings.is_empty());
    assert!(!format!("{good:?}").contains("s3cret"));
    assert!(read("s3cret-token", 0o644).unwrap().warnings[0].contains("chmod 600"));
    for bad in ["", "\n", "s3cret one\ntwo", " s3cret", "s3crét"] {
        let error = read(bad, 0o600).unwrap_err().to_string();
        assert!(!error.contains("s3cr") && error.contains("file:secrets/t.token"), "{error}");
    }
    let error = workspace.credential(&CredentialRef::Env("TOKEN_X".to_owned()), &no_env).unwrap_err();
    assert!(error.to_string().contains("TOKEN_X is not set"), "{error}");
    let env = |_: &str| Some("abc".to_owned());
    assert_eq!(workspace.credential(&CredentialRef::Env("T".to_owned()), &env).unwrap().secret.expose(), "abc");
}

#[test]
fn a_second_holder_is_told_who_the_first_is() {
    let (_folder, workspace) = made();
    let holder = Holder { pid: 4711, command: "usher serve".to_owned() };
    let lock = Lock::take(&workspace.lock_path(), &holder).unwrap();
    let other = Holder { pid: 4712, command: "usher sync".to_owned() };
    let error = Lock::take(&workspace.lock_path(), &other).unwrap_err();
    assert!(matches!(&error, LockError::Held { holder: Some(first) } if *first == holder));
    assert_eq!(error.to_string(), "the workspace is in use by `usher serve` (process 4711)");
    drop(lock);
    Lock::take(&workspace.lock_path(), &other).unwrap();
}

#[test]
fn a_socket_path_always_fits() {
    let (_folder, mut workspace) = made();
    assert!(workspace.socket_path(None).ends_with("store/usher.sock"));
    workspace.root = Path::new("/").join("deep/".repeat(40));
    let path = workspace.socket_path(Some(Path::new("/run/user/1000")));
    assert!(path.starts_with("/run/user/1000") && path.as_os_str().len() < 100);
}

/// `[server.openid]` with what every provider needs, and `more`.
fn openid(more: &str) -> String {
    format!("[server.openid]\nissuer = \"https://id.example\"\nclient_id = \"usher\"\n{more}")
}

#[test]
fn a_provider_says_what_its_claims_mean_and_the_rest_has_defaults() {
    let config = parse(&openid("roles = { chiefs = \"admin\" }\n")).unwrap();
    let provider = config.server.openid.unwrap();
    assert_eq!((provider.role_claim.as_str(), provider.name_claim.as_str()), ("groups", "preferred_username"));
    assert_eq!(provider.roles["chiefs"], usher::access::Role::Admin);
    assert!(provider.client_secret.is_none() && config.server.passwords);
}

#[test]
fn a_sign_in_that_could_let_nobody_in_or_anybody_listen_is_a_mistake_with_its_line() {
    let provider = openid("roles = { chiefs = \"admin\" }\n");
    for (text, line, part) in [
        ("[server]\npasswords = false\n".to_owned(), 2, "passwords = false needs [server.openid]"),
        (openid("roles = {}\n"), 4, "nobody could sign in"),
        (openid("roles = { chiefs = \"king\" }\n"), 4, "king"),
        (
            openid("client_secret = \"the secret itself\"\nroles = { chiefs = \"admin\" }\n"),
            4,
            "never the secret itself",
        ),
        (openid("client_secret = \"sealed\"\nroles = { chiefs = \"admin\" }\n"), 4, "`env:NAME` or `file:PATH`"),
        (provider.replace("https", "http"), 2, "is no issuer"),
        (provider.replace("https://id.example", "http://localhost.evil.example"), 2, "is no issuer"),
        ("seal_key = \"sealed\"\n".to_owned(), 1, "lies outside the store"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(part) && error.contains(&format!("usher.toml:{line}:")), "{text}: {error}");
    }
    assert!(parse(&provider.replace("https://id.example", "http://localhost:8080")).is_ok(), "this machine");
    assert!(parse(&format!("[server]\npasswords = false\n{provider}")).is_ok());
}

#[test]
fn the_key_of_sealed_secrets_is_made_once_and_refused_if_others_may_read_it() {
    let (_folder, workspace) = made();
    let file = workspace.root.join("secrets/seal.key");
    assert!(workspace.seal_key(&no_env, false).unwrap_err().to_string().contains("is missing"));
    let key = workspace.seal_key(&no_env, true).unwrap();
    assert_eq!(workspace.seal_key(&no_env, true).unwrap(), key, "made once");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(workspace.seal_key(&no_env, true).unwrap_err().to_string().contains("chmod 600"));
    let mut elsewhere = workspace;
    elsewhere.config.seal_key = CredentialRef::Env("SEAL".into());
    let env = |_: &str| Some(key.written().expose().to_owned());
    assert_eq!(elsewhere.seal_key(&env, true).unwrap(), key);
    let error = elsewhere.seal_key(&|_| Some("not-a-key".into()), true).unwrap_err().to_string();
    assert!(error.contains("env:SEAL") && !error.contains("not-a-key"), "{error}");
}

#[test]
fn another_address_than_this_machine_needs_tls_or_a_proxy() {
    let server = |lines: &str| parse(&format!("[server]\n{lines}\n")).map(|config| config.server);
    let open = "listen = \"192.0.2.1:8470\"\n";
    assert!(server(open).unwrap_err().contains("tls_cert"));
    let tls = "tls_cert = \"tls/cert.pem\"\ntls_key = \"tls/key.pem\"\n";
    let served = server(&format!("{open}{tls}")).unwrap();
    assert_eq!(served.tls.unwrap().key, Path::new("tls/key.pem"));
    let proxied = server(&format!("{open}behind_proxy = true\norigin = \"https://usher.example.com/\"")).unwrap();
    assert!(proxied.behind_proxy && proxied.origin.as_deref() == Some("https://usher.example.com"));
    for (lines, said) in [
        (format!("{open}tls_cert = \"cert.pem\""), "needs both"),
        (format!("listen = \"0.0.0.0:8470\"\n{tls}"), "say it with `origin`"),
        (format!("{open}behind_proxy = true"), "needs `origin`"),
        ("origin = \"https://usher.example.com\"".to_owned(), "nothing here speaks TLS"),
        ("metrics = \"loud\"".to_owned(), "expected \"token\""),
    ] {
        let error = server(&lines).unwrap_err();
        assert!(error.contains(said) && error.contains("usher.toml"), "{lines}: {error}");
    }
    assert_eq!(server("metrics = \"off\"").unwrap().metrics, usher::server::Metrics::Off);
}
