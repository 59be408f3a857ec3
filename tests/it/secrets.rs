//! Secrets of apps in the store: they reach the target and nobody else, whoever looks wherever.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use usher::entropy::SeededEntropy;
use usher::seal::{SealError, SealKey};
use usher::secret::Secret;

use crate::cli::{Ran, done, json, run, usher};
use crate::serve::Running;
use crate::web::site::{Filled, PASSWORD};

/// What must be found nowhere.
const CANARY: &str = "canary-7f3a9c-of-the-tests";

#[test]
fn a_box_opens_for_its_own_place_and_key_alone() {
    let chance = SeededEntropy::new(1);
    let (key, other) = (SealKey::mint(&chance), SealKey::mint(&chance));
    let secret = Secret::new(CANARY);
    let place = ["crm", "https://crm.example"];
    let sealed = key.seal(&secret, &place, &chance).unwrap();
    assert_eq!(key.open(&sealed, &place).unwrap(), secret);
    assert_eq!(SealKey::parse(&key.written()).unwrap().open(&sealed, &place).unwrap(), secret);
    assert_ne!(sealed, key.seal(&secret, &place, &chance).unwrap(), "no two boxes look alike");
    let foreign = Err(SealError::Foreign);
    assert_eq!(other.open(&sealed, &place), foreign);
    assert_eq!(key.open(&sealed, &["crm", "https://evil.example"]), foreign);
    assert_eq!(key.open(&sealed, &["crmhttps://crm.example", ""]), foreign, "the parts have their lengths");
    for at in 0..sealed.len() {
        let mut bent = sealed.clone();
        bent[at] ^= 1;
        assert_eq!(key.open(&bent, &place), foreign, "byte {at}");
        assert_eq!(key.open(&sealed[..at], &place), foreign, "cut at {at}");
    }
    assert_eq!(SealKey::parse(&Secret::new("short")), Err(SealError::Key));
    assert!(!format!("{key:?}").contains(key.written().expose()));
}

/// Runs `usher` with a line on stdin.
fn typed(dir: &Path, words: &[&str], line: &str) -> Ran {
    let mut command = usher(dir);
    let piped = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    child.wait_with_output().unwrap().into()
}

/// Every file below `dir` that has the canary in it.
fn found_in(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(found_in(&path));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_sealed_secret_reaches_its_target_and_is_found_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["init", "acme"]);
    let (root, outside) = (folder.path().join("acme"), folder.path().join("token"));
    std::fs::write(&outside, CANARY).unwrap();
    let sandbox = ["sandbox", "--connector", "nulab-pass", "--token-file", "../token"];
    let (one, two) = (Running::start(&root, &sandbox), Running::start(&root, &sandbox));
    let base_url = |line: String| line.split('"').nth(1).unwrap().to_owned();
    let (here, there) = (base_url(one.line_with("base_url")), base_url(two.line_with("base_url")));
    let describe = |base_url: &str| {
        let app = format!(
            "connector = \"nulab-pass\"\nbase_url = \"{base_url}\"\ncredential = \"sealed\"\nrules = \"nulab-pass.rhai\"\n"
        );
        std::fs::write(root.join("apps/nulab.toml"), app).unwrap();
    };
    describe(&here);
    done(&root, &["apply", "--comment", "first"]);

    let missing = run(&root, &["apps", "test", "nulab"]);
    assert_eq!(missing.code, Some(3));
    assert!(
        missing.out.contains("no secret is sealed for nulab; enter it with `usher apps secret nulab`"),
        "{missing:?}"
    );
    let bad = typed(&root, &["apps", "secret", "nulab"], "two words\u{7}");
    assert!(bad.code == Some(1) && !bad.err.contains("two words"), "{bad:?}");
    let sealed = typed(&root, &["apps", "secret", "nulab"], CANARY);
    assert_eq!(sealed.code, Some(0), "{sealed:?}");
    let key = root.join("secrets/seal.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let tested = run(&root, &["apps", "test", "nulab"]);
    assert!(tested.code == Some(0) && tested.out.contains("takes the credential"), "{tested:?}");

    let mut said = format!("{missing:?}{sealed:?}{tested:?}");
    let questions: [&[&str]; 7] = [
        &["apps", "secrets"],
        &["apps", "show", "nulab"],
        &["history", "acts"],
        &["history", "export", "--full"],
        &["doctor"],
        &["store", "backup", "copy"],
        &["export"],
    ];
    for words in questions {
        let verbose: Vec<&str> = words.iter().copied().chain(["-vvv"]).collect();
        said.push_str(&format!("{:?}", run(&root, &verbose)));
        said.push_str(&format!("{:?}", run(&root, &[words, &["--json"]].concat())));
    }
    assert!(said.contains("sealed a secret for nulab"), "{said}");
    assert!(!said.contains(CANARY), "it was said somewhere");
    assert_eq!(found_in(&root), Vec::<String>::new());
    assert!(root.join("copy").exists(), "the copy was looked at too");

    // A box for one origin does not open for another, and is gone.
    describe(&there);
    done(&root, &["apply", "--comment", "moved"]);
    assert!(json(&root, &["apps", "secrets"])["secrets"][0]["sealed"].is_null());
    let acts = done(&root, &["history", "acts"]);
    assert!(acts.contains("dropped the secret of nulab: its origin is"), "{acts}");
    assert_eq!(run(&root, &["apps", "test", "nulab"]).code, Some(3));

    // Without its key a box is of no use to anybody.
    assert_eq!(typed(&root, &["apps", "secret", "nulab"], CANARY).code, Some(0));
    std::fs::rename(&key, folder.path().join("elsewhere.key")).unwrap();
    let locked = run(&root, &["apps", "test", "nulab"]);
    assert!(locked.code == Some(3) && locked.out.contains("is missing"), "{locked:?}");
    std::fs::rename(folder.path().join("elsewhere.key"), &key).unwrap();
    assert_eq!(run(&root, &["apps", "test", "nulab"]).code, Some(0));
    done(&root, &["apps", "secret", "nulab", "--drop"]);
    assert_eq!(run(&root, &["apps", "test", "nulab"]).code, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_was_entered_in_the_console_is_on_no_page_and_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["init", "acme"]);
    let (root, outside) = (folder.path().join("acme"), folder.path().join("token"));
    std::fs::write(&outside, CANARY).unwrap();
    let target = Running::start(&root, &["sandbox", "--connector", "nulab-pass", "--token-file", "../token"]);
    let base_url = target.line_with("base_url").split('"').nth(1).unwrap().to_owned();
    let app = format!(
        "connector = \"nulab-pass\"\nbase_url = \"{base_url}\"\ncredential = \"sealed\"\nrules = \"nulab-pass.rhai\"\n"
    );
    std::fs::write(root.join("apps/nulab.toml"), app).unwrap();
    done(&root, &["apply", "--comment", "first"]);
    let once = json(&root, &["operators", "bootstrap"]);
    let serve = Running::start(&root, &["serve", "-vvv", "--log-format", "json"]);
    let line = serve.line_with("the console and the API answer");
    let origin = line.split("\"console\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let post = async |path: &str, cookie: &str, form: &[(&str, &str)]| {
        let request = client.post(format!("{origin}{path}")).header("cookie", cookie).header("origin", &origin);
        request.filled(form).send().await.unwrap()
    };
    let first = [("token", once.as_str().unwrap()), ("password", PASSWORD), ("again", PASSWORD)];
    let answer = post("/set-up", "", &first).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = async |path: &str| {
        let answer = client.get(format!("{origin}{path}")).header("cookie", &cookie).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let before = page("/access/secrets").await;
    assert!(before.contains("No secret is sealed"), "{before}");
    let csrf = before.split("name=\"csrf\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    let entered = post("/access/secrets", &cookie, &[("csrf", csrf), ("app", "nulab"), ("secret", CANARY)]).await;
    assert_eq!(entered.headers()["location"], "/access/secrets");
    assert!(run(&root, &["apps", "test", "nulab"]).out.contains("takes the credential"));

    let mut seen = String::new();
    for path in
        ["/access/secrets", "/access", "/access/history", "/access/you", "/apps", "/api/v1/apps", "/api/v1/apps/nulab"]
    {
        seen.push_str(&page(path).await);
    }
    assert!(seen.contains("the secret of nulab is sealed") && seen.contains("sealed a secret for nulab"), "{seen}");
    let log = serve.heard();
    assert!(!seen.contains(CANARY) && !log.contains(CANARY), "it was said somewhere");
    assert!(log.contains("the app answers again"), "the log is of when it was used: {log}");
    assert_eq!(found_in(&root), Vec::<String>::new());
}
