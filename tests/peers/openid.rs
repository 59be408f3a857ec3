//! Sign-in at an OpenID provider that others wrote: canaille, followed through its own forms as a browser would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::{Method, Response, StatusCode, Url};
use tempfile::TempDir;

use crate::peer::{Peer, start_canaille_for};

/// Pages that one sign-in may lead through.
const PAGES_MAX: usize = 20;

/// `usher serve` with the provider; killed when dropped.
struct Served {
    child: Child,
    _folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn usher(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    for name in ["USHER_WORKSPACE", "USHER_STORE", "USHER_LOG", "USHER_LISTEN"] {
        command.env_remove(name);
    }
    command.current_dir(dir);
    command
}

fn run(dir: &Path, words: &[&str]) -> String {
    let ran = usher(dir).args(words).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "usher {}: {said}", words.join(" "));
    said
}

impl Served {
    fn start(peer: &Peer, listen: &str) -> (Self, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "acme"]);
        let root = folder.path().join("acme");
        std::fs::write(root.join("secrets/openid"), "client-secret\n").unwrap();
        let issuer = peer.base_url.trim_end_matches("scim/v2");
        let config = format!(
            "four_eyes = \"record\"\n[server]\nlisten = \"{listen}\"\n[server.openid]\nissuer = \"{issuer}\"\ntitle = \"Canaille\"\n\
             client_id = \"usher-console\"\nclient_secret = \"file:secrets/openid\"\nrole_claim = \"groups\"\n\
             roles = {{ usher-admins = \"admin\", usher-approvers = \"approver\" }}\n"
        );
        std::fs::write(root.join("usher.toml"), config).unwrap();
        let mut child = usher(&root).args(["serve", "--log-format", "json"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.by_ref().any(|line| line.contains("the console and the API answer")), "it never answered");
        // Reads on, so that it never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (Self { child, _folder: folder }, root)
    }
}

/// A browser: follows where it is led, keeps cookies by host, fills forms.
struct Browser {
    client: reqwest::Client,
    /// Host and port → name → value.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A page that was reached.
struct Page {
    url: Url,
    status: StatusCode,
    text: String,
}

fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap())
}

impl Browser {
    fn new() -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_secs(60)).build().unwrap();
        Self { client, cookies: BTreeMap::new() }
    }

    async fn step(&mut self, method: Method, url: &Url, form: Option<String>) -> Response {
        let cookies = self.cookies.entry(place(url)).or_default();
        let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method, url.clone()).header("cookie", cookies.join("; "));
        if let Some(form) = form {
            let origin = url.origin().ascii_serialization();
            request = request.header("origin", origin).header("referer", url.as_str());
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        }
        let answer = request.send().await.unwrap();
        let jar = self.cookies.entry(place(url)).or_default();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            let (name, value) = pair.split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Opens an address and goes wherever it is led.
    async fn open(&mut self, url: &str) -> Page {
        self.follow(Method::GET, Url::parse(url).unwrap(), None).await
    }

    async fn follow(&mut self, mut method: Method, mut url: Url, mut form: Option<String>) -> Page {
        for _ in 0..PAGES_MAX {
            let answer = self.step(method, &url, form.take()).await;
            let Some(to) = answer.headers().get(LOCATION) else {
                let status = answer.status();
                return Page { url, status, text: answer.text().await.unwrap() };
            };
            url = url.join(to.to_str().unwrap()).unwrap();
            method = Method::GET;
        }
        panic!("led in circles, last to {url}");
    }

    /// Sends the page's form with what it holds already and with what is typed.
    async fn fill(&mut self, page: &Page, typed: &[(&str, &str)]) -> Page {
        let form = page.text.split("<form").find(|form| form.contains(&format!("name=\"{}\"", typed[0].0)));
        let form = form.unwrap_or_else(|| panic!("no form with {} at {}: {}", typed[0].0, page.url, page.text));
        let attribute = |tag: &str, name: &str| -> Option<String> {
            let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
            Some(value.replace("&amp;", "&"))
        };
        let hidden = form.split("<input").filter(|tag| tag.contains("type=\"hidden\"")).map(|tag| {
            let tag = tag.split('>').next().unwrap();
            (attribute(tag, "name").unwrap(), attribute(tag, "value").unwrap_or_default())
        });
        let pairs = hidden.chain(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let body: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", escaped(&value))).collect();
        let action = attribute(form.split('>').next().unwrap(), "action").filter(|action| !action.is_empty());
        let to = action.map_or(page.url.clone(), |action| page.url.join(&action).unwrap());
        self.follow(Method::POST, to, Some(body.join("&"))).await
    }

    /// Signs in at the provider, whatever it asks, until it sends the browser back.
    async fn prove(&mut self, mut page: Page, name: &str, back: &str) -> Page {
        let password = format!("the password of {name}");
        for _ in 0..PAGES_MAX {
            if page.url.as_str().starts_with(back) {
                return page;
            }
            page = if page.text.contains("name=\"password\"") {
                self.fill(&page, &[("password", &password)]).await
            } else if page.text.contains("name=\"login\"") {
                self.fill(&page, &[("login", name)]).await
            } else {
                self.fill(&page, &[("answer", "accept")]).await
            };
        }
        panic!("never sent back, last at {}: {}", page.url, page.text);
    }
}

fn escaped(text: &str) -> String {
    let each = |byte: u8| match char::from(byte) {
        plain if plain.is_ascii_alphanumeric() || "-_.".contains(plain) => plain.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(each).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_at_canaille_with_the_roles_of_their_groups() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (listen, origin) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let back = format!("{origin}/sign-in/openid/back");
    let peer = start_canaille_for(&back);
    let (_served, root) = Served::start(&peer, &listen);

    for (name, role) in [("chief", "admin"), ("decider", "approver")] {
        let mut browser = Browser::new();
        let page = browser.open(&format!("{origin}/access")).await;
        assert!(page.url.path() == "/sign-in" && page.text.contains("Sign in with Canaille"), "{}", page.text);
        let page = browser.open(&format!("{origin}/sign-in/openid?next=/access")).await;
        let page = browser.prove(page, name, &back).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.text.contains("url=/access"), "{}", page.text);
        let page = browser.open(&format!("{origin}/access")).await;
        assert!(page.text.contains(&format!("{role}</")), "{}", page.text);
        let people = run(&root, &["operators", "people"]);
        assert!(people.contains(&peer.base_url.trim_end_matches("scim/v2").to_owned()), "{people}");

        // canaille's access tokens say the second they were made in, and two of one second are one too many for it.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        // Whoever proves himself again is asked again, although canaille remembers him.
        let page = browser.open(&format!("{origin}/sign-in/openid?next=/access/you&again=true")).await;
        assert!(page.url.as_str().starts_with(peer.base_url.trim_end_matches("/scim/v2")), "asked at {}", page.url);
        let page = browser.prove(page, name, &back).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    }
    let mut browser = Browser::new();
    let page = browser.open(&format!("{origin}/sign-in/openid")).await;
    let page = browser.prove(page, "stranger", &back).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("nothing in `groups` gives you a role here"), "{}", page.text);
    let acts = run(&root, &["history", "acts"]);
    assert_eq!(acts.matches("signed in at").count(), 2, "{acts}");
}
